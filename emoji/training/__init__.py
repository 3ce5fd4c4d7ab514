"""How the emoji models are trained: seeded, resumable, on a CPU or a GPU. See `emoji/README.md` for the commands."""
