"""What an erasure did: as numbers, as text, as a picture."""
