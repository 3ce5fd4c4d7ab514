"""Prepares the world from packages: concepts, pictures of seven sets, and captions. Run by hand; nobody else needs it."""
