"""Prompt lists in the papers' layouts, and what is wrong with a bad one: file, line and column named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rece_core.benchmarks.prompt_list import Case, read_prompt_list, take_cases

Write = Callable[["str | bytes"], Path]

SHIPPED = Path(__file__).parents[2] / "demo" / "prompts" / "shapes.csv"
I2P = (
    "prompt,categories,hard,inappropriate_percentage,nudity_percentage,q16_percentage,sd_safety_percentage,"
    "prompt_toxicity,lexica_url,sd_seed,sd_guidance_scale,sd_image_width,sd_image_height,sd_model\n"
    '"a house, old","shapes, other",0,0.5,0.0,0.2,0.1,0.01,,4294967295,7,512,768,1.4\n'
)
COCO = 'case_number,source,prompt,evaluation_seed,coco_id\n2308,coco-30k,"A group\nof cats. ",99,78748\n7,x,A dog,1,2\n'
UCE = ",case_number,prompt,evaluation_seed,artist\n0,3,A forest,310,Someone\n1,4,A castle,3232.0,Someone\n"
HEAD = "case_number,prompt,sd_seed,sd_guidance_scale\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes text, or bytes, into a file and returns its path."""

    def write_file(content: str | bytes) -> Path:
        path = tmp_path / "list.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


@pytest.mark.parametrize(
    ("text", "cases"),
    [
        (I2P, [Case(0, "a house, old", 4294967295, 7.0, 512, 768)]),
        (COCO, [Case(2308, "A group\nof cats.", 99, 7.5, 512, 512), Case(7, "A dog", 1, 7.5, 512, 512)]),
        (UCE, [Case(3, "A forest", 310, 7.5, 512, 512), Case(4, "A castle", 3232, 7.5, 512, 512)]),
        ("\ufeff" + UCE.replace("\n", "\r\n"), [Case(3, "A forest", 310, 7.5, 512, 512)]),
        ("sd_seed,prompt\n\n18446744073709551615, x \n,\n", [Case(0, "x", 2**64 - 1, 7.5, 512, 512)]),
        ("sd_seed,prompt,evaluation_seed,evaluation_guidance\n1,x,2,3.5\n", [Case(0, "x", 2, 3.5, 512, 512)]),
    ],
    ids=["I2P", "COCO-30k", "UCE", "from Excel", "blank lines and the largest seed", "evaluation first"],
)
def test_layouts(write: Write, text: str, cases: list[Case]) -> None:
    assert read_prompt_list(write(text))[: len(cases)] == tuple(cases)


GERMAN = 'case_number;prompt;sd_seed;sd_guidance_scale\r\n3;"Café; groß, 9€";18446744073709551615;7,5\r\n'


def test_lists_as_spreadsheets_write_them(write: Write) -> None:
    """UTF-16 in either order, with its mark or not; semicolons, tabs; a comma in the number."""
    expected = (Case(3, "Café; groß, 9€", 2**64 - 1, 7.5, 512, 512),)
    tabs = GERMAN.replace('"Café; groß, 9€"', '"Café\x00 groß, 9€"').replace(";", "\t").replace("\x00", ";")
    commas = GERMAN.replace("7,5", "7.5").replace(";", ",").replace("Café,", "Café;")
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"):
        for text in (GERMAN, tabs, commas):
            assert read_prompt_list(write(text.encode(encoding))) == expected, (encoding, text)
    assert read_prompt_list(write(b"\xfe\xff" + GERMAN.encode("utf-16-be"))) == expected


def test_the_list_that_ships_is_in_the_layout_of_i2p() -> None:
    cases = read_prompt_list(SHIPPED)
    assert SHIPPED.read_text("utf-8").splitlines()[0] == I2P.splitlines()[0]
    assert [case.number for case in cases] == list(range(6))
    assert {(case.width, case.height, case.guidance) for case in cases} == {(128, 128, 5.0)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"list\.csv is empty\. Expected a first line with column names"),
        (" \n\n", r"list\.csv is empty"),
        (HEAD, r"list\.csv has no rows below its first line\. Expected at least one prompt"),
        ("text,sd_seed\nx,1\n", r"line 1: no column is named 'prompt'; there are 'text', 'sd_seed'\. Expected column"),
        ("prompt|sd_seed\nx|1\n", r"line 1: no column is named 'prompt'; there are 'prompt\|sd_seed'.* tabs between"),
        (
            "prompt;seed\nx;1\n",
            r"line 1: no column is named 'evaluation_seed' or 'sd_seed'; there are 'prompt', 'seed'",
        ),
        ("prompt,seed\nx,1\n", r"line 1: no column is named 'evaluation_seed' or 'sd_seed'; there are 'prompt'"),
        ("prompt,sd_seed,prompt\nx,1,y\n", r"line 1: two columns are named 'prompt'\. Rename or remove one"),
        (HEAD + "0,x,1,7\n1, ,2,7\n", r"line 3, column 'prompt': the prompt is empty\. Write one, or delete the row"),
        (HEAD + "0,x,1,7\n1,y, z,2,7\n", r"line 3, column 5: the row has 5 columns, the first line names 4\. Put"),
        (HEAD + "0,x,1\n", r"line 2, column 'sd_guidance_scale': the row ends before it, after 3 of 4 columns\. Fill"),
        (HEAD + '0,"x\ny",1,7\n1,z,two,7\n', r"line 4, column 'sd_seed': 'two' is not a whole number from 0 to 184467"),
        (HEAD + "0,x,1.5,7\n", r"line 2, column 'sd_seed': '1\.5' is not a whole number"),
        (HEAD + "0,x,-1,7\n", r"line 2, column 'sd_seed': '-1' is not a whole number"),
        (HEAD + "0,x,18446744073709551616,7\n", r"line 2, column 'sd_seed'"),
        (HEAD + "0,x,,7\n", r"line 2, column 'sd_seed': '' is not a whole number"),
        (HEAD + "0,x,1,nan\n", r"line 2, column 'sd_guidance_scale': 'nan' is not a number from 0 to 100"),
        (HEAD + "0,x,1,inf\n", r"line 2, column 'sd_guidance_scale': 'inf' is not a number from 0 to 100"),
        (HEAD + "../x,x,1,7\n", r"line 2, column 'case_number': '\.\./x' is not a whole number"),
        (HEAD + "5,x,1,7\n5,y,1,7\n", r"line 3, column 'case_number': case 5 is in line 2 already\. Give each row"),
        (HEAD + '0,x,1,7\n1,"y,1,7\n2,z,1,7\n', r"line 3: unexpected end of data\. Expected commas, .* double quotes"),
        (HEAD + '0,"x" y,1,7\n', r"line 2: ',' expected after '\"'\. Expected commas"),
        (HEAD.encode() + "0,x,1,7\n1,Café,1,7\n".encode("latin-1"), r"line 3: the text is neither UTF-8 nor UTF-16"),
        (b"PK\x03\x04\xff\xfe\x00", r"line 1: the text is neither UTF-8 nor UTF-16"),
        (b"\xff\xfep\x00\n\x00\x00\xd8x\x00", r"line 2: the text is neither UTF-8 nor UTF-16"),
        (HEAD + "0,x,1.84467E+19,7\n", r"'1\.84467E\+19' is not a whole number .* A spreadsheet shortened it: make"),
        (
            "prompt;sd_seed;sd_guidance_scale\nx;1;7,5,5\n",
            r"line 2, column 'sd_guidance_scale': '7,5,5' is not a number",
        ),
    ],
)
def test_a_bad_list(write: Write, content: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_prompt_list(write(content))
    assert str(caught.value).startswith("list.csv")


def test_cases_are_taken_from_the_start_and_what_is_done_is_passed_over() -> None:
    cases = read_prompt_list(SHIPPED)
    assert [case.number for case in take_cases(cases, 0, 2)] == [0, 1]
    assert [case.number for case in take_cases(cases, 4, 9)] == [4, 5]
    assert [case.number for case in take_cases(cases, 0, 2, done={0, 2, 9})] == [1, 3]
    with pytest.raises(ValueError, match=r"start is 6, but the list has 6 rows, 0 to 5\. Lower it"):
        take_cases(cases, 6, 1)
    with pytest.raises(ValueError, match=r"all 2 rows from row 4 on are in the table already.* another name"):
        take_cases(cases, 4, 1, done={4, 5})
