"""`python -m rece_core`: erase concepts from checkpoints without ComfyUI."""

from __future__ import annotations

import signal
import sys

from .command_line.main import run

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: nothing is left behind
    sys.exit(run())
