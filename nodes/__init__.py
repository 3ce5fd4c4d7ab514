"""The ComfyUI nodes: thin over rece_core; `host.py` alone touches the host's models."""
