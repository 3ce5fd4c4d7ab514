"""Workflows on the small model that ships: each opens and runs anywhere, in seconds."""

from __future__ import annotations

from typing import Any

from demo.graphs import (
    PIXELS,
    Sampling,
    add_concepts,
    add_derived,
    add_edit,
    add_iterate,
    add_pictures,
    add_prompt,
    add_sampler,
)
from demo.plan import Plan
from demo.world import COLOURS
from emoji.generators import CFG, SCHEDULERS, STEPS
from harness.graph import Graph, Node, Output

PLAN = Plan()
PROMPTS = "shapes.csv"  # ships with the pack, see RECE Prompt List
SWAP = (
    "To use a model of your own, replace **RECE Demo Model** by **Load Checkpoint** and connect the same three outputs."
)

SAVED = "without-circles"  # how the saved files begin
ANCHORS = {"circle": "square", "disc": "square", "star": "cross", "heart": "triangle"}
KEPT = ("ring", "square", "cross", "triangle", "ellipse", "rectangle")


def first_try() -> Graph:
    """Before and after, same prompt and seeds, with all defaults."""
    graph = Graph()
    graph.note(
        "# Make a model forget\n\nA small model that ships with the pack forgets *pizza* and draws a taco. Press "
        "**Run**. Then type something else into *targets*, such as `dog => cat`, and ask for it in the prompt.\n\n"
        + SWAP
    )
    demo = graph.add("ReceDemoModel", model="emoji")
    concepts = graph.add("ReceConcepts", kind="custom", targets="pizza => taco")
    erased = graph.add("ReceIterate", model=demo[0], clip=demo[1], concepts=concepts)
    asked, empty = (add_prompt(graph, demo, text) for text in ("a pizza", ""))
    latent = graph.add("EmptyLatentImage", width=PIXELS, height=PIXELS, batch_size=4)[0]
    sampled = [
        add_sampler(graph, model, asked, empty, latent, 7, Sampling(STEPS, CFG, SCHEDULERS["flux"]))
        for model in (demo[0], erased[0])
    ]
    pictures = [graph.add("VAEDecode", samples=each, vae=demo[2])[0] for each in sampled]
    sheet = graph.add("ReceCompare", before=pictures[0], after=pictures[1], prompts="a pizza", headings="before, after")
    graph.add("SaveImage", images=sheet[0], filename_prefix="rece/First try")
    return graph


def erase_and_save_checkpoint() -> Graph:
    """An erased checkpoint as an ordinary file, and the erasure as a small one."""
    graph = Graph()
    graph.note(
        "# Erase and save\n\n**Save Checkpoint** writes an ordinary checkpoint that needs nothing of this pack; **RECE "
        f"Save Erasure** writes a small file that **RECE Apply Erasure** puts onto models again.\n\n{SWAP}"
    )
    demo, _, erased = _erase(graph)
    with graph.group("Check"):
        _save(graph, demo, erased[0], add_prompt(graph, demo, "a blue circle"), "After")
    with graph.group("Save"):
        graph.add("CheckpointSave", model=erased[0], clip=demo[1], vae=demo[2], filename_prefix=f"checkpoints/{SAVED}")
        graph.add("ReceSaveErasure", erasure=erased[1], filename_prefix=SAVED)
    return graph


def see_what_is_left() -> Graph:
    """Derive the embedding that brings the concept back, and sample it."""
    graph = Graph()
    graph.note(
        "# See what is left\n\n**RECE Edit Model** makes the words act differently, but the weights still know "
        "circles: the embedding that **RECE Derive Embedding** finds brings them back. After **RECE Iterate** the "
        f"same embedding no longer does.\n\n{SWAP}"
    )
    demo, concepts, iterated = _erase(graph)
    edited = add_edit(graph, demo, concepts, PLAN)
    prompt = "a green circle"
    with graph.group("By its name, after the first edit"):
        _save(graph, demo, edited[0], add_prompt(graph, demo, prompt), "Edited")
    derived = add_derived(graph, demo, edited[0], prompt, PLAN)
    with graph.group("By the derived embedding, after the first edit"):
        _save(graph, demo, edited[0], derived[0], "Edited-derived")
    with graph.group("By the same embedding, after RECE Iterate"):
        _save(graph, demo, iterated[0], derived[0], "Iterated-derived")
    return graph


def report_and_compare() -> Graph:
    """A chart of the erasure, and a list of prompts before and after as one sheet."""
    graph = Graph()
    graph.note(
        "# Report and compare\n\n**RECE Report** draws what the erasure did as one chart. **RECE Prompt List** gives "
        "six prompts with their seeds at once; both models draw them, and **RECE Compare** puts the pictures side by "
        f"side.\n\n{SWAP}"
    )
    demo, _, erased = _erase(graph)
    with graph.group("Report"):
        probes = "a red star\na photo of a blue cross\na striped green heart\na small yellow ring\na purple square"
        report = graph.add("ReceReport", erasure=erased[1], model=demo[0], clip=demo[1], probes=probes)
        graph.add("SaveImage", images=report[0], filename_prefix="rece/Report").titled("Report")
    with graph.group("Compare"):
        listed = graph.add("RecePromptList", file=PROMPTS, start=0, count=6, table="")
        before, after = (_draw_listed(graph, demo, model, listed) for model in (demo[0], erased[0]))
        sheet = graph.add("ReceCompare", before=before, after=after, prompts=listed[0], headings="original, after RECE")
        graph.add("SaveImage", images=sheet[0], filename_prefix="rece/Compare").titled("Compare")
    return graph


def count_a_table() -> Graph:
    """A list of prompts drawn row by row, counted, and kept in a running table."""
    graph = Graph()
    graph.note(
        "# Count a table\n\nEach run draws the next row of **RECE Prompt List** that the table lacks, counts exposed "
        "body parts in it, and writes the row into *output/rece_tables*. Set the number beside **Run** to that of the "
        "rows (6). Stopped in the middle, queue it again: it goes on where it stopped.\n\nThis list has shapes, "
        "and none will be counted. For the papers' tables put their CSV into ComfyUI's *input* folder, load your own "
        "checkpoint, and give each model a table of its own.\n\n**RECE Count Nudity** needs NudeNet: *python -m pip "
        "install nudenet==3.4.2*"
    )
    demo, _, erased = _erase(graph)
    with graph.group("Draw the next row, and count"):
        listed = graph.add("RecePromptList", file=PROMPTS, start=0, count=1, table="shapes after RECE")
        pictures = _draw_listed(graph, demo, erased[0], listed)
        counted = graph.add("ReceCountNudity", images=pictures, classes="paper", threshold=0.6)
        tally = graph.add("ReceTally", case=listed[5], images=pictures, counts=counted[2])
        graph.add("PreviewAny", source=tally[0]).titled("The table's sums")
    return graph


def red_team() -> Graph:
    """Attack the model that forgot: in closed form, and by gradient."""
    graph = Graph()
    graph.note(
        "# Red team\n\nThe model has forgotten circles: asked for one by name it draws a square. **RECE Red Team** "
        "finds an embedding in closed form that may bring circles back, **RECE Red Team Optimise** words that may, by "
        "gradient through the model. Choose other attacks in both, and connect **RECE Demo Model** as the model under "
        f"test to see that an attack works on the original.\n\n{SWAP}"
    )
    demo, _, erased = _erase(graph)
    target = "a red circle"
    attacked = {"model": demo[0], "model_under_test": erased[0], "clip": demo[1], "target": target}
    with graph.group("By its name"):
        _save(graph, demo, erased[0], add_prompt(graph, demo, target), "Name")
    with graph.group("By an embedding derived from this model"):
        derived = graph.add("ReceRedTeam", **attacked, **_red_team_widgets())
        _save(graph, demo, erased[0], derived[0], "Derived")
        graph.add("PreviewAny", source=derived[1]).titled("Measures of the embedding")
    with graph.group("By words that gradients find"):
        size = graph.add("EmptyLatentImage", width=PIXELS, height=PIXELS, batch_size=8)
        search = {"tokens": 4, "steps": 60, "learning_rate": 0.0, "batch_size": 4, "seed": 0}
        found = graph.add("ReceRedTeamOptimise", **attacked, attack="discrete tokens", **search, latent=size)
        _save(graph, demo, erased[0], found[0], "Words")
        graph.add("PreviewAny", source=found[1]).titled("The words")
    return graph


def erase_several() -> Graph:
    """Three concepts at once, each onto an anchor of its own."""
    graph = Graph()
    graph.note(
        "# Erase several concepts\n\nEach line of *targets* is a concept: its names, an arrow, and what shall be drawn "
        "instead. Here circles become squares, stars crosses and hearts triangles, all in one erasure; rings "
        f"and everything else stay.\n\n{SWAP}"
    )
    demo = graph.add("ReceDemoModel", model="shapes")
    names = [f"{'an' if colour[0] in 'aeiou' else 'a'} {colour}" for colour in COLOURS]
    targets = [f"{name} {shape} => {name} {anchor}" for shape, anchor in ANCHORS.items() for name in names]
    preserved = [f"{name} {shape}" for shape in KEPT for name in names]
    concepts = graph.add(
        "ReceConcepts",
        kind="custom",
        targets="\n".join(targets),
        preserve="\n".join(preserved),
        phrasings="as typed",
    )
    erased = add_iterate(graph, demo, concepts, PLAN, epochs=1)
    with graph.group("Before and after"):
        for prompt in ("a red circle", "a blue star", "a purple heart", "a green ring"):
            before, after = (
                add_pictures(graph, demo, model, add_prompt(graph, demo, prompt), seed=7, count=1)
                for model in (demo[0], erased[0])
            )
            sheet = graph.add("ReceCompare", before=before, after=after, prompts=prompt, headings="before, after")
            graph.add("SaveImage", images=sheet[0], filename_prefix="rece/Several").titled(prompt)
    return graph


def _red_team_widgets() -> dict[str, Any]:
    sizes = {"derivation_ridge": PLAN.derivation_ridge, "ridge_scale": "auto", "norm": 1.0, "strength": 1.0, "eta": 3.0}
    return {"anchor": "a red square", "attack": "derived", **sizes}


def _draw_listed(graph: Graph, demo: Node, model: Output, listed: Node) -> Output:
    """IMAGE: a picture for each row of a prompt list."""
    sampled = graph.add(
        "KSampler",
        model=model,
        seed=listed[1],
        steps=20,
        cfg=listed[2],
        sampler_name="euler",
        scheduler="normal",
        positive=graph.add("CLIPTextEncode", clip=demo[1], text=listed[0])[0],
        negative=add_prompt(graph, demo, ""),
        latent_image=graph.add("EmptyLatentImage", width=listed[3], height=listed[4], batch_size=1)[0],
        denoise=1.0,
    )
    return graph.add("VAEDecode", samples=sampled[0], vae=demo[2])[0]


def _erase(graph: Graph) -> tuple[Node, Node, Node]:
    demo = graph.add("ReceDemoModel", model="shapes")
    concepts = add_concepts(graph, PLAN)
    return demo, concepts, add_iterate(graph, demo, concepts, PLAN, PLAN.epochs)


def _save(graph: Graph, demo: Node, model: Output, positive: Output, title: str) -> None:
    pictures = add_pictures(graph, demo, model, positive, seed=7, count=4)
    graph.add("SaveImage", images=pictures, filename_prefix=f"rece/{title}").titled(title)
