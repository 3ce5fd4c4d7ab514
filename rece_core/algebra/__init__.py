"""Linear algebra that knows nothing of models: Gram matrices, operators, rotations, low ranks."""
