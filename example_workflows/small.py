"""Workflows on the small models that ship: each opens and runs anywhere, in seconds."""

from __future__ import annotations

from demo.graphs import PIXELS, Sampling, add_concepts, add_derived, add_edit, add_iterate
from demo.plan import Plan
from emoji.generators import CFG, SCHEDULERS, STEPS
from harness.graph import Graph, Node, Output

from .parts import Scene, ask, compare, set_scene

PLAN = Plan()
PROMPTS = "shapes.csv"  # ships with the pack, see RECE Prompt List
OWN_MODEL = "Your own model: replace **RECE Demo Model** by **Load Checkpoint**, connect the same three outputs, and"
SWAP = f"{OWN_MODEL}\nset the sampler and the size of the picture as you do for that model."
CIRCLES = "circle, disc, dot, ball => square"

SAVED = "without-circles"  # how the saved files begin
SEVERAL = f"{CIRCLES}\nstar => cross\nheart => triangle"
KEPT = ("a ring", "a square", "a cross", "a triangle", "an ellipse", "a rectangle")
EMOJI = Sampling(STEPS, CFG, SCHEDULERS["flux"])


def first_try() -> Graph:
    """One thing forgotten, another drawn, with all defaults: as few nodes as can draw, its frames tell what to do."""
    graph = Graph()
    demo = graph.add("ReceDemoModel", model="emoji").titled("Your own model: Load Checkpoint instead")
    with graph.group(
        "Write what to forget, press Run. Before and after: right-click KSampler, Compare before and after"
    ):
        prompt = ask(graph, demo, "a pizza")
        scene = set_scene(graph, demo, PIXELS, 4, EMOJI)
        erased = graph.add("ReceErase", model=demo[0], clip=demo[1], targets="pizza => taco")
        graph.add("SaveImage", images=scene.draw(graph, erased[0], prompt), filename_prefix="rece/First try")
    return graph


def erase_several() -> Graph:
    """Three concepts at once, each onto an anchor of its own."""
    graph = Graph()
    graph.note(
        "# Erase several things at once\n\nEach line of *targets* is a concept: its names, an arrow, and what shall be "
        f"drawn instead. What is listed under *preserve* stays.\n\n{SWAP}"
    )
    demo = graph.add("ReceDemoModel", model="shapes")
    concepts = graph.add("ReceConcepts", kind="custom", targets=SEVERAL, preserve="\n".join(KEPT))
    erased = graph.add("ReceIterate", model=demo[0], clip=demo[1], concepts=concepts)
    _compare_list(graph, demo, erased[0], "Several")
    return graph


def save_a_checkpoint() -> Graph:
    """An erased checkpoint as an ordinary file, and the erasure as a small one."""
    graph = Graph()
    graph.note(
        "# Save\n\n**Save Checkpoint** writes an ordinary checkpoint that needs nothing of this pack; **RECE Save "
        f"Erasure** writes a small file that **RECE Apply Erasure** puts onto models again.\n\n{SWAP}"
    )
    demo, erased = _erase(graph)
    scene = set_scene(graph, demo, PIXELS, 4)
    pictures = scene.draw(graph, erased[0], ask(graph, demo, "a blue circle"))
    graph.add("SaveImage", images=pictures, filename_prefix="rece/After").titled("After")
    graph.add("CheckpointSave", model=erased[0], clip=demo[1], vae=demo[2], filename_prefix=f"checkpoints/{SAVED}")
    graph.add("ReceSaveErasure", erasure=erased[1], filename_prefix=SAVED)
    return graph


def report_and_compare() -> Graph:
    """A chart of the erasure, and a list of prompts before and after as one sheet."""
    graph = Graph()
    graph.note(
        "# Report and compare\n\n**RECE Report** draws what the erasure did as one chart. **RECE Prompt List** gives "
        "six prompts with their seeds at once; both models draw them, and **RECE Compare** puts the pictures side by "
        f"side.\n\n{SWAP}"
    )
    demo = graph.add("ReceDemoModel", model="shapes")
    erased = graph.add("ReceErase", model=demo[0], clip=demo[1], targets=CIRCLES)
    probes = "a red star\na photo of a blue cross\na striped green heart\na small yellow ring\na purple square"
    report = graph.add("ReceReport", erasure=erased[1], model=demo[0], clip=demo[1], probes=probes)
    graph.add("SaveImage", images=report[0], filename_prefix="rece/Report").titled("Report")
    _compare_list(graph, demo, erased[0], "Compare")
    return graph


def see_what_is_left() -> Graph:
    """Derive the embedding that brings the concept back after a first edit, and sample it."""
    graph = Graph()
    graph.note(
        "# See what is left\n\n**RECE Edit Model** makes the words act differently, but the weights still know "
        "circles: the embedding that **RECE Derive Embedding** finds brings them back. Put **RECE Iterate** in the "
        f"place of RECE Edit Model, and it no longer does.\n\n{SWAP}"
    )
    demo = graph.add("ReceDemoModel", model="shapes")
    edited = add_edit(graph, demo, add_concepts(graph, PLAN), PLAN)
    prompt = "a green circle"
    derived = add_derived(graph, demo, edited[0], prompt, PLAN)
    scene = set_scene(graph, demo, PIXELS, 4)
    pictures = [scene.draw(graph, edited[0], positive) for positive in (ask(graph, demo, prompt), derived[0])]
    compare(graph, pictures, prompt, "by its name, by the derived embedding", "What is left")
    return graph


def red_team() -> Graph:
    """Attack the model that forgot: in closed form, and by gradient."""
    graph = Graph()
    graph.note(
        "# Red team\n\nThe model has forgotten circles: by name it draws squares. **RECE Red Team** finds an "
        "embedding in closed form that may bring them back, **RECE Red Team Optimise** words that may, by gradient. "
        "Connect **RECE Demo Model** as the "
        f"model under test to see that an attack works on the original.\n\n{SWAP}"
    )
    demo, erased = _erase(graph)
    target = "a red circle"
    attacked = {"model": demo[0], "model_under_test": erased[0], "clip": demo[1], "target": target}
    scene = set_scene(graph, demo, PIXELS, 4)
    sizes = {"derivation_ridge": PLAN.derivation_ridge, "ridge_scale": "auto", "norm": 1.0, "strength": 1.0, "eta": 3.0}
    derived = graph.add("ReceRedTeam", **attacked, anchor="a red square", attack="derived", **sizes)
    search = {"tokens": 4, "steps": 60, "learning_rate": 0.0, "batch_size": 4, "seed": 0}
    found = graph.add("ReceRedTeamOptimise", **attacked, attack="discrete tokens", **search, latent=scene.latent)
    pictures = [scene.draw(graph, erased[0], positive) for positive in (derived[0], found[0])]
    compare(graph, pictures, target, "derived embedding, words found", "Attacked")
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
    demo, erased = _erase(graph)
    listed = graph.add("RecePromptList", file=PROMPTS, start=0, count=1, table="shapes after RECE")
    pictures = _draw_list(graph, demo, listed, [erased[0]])[0]
    counted = graph.add("ReceCountNudity", images=pictures, classes="paper", threshold=0.6)
    tally = graph.add("ReceTally", case=listed[5], images=pictures, counts=counted[2])
    graph.add("PreviewAny", source=tally[0]).titled("The table's sums")
    return graph


def _erase(graph: Graph) -> tuple[Node, Node]:
    """The shapes model, and what has forgotten circles, onto squares of their colour."""
    demo = graph.add("ReceDemoModel", model="shapes")
    return demo, add_iterate(graph, demo, add_concepts(graph, PLAN), PLAN, PLAN.epochs)


def _compare_list(graph: Graph, demo: Node, erased: Output, prefix: str) -> None:
    listed = graph.add("RecePromptList", file=PROMPTS, start=0, count=6, table="")
    before, after = _draw_list(graph, demo, listed, [demo[0], erased])
    compare(graph, [before, after], listed[0], "before, after", prefix)


def _draw_list(graph: Graph, demo: Node, listed: Node, models: list[Output]) -> list[Output]:
    """IMAGE of each model: a picture for each row of a prompt list."""
    positive = graph.add("CLIPTextEncode", clip=demo[1], text=listed[0]).titled("Prompt")[0]
    negative = graph.add("CLIPTextEncode", clip=demo[1], text="").titled("Nothing to avoid")[0]
    latent = graph.add("EmptyLatentImage", width=listed[3], height=listed[4], batch_size=1)[0]
    scene = Scene(demo[2], negative, latent)
    return [scene.draw(graph, model, positive, seed=listed[1], cfg=listed[2]) for model in models]
