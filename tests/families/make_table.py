"""Write `docs/families.md` from what the tests found.

    python -m tests.families.make_table

Reads what `tests/families` leaves, a file for each version of the host it ran on: `out/families/*.json`, with --slow
`out/families_full/*.json` for whole models and `out/loras/*.json` for round trips of LoRA files, and
`out/command_line/*.json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rece_core.erasing.memory import LEAST, MOST

ROOT = Path(__file__).resolve().parents[2]
PREPROCESSORS = {"rms": "RMS norm", "layer": "layer norm", "mlp": "two layers", "pool": "mean and positions"}
HEAD = """# Model families

Made by `python -m tests.families.make_table` from the results of `tests/families`; don't edit by hand.

For each family the host's own model class is built small, with random weights and the real widths of the text (but for
Ideogram 4, whose text is 53248 wide). Its text entries are edited with a random operator M for each conditioning input,
through the host's patcher. The table gives the relative difference between the edited model given c and the original
given M c (after preprocessing, where there is any): rounding of float32. As a control, an edit of any one conditioning
input moves the output by at least {control:.0e}. No weight outside the table changes, and the model is restored to the
bit when the patches are taken off.

- *text entries*: the weights that read the text, `N` a number; *×* how many the small model has.
- *preprocessor*: what the text passes before; the operator is fitted behind it.
- *value erasure*: whether there is a bias that can hold what all texts have in common.
- *LoRA round trip*: how the names begin under which the host's own loader takes every weight of the saved LoRA and
  gives the erased model; “-” where it has not been tested.
- *command line*: the difference as above, for what `python -m rece_core erase` writes of a file with text encoders
  inside, and for what they give of the erased words; “no” where it refuses the family.

An erasure works on float64 matrices of the width of a text squared: {memory}. At its peak it has {least} to {most}
of them in memory, by mode and model (`rece_core/erasing/memory.py`). Where less is there than the least it takes, it is
refused before the long work; where less than the most, a warning says so. Where a GPU has too little, or runs out on
the way, it is worked out on the CPU, and the report says so.

A model of no family here is refused with its layers' names. If you know which of its weights read the text, name them
in the input *text_weights* of RECE Iterate or RECE Edit Model: a line each, such as `txt_in.weight` or
`blocks.*.cross_attn.k_proj.weight`, `*` standing for any characters; and ` @ pooled` after a weight that reads the
pooled embedding. What the text passes before it is not known then, so name only weights that read it as the encoder
gives it.
"""

WHOLE = """## Whole models

The same proof with every block of the published model, in float32; the number of its parameters and what the host
takes its weights for are tested too.
"""


def main() -> None:
    results = _read("families")
    hosts = sorted(results, key=_version)
    loras, commands, whole = _read("loras"), _read("command_line"), _read("families_full")
    rows = [_row(name, results, hosts, loras, commands) for name in results[hosts[-1]]]
    proven = [case for cases in results.values() for case in cases.values() if "controls" in case]
    control = min(min(case["controls"].values()) for case in proven)
    head = ["model", "text entries", "pooled and other inputs", "preprocessor"]
    head += (
        [f"difference, {host}" for host in hosts]
        + ["value erasure"]
        + (["LoRA round trip"] if loras else [])
        + ["command line"]
    )
    tables = [_format_table(head, rows), *_format_whole(whole)]
    text = "\n\n".join([HEAD.format(control=control, **_memory()).rstrip(), *tables])
    (ROOT / "docs" / "families.md").write_text(f"{text}\n", "utf-8")


def _format_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def _format_whole(results: Mapping[str, Any]) -> list[str]:
    """Heading and table of the models at full size, nothing where they have not been tested."""
    if not results:
        return []
    hosts = sorted(results, key=_version)
    rows = [
        [
            name,
            f"{case['parameters'] / 1e6:,.0f} million",
            "<br>".join(f"{cond_input}: {len(part['names'])}" for cond_input, part in case["streams"].items()),
            *(_difference(results[host].get(name, {})) for host in hosts),
        ]
        for name, case in results[hosts[-1]].items()
    ]
    head = ["model", "parameters", "text entries", *(f"difference, {host}" for host in hosts)]
    return [WHOLE.rstrip(), _format_table(head, rows)]


def _memory() -> dict[str, object]:
    """What one such matrix takes, for widths that are common and for the widest, and how many there are at once."""
    widths = {"Stable Diffusion 1.x": 768, "T5": 4096, "Flux.2 dev": 15360, "Ideogram 4": 53248}
    sizes = ", ".join(f"{8 * width**2 / 1e6:,.0f} MB at {width} ({name})" for name, width in widths.items())
    return {"memory": sizes, "least": LEAST, "most": MOST}


def _read(kind: str) -> dict[str, Any]:
    found = [json.loads(file.read_text("utf-8")) for file in (ROOT / "out" / kind).glob("*.json")]
    return {each["host"]: each["cases"] for each in found}


def _version(host: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", host)]


def _row(
    name: str,
    results: Mapping[str, Any],
    hosts: Sequence[str],
    loras: Mapping[str, Any],
    commands: Mapping[str, Any],
) -> list[str]:
    case = results[hosts[-1]][name]
    cond_inputs = case["streams"]
    others = [cond_input for cond_input in cond_inputs if cond_input != "tokens"]
    differences = [_difference(results[host].get(name, {})) for host in hosts]
    trips = ["; ".join(dict.fromkeys(cases[name] for cases in loras.values() if name in cases)) or "-"] if loras else []
    preprocessors = [
        f"{cond_input}: {PREPROCESSORS[part['preprocessor']]}"
        for cond_input, part in cond_inputs.items()
        if part["preprocessor"]
    ]
    preprocessors += [
        f"{cond_input}: {PREPROCESSORS[preprocessor]}, then read with {target}"
        for cond_input, (target, preprocessor) in case["joins"].items()
    ]
    return [
        name,
        _entries(cond_inputs["tokens"]) if "tokens" in cond_inputs else "-",
        "<br>".join(f"{cond_input}: {_entries(cond_inputs[cond_input])}" for cond_input in others) or "-",
        "<br>".join(preprocessors) or "-",
        *differences,
        _describe_value_erasure(cond_inputs),
        *trips,
        _command(name, commands),
    ]


def _command(name: str, commands: Mapping[str, Any]) -> str:
    """Whether the command line erases from files of this model, by the worst of all hosts."""
    found = [cases[name] for cases in commands.values() if "missing" not in cases.get(name, {"missing": ""})]
    if any("refused" in case for case in found):
        return "no"
    return f"{max(case['difference'] for case in found):.0e}" if found else "-"


def _difference(case: Mapping[str, Any]) -> str:
    return f"{case['difference']:.0e}" if "difference" in case else "not in this host"


def _entries(part: Mapping[str, Any]) -> str:
    """The names of an input's entries, several in one with their numbers left out, and the width they read."""
    names = [name.removesuffix(".weight") for name in part["names"]]
    if len(names) > 1:
        names = [re.sub(r"(?<=\.)\d+(?=\.)|(?<=block)\d+", "N", name) for name in names]
    short = dict.fromkeys(re.sub(r"^.*\.(?=attn\d?\.|cross_attn)", "…", name) for name in names)
    columns = f", columns {part['columns'][0]} to {part['columns'][1]}" if part["columns"] else ""
    return f"{', '.join(f'`{name}`' for name in short)} × {len(part['names'])}, width {part['width']}{columns}"


def _describe_value_erasure(cond_inputs: Mapping[str, Any]) -> str:
    without = [cond_input for cond_input, part in cond_inputs.items() if part["seal"]]
    return "yes" if not without else f"no bias for {', '.join(without)}"


if __name__ == "__main__":
    main()
