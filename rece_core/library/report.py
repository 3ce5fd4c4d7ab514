"""What came of a library: one page with a table that sorts, and the same as CSV, and as Parquet where pyarrow is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from html import escape
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..storage.atomic_file import write_atomically

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2em; color: #222; background: #fff; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: .3em .7em; border-bottom: 1px solid #ccc; text-align: left; vertical-align: top; }}
th button {{ font: inherit; font-weight: 600; background: none; border: 0; padding: 0; cursor: pointer; }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
tr.failed td {{ background: #fdecea; }}
@media (prefers-color-scheme: dark) {{
  body {{ color: #ddd; background: #1b1b1b; }} th button {{ color: inherit; }}
  tr.failed td {{ background: #4a2320; }}
}}
</style>
<h1>{title}</h1>
<p>{told}</p>
<table><thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody></table>
<script>
for (const [column, button] of [...document.querySelectorAll("th button")].entries())
  button.addEventListener("click", () => {{
    const head = button.parentElement, rising = head.ariaSort !== "ascending", body = document.querySelector("tbody");
    for (const each of document.querySelectorAll("th")) each.ariaSort = null;
    head.ariaSort = rising ? "ascending" : "descending";
    const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const compare = (one, other) => {{
      const [a, b] = [key(one), key(other)];
      if (a === "" || b === "") return (a === "") - (b === "");
      const found = isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b;
      return rising ? found : -found;
    }};
    body.append(...[...body.rows].sort(compare));
  }});
</script>
</html>
"""

Row = Mapping[str, Any]


def flatten(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Rows whose measures are columns of their own; every row has every column, in one order."""
    wide = [{**{name: value for name, value in row.items() if name != "measures"}, **row["measures"]} for row in rows]
    columns = dict.fromkeys(name for row in wide for name in row)
    return [{name: row.get(name) for name in columns} for row in wide]


def write_report(rows: Iterable[Row], folder: Path, name: str, title: str) -> list[Path]:
    """Write NAME.html and NAME.csv into `folder`, and NAME.parquet where pyarrow is there; return their paths."""
    flat = flatten(rows)
    written = {".html": format_page(flat, title).encode(), ".csv": _format_csv(flat).encode()}
    if find_spec("pyarrow") and flat:
        written[".parquet"] = _format_parquet(flat)
    for suffix, content in written.items():
        write_atomically(folder / f"{name}{suffix}", content)
    return [folder / f"{name}{suffix}" for suffix in written]


def format_page(rows: list[dict[str, Any]], title: str) -> str:
    """The page; it needs nothing but itself, and what strangers' files are called is text in it, never markup."""
    columns = list(rows[0]) if rows else []
    failed = sum(row.get("state") == "failed" for row in rows)
    head = "".join(f'<th><button type="button">{escape(name)}</button></th>' for name in columns)
    told = f"{len(rows)} in all, {failed} failed. Click a heading to sort by it."
    return PAGE.format(title=escape(title), told=told, head=head, body="\n".join(map(_format_row, rows)))


def _format_row(row: Mapping[str, Any]) -> str:
    cells = []
    for value in row.values():
        if isinstance(value, int | float):
            shown = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
            cells.append(f'<td class="number" data-value="{value!r}">{shown}</td>')
        else:
            cells.append(f"<td>{escape('' if value is None else str(value))}</td>")
    return f"<tr{' class=failed' if row.get('state') == 'failed' else ''}>{''.join(cells)}</tr>"


def _format_csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _format_parquet(rows: list[dict[str, Any]]) -> bytes:
    content = io.BytesIO()
    table = import_module("pyarrow").Table.from_pylist(rows)
    import_module("pyarrow.parquet").write_table(table, content)
    return content.getvalue()
