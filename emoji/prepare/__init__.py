"""Prepares the world from packages: concepts, pictures of seven sets, and captions. Nobody who uses the pack needs it."""
