"""Test that results do not depend on the version of Python: each case differed in some of 3.11 to 3.14."""

import io
import re
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from core import text, tls
from core.api import listing
from core.batches import prompt_file
from core.batches.check import file_name
from core.errors import InvalidFile, InvalidRequest
from core.inputs.references import content_of
from core.models import offered
from core.models.validation import MAX_PARSED_DEPTH, parse_json
from promptreel import _text
from promptreel._inputs import with_paths
from promptreel.commands.listing import _TIME, _time
from promptreel.commands.output import plain
from promptreel.commands.usage import _all
from promptreel.money import Sum
from promptreel.results import checked_template

MODELS = offered()
NEW = {  # characters known only since this version of Python
    "3.12": "\U0001fae8",  # a shaking face
    "3.13": "\u2ffc",  # an ideographic description character
    "3.14": "\U0001fae9",  # a face with bags under eyes
}


@pytest.mark.parametrize(
    ("json", "said"),
    [
        ("[1,]", "Illegal trailing comma before end of array: line 1 column 3 (char 2)"),
        pytest.param(
            "[1 , \n ]", "Illegal trailing comma before end of array: line 1 column 4 (char 3)", id="comma, line break"
        ),
        ('{"a": 1,}', "Illegal trailing comma before end of object: line 1 column 8 (char 7)"),
        ("[1,}", "Expecting value: line 1 column 4 (char 3)"),
        ("[,]", "Expecting value: line 1 column 2 (char 1)"),
        ("[1,,]", "Expecting value: line 1 column 4 (char 3)"),
        ('{"a": 1,]', "Expecting property name enclosed in double quotes: line 1 column 9 (char 8)"),
        ("[1,", "Expecting value: line 1 column 4 (char 3)"),
        ('["a,', "Unterminated string starting at: line 1 column 2 (char 1)"),
    ],
)
def test_errors_in_json_have_the_same_words(json: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        parse_json(json)


@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a": ', "}")])
def test_how_deep_json_may_be_nested_is_the_same(begin: str, end: str) -> None:
    for depth in (MAX_PARSED_DEPTH + 1, 1200, 5000, 100_000):
        with pytest.raises(ValueError, match=r"^more than 100 lists and objects are nested in each other$"):
            parse_json(begin * depth + "1" + end * depth)
    assert parse_json(begin * MAX_PARSED_DEPTH + "1" + end * MAX_PARSED_DEPTH)


@pytest.mark.parametrize("separator", ['sep="', '"sep=""', 'SEP="'])
def test_a_table_cannot_be_separated_by_quotes(separator: str) -> None:
    with pytest.raises(InvalidFile, match="first line must name the columns"):
        list(prompt_file.read("a.csv", io.BytesIO(f'{separator}\nprompt"model\na"b\n'.encode()), MODELS, "veo2"))


@pytest.mark.parametrize("name", ["prompts.", "prompts..", "a.csv."])
def test_a_dot_at_the_end_of_a_files_name_is_its_suffix(name: str) -> None:
    with pytest.raises(InvalidFile, match="must end in"):
        file_name(name, "text/csv")


def test_dots_at_the_beginning_of_a_files_name_begin_no_suffix() -> None:
    assert file_name("..csv", "text/csv") == "..csv.csv"


@pytest.mark.parametrize("character", [*NEW.values(), "\u3000", "\u200d"], ids=ascii)
def test_a_new_character_is_printable(character: str) -> None:
    assert text.is_printable(character)
    assert file_name(f"a{character}b.csv", "text/csv") == f"a{character}b.csv"
    assert checked_template(f"{{row}}{character}") == f"{{row}}{character}"
    assert plain(f"a{character}b") == f"a{character}b"


@pytest.mark.parametrize("character", "\x00\x1b\x7f\x85\xad\u061c\u200b\u2028\u202e\u2066\ud800\ufeff\ufffe", ids=ascii)
def test_control_and_invisible_characters_are_not_printable(character: str) -> None:
    assert not text.is_printable(f"a{character}b")
    assert plain(f"a{character}b") == "a b"


def test_the_api_and_the_client_agree_on_what_is_printable() -> None:
    assert text.UNPRINTABLE == _text.UNPRINTABLE


@pytest.mark.parametrize(
    "digits", ["\u0661\u0662", "\U00011f51", "\U00010d41"], ids=["Arabic", "Kawi", "Garay"]
)  # the last two since 3.12 and 3.14
def test_only_a_number_in_ascii_is_a_rows_number(digits: str) -> None:
    lines = f'{{"prompt": "a", "id": "{digits}"}}\n{{"prompt": "b", "id": "12"}}\n'.encode()
    first, second = prompt_file.read("a.jsonl", io.BytesIO(lines), MODELS, "veo2")
    assert (first.problem, str(second.problem)[:10]) == (None, "`id` must ")


@pytest.mark.parametrize("base64", ["/AA+=", "/BBz==", "BA9+/Az+="])
def test_a_data_uri_with_too_many_equals_signs_is_rejected(base64: str) -> None:
    with pytest.raises(InvalidRequest, match="must be a data: URI"):
        content_of(f"data:image/png;base64,{base64}", "image_url")
    assert content_of(f"data:image/png;base64,{base64.rstrip('=')}", "image_url")


def test_a_day_has_no_hour_24() -> None:
    """Python 3.14 reads it as the next day, so the patterns exclude it."""
    assert not re.fullmatch(listing._TIME, "2026-01-31T24:00:00Z")
    assert re.fullmatch(listing._TIME, "2026-01-31T23:59:59Z")
    with pytest.raises(typer.BadParameter, match="is not a time"):
        _time("2026-01-31 24:00:00Z", "--since")
    assert not re.fullmatch(_TIME, "2026-01-31T24:00")


@pytest.mark.parametrize(
    ("text_", "expected"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31 12:00:30.25", datetime(2026, 1, 31, 12, 0, 30, 250_000, tzinfo=UTC)),
        ("2026-01-31T12:00:30Z", datetime(2026, 1, 31, 12, 0, 30, tzinfo=UTC)),
        ("2026-01-31T12:00+02:00", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31T12:00.5", None),  # Python 3.14 rejects it
        ("20260131T1200", None),
        ("2026-01-31T12", None),
    ],
)
def test_a_time_of_the_command_line_is_the_same(text_: str, expected: datetime | None) -> None:
    if expected:
        assert _time(text_, "--since") == expected
    else:
        with pytest.raises(typer.BadParameter, match="is not a time"):
            _time(text_, "--since")


def test_amounts_are_added_in_the_same_way() -> None:
    """Python 3.12 began to add floats with more precision than their own."""
    assert _all(Sum(1, 0, 0.1) for _ in range(10)).usd == 1.0


def test_an_impossible_file_name_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"^The request names .*, but there is no such file\.$"):
        with_paths({"image_url": "a" * 5000 + ".png"}, tmp_path)


def test_certificates_are_checked_strictly() -> None:
    strict = ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    assert tls.context().verify_flags & strict == strict
