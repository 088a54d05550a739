"""Test that prompt files are read row by row, with the errors of each row, and never completely in memory."""

import csv
import io
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.batches.prompt_file import FileRow, Rules, is_batch, read
from core.errors import InvalidFile
from core.models import offered

MODELS = offered()
# Possible content of a cell: no lone surrogates, no NUL, and not only white space.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(str.strip)


def rows(name: str, data: str | bytes) -> list[FileRow]:
    return list(read(name, io.BytesIO(data.encode() if isinstance(data, str) else data), MODELS, "veo2"))


def requests(name: str, data: str | bytes) -> list[dict[str, Any] | None]:
    return [row.request for row in rows(name, data)]


@pytest.mark.parametrize(
    ("name", "data"), [pytest.param("a.txt", "\ufeff a boat \n", id="byte order mark"), ("a.TXT", "a boat")]
)
def test_a_text_is_the_prompt(name: str, data: str) -> None:
    assert requests(name, data) == [{"model": "veo2", "prompt": "a boat"}]


def test_json_is_a_request_or_a_list_of_them() -> None:
    one = {"prompt": "a boat", "model": "google/veo3"}
    assert requests("a.json", json.dumps(one)) == [one]
    assert requests("a.json", json.dumps([one, {"prompt": "b"}])) == [one, {"model": "veo2", "prompt": "b"}]


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a.txt", b"x", False),
        ("a.json", b' {"', False),
        ("a.json", b"\xef\xbb\xbf [", True),
        ("a.json", b"\n" * 600_000 + b"[", True),
        ("a.json", b" " * 600_000, False),
        ("a.jsonl", b"", True),
        ("a.csv", b"", True),
    ],
    ids=["text", "object", "list", "list after much space", "space", "JSON Lines", "CSV"],
)
def test_which_files_are_batches(name: str, head: bytes, expected: bool) -> None:
    stream = io.BytesIO(head)
    assert is_batch(name, stream) is expected
    assert stream.tell() == 0


def test_a_bad_line_does_not_stop_the_next(subtests: Any) -> None:
    data = '{"prompt": "a"}\nnot JSON\n\n{"prompt": ""}\n[1]\n{"prompt": "b"}'
    found = rows("a.jsonl", data)
    with subtests.test("requests"):
        assert [row.request and row.request["prompt"] for row in found] == ["a", None, None, None, "b"]
    with subtests.test("lines"):
        assert [(row.number, row.line) for row in found] == [(1, 1), (2, 2), (3, 4), (4, 5), (5, 6)]
    with subtests.test("problems"):
        assert "not valid JSON" in str(found[1].problem)


def test_a_line_that_is_too_long_is_a_problem_of_its_own() -> None:
    data = json.dumps({"prompt": "x" * 300_000}) + "\n" + json.dumps({"prompt": "b"})
    assert [row.request and row.request["prompt"] for row in rows("a.jsonl", data)] == [None, "b"]


def test_cells_get_the_types_of_the_models_schema_and_blank_ones_are_omitted() -> None:
    data = (
        "\ufeffprompt,model,duration,seed,enhance_prompt,negative_prompt\r\n"
        '"a ""red"" kite, high",,5,-3,FALSE,007\r\n'
        "123,google/veo3,8,,true,\r\n"
        "x,veo2,5.5,,,\r\n"
    )
    assert requests("a.csv", data) == [
        {
            "prompt": 'a "red" kite, high',
            "model": "veo2",
            "duration": 5,
            "seed": -3,
            "enhance_prompt": False,
            "negative_prompt": "007",
        },
        {"prompt": "123", "model": "google/veo3", "duration": 8, "enhance_prompt": True},
        None,
    ]


COMMENTS = '# veo2, a table; of "prompts"\r\n"# duration: 5, 8"\r\n#\n'


@pytest.mark.parametrize(
    "table",
    [
        pytest.param(f"{COMMENTS}prompt,seed\n#1 boat,2\n", id="commas"),
        pytest.param(f"\ufeff{COMMENTS}prompt;seed\n#1 boat;2\n", id="semicolons after a byte order mark"),
        pytest.param(f"{COMMENTS}sep=|\n# more\nprompt|seed\n#1 boat|2\n", id="as Excel names the delimiter"),
        pytest.param('# a,,\n"# b; c",,\nprompt,seed,\n#1 boat,2,\n', id="as Excel fills the cells"),
    ],
)
def test_comments_above_the_header_are_ignored_and_prompts_may_begin_like_them(table: str) -> None:
    (row,) = rows("a.csv", table)
    assert row.request == {"model": "veo2", "prompt": "#1 boat", "seed": 2}
    assert table.split("\n")[row.line - 1].startswith("#1 boat")


@pytest.mark.parametrize(
    "table",
    [
        pytest.param("# prompt\n", id="one comment"),
        pytest.param("# only\n# comments", id="comments"),
        pytest.param("# a\n\nprompt\nx\n", id="a blank line"),
        pytest.param("#prompt,seed\nx,1\n", id="a header that is a comment"),
    ],
)
def test_a_table_of_comments_has_no_header(table: str) -> None:
    with pytest.raises(InvalidFile, match="must name the columns"):
        rows("a.csv", table)


@given(st.lists(TEXT, min_size=1, max_size=5))
def test_any_text_survives_csv(prompts: list[str]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["prompt"])
    writer.writerows([prompt] for prompt in prompts)
    found = requests("a.csv", text.getvalue())
    assert [request and request["prompt"] for request in found] == prompts


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.png", b"x", "must end in"),
        ("noname", b"x", "must end in"),
        ("a.txt", b" \n", "empty"),
        ("a.txt", b"\xff\xff", "not UTF-8"),
        ("a.csv", b"prompt\n\xff\xff\n", "not UTF-8"),
        ("a.json", b"{", "not valid JSON"),
        ("a.json", b"[]", "empty list"),
        ("a.json", b"[" * 6_000_000, "larger than"),
        ("a.jsonl", b"\n \n", "empty"),
        ("a.csv", b"", "first line"),
        ("a.csv", b"text,duration\nx,5\n", "including `prompt` or `model`"),
        ("a.csv", b"prompt,prompt\nx,y\n", "twice"),
        ("a.csv", b"prompt\n\n", "no rows"),
        ("a.csv", b'prompt\n"never closed', "not a valid CSV"),
    ],
    ids=[
        "picture",
        "no suffix",
        "blank text",
        "text of no UTF-8",
        "CSV of no UTF-8",
        "half an object",
        "empty list",
        "too large",
        "blank lines",
        "empty CSV",
        "other columns",
        "column twice",
        "no rows",
        "open quote",
    ],
)
def test_a_file_that_cannot_be_read_says_why(name: str, data: bytes, reason: str) -> None:
    with pytest.raises(InvalidFile, match=reason):
        rows(name, data)


@given(st.sampled_from([".txt", ".json", ".jsonl", ".csv"]), st.binary())
def test_any_bytes_are_rows_or_rejected(suffix: str, data: bytes) -> None:
    try:
        assert all((row.request is None) is (row.problem is not None) for row in rows("a" + suffix, data))
    except InvalidFile as refused:
        assert str(refused)


class Endless(io.RawIOBase):
    """A stream that repeats a line up to a number of bytes."""

    def __init__(self, line: bytes, size: int) -> None:
        self._line, self._left = line, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self._left, len(self._line))
        buffer[:count] = self._line[:count]
        self._left -= count
        return count


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
@pytest.mark.exhaustive
def test_a_large_file_is_never_in_memory(suffix: str) -> None:
    line = b'{"prompt": "' + b"x" * 100_000 + b'"}\n' if suffix == ".jsonl" else b"prompt\n" + b"x" * 100_000 + b"\n"
    stream = io.BufferedReader(Endless(line, len(line) * 500), buffer_size=len(line))
    tracemalloc.start()
    count = sum(1 for _ in read("a" + suffix, stream, MODELS, "veo2"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count >= 500
    assert peak < 5 << 20


def test_a_prompt_in_a_table_has_the_usual_maximum_length() -> None:
    prompt = "x" * (150 << 10)
    (row,) = read("a.csv", io.BytesIO(f"prompt\n{prompt}\n".encode()), MODELS, "veo2")
    assert (row.request or {}).get("prompt") == prompt


def test_the_errors_of_a_row_are_summarised_briefly() -> None:
    many = {f"field{n}{'y' * 200}": n for n in range(800)}
    (row,) = read("a.jsonl", io.BytesIO(json.dumps({"prompt": 1, **many}).encode()), MODELS, "veo2")
    assert row.problem is not None
    assert "`prompt` must be of type string" in row.problem
    assert len(row.problem) < 5000


@pytest.mark.parametrize("depth", [40, 2000, 100_000])
def test_an_endlessly_nested_row_is_rejected(depth: int) -> None:
    deep = '{"prompt": "x", "a": ' + "[" * depth + "]" * depth + "}"
    (row,) = read("a.jsonl", io.BytesIO(deep.encode()), MODELS, "veo2")
    assert row.request is None


@pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_table_of_any_spreadsheet_is_read(delimiter: str, encoding: str) -> None:
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    lines = [["Prompt ", "ASPECT RATIO", "Duration", ""], ["grün, süß; ja", "16:9", "5", ""], ["ein\nBoot", "", "", ""]]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(lines)
    for name in ("a.csv", "a.tsv"):
        assert requests(name, (mark + text.getvalue()).encode(encoding)) == [
            {"model": "veo2", "prompt": "grün, süß; ja", "aspect_ratio": "16:9", "duration": 5},
            {"model": "veo2", "prompt": "ein\nBoot"},
        ]


def test_the_first_line_can_set_the_delimiter_as_in_excel() -> None:
    found = rows("a.csv", "sep=|\r\nprompt|seed\r\na, b|x\r\n")
    assert (found[0].line, found[0].found) == (3, {"model": "veo2", "prompt": "a, b", "seed": "x"})


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le"])
@pytest.mark.parametrize(
    ("name", "text"),
    [("a.csv", "prompt\nein süßes Boot\n"), ("a.txt", "grün"), ("a.json", '["ü"]')],
    ids=["CSV", "text", "JSON"],
)
def test_other_encodings_than_utf8_are_rejected_with_advice(encoding: str, name: str, text: str) -> None:
    with pytest.raises(InvalidFile, match="in Excel choose CSV UTF-8"):
        requests(name, text.encode(encoding))


def test_utf16_is_read_with_a_byte_order_mark_and_rejected_in_lines() -> None:
    assert requests("a.txt", "ein süßes Boot".encode("utf-16")) == [{"model": "veo2", "prompt": "ein süßes Boot"}]
    assert requests("a.json", '{"prompt": "ü"}'.encode("utf-16")) == [{"model": "veo2", "prompt": "ü"}]
    with pytest.raises(InvalidFile, match="in Excel choose CSV UTF-8"):
        rows("a.jsonl", '{"prompt": "ü"}\n'.encode("utf-16"))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("16:9", "16:9"),
        ("16:09", "16:9"),
        ("16:09:00", "16:9"),
        ("04:09:00 PM", "16:9"),
        ("9:16 am", "9:16"),
        ("09:16:00", "9:16"),
    ],
)
def test_a_ratio_that_a_spreadsheet_saved_as_a_time_is_read(cell: str, expected: str) -> None:
    table = f"prompt;model;aspect_ratio\na boat;google/veo-3.1-t2v-fast;{cell}\n"
    assert [request and request["aspect_ratio"] for request in requests("a.csv", table)] == [expected]


def test_other_times_are_not_changed() -> None:
    table = "prompt,model,aspect_ratio\n16:09,google/veo-3.1-t2v-fast,\na,google/veo-3.1-t2v-fast,17:09\n"
    prompt, other = rows("a.csv", table)
    assert prompt.request == {"model": "google/veo-3.1-t2v-fast", "prompt": "16:09"}
    assert 'not "17:09"' in str(other.problem)


def test_user_columns_are_ignored_or_kept_but_not_sent() -> None:
    found = rows("a.csv", "prompt,_note,Name,TAGS,_\na,mine,A  boat,red; small ; red,x\nb,,,,\n")
    assert [row.request for row in found] == [{"model": "veo2", "prompt": "a"}, {"model": "veo2", "prompt": "b"}]
    assert [(row.label.name, row.label.tags) for row in found] == [("A boat", ("red", "small")), (None, ())]
    (line,) = rows("a.jsonl", json.dumps({"prompt": "a", "_x": 1, "name": "n", "tags": ["t", "t"]}))
    assert (line.request, line.label.name, line.label.tags) == ({"model": "veo2", "prompt": "a"}, "n", ("t",))


@pytest.mark.parametrize(
    "fields",
    [
        {"name": 1},
        {"name": "x" * 201},
        {"tags": 1},
        {"tags": [1]},
        {"tags": "x" * 51},
        {"tags": [str(n) for n in range(21)]},
    ],
    ids=["number as name", "long name", "number as tags", "number as tag", "long tag", "21 tags"],
)
def test_an_invalid_name_or_tag_is_a_problem_of_the_row(fields: dict[str, Any]) -> None:
    (row,) = rows("a.jsonl", json.dumps({"prompt": "a", **fields}))
    assert (row.request, f"`{next(iter(fields))}` must be" in str(row.problem)) == (None, True)


def test_an_unknown_column_is_reported_once() -> None:
    with pytest.raises(InvalidFile) as refused:
        rows("a.csv", "prompt,druation,Foo,_bar\n" + "a,5,1,1\n" * 50)
    assert str(refused.value).startswith("No model has `druation` (did you mean `duration`?), `Foo`: correct")
    passed_through = offered((), ("other/model",))
    (row,) = read("a.csv", io.BytesIO(b"prompt,Foo,model\na,1,other/model\n"), passed_through, "veo2")
    assert row.request == {"prompt": "a", "Foo": 1, "model": "other/model"}


def test_unknown_columns_and_fields_are_passed_on_within_limits_if_the_file_is_not_strict() -> None:
    free = Rules(strict=False)
    table = b"prompt,Foo,n,response_format,_note\na,1,,url,x\nb,,2,,\nc,text,1,,\nd,,,,\n"
    found = list(read("a.csv", io.BytesIO(table), MODELS, "veo2", free))
    assert [row.request for row in found] == [
        {"prompt": "a", "Foo": 1, "response_format": "url", "model": "veo2"},
        None,
        {"prompt": "c", "Foo": "text", "n": 1, "model": "veo2"},
        {"prompt": "d", "model": "veo2"},
    ]
    assert [row.unchecked for row in found] == [("Foo", "response_format"), (), ("Foo", "n"), ()]
    assert "`n` must be 1" in str(found[1].problem)
    lines = b'{"prompt": "a", "extra": {"x": 1}}\n{"prompt": "b", "druation": 5}\n'
    first, second = read("a.jsonl", io.BytesIO(lines), MODELS, "veo2", free)
    assert (first.unchecked, first.problem) == (("extra",), None)
    assert "Did you mean `duration`?" in str(second.problem)


def test_a_column_of_another_model_is_a_problem_of_the_rows_that_fill_it() -> None:
    found = rows("a.csv", "prompt,generate_audio\na,true\nb,\n")
    assert [row.problem is None for row in found] == [False, True]


def test_an_extra_cell_is_reported_with_advice_on_quoting() -> None:
    found = rows("a.csv", "prompt;seed;;\na; b;1;\nc;2;;\n")
    assert [row.problem for row in found] == [None, None] or "quote cells that contain semicolons" in str(
        found[0].problem
    )
    (row,) = rows("a.csv", "prompt;seed\na;1;c\n")
    assert row.problem == "The row has 3 cells, and the header 2: quote cells that contain semicolons."


def test_the_number_of_rows_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.batches.prompt_file.MAX_ROWS", 3)
    assert len(rows("a.csv", "prompt\na\nb\nc\n")) == 3
    with pytest.raises(InvalidFile, match="more than 3 rows"):
        rows("a.csv", "prompt\na\nb\nc\nd\n")
