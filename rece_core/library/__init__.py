"""Many checkpoints at once: a plan, the work of it here or on a Ray cluster, and what came of each file."""
