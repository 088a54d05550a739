"""Test that a results folder belongs to one batch, has each row's latest video, and never loses other files."""

import codecs
import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptreel import _sidecar
from promptreel.batch import ReportRow
from promptreel.errors import PromptreelError
from promptreel.generation import Generation
from promptreel.results import MARK, RESERVED, Results, checked_template, slug, video_name
from tests.support.api_answers import error, generation
from tests.support.wire import http, serving

A, B = "a" * 32, "b" * 32


def row(number: int = 1, generation_id: str = A, **fields: Any) -> ReportRow:
    raw = {"row": number, "generation_id": generation_id, "status": "completed", "prompt": "a boat, at sea", **fields}
    return ReportRow.from_json(raw)


def save(results: Results, one: ReportRow, data: bytes = b"video") -> Path:
    path, _ = results.video_path(one)
    path.write_bytes(data)
    shown = generation("completed", id=one.generation_id)
    shown["meta"]["batch"] = {"id": results.batch_id, "row": one.row}
    results.saved(path, Generation.from_json(shown))
    return path


@pytest.mark.parametrize(
    ("fields", "template", "expected"),
    [
        ({}, "{row}-{name}-{id}", "00001-a-boat-at-sea-aaaaaaaa.mp4"),
        ({"name": "Ich & Du"}, "{row}-{name}-{id}", "00001-Ich-Du-aaaaaaaa.mp4"),
        ({"name": "../../etc/passwd"}, "{name}-{row}.mp4", "etc-passwd-00001.mp4"),
        ({"name": "CON"}, "{name}.{row}", "_CON.00001.mp4"),
        ({"prompt": "…"}, "{name}{id}", "videoaaaaaaaa.mp4"),
        ({"prompt": None}, "take {row}", "take 00001.mp4"),
        ({"s3_uri": f"s3://videos/videos/{A}/video.webm"}, "{row}-{id}.mp4", "00001-aaaaaaaa.webm"),
    ],
)
def test_a_video_is_named_after_its_row_its_name_or_first_words_and_its_id(
    fields: dict[str, Any], template: str, expected: str
) -> None:
    assert video_name(row(**fields), checked_template(template)) == expected


@given(st.text(), st.text(), st.sampled_from(["{row}-{name}-{id}", "{name}.{row}", "{name} {id}"]))
def test_any_name_becomes_a_file_in_the_folder_on_any_system(name: str, prompt: str, template: str) -> None:
    made = video_name(row(name=name, prompt=prompt), template)
    assert PurePosixPath(made).name == made == PureWindowsPath(made).name
    assert len(made.encode("utf-8", "ignore")) < 200
    assert not set(made) & set('<>:"|?*\0\n')
    assert made.partition(".")[0].upper() not in RESERVED
    assert not made.startswith(".")
    assert slug(name) == slug(slug(name))


@pytest.mark.parametrize(
    "template",
    [
        "{name}",
        "../{row}",
        "a/{row}",
        "a\\{row}",
        "{row.__class__}",
        "{x}{row}",
        ".{row}",
        "{row",
        pytest.param("{row}\n", id="line break"),
    ],
)
def test_a_template_that_leaves_the_folder_is_rejected(template: str) -> None:
    with pytest.raises(PromptreelError):
        checked_template(template)


def test_a_folder_belongs_to_one_batch(tmp_path: Path) -> None:
    results = Results.open(tmp_path / "out", A)
    save(results, row())
    assert Results.open(tmp_path / "out", A).videos == {A: "00001-a-boat-at-sea-aaaaaaaa.mp4"}
    with pytest.raises(PromptreelError, match=f"contains the results of batch {A}"):
        Results.open(tmp_path / "out", B)


def test_an_unwritable_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PromptreelError, match="is a file"):
        Results.open(tmp_path / "file", A)
    with pytest.raises(PromptreelError, match="is not writable"):
        Results.open(tmp_path / "file" / "out", A)


@pytest.mark.parametrize("mark", ["{", "[]", '{"batch": "x"}', '{"batch": 1}'])
def test_an_unreadable_marker_does_not_allow_mixing_batches(tmp_path: Path, mark: str) -> None:
    (tmp_path / MARK).write_text(mark)
    with pytest.raises(PromptreelError, match="choose another folder"):
        Results.open(tmp_path, A)


def test_videos_of_other_batches_and_other_files_stay_where_they_are(tmp_path: Path) -> None:
    save(Results.open(tmp_path / "b", B), row(1, B))
    mine = tmp_path / "b" / "mine.json"
    mine.write_text("[1]")
    (tmp_path / "b" / MARK).unlink()
    results = Results.open(tmp_path / "b", A)
    assert (results.videos, results.put_earlier_aside([])) == ({}, [])
    assert mine.exists()


def test_an_older_video_is_moved_aside_and_kept(tmp_path: Path) -> None:
    results = Results.open(tmp_path, A)
    old = save(results, row(1, A), b"old")
    (moved,) = Results.open(tmp_path, A).put_earlier_aside([row(1, B)])
    assert (moved, moved.read_bytes(), old.exists()) == (tmp_path / "earlier" / old.name, b"old", False)
    results = Results.open(tmp_path, A)
    save(results, row(1, A), b"again")
    (second,) = results.put_earlier_aside([])
    assert (second.read_bytes(), moved.read_bytes()) == (b"again", b"old")
    sidecars = [json.loads(path.with_name(f"{path.name}.json").read_text()) for path in (moved, second)]
    assert [one["size"] for one in sidecars] == [3, 5], "each sidecar is next to its video"


def test_a_video_whose_row_has_moved_is_renamed_and_not_fetched_again(tmp_path: Path) -> None:
    results = Results.open(tmp_path, A)
    save(results, row(1))
    path, is_there = results.video_path(row(7))
    assert (path.name, is_there, path.read_bytes()) == ("00007-a-boat-at-sea-aaaaaaaa.mp4", True, b"video")
    path.unlink()
    assert results.video_path(row(7))[1] is False


def test_no_report_is_overwritten(tmp_path: Path) -> None:
    results = Results.open(tmp_path, A)
    (tmp_path / "report.csv").write_text("mine")
    first = results.write_report([row()])
    assert (first.name, (tmp_path / "report.csv").read_text()) == ("report-2.csv", "mine")
    assert results.write_report([row()]) == first, "the same report again is not a different one"
    assert results.write_report([row(error="x", status="error")]).name == "report-3.csv"


def test_a_report_shows_formulas_as_text(tmp_path: Path) -> None:
    path = Results.open(tmp_path, A).write_report([row(prompt="=HYPERLINK(1)", name="@x", tags=["a", "b"])])
    assert path.read_bytes().startswith(codecs.BOM_UTF8), "Excel reads only such a file as UTF-8"
    (line,) = csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline=""))
    assert (line["prompt"], line["name"], line["tags"]) == ("'=HYPERLINK(1)", "'@x", "a, b")


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [str(value) for name, value in attrs if name in ("src", "href")]


def test_the_page_plays_the_videos_next_to_it_and_runs_no_scripts(tmp_path: Path) -> None:
    results = Results.open(tmp_path, A)
    hostile = row(1, name='"><script>alert(1)</script>', prompt="<img src=x onerror=alert(1)>", tags=["<b>"])
    path = save(results, hostile)
    text = results.write_page("<script>", [hostile, row(2, B, status="error", error="<i>no")]).read_text("utf-8")
    page = Page(text)
    assert page.sources == [path.name]
    assert not {"script", "img", "iframe", "link"} & set(page.tags)
    assert "&lt;i&gt;no" in text
    assert not re.search("https?://", text)


@pytest.mark.parametrize("is_there", [True, False])
def test_the_poster_is_saved_with_the_video_and_shown_until_that_plays(tmp_path: Path, is_there: bool) -> None:
    results, one = Results.open(tmp_path, A), row(1, A)
    path, _ = results.video_path(one)
    path.write_bytes(b"video")
    with serving(http(200, b"poster") if is_there else error(404)) as cdn:
        shown = generation("completed", id=A)
        shown["meta"]["batch"] = {"id": A, "row": 1}
        shown["video"] = {"url": cdn.url, "poster_url": f"{cdn.url}/poster"}
        results.saved(path, Generation.from_json(shown))
    assert b"authorization" not in cdn.requests[0].lower()
    poster = tmp_path / f"{path.name}.jpg"
    assert poster.exists() is is_there
    page = results.write_page("x", [one]).read_text("utf-8")
    assert (f'preload="none" poster="{poster.name}"' in page) is is_there
    assert ('preload="metadata"' in page) is not is_there
    moved, is_saved = results.video_path(row(2, A))
    assert (moved.name, is_saved) == ("00002-a-boat-at-sea-aaaaaaaa.mp4", True)
    assert (tmp_path / f"{moved.name}.jpg").exists() is is_there
    assert not poster.exists()


def test_another_file_with_the_name_of_a_poster_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    _sidecar.poster_of(path).write_bytes(b"mine")
    shown = generation("completed", id=A)
    shown["video"] = {"url": "http://127.0.0.1:1/", "poster_url": "http://127.0.0.1:1/"}
    _sidecar.save_poster(path, Generation.from_json(shown))
    assert _sidecar.poster_of(path).read_bytes() == b"mine"


def test_the_page_also_shows_other_containers(tmp_path: Path) -> None:
    results = Results.open(tmp_path, A)
    rows = [row(1, A, s3_uri="s3://v/videos/a/video.webm"), row(2, B, s3_uri="s3://v/videos/b/video.gif")]
    saved = [save(results, one).name for one in rows]
    assert [name.rpartition(".")[2] for name in saved] == ["webm", "gif"]
    page = Page(results.write_page("x", rows).read_text("utf-8"))
    assert page.sources == saved
    assert [tag for tag in page.tags if tag in ("video", "img")] == ["video", "img"]
