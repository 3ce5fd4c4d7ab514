"""Makes the host load every model in part, as where memory is short: patches come with each use of a weight.

A CPU has nowhere to move weights to, so the host is told for its decision alone that it has none.
"""

import inspect

import comfy.model_management

NODE_CLASS_MAPPINGS: dict = {}

_is_device_cpu = comfy.model_management.is_device_cpu


def _says_no_where_loading_decides(device):
    caller = inspect.currentframe().f_back
    return caller.f_code.co_name != "load_models_gpu" and _is_device_cpu(device)


comfy.model_management.is_device_cpu = _says_no_where_loading_decides
comfy.model_management.vram_state = comfy.model_management.VRAMState.NO_VRAM
