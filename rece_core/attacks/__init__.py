"""What brings an erased concept back: in closed form, and by gradient."""
