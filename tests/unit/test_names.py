"""Test the names of downloaded videos: the API, the client and the console have the same rule."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.publish import names
from promptreel import results
from promptreel.generation import Generation
from tests.support.api_answers import generation as answer
from tests.support.console import run
from tests.support.generations import archived, generation

ID = "0123abcd" + "0" * 24
CASES: list[tuple[dict[str, Any], str]] = [
    ({"prompt": "A red fox, in/the\\snow: 🦊 today"}, "A-red-fox-in-the-snow-today-0123abcd.mp4"),
    ({"prompt": "雨の通りを漂う紙の船", "row": 12}, "00012-雨の通りを漂う紙の船-0123abcd.mp4"),
    ({"prompt": "../../etc/passwd", "name": "Take_1"}, "Take_1-0123abcd.mp4"),
    ({"prompt": "🦊❄️"}, "video-0123abcd.mp4"),
    ({"prompt": "❄️ fox"}, "fox-0123abcd.mp4"),
    ({"prompt": None}, "video-0123abcd.mp4"),
    ({"prompt": "कागज़ की नाव बारिश में बहती हुई"}, "कागज़-की-नाव-बारिश-में-बहती-0123abcd.mp4"),
    ({"prompt": "קָרוֹן  \n קטן"}, "קָרוֹן-קטן-0123abcd.mp4"),
    ({"prompt": "Ame\u0301lie"}, "Am\u00e9lie-0123abcd.mp4"),
    ({"prompt": "é" * 90}, "é" * 40 + "-0123abcd.mp4"),
    ({"prompt": "a" + "雨" * 90}, "a" + "雨" * 26 + "-0123abcd.mp4"),
    ({"prompt": "word " * 90}, "word-word-word-word-word-word-0123abcd.mp4"),
    ({"prompt": "a" * 79 + "_b"}, "a" * 79 + "-0123abcd.mp4"),
    ({"prompt": "\u0301\u202ex", "name": ""}, "x-0123abcd.mp4"),
]


def of_api(given: dict[str, Any]) -> str:
    row = {"row_number": given["row"], "batch_id": "b" * 32} if "row" in given else {}
    request = {"model": "veo2", "prompt": given["prompt"]}
    return names.download_name(generation(ID, request=request, name=given.get("name"), video=archived(ID), **row))


def of_client(given: dict[str, Any]) -> str:
    shown = answer("completed", id=ID)
    shown["meta"]["batch"] = {"id": "b" * 32, "row": given["row"]} if "row" in given else None
    shown["meta"]["name"] = given.get("name")
    shown["meta"]["request"]["prompt"] = given["prompt"]
    return results.video_name(results.row_of(Generation.from_json(shown)))


@pytest.mark.parametrize(("given", "name"), CASES, ids=range(len(CASES)))
def test_the_api_and_the_client_name_a_video_by_row_words_and_a_short_id(given: dict[str, Any], name: str) -> None:
    assert of_api(given) == of_client(given) == name


def test_the_console_names_a_video_by_row_words_and_a_short_id() -> None:
    program = """
        const { fileName } = await load("download");
        const video = { file_name: "x.mp4" };
        return GIVEN.cases.map(({ prompt, name, row }) =>
          fileName({ id: GIVEN.id, meta: { request: { prompt }, name, batch: row && { row } }, video }));
    """
    assert run(program, id=ID, cases=[given for given, _ in CASES]) == [name for _, name in CASES]


@given(st.text())
def test_the_api_and_the_client_have_the_same_rule(text: str) -> None:
    assert names.slug(text) == results.slug(text)
    assert names.slug(names.slug(text)) == names.slug(text)
    assert (names.MAX_WORDS, names.MAX_BYTES) == (results.MAX_WORDS, results.MAX_BYTES)
