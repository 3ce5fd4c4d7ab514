"""The ComfyUI nodes: thin over rece_core; `host.py` and `host_gradients.py` alone touch the host's models."""
