"""What erasing does and costs, in pictures of the demo model and in numbers at scale: `python run.py evaluate`."""

from __future__ import annotations

from harness.environment import ROOT
from harness.server import PACK_NAME

#: What a ComfyUI that is evaluated needs: this pack, and the node that draws many prompts in one run.
PACKS = {PACK_NAME: ROOT, "rece_evaluate": ROOT / "evaluate" / "batch_pack"}
