"""How the demo model was trained: seeded, resumable scripts. See `demo/README.md` for the order and the commands."""
