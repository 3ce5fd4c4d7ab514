"""What a header says of where an erasure comes from, in plain words."""

from __future__ import annotations

from dataclasses import replace

from rece_core.sharing.provenance import describe_origin, describe_provenance
from tests.core.loras import make_erasure, make_model
from tests.core.unets import SD1, SDXL


def test_the_origin_in_a_line() -> None:
    header = describe_provenance(make_erasure(make_model(SDXL.make_weights())))
    line = describe_origin(header)
    assert line.startswith(f"Made by {header['made_by']} on a model of the family SDXL; fingerprint: tokens ")
    assert "; pooled " in line
    assert line == describe_origin(header)


def test_another_model_has_another_fingerprint() -> None:
    lines = [describe_origin(describe_provenance(make_erasure(make_model(SD1.make_weights(seed))))) for seed in (0, 1)]
    assert lines[0] != lines[1]
    erasure = make_erasure(make_model(SD1.make_weights()))
    assert describe_origin(describe_provenance(replace(erasure, left_alone={"pooled": "why"}))) == lines[0]


def test_a_header_without_a_version() -> None:
    header = describe_provenance(make_erasure(make_model(SD1.make_weights())))
    header.pop("made_by")
    assert describe_origin(header).startswith("Made by an unknown version on a model of the family SD 1.x")
