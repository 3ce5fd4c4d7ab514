"""Keep the texts in `locales/` complete: English from the schemas, the other languages compared with it.

    python run.py serve                          # in one terminal
    python -m harness.locales http://127.0.0.1:8188

writes `locales/en/nodeDefs.json` anew, and says what changed in it and what the other languages lack or have too much.
Those are written by people, in the host's own format (what its page looks up is what its own locales have).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from typing import Any

from harness.client import Client
from harness.environment import ROOT

FOLDER = ROOT / "locales"
ENGLISH = "en"
FILES = ("nodeDefs", "main", "settings", "commands")
CATEGORY = "RECE"
CONTROL = "control_after_generate"  # the widget that the page puts below a seed

Texts = dict[str, Any]


def describe_nodes(object_info: Mapping[str, Mapping[str, Any]]) -> Texts:
    """The pack's `nodeDefs` in English, from the server's answer to /object_info; nodes in order of their ids."""
    return {name: _describe(info) for name, info in sorted(object_info.items()) if info["category"] == CATEGORY}


def _describe(info: Mapping[str, Any]) -> Texts:
    inputs: Texts = {}
    for kind in ("required", "optional"):
        for name, (_, options) in info["input"].get(kind, {}).items():
            inputs[name] = {"name": options.get("display_name") or name, "tooltip": options["tooltip"]}
            if options.get(CONTROL):
                inputs[CONTROL] = {"name": CONTROL.replace("_", " ")}
    outputs = {
        str(slot): {"name": name, "tooltip": tooltip}
        for slot, (name, tooltip) in enumerate(zip(info["output_name"], info["output_tooltips"], strict=True))
    }
    described: Texts = {"display_name": info["display_name"], "description": info["description"]}
    return described | ({"inputs": inputs} if inputs else {}) | ({"outputs": outputs} if outputs else {})


def list_languages() -> list[str]:
    """The languages beside English, by the names of their folders."""
    return sorted(path.name for path in FOLDER.iterdir() if path.is_dir() and path.name != ENGLISH)


def read_texts(language: str) -> dict[str, str]:
    """All texts of a language by their path, as in `nodeDefs.ReceConcepts.display_name`."""
    texts: dict[str, str] = {}
    for file in FILES:
        content = json.loads((FOLDER / language / f"{file}.json").read_text("utf-8"))
        texts |= flatten(content if file == "main" else {file: content})
    return texts


def flatten(content: Mapping[str, Any], path: str = "") -> dict[str, str]:
    """The leaves of nested mappings by their path, parts joined by full stops."""
    leaves: dict[str, str] = {}
    for name, value in content.items():
        leaves |= flatten(value, f"{path}{name}.") if isinstance(value, Mapping) else {f"{path}{name}": value}
    return leaves


def list_placeholders(text: str) -> list[str]:
    """What the page puts values into, such as `{count}`, in alphabetical order."""
    return sorted(re.findall(r"\{\w+\}", text))


def write_english(nodes: Texts) -> list[str]:
    """Write the English `nodeDefs`; the paths of the texts that are no longer what they were."""
    path = FOLDER / ENGLISH / "nodeDefs.json"
    before, after = flatten(json.loads(path.read_text("utf-8"))) if path.exists() else {}, flatten(nodes)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(nodes, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return [name for name, text in after.items() if name in before and before[name] != text]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="a ComfyUI with the pack")
    with Client(parser.parse_args().url) as client:
        changed = write_english(describe_nodes(client.object_info()))
    lines = [f"changed in English, look at the translations: {name}" for name in changed]
    english = read_texts(ENGLISH)
    faults = []
    for language in list_languages():
        texts = read_texts(language)
        faults += [f"{language} lacks {name}: {english[name]}" for name in english if name not in texts]
        faults += [f"{language} has too much: {name}" for name in texts if name not in english]
    sys.stdout.writelines(f"{line}\n" for line in [*lines, *faults] or ["all languages are complete"])
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
