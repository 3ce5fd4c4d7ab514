"""Checkpoint files as models, without ComfyUI, and the text encoders inside them."""
