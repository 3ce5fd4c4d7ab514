"""Prepares the world from packages: concepts, pictures of seven sets, captions. A tool for developers alone."""
