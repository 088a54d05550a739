"""Test `batch rows` and its files: fixed rows return to their batch, and nothing else of it changes."""

import csv
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.batches import prompt_file
from core.batches.staging import identified
from core.models import offered
from promptreel import Client
from promptreel._rows import Merged, Revision, merge, read, revision_of
from promptreel.errors import PromptreelError
from tests.support.api_answers import KEY
from tests.support.wire import Answer, Wire, http, serving

Run = Callable[..., tuple[int, str, str]]
BATCH = "b" * 32
REVISION = Revision(BATCH, 2)
MODELS = offered()
WEEK = 'prompt,seed,tags\na boat,1,x\n"=a, kite",2,\n\n"a ""red""\ncar",3,\n'


def sent(name: str, text: str) -> list[tuple[str, Any, int]]:
    """Return the identity of each row as the API reads the file, with its request and number."""
    rows = prompt_file.read(name, io.BytesIO(text.encode()), MODELS, "veo2")
    return [(identity.id_in(BATCH) if identity else "", row.found, row.number) for identity, row in identified(rows)]


def part_of(name: str, text: str, *numbers: int, suffix: str | None = None) -> str:
    suffix = suffix or Path(name).suffix
    return read(name, text.encode()).marked(dict.fromkeys(numbers, "No luck."), REVISION, suffix)


def merged(name: str, whole: str, part: str) -> Merged:
    return merge(read(name, whole.encode()), read(f"failed{Path(name).suffix}", part.encode()), "failed.csv")


def test_a_file_of_rows_has_the_columns_of_the_batch_and_says_where_each_row_belongs() -> None:
    lines = list(csv.DictReader(io.StringIO(part_of("week.csv", WEEK, 2, 3), newline="")))
    assert lines == [
        {"_row": "2", "_error": "No luck.", "_batch": str(REVISION), "prompt": "'=a, kite", "seed": "2", "tags": ""},
        {"_row": "3", "_error": "No luck.", "_batch": str(REVISION), "prompt": 'a "red"\ncar', "seed": "3", "tags": ""},
    ]


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_only_the_fixed_row_is_another_row(suffix: str) -> None:
    part = part_of("week.csv", WEEK, 1, 2, 3, suffix=suffix).replace("=a, kite", "=a, better kite")
    found = merge(read("week.csv", WEEK.encode()), read(f"failed{suffix}", part.encode()), "failed")
    before, after = sent("week.csv", WEEK), sent("week.csv", found.text)
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]
    assert after[1][1]["prompt"] == "=a, better kite"
    assert (found.changed, found.added, found.moved) == ((2,), 0, ())


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=6)


@given(st.lists(st.tuples(st.sampled_from(["=1", "'=1", "''@x", "-5", "\t+", "#x"]) | CELL, CELL), min_size=1))
def test_rows_that_were_not_changed_come_back_as_the_same_rows(cells: list[tuple[str, str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([("prompt", "negative_prompt"), *cells])
    text = out.getvalue()
    count = len(read("a.csv", text.encode()).rows)
    part = part_of("a.csv", text, *range(1, count + 1))
    found = merged("a.csv", text, part)
    assert (found.changed, found.added, found.moved) == ((), 0, ())
    if count:
        assert sent("a.csv", found.text) == sent("a.csv", text)
        contents = [row.content for row in read("a.csv", text.encode()).rows]
        assert [row.content for row in read("failed.csv", part.encode()).rows] == contents


def test_numbers_of_rows_are_those_of_the_api() -> None:
    text = '# a comment\n"# another; one"\nsep=;\nPrompt;Seed\n\na boat;1\n;;\n"a\nkite";2\n'
    mine = read("a.csv", text.encode()).rows
    theirs = list(prompt_file.read("a.csv", io.BytesIO(text.encode()), MODELS, "veo2"))
    assert [(row.content["prompt"], row.line) for row in mine] == [("a boat", 6), ("a\nkite", 8)]
    assert [(row.found or {})["prompt"] for row in theirs] == ["a boat", "a\nkite"]
    assert [row.line for row in theirs] == [row.line for row in mine]
    found = merged("a.csv", text, part_of("a.csv", text, 2).replace("kite", "dog"))
    assert found.text.startswith("# a comment\n"), "the comments of the batch's file stay"
    assert [one[1]["prompt"] for one in sent("a.csv", found.text)] == ["a boat", "a\ndog"]


def test_rows_of_json_keep_their_types_and_a_line_that_is_not_json_can_be_fixed() -> None:
    text = '{"prompt": "a", "seed": 1, "duration": 5}\n\n{"prompt": \n{"prompt": "c", "_note": "mine"}\n'
    part = part_of("a.jsonl", text, 1, 2, 3)
    lines = list(map(json.loads, part.splitlines()))
    assert lines[1] == {"_row": 2, "_error": "No luck.", "_batch": str(REVISION), "_line": '{"prompt":'}
    assert merged("a.jsonl", text, part).changed == ()
    lines[1] |= {"prompt": "b"}
    found = merged("a.jsonl", text, "\n".join(map(json.dumps, lines)))
    assert found.changed == (2,)
    assert found.text.splitlines() == [text.splitlines()[0], '{"prompt": "b"}', text.splitlines()[3]]
    whole = json.dumps([{"prompt": "a", "seed": True}, {"prompt": "b"}])
    lines = json.loads(part_of("a.json", whole, 1))
    lines[0]["seed"] = 1
    assert json.loads(merged("a.json", whole, json.dumps(lines)).text) == [{"prompt": "a", "seed": 1}, {"prompt": "b"}]


def test_rows_can_be_added_left_out_and_given_new_columns() -> None:
    part = 'prompt,Seed,_row,duration,_batch\na car,3,3,5,\n"a dog",9,,,\n,,,,x\n'
    found = merged("week.csv", WEEK, part)
    rows = [one[1] for one in sent("week.csv", found.text)]
    assert rows[2:] == [
        {"model": "veo2", "prompt": "a car", "seed": 3, "duration": 5},
        {"model": "veo2", "prompt": "a dog", "seed": 9},
    ]
    assert rows[:2] == [one[1] for one in sent("week.csv", WEEK)][:2]
    assert (found.changed, found.added, dict(found.lines)) == ((3,), 1, {3: 2, 4: 3})


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        pytest.param("_row,prompt\n4,x\n", "failed.csv:2: the batch has no row '4'", id="beyond"),
        pytest.param("_row,prompt\n-1,x\n", "has no row", id="no number"),
        pytest.param("_row,prompt\n1,x\n1,y\n", "failed.csv:3: row 1 is in the file twice", id="twice"),
        pytest.param("_row,prompt\n1,\n", "row 1 is empty", id="empty"),
    ],
)
def test_a_row_that_has_no_clear_place_is_rejected(part: str, reason: str) -> None:
    with pytest.raises(PromptreelError, match=reason):
        merged("week.csv", WEEK, part)


def test_equal_rows_that_follow_stay_the_rows_that_they_are() -> None:
    """Without the old row, each equal row after it would be the one before it, and the last one would be new."""
    text = "prompt\n" + "a boat\n" * 4
    found = merged("a.csv", text, part_of("a.csv", text, 2).replace("a boat", "a kite"))
    assert (found.changed, found.moved) == ((), (2,))
    assert sent("a.csv", found.text)[:4] == sent("a.csv", text)
    assert sent("a.csv", found.text)[4][1]["prompt"] == "a kite"
    mixed = "prompt\na kite\na boat\n"
    found = merged("a.csv", mixed, part_of("a.csv", mixed, 1).replace("a kite", "a boat"))
    assert sent("a.csv", found.text)[:2] == sent("a.csv", mixed), "it does not take the video of the later one"
    last = merged("a.csv", text, part_of("a.csv", text, 4).replace("a boat", "a kite"))
    assert (last.changed, sent("a.csv", last.text)[:3]) == ((4,), sent("a.csv", text)[:3])


@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=7),
    st.dictionaries(st.integers(1, 7), st.sampled_from("abcde"), min_size=1, max_size=3),
)
def test_whatever_is_fixed_no_other_row_starts_again_or_loses_its_video(
    before: list[str], fixes: dict[int, str]
) -> None:
    """The rows that the batch does not have yet are as many as the fixes, and rows that were not fixed stay."""
    fixes = {number: prompt for number, prompt in fixes.items() if number <= len(before)}
    text = "prompt\n" + "".join(f"{prompt}\n" for prompt in before)
    part = "prompt,_row,_batch\n" + "".join(f"{fixed},{number},{REVISION}\n" for number, fixed in fixes.items())
    found = merged("a.csv", text, part)
    old, new = sent("a.csv", text), sent("a.csv", found.text)
    changed = {number for number, prompt in fixes.items() if before[number - 1] != prompt}
    assert {one[0] for number, one in enumerate(old, start=1) if number not in changed} <= {one[0] for one in new}
    assert len({one[0] for one in new} - {one[0] for one in old}) <= len(changed)
    untouched = [number - 1 for number in range(1, len(before) + 1) if number not in fixes]
    assert [new[index][0] for index in untouched] == [old[index][0] for index in untouched]


def test_a_row_with_too_many_cells_is_shown_with_all_of_them() -> None:
    text = "prompt,seed\na boat, at sea,1\n"
    part = part_of("a.csv", text, 1)
    assert list(csv.reader(io.StringIO(part)))[1][3:] == ["a boat", " at sea", "1"]
    assert merged("a.csv", text, part).changed == ()
    fixed = f'_row,_error,_batch,prompt,seed\n1,x,{REVISION},"a boat, at sea",1\n'
    assert sent("a.csv", merged("a.csv", text, fixed).text)[0][1]["prompt"] == "a boat, at sea"


def test_only_files_with_rows_of_one_batch_are_put_into_a_batch(home: Path) -> None:
    def of(text: str, name: str = "a.csv") -> Revision | None:
        (home / name).write_text(text)
        return revision_of(home / name)

    assert of(part_of("week.csv", WEEK, 1)) == REVISION
    assert of("prompt,_batch\na,mine\nb,yours\n") is None, "a column of the user's own"
    assert of("_batch") is None
    assert of('{"prompt": "a", "_batch": 7}', "a.jsonl") is None
    with pytest.raises(PromptreelError, match="several batches"):
        of(f"prompt,_batch\na,{REVISION}\nb,{BATCH}/3\n")


# --- with the API


class Api:
    """The answers of an API whose batch `week.csv` has failed rows."""

    def __init__(self, content: bytes = WEEK.encode(), **fields: Any) -> None:
        self.content = content
        self.fields = {"can_resend": True, "encoding": None, "revision": 2, **fields}

    def batch(self, **fields: Any) -> bytes:
        counts = {"not_started": 0, "queued": 0, "generating": 0, "completed": 1, "error": 2}
        facts = {"id": BATCH, "name": "week.csv", "status": "completed", "revision": 2, "rows": 3, "counts": counts}
        return http(200, {**facts, "error": None, "sha256": "x", "made_before": 0, **fields})

    def report(self) -> bytes:
        row = {"row": 1, "generation_id": BATCH, "status": "completed", "prompt": "a boat", "tags": []}
        bad = {**row, "generation_id": None, "status": "error", "error": "InvalidRequest: `seed` must be less."}
        return http(200, {"data": [row, {**bad, "row": 2}, {**bad, "row": 3}], "next_cursor": None})

    def file(self, url: str) -> bytes:
        sha256 = hashlib.sha256(WEEK.encode()).hexdigest()
        return http(200, {"name": "week.csv", "sha256": sha256, "size": len(self.content), "url": url, **self.fields})

    def check(self, **fields: Any) -> bytes:
        found = {"id": BATCH, "name": "week.csv", "rows": 3, "problem_rows": 0, "problems": [], "made_before": 1}
        return http(200, {**found, "failed_before": 1, "made_elsewhere": None, **fields})


@pytest.fixture
def ask(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str, Wire]]:
    def call(*arguments: str, api: Api, answers: Callable[[str], list[Answer]]) -> tuple[int, str, str, Wire]:
        with serving(http(200, api.content)) as files, serving(*answers(files.url)) as wire:
            monkeypatch.setenv("PROMPTREEL_URL", wire.url)
            monkeypatch.setenv("PROMPTREEL_API_KEY", KEY)
            return (*run(*arguments), wire)

    return call


def saving(api: Api) -> Callable[[str], list[Answer]]:
    return lambda url: [api.batch(), api.report(), api.file(url)]


@pytest.mark.parametrize("width", [40, 80])
def test_failed_rows_are_saved_fixed_and_sent_back(
    ask: Any, home: Path, terminal: Callable[[int], None], width: int
) -> None:
    terminal(width)
    api = Api()
    code, out, err, _ = ask("batch", "rows", "week.csv", "--failed", "-o", "failed.csv", api=api, answers=saving(api))
    assert (code, out) == (0, "failed.csv\n")
    assert err == "2 failed rows. Fix them, then send only this file: promptreel batch failed.csv\n"
    text = (home / "failed.csv").read_bytes().decode("utf-8-sig")
    assert "2,InvalidRequest: `seed` must be less.," in text
    assert ask("batch", "rows", "week.csv", "-o", "failed.csv", api=api, answers=saving(api))[0] == 1
    (home / "failed.csv").write_text(text.replace("=a, kite", "=a, better kite"))

    def sending(url: str) -> list[Answer]:
        return [api.batch(), api.file(url), api.check(), api.batch(status="running")]

    code, out, err, wire = ask("batch", "failed.csv", api=api, answers=sending)
    assert (code, out) == (0, f"{BATCH}\n"), err
    assert err.startswith("Batch week.csv: 1 changed row (2). Its other rows stay.\nRequested earlier, not paid for")
    query = [parse_qs(urlsplit(request.split(b" ")[1].decode()).query) for request in wire.requests[2:]]
    assert [(one["name"], one["existing"]) for one in query] == [(["week.csv"], ["replace"])] * 2
    body = wire.requests[3].partition(b"\r\n\r\n")[2].decode()
    assert sent("week.csv", body)[0::2] == sent("week.csv", WEEK)[0::2]
    assert sent("week.csv", body)[1][1]["prompt"] == "=a, better kite"


def test_a_problem_is_shown_at_its_line_of_the_file_that_was_sent(ask: Any, home: Path) -> None:
    api = Api()
    (home / "failed.csv").write_text(part_of("week.csv", WEEK, 3).replace("car", "bus"))
    problems = [{"row": 3, "line": 6, "message": "no."}, {"row": 2, "line": 3, "message": "no."}]
    bad = api.check(problem_rows=2, problems=problems)
    code, _, err, _ = ask(
        "batch", "failed.csv", "--dry-run", api=api, answers=lambda url: [api.batch(), api.file(url), bad]
    )
    assert code == 1
    assert "failed.csv:2: row 3: no.\nbatch week.csv: row 2: no.\n" in err


def test_with_a_name_the_rows_are_a_batch_of_their_own(ask: Any, home: Path) -> None:
    api = Api()
    (home / "failed.csv").write_text(part_of("week.csv", WEEK, 2))
    answers = [api.check(id="c" * 32, name="new.csv", made_before=0), api.batch(id="c" * 32, name="new.csv")]
    code, _, _, wire = ask("batch", "failed.csv", "--name", "new.csv", api=api, answers=lambda _: answers)
    assert (code, len(wire.requests)) == (0, 2)
    body = wire.requests[1].partition(b"\r\n\r\n")[2].decode()
    assert [one[1] for one in sent("new.csv", body)] == [{"model": "veo2", "prompt": "=a, kite", "seed": 2}]


@pytest.mark.parametrize(
    ("api", "change", "revision", "reason"),
    [
        pytest.param(Api(), "", 2, "No row of failed.csv was changed", id="unchanged"),
        pytest.param(Api(), "!", 3, "has changed since failed.csv was written", id="another revision"),
        pytest.param(Api(revision=3), "!", 2, "was replaced", id="another revision meanwhile"),
        pytest.param(Api(b"prompt\nx\n"), "!", 2, "was replaced", id="another content"),
        pytest.param(Api(can_resend=False), "!", 2, "was started from S3", id="from S3"),
    ],
)
def test_rows_that_cannot_return_to_their_batch_start_nothing(
    ask: Any, api: Api, change: str, revision: int, reason: str
) -> None:
    Path("failed.csv").write_text(part_of("week.csv", WEEK, 2).replace("kite", f"kite{change}"))
    code, _, err, wire = ask(
        "batch", "failed.csv", api=api, answers=lambda url: [api.batch(revision=revision), api.file(url), api.check()]
    )
    assert (code, reason in err) == (1, True), err
    assert not any(request.startswith(b"POST") for request in wire.requests)


def test_rows_go_to_stdout_or_to_a_file_of_their_format(ask: Any, home: Path) -> None:
    api = Api()
    code, out, err, _ = ask("batch", "rows", "week.csv", api=api, answers=saving(api))
    assert (code, err) == (0, "")
    errors = [line["_error"] for line in csv.DictReader(io.StringIO(out, newline=""))]
    assert errors == ["", *["InvalidRequest: `seed` must be less."] * 2]
    code, _, err, _ = ask("batch", "rows", "week.csv", "-o", "failed.jsonl", api=api, answers=saving(api))
    assert (code, "need a file that ends in .csv or .tsv" in err) == (1, True)
    assert not (home / "failed.jsonl").exists()
    api = Api(can_resend=False)
    code, _, err, _ = ask("batch", "rows", "week.csv", "-o", "a.csv", api=api, answers=saving(api))
    assert (code, "started from S3" in err) == (0, True)


def test_the_client_sends_fixed_rows_into_their_batch(home: Path) -> None:
    api = Api()
    with serving(http(200, api.content)) as files:
        with serving(api.batch(), api.report(), api.file(files.url)) as wire, Client(wire.url, KEY) as client:
            assert client.save_rows("week.csv", home / "failed.csv", failed=True) == 2
        text = (home / "failed.csv").read_text("utf-8-sig")
        (home / "failed.csv").write_text(text.replace("car", "bus"))
        with serving(api.batch(), api.file(files.url), api.batch()) as wire, Client(wire.url, KEY) as client:
            assert client.create_batch(home / "failed.csv").name == "week.csv"
    assert b"POST /v2/batches?name=week.csv&existing=replace " in wire.requests[-1]
    assert b"a boat" in wire.requests[-1]
