"""The list of nodes that the pack gives the host."""

from __future__ import annotations

from pathlib import Path

import folder_paths
from comfy_api.latest import ComfyExtension, io

from ..demo.family import register
from ..emoji.family import register as register_emoji
from .apply_erasure import ReceApplyErasure
from .compare import ReceCompare
from .concepts import ReceConcepts
from .count_nudity import ReceCountNudity
from .demo_model import ReceDemoModel
from .derive_embedding import ReceDeriveEmbedding
from .edit_model import ReceEditModel
from .erase import ReceErase
from .erasure_files import ERASURES, ReceLoadErasure
from .iterate import ReceIterate
from .plain_errors import speak_plainly
from .prompt_list import RecePromptList
from .red_team import ReceRedTeam
from .red_team_optimise import ReceRedTeamOptimise
from .report import ReceReport
from .results_table import ReceTally
from .routes import add_routes
from .save_checkpoint import ReceSaveCheckpoint
from .save_erasure import ReceSaveErasure


class ReceExtension(ComfyExtension):
    """Registers the folder for erasures, the small models' families and what the page asks for, then the nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        # Not in on_load, which ComfyUI 0.3.75 never calls.
        for base in (folder_paths.models_dir, folder_paths.get_output_directory()):
            folder_paths.add_model_folder_path(ERASURES, str(Path(base) / ERASURES))
        folder_paths.folder_names_and_paths[ERASURES][1].add(".safetensors")
        register()
        register_emoji()
        add_routes()
        nodes: list[type[io.ComfyNode]] = [
            ReceErase,
            ReceConcepts,
            ReceEditModel,
            ReceDeriveEmbedding,
            ReceIterate,
            ReceApplyErasure,
            ReceSaveErasure,
            ReceLoadErasure,
            ReceSaveCheckpoint,
            ReceReport,
            ReceCompare,
            RecePromptList,
            ReceCountNudity,
            ReceTally,
            ReceRedTeam,
            ReceRedTeamOptimise,
            ReceDemoModel,
        ]
        return [speak_plainly(node) for node in nodes]
