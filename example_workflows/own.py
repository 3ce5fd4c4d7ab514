"""Workflows on checkpoints of one's own.

Each is written for real weights. Its arguments are what differs where the small model stands in for them, as it does in
the tests.
"""

from __future__ import annotations

from demo.graphs import Sampling
from harness.graph import Graph, Node

from .parts import Scene, ask, compare, set_scene

SD = "v1-5-pruned-emaonly-fp16.safetensors"
SDXL = "sd_xl_base_1.0.safetensors"
FLUX = "flux1-dev-fp8.safetensors"
Z_IMAGE = {
    "UNETLoader": "z_image_turbo_bf16.safetensors",
    "CLIPLoader": "qwen_3_4b.safetensors",
    "VAELoader": "ae.safetensors",
}
ERASED = "erased-by-someone.safetensors"
I2P = "i2p_benchmark.csv"
ARTISTS = "claude monet\npablo picasso\nrembrandt\nandy warhol\nkatsushika hokusai\na painting\na photo of a village"
SNOOPY = "snoopy => a dog"
ROOF = "snoopy lying on the roof of a red doghouse"
USUAL = Sampling(20, 7.0, "normal")


def artistic_style(
    targets: str = "van gogh, vincent van gogh => art",
    preserve: str = ARTISTS,
    prompt: str = "a village at night in the style of van gogh",
    pixels: int = 512,
) -> Graph:
    """One artist forgotten, the others kept."""
    graph = Graph()
    graph.note(
        "# Forget an artistic style\n\nThe model forgets one artist and keeps the others: those named under "
        "*preserve*, and what everyday captions speak of. List the artist by all the names people use. Then ask for "
        f"another artist: those pictures should hardly change.\n\n{_explain(SD)}"
    )
    loaded = graph.add("CheckpointLoaderSimple", ckpt_name=SD)
    concepts = graph.add("ReceConcepts", kind="style", targets=targets, preserve=preserve)
    erased = graph.add("ReceIterate", model=loaded[0], clip=loaded[1], concepts=concepts)
    scene = set_scene(graph, loaded, pixels, sampling=USUAL)
    _before_and_after(graph, scene, loaded, erased, prompt)
    return graph


def sdxl(targets: str = SNOOPY, prompt: str = ROOF, pixels: int = 1024) -> Graph:
    """SDXL: RECE Erase behind its loader."""
    graph = Graph()
    graph.note(
        "# SDXL\n\n**RECE Erase** behind an SDXL checkpoint. SDXL also reads one pooled embedding of the whole text; "
        f"the concept is erased from it as well.\n\n{_explain(SDXL)}"
    )
    loaded = graph.add("CheckpointLoaderSimple", ckpt_name=SDXL)
    erased = graph.add("ReceErase", model=loaded[0], clip=loaded[1], targets=targets)
    scene = set_scene(graph, loaded, pixels, 1, USUAL)
    _before_and_after(graph, scene, loaded, erased, prompt)
    return graph


def flux(targets: str = SNOOPY, prompt: str = ROOF, pixels: int = 1024) -> Graph:
    """Flux: RECE Erase behind its loader."""
    graph = Graph()
    graph.note(
        "# Flux\n\n**RECE Erase** behind a Flux checkpoint. Flux reads the text through T5 and a pooled CLIP "
        "embedding; both are erased.\n\n"
        f"{_explain(FLUX)} With the loaders for separate files, connect their MODEL, CLIP and VAE instead."
    )
    loaded = graph.add("CheckpointLoaderSimple", ckpt_name=FLUX)
    erased = graph.add("ReceErase", model=loaded[0], clip=loaded[1], targets=targets)
    encoded = ask(graph, loaded, prompt)
    guided = graph.add("FluxGuidance", conditioning=encoded, guidance=3.5)
    negative = graph.add("CLIPTextEncode", clip=loaded[1], text="").titled("Nothing to avoid")
    size = graph.add("EmptySD3LatentImage", width=pixels, height=pixels, batch_size=1)
    scene = Scene(loaded[2], negative[0], size[0], Sampling(20, 1.0, "simple"))
    pictures = [scene.draw(graph, model, guided[0]) for model in (loaded[0], erased[0])]
    compare(graph, pictures, prompt, "before, after", "Before and after")
    return graph


def z_image(targets: str = SNOOPY, prompt: str = ROOF, pixels: int = 1024) -> Graph:
    """Z-Image: RECE Erase behind the loaders of its three files."""
    graph = Graph()
    graph.note(
        "# Z-Image\n\n**RECE Erase** behind the three files of Z-Image Turbo: the model, its text encoder, a language "
        f"model, and the VAE.\n\nWritten for {', '.join(Z_IMAGE.values())}:\nchoose yours in the three loaders."
    )
    model = graph.add("UNETLoader", unet_name=Z_IMAGE["UNETLoader"], weight_dtype="default")[0]
    clip = graph.add("CLIPLoader", clip_name=Z_IMAGE["CLIPLoader"], type="lumina2", device="default")[0]
    vae = graph.add("VAELoader", vae_name=Z_IMAGE["VAELoader"])[0]
    shifted = graph.add("ModelSamplingAuraFlow", model=model, shift=3.0)
    erased = graph.add("ReceErase", model=shifted[0], clip=clip, targets=targets)
    positive = graph.add("CLIPTextEncode", clip=clip, text=prompt).titled("Prompt")
    size = graph.add("EmptySD3LatentImage", width=pixels, height=pixels, batch_size=1)
    # At cfg 1 the sampler does not read the negative text.
    scene = Scene(vae, positive[0], size[0], Sampling(9, 1.0, "simple"), "res_multistep")
    pictures = [scene.draw(graph, each, positive[0]) for each in (shifted[0], erased[0])]
    compare(graph, pictures, prompt, "before, after", "Before and after")
    return graph


def audit_a_checkpoint(target: str = "a photo of snoopy", anchor: str = "a photo of a dog", pixels: int = 512) -> Graph:
    """What a checkpoint that someone else erased still knows."""
    graph = Graph()
    graph.note(
        "# Audit an erased checkpoint\n\nThe picture has three columns: what the original draws, what the erased "
        "checkpoint draws when asked by name, and what it draws from the embedding that **RECE Red Team** derives from "
        "its weights. If the target is in the third column, it is still there. The number *recoverable* says how much "
        f"of it: 1 is all, 0 is none.\n\nWritten for {SD}: choose your own checkpoints,\nand the target and anchor "
        "that the erasure was about."
    )
    original = graph.add("CheckpointLoaderSimple", ckpt_name=SD).titled("Original")
    suspect = graph.add("CheckpointLoaderSimple", ckpt_name=ERASED).titled("Said to be erased")
    ends = {"model": original[0], "model_under_test": suspect[0], "clip": original[1]}
    attack = graph.add("ReceRedTeam", **ends, target=target, anchor=anchor, attack="derived")
    named = ask(graph, original, target)
    scene = set_scene(graph, original, pixels, sampling=USUAL)
    drawn = ((original[0], named), (suspect[0], named), (suspect[0], attack[0]))
    pictures = [scene.draw(graph, model, positive) for model, positive in drawn]
    compare(graph, pictures, target, "original, erased, attacked", "Audit")
    return graph


def i2p_table(targets: str = "", file: str = I2P) -> Graph:
    """The papers' table of exposed body parts for the erased model, and by another wire for the original."""
    graph = Graph()
    graph.note(
        "# The I2P table\n\nDraws the prompts of I2P with the erased model, counts exposed body parts as the papers "
        "do, and keeps a table in *output/rece_tables*. Set the number beside **Run** to that of the rows (4703); "
        "stopped in the middle, queue it again. For the original's table connect its MODEL to **KSampler**, and give "
        "*table* another name.\n\n1. Put the list's CSV into ComfyUI's *input* folder and choose it in **RECE Prompt "
        "List**.\n2. *python -m pip install nudenet==3.4.2* for **RECE Count Nudity**.\n3. Choose your checkpoint; "
        f"this is written for {SD}.\n\nThe pictures are meant to be counted, not looked at."
    )
    loaded = graph.add("CheckpointLoaderSimple", ckpt_name=SD)
    concepts = graph.add("ReceConcepts", kind="nudity", targets=targets, preserve="a person\na portrait of a woman")
    erased = graph.add("ReceIterate", model=loaded[0], clip=loaded[1], concepts=concepts)
    table = "i2p after RECE"
    listed = graph.add("RecePromptList", file=file, start=0, count=1, table=table)
    positive, negative = (graph.add("CLIPTextEncode", clip=loaded[1], text=text)[0] for text in (listed[0], ""))
    size = graph.add("EmptyLatentImage", width=listed[3], height=listed[4], batch_size=1)
    scene = Scene(loaded[2], negative, size[0], USUAL)
    pictures = scene.draw(graph, erased[0], positive, seed=listed[1], cfg=listed[2])
    counted = graph.add("ReceCountNudity", images=pictures)
    tally = graph.add("ReceTally", case=listed[5], images=pictures, counts=counted[2])
    graph.add("PreviewAny", source=tally[0]).titled(f"Sums: {table}")
    return graph


def _explain(file: str) -> str:
    return f"Written for {file}: choose your own in **Load Checkpoint**,\nand the size of picture that it was made for."


def _before_and_after(graph: Graph, scene: Scene, loaded: Node, erased: Node, prompt: str) -> None:
    positive = ask(graph, loaded, prompt)
    pictures = [scene.draw(graph, model, positive) for model in (loaded[0], erased[0])]
    compare(graph, pictures, prompt, "before, after", "Before and after")
