"""What an erasure did: as numbers, as text, as pictures, as tables."""
