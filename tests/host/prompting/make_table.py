"""Write `docs/prompting.md` from what the tests found.

    python -m tests.host.prompting.make_table

Reads what `tests/host/test_prompting.py` leaves, a file for each version of the host it ran on: `out/prompting/*.json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.environment import ROOT

from .scene import CIRCLE, TARGETS
from .ways import WAYS, Way

PAGE = """# Prompts as people write them

Made by `python -m tests.host.prompting.make_table` from the results of `tests/host/test_prompting.py`; don't edit
by hand.

An erasure is in the weights that read the text. Whatever becomes of a prompt before they read it, and however it is
drawn then, the erasure holds as long as the concept comes as words to those weights. It does not hold where
something brings the concept in by weights that were not erased, or takes the erasure out again.

Circles are erased from the shapes model (`{targets}`) with the nodes' defaults. Original and
erased model draw {count} pictures each of “{circle}”, or of what the row says, on {hosts}: how many show a circle.
These are few pictures of a small model. They show what each way does to an erasure, not how often a large model
draws what it forgot.

{table}

**What says so.** RECE Report, given the MODEL that draws as *edited_model* and the CLIP that encodes the prompts:
the last column. What hangs on a CONDITIONING (hooks, ControlNet) passes no node of this pack, so none can tell.

**SDXL's two boxes** (CLIPTextEncodeSDXL). A shallow SDXL with random weights, erased in both inputs, draws of any
pair of texts what the original draws given M c and M p, to {difference:.0e}. How far M c has gone from c to
the embedding of the anchor's words in the same boxes: {shares}.
What was erased is the pair with the words in both boxes; with other words in one of them it is another embedding, and
the erasure holds in part.
"""


def main() -> None:
    found = [json.loads(path.read_text("utf-8")) for path in (ROOT / "out" / "prompting").glob("*.json")]
    found.sort(key=lambda each: [int(part) for part in re.findall(r"\d+", each["host"])])
    (ROOT / "docs" / "prompting.md").write_text(make_page(found), "utf-8")


def make_page(found: Sequence[Mapping[str, Any]]) -> str:
    """The page, from the results on each host, oldest first."""
    hosts = [f"ComfyUI {each['host']}" for each in found]
    head = ["way", "the erasure", *(f"original, erased, {host}" for host in hosts), "RECE Report says"]
    rows = [head, ["---"] * len(head), *(_make_row(way, found) for way in WAYS)]
    boxes = found[-1]["boxes"]
    return PAGE.format(
        targets=TARGETS,
        circle=CIRCLE,
        count=found[-1]["count"],
        hosts=", ".join(hosts),
        table="\n".join(f"| {' | '.join(row)} |" for row in rows),
        difference=boxes["difference"],
        shares=", ".join(f"{name} {share:.0%}" for name, share in boxes["shares"].items()),
    )


def _make_row(way: Way, found: Sequence[Mapping[str, Any]]) -> list[str]:
    counts = [each.get(way.name) for each in found]
    told = [f"{each['original']}, {each['erased']}" if each else "–" for each in counts]
    outcome = f"**{way.outcome}**, {way.reason}" if any(counts) else f"not drawn; expected: {way.outcome}, {way.reason}"
    return [way.name, outcome, *told, f"“{way.says} …”" if way.says else "–"]


if __name__ == "__main__":
    main()
