"""What runs the project: the environment, a real ComfyUI process, a client for it and workflow conversion.

Shared by `run.py`, the host tests and the demo. Nothing here is part of the node pack.
"""
