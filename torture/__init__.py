"""Damaged files and strange texts for every parser of the pack: `python run.py torture`."""
