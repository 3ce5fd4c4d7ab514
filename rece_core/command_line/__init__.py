"""The command line: `python -m rece_core`."""
