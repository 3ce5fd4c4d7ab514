"""Linear algebra that knows nothing of models: Gram matrices, operators, orthogonal maps, low ranks."""
