"""Prepare the world from its packages: `concepts.json`, and pictures and captions in a folder.

    python -m emoji.prepare [--out FOLDER]

It needs npm, and `pip install resvg-py`; a few minutes on one core. What is there already is made anew.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from PIL import Image

from ..training.data import CAPTIONS
from ..training.host import DATA, prepare_host
from ..world import CONCEPTS, PICTURES, load_concepts
from .captions import COUNT, write_captions
from .concepts import FEWEST_SETS, read_entries, write_concepts
from .icons import FileSet, IconifySet
from .packages import NAMES, SETS, fetch
from .pictures import draw_icon, fit, write_pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DATA)
    parser.add_argument("--packages", type=Path, default=DATA / "packages", help="where npm's packages are kept")
    parser.add_argument("--concepts", type=Path, default=CONCEPTS, help="where the list of concepts is written")
    parser.add_argument("--captions", type=int, default=COUNT)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    folders = {each.style: fetch(each.package, options.packages) for each in SETS}
    sets = [FileSet(folder) if style == "3d" else IconifySet(folder) for style, folder in folders.items()]
    entries, drawn = list[dict[str, Any]](), list[tuple[int, int, Image.Image]]()
    for entry in read_entries(fetch(NAMES, options.packages)):
        icons = {style: icon for style, each in enumerate(sets) if (icon := each.find(entry)) is not None}
        if len(icons) < FEWEST_SETS:
            continue
        fitted = {style: fit(draw_icon(icon)) for style, icon in icons.items()}
        drawn += [(len(entries), style, picture) for style, picture in fitted.items() if picture is not None]
        entries.append(entry)
    write_concepts(entries, options.concepts)
    write_pictures(drawn, options.out / PICTURES)
    print(f"{len(entries)} concepts, {len(drawn)} pictures", flush=True)
    prepare_host()
    shown, styles = [concept for concept, _, _ in drawn], [style for _, style, _ in drawn]
    write_captions(load_concepts(options.concepts), shown, styles, options.out / CAPTIONS, options.captions)
    print(f"{options.captions} captions", flush=True)


if __name__ == "__main__":
    main()
