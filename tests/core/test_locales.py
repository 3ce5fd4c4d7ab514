"""The texts of every language: complete, and such that the page can show them."""

from __future__ import annotations

import re

import pytest

from harness.locales import ENGLISH, FILES, FOLDER, WORDS, list_languages, list_placeholders, read_texts, read_words

LANGUAGES = ("ja", "zh")
# What is the same in every language: names of things, and words that the host's own locales leave as they are.
SAME = {"CLIP", "VAE", "Latent", "eta", "RECE"}


def test_these_are_all_and_nothing_else_lies_there() -> None:
    """The host takes every folder in `locales` for a language."""
    assert list_languages() == list(LANGUAGES)
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted([ENGLISH, *LANGUAGES])
    for language in (ENGLISH, *LANGUAGES):
        assert sorted(path.name for path in (FOLDER / language).iterdir()) == sorted(f"{name}.json" for name in FILES)


def test_english_is_what_the_scripts_say() -> None:
    """After a change to `web/js/words.js` run `python -m harness.locales URL`, and translate what it lists."""
    said = {name.removeprefix("rece."): text for name, text in read_texts(ENGLISH).items() if name.startswith("rece.")}
    assert said == read_words()
    assert said["copy"] == "Copy as text"


def test_english_names_commands_as_the_entry_does() -> None:
    entry = (WORDS.parent / "rece.js").read_text("utf-8")
    words = read_words()
    labels = [(name, words[word]) for name, word in re.findall(r'\bid: (\w+),\s+label: \(\) => say\("(\w+)"\)', entry)]
    ids = dict(re.findall(r'^const (\w+) = "(RECE\.\w+)";$', entry, flags=re.M))
    english = read_texts(ENGLISH)
    commands = {name: text for name, text in english.items() if name.startswith("commands.")}
    assert commands == {f"commands.{ids[name].replace('.', '_')}.label": label for name, label in labels}
    assert {f"menuLabels.{label}" for _, label in labels} <= english.keys()


@pytest.mark.parametrize("language", (ENGLISH, *LANGUAGES))
def test_settings_are_named_as_the_scripts_name_them(language: str) -> None:
    """For pages that read packs' settings in their language, and for those that don't."""
    script = (WORDS.parent / "settings.js").read_text("utf-8")
    ids = dict(re.findall(r'^export const (\w+) = "(RECE\.\w+)";$', script, flags=re.M))
    told = re.findall(r'\[(\w+)\]: \(\) => \(\{ name: say\("(\w+)"\), tooltip: say\("(\w+)"\) \}\)', script)
    texts = read_texts(language)
    named = {f"settings.{ids[name].replace('.', '_')}": words for name, *words in told}
    assert named and {name for name in texts if name.startswith("settings.")} == {
        f"{name}.{part}" for name in named for part in ("name", "tooltip")
    }
    for name, words in named.items():
        assert [texts[f"{name}.name"], texts[f"{name}.tooltip"]] == [texts[f"rece.{word}"] for word in words]


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_has_every_text_and_no_other(language: str) -> None:
    english, texts = read_texts(ENGLISH), read_texts(language)
    assert sorted(english.keys() - texts.keys()) == [], "is missing; write it"
    assert sorted(texts.keys() - english.keys()) == [], "is not in English; delete it"
    for name, text in texts.items():
        assert text.strip(), name
        assert list_placeholders(text) == list_placeholders(english[name]), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_translated(language: str) -> None:
    english, texts = read_texts(ENGLISH), read_texts(language)
    assert {text for name, text in texts.items() if text == english[name]} <= SAME


@pytest.mark.parametrize("language", LANGUAGES)
def test_values_that_the_user_chooses_are_named_as_the_node_names_them(language: str) -> None:
    """The page does not translate the options of a choice, so a tooltip names them in English, in quotes."""
    english, texts = read_texts(ENGLISH), read_texts(language)
    for name, text in english.items():
        if name.endswith(".tooltip"):
            # Not the plural's and the genitive's apostrophe: a quoted text begins behind a space or a bracket.
            quoted = re.findall(r"(?:^|[ (])'([^']+)'", text)
            assert set(quoted) <= set(re.findall(r"'([^']+)'", texts[name])), name


@pytest.mark.parametrize("language", (ENGLISH, *LANGUAGES))
def test_the_page_reads_nothing_as_its_own(language: str) -> None:
    """In the page's format @ links messages, | separates plurals, and braces hold a name."""
    for name, text in read_texts(language).items():
        assert not set("@|{}") & set(re.sub(r"\{\w+\}", "", text)), name
