"""Test which generations a search for words finds."""

import pytest

from core.records.wanted import Wanted
from tests.support.generations import generation

BOAT = generation(
    request={"model": "veo2", "prompt": "A paper\n  boat on the Straße,  drifting"},
    name="Trailer 3, opening",
    tags=["project=lake", "favourite"],
)


@pytest.mark.parametrize(
    "text",
    [
        "boat",
        "BOAT paper",
        "drift strasse",
        "trailer boat",
        "favourite lake paper",
        "project=lake",
        '"paper boat"',
        "“paper boat” favourite",
        '"paper bo',
        'opening"paper boat"',
        '"  boat   on the "',
        '""',
        "  ",
        '"',
        "oat",
    ],
)
def test_words_are_found_in_any_order_in_prompt_name_and_tags(text: str) -> None:
    assert Wanted(text=text).includes(BOAT)


@pytest.mark.parametrize(
    "text",
    ["kite", "boat kite", '"boat paper"', '"drifting trailer"', '"opening project"', "veo2", "'boat"],
)
def test_each_word_and_phrase_must_be_in_one_of_them(text: str) -> None:
    assert not Wanted(text=text).includes(BOAT)


@pytest.mark.parametrize("prompt", [None, 7, ["boat"], {"text": "boat"}, ""])
def test_a_request_needs_no_text_as_its_prompt(prompt: object) -> None:
    other = generation(request={"model": "x", "prompt": prompt}, name="a kite")
    assert Wanted(text="kite").includes(other)
    assert not Wanted(text="kite lake").includes(other)


def test_words_of_scripts_without_spaces_are_found() -> None:
    boat = generation(request={"model": "veo2", "prompt": "湖の上の紙の船"}, tags=["سفينة"])
    assert Wanted(text="紙の船 湖").includes(boat)
    assert Wanted(text="سفينة").includes(boat)
    assert not Wanted(text="船の紙").includes(boat)
