"""The files an erasure is stored in, and what they say of where they come from."""
