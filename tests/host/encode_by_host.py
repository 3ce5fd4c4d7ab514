"""Write what ComfyUI's own CLIP gives for texts, read from a checkpoint.

    PYTHON_OF_THE_HOST encode_by_host.py FOLDER_OF_THE_HOST CHECKPOINT FILE TEXT...

The file has `tokens.N` and, where there is one, `pooled.N` for the text number N; float32.
"""

from __future__ import annotations

import sys

from safetensors.torch import save_file


def main(host: str, checkpoint: str, file: str, *texts: str) -> None:
    sys.path.insert(0, host)
    import comfy.cli_args

    comfy.cli_args.args.cpu = True  # before anything else of the host asks for a device
    import comfy.sd

    _, clip, *_ = comfy.sd.load_checkpoint_guess_config(checkpoint, output_model=False, output_vae=False)
    encoded = {}
    for number, text in enumerate(texts):
        tokens, pooled = clip.encode_from_tokens(clip.tokenize(text), return_pooled=True)
        encoded |= {f"tokens.{number}": tokens[0].float(), f"pooled.{number}": pooled.float()}
    save_file({name: embedding.clone() for name, embedding in encoded.items()}, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
