"""Keep the texts in `locales/` complete: English from where it is written, the other languages compared with it.

    python run.py serve                          # in one terminal
    python -m harness.locales http://127.0.0.1:8188

writes the English of the nodes (from their schemas) and of the page's scripts (`web/js/words.js`) again, and says what
changed in it and what the other languages lack or have too much. Those are written by people. The files have the host's
own format, see `app/custom_node_manager.py` there; its page looks up in them what its own locales have.
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
WORDS = ROOT / "web" / "js" / "words.js"
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


def read_words() -> dict[str, str]:
    """What the page's scripts say, in English, by its name: the one object literal of `web/js/words.js`."""
    literal = re.search(r"^const ENGLISH = \{$(.*?)^\};$", WORDS.read_text("utf-8"), flags=re.M | re.S)
    assert literal, "words.js no longer begins its words as expected"
    return {name: json.loads(text) for name, text in re.findall(r'(\w+):\s+("(?:[^"\\]|\\.)*"),', literal[1])}


def list_languages() -> list[str]:
    """The languages beside English, by the names of their folders."""
    return sorted(path.name for path in FOLDER.iterdir() if path.is_dir() and path.name != ENGLISH)


def read_texts(language: str) -> dict[str, str]:
    """All texts of a language by their path, as in `nodeDefs.ReceConcepts.display_name`."""
    texts: dict[str, str] = {}
    for file in FILES:
        content = _read(language, file)
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
    """Write what English is made from the sources; the paths of the texts that are no longer what they were."""
    before = read_texts(ENGLISH)
    main = _read(ENGLISH, "main")
    _write(ENGLISH, "main", main | {"rece": read_words()})
    _write(ENGLISH, "nodeDefs", nodes)
    return [name for name, text in read_texts(ENGLISH).items() if before.get(name, text) != text]


def _read(language: str, file: str) -> Texts:
    return dict(json.loads((FOLDER / language / f"{file}.json").read_text("utf-8")))


def _write(language: str, file: str, content: Texts) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    (FOLDER / language / f"{file}.json").write_text(text, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="?", help="a ComfyUI with the pack; without, the nodes stay as they are written")
    url = parser.parse_args().url
    nodes = _read(ENGLISH, "nodeDefs")
    if url:
        with Client(url) as client:
            nodes = describe_nodes(client.object_info())
    changed = write_english(nodes)
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
