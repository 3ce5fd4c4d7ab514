"""Workflows on checkpoints of one's own.

Each is written for real weights. Its arguments are what differs where the small model stands in for them, as it does in
the tests and for the pictures.
"""

from __future__ import annotations

from typing import Any

from harness.graph import Graph, Node, Output

SD = "v1-5-pruned-emaonly-fp16.safetensors"
FLUX = "flux1-dev-fp8.safetensors"
ERASED = "erased-by-someone.safetensors"
I2P = "i2p_benchmark.csv"
ARTISTS = "claude monet\npablo picasso\nrembrandt\nandy warhol\nkatsushika hokusai\na painting\na photo of a village"


def artistic_style(
    targets: str = "van gogh, vincent van gogh => art",
    preserve: str = ARTISTS,
    prompts: tuple[str, ...] = (
        "a village at night in the style of van gogh",
        "a pond with water lilies in the style of claude monet",
    ),
    pixels: int = 512,
) -> Graph:
    """One artist forgotten, the others kept."""
    graph = Graph()
    graph.note(
        "# Forget an artistic style\n\nThe model forgets one artist and keeps the others: those named under "
        "*preserve*, and what everyday captions speak of. Press **Run** and compare: left as it was, right with the "
        "style erased; the first prompt should have changed, the second hardly.\n\nList the artist by all the names "
        f"people use. Other artists come first among what suffers, so name them.\n\nWritten for {SD}; choose your "
        "own checkpoint."
    )
    loaded = graph.add("CheckpointLoaderSimple", ckpt_name=SD)
    concepts = graph.add("ReceConcepts", kind="style", targets=targets, preserve=preserve)
    erased = graph.add("ReceIterate", model=loaded[0], clip=loaded[1], concepts=concepts)
    for number, prompt in enumerate(prompts, 1):
        with graph.group(f"Prompt {number}"):
            before, after = (_draw(graph, loaded, model, prompt, pixels) for model in (loaded[0], erased[0]))
            _compare(graph, before, after, prompt)
    return graph


def audit_a_checkpoint(target: str = "a photo of snoopy", anchor: str = "a photo of a dog", pixels: int = 512) -> Graph:
    """What a checkpoint that someone else erased still knows."""
    graph = Graph()
    graph.note(
        "# Audit an erased checkpoint\n\nLoad the original and the checkpoint that is said to have forgotten "
        "something, whichever tool made it. The picture has three columns: what the original draws, what the erased "
        "one draws when asked by name, and what it draws from the embedding that **RECE Red Team** derives from its "
        "weights. If the target is in the third column, it is still there.\n\nThe number *recoverable* says how "
        f"much of it: 1 is all, 0 is none.\n\nWritten for {SD}; choose your own checkpoints, and the target and "
        "anchor that the erasure was about."
    )
    original = graph.add("CheckpointLoaderSimple", ckpt_name=SD).titled("Original")
    suspect = graph.add("CheckpointLoaderSimple", ckpt_name=ERASED).titled("Said to be erased")
    attack = graph.add(
        "ReceRedTeam",
        model=original[0],
        model_under_test=suspect[0],
        clip=original[1],
        target=target,
        anchor=anchor,
        attack="derived",
    )
    with graph.group("What is left"):
        before, named = (_draw(graph, original, each[0], target, pixels) for each in (original, suspect))
        derived = _sample(graph, original, suspect[0], attack[0], pixels)
        sheet = graph.add(
            "ReceCompare",
            before=before,
            after=named,
            third=derived,
            prompts=target,
            headings="original, erased, attacked",
        )
        graph.add("SaveImage", images=sheet[0], filename_prefix="rece/Audit").titled("Audit")
        graph.add("PreviewAny", source=attack[1]).titled("Measures")
    return graph


def i2p_table(targets: str = "", file: str = I2P) -> Graph:
    """The papers' table of exposed body parts, for the original and the erased model."""
    graph = Graph()
    graph.note(
        "# The I2P table\n\nDraws the prompts of I2P with the original and the erased model, counts exposed body "
        "parts as the papers do, and keeps a table of each in *output/rece_tables*. Set the number beside **Run** "
        "to that of the rows (4703); stopped in the middle, queue it again.\n\n1. Put the list's CSV into ComfyUI's "
        "*input* folder and choose it in both **RECE Prompt List** nodes.\n2. *python -m pip install "
        f"nudenet==3.4.2* for **RECE Count Nudity**.\n3. Choose your checkpoint; this is written for {SD}.\n\nThe "
        "pictures are meant to be counted, not looked at."
    )
    loaded = graph.add("CheckpointLoaderSimple", ckpt_name=SD)
    concepts = graph.add("ReceConcepts", kind="nudity", targets=targets, preserve="a person\na portrait of a woman")
    erased = graph.add("ReceIterate", model=loaded[0], clip=loaded[1], concepts=concepts)
    for title, model in (("i2p original", loaded[0]), ("i2p after RECE", erased[0])):
        with graph.group(title):
            listed = graph.add("RecePromptList", file=file, start=0, count=1, table=title)
            size = graph.add("EmptyLatentImage", width=listed[3], height=listed[4], batch_size=1)
            positive, negative = (graph.add("CLIPTextEncode", clip=loaded[1], text=text) for text in (listed[0], ""))
            sampled = graph.add(
                "KSampler", **_steps(model, positive[0], negative[0], size[0]) | {"seed": listed[1], "cfg": listed[2]}
            )
            pictures = graph.add("VAEDecode", samples=sampled[0], vae=loaded[2])
            counted = graph.add("ReceCountNudity", images=pictures[0])
            tally = graph.add("ReceTally", case=listed[5], images=pictures[0], counts=counted[2])
            graph.add("PreviewAny", source=tally[0]).titled(f"Sums: {title}")
    return graph


def flux(
    targets: str = "snoopy => a dog", prompt: str = "snoopy lying on the roof of a red doghouse", pixels: int = 1024
) -> Graph:
    """Flux: the same two nodes behind its loader."""
    graph = Graph()
    graph.note(
        "# Flux\n\nThe same two nodes behind a Flux checkpoint: **RECE Concepts** and **RECE Iterate**. Flux reads "
        "the text through T5 and a pooled CLIP embedding; both are erased. Left as it was, right after the erasure, "
        f"same seed.\n\nWritten for {FLUX}. With the loaders for separate files, connect their MODEL, CLIP and VAE "
        "instead."
    )
    loaded = graph.add("CheckpointLoaderSimple", ckpt_name=FLUX)
    concepts = graph.add("ReceConcepts", kind="custom", targets=targets, preserve="a dog\na cartoon\na red doghouse")
    erased = graph.add("ReceIterate", model=loaded[0], clip=loaded[1], concepts=concepts)
    with graph.group("Before and after"):
        encoded = graph.add("CLIPTextEncode", clip=loaded[1], text=prompt)
        guided = graph.add("FluxGuidance", conditioning=encoded[0], guidance=3.5)
        negative = graph.add("CLIPTextEncode", clip=loaded[1], text="")
        size = graph.add("EmptySD3LatentImage", width=pixels, height=pixels, batch_size=1)
        settings = {"cfg": 1.0, "scheduler": "simple"}
        before, after = (
            graph.add(
                "VAEDecode",
                samples=graph.add("KSampler", **_steps(model, guided[0], negative[0], size[0]) | settings)[0],
                vae=loaded[2],
            )[0]
            for model in (loaded[0], erased[0])
        )
        _compare(graph, before, after, prompt)
    return graph


def _steps(model: Output, positive: Output, negative: Output, latent: Output) -> dict[str, Any]:
    return {
        **{"model": model, "positive": positive, "negative": negative, "latent_image": latent},
        **{"seed": 7, "steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0},
    }


def _draw(graph: Graph, loaded: Node, model: Output, prompt: str, pixels: int) -> Output:
    return _sample(graph, loaded, model, graph.add("CLIPTextEncode", clip=loaded[1], text=prompt)[0], pixels)


def _sample(graph: Graph, loaded: Node, model: Output, positive: Output, pixels: int) -> Output:
    """IMAGE: two pictures by `model` with the text encoder and the VAE of `loaded`."""
    negative = graph.add("CLIPTextEncode", clip=loaded[1], text="")
    size = graph.add("EmptyLatentImage", width=pixels, height=pixels, batch_size=2)
    sampled = graph.add("KSampler", **_steps(model, positive, negative[0], size[0]))
    return graph.add("VAEDecode", samples=sampled[0], vae=loaded[2])[0]


def _compare(graph: Graph, before: Output, after: Output, prompt: str) -> None:
    sheet = graph.add("ReceCompare", before=before, after=after, prompts=prompt, headings="before, after")
    graph.add("SaveImage", images=sheet[0], filename_prefix="rece/Compare").titled("Before and after")
