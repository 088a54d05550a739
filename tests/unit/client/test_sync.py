"""Test `promptreel sync`: only missing videos are downloaded, each is verified, and a folder loses nothing."""

import errno
import hashlib
import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptreel import Client, _download, _sidecar, _sync
from promptreel.batch import ReportRow
from promptreel.errors import DownloadFailed, GenerationFailed, PromptreelError
from promptreel.generation import Generation, Video
from promptreel.results import Results
from tests.support.api_answers import KEY, generation
from tests.support.wire import Answer, http, serving

Run = Callable[..., tuple[int, str, str]]
A, B, C = "a" * 32, "b" * 32, "c" * 32
BATCH = "d" * 32
CONTENT = {A: b"video of a", B: b"another video", C: b"the third"}


def made(generation_id: str = A, *, name: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return a completed generation as the API shows it."""
    content = CONTENT.get(generation_id, b"video")
    video = {"url": "https://x/?Signature=s3cr3t", "content_type": "video/mp4", "file_size": len(content)}
    shown = generation("completed", id=generation_id, video={**video, "file_name": f"{generation_id}.mp4"}, **fields)
    shown["meta"] |= {"name": name, "tags": ["project=sea"], "video_sha256": hashlib.sha256(content).hexdigest()}
    shown["meta"]["request"] |= {"seed": 7, "duration": 8}
    shown["meta"]["usage"] = {"credits_used": 4_000_000}
    shown["meta"]["webhook"] = {"url": "https://hook/?token=s3cr3t"}
    return shown


class Deployment:
    """Generations and their videos. `attempts` lists the downloads."""

    def __init__(self, *shown: dict[str, Any]) -> None:
        self.shown = {one["id"]: one for one in shown}
        self.attempts: list[str] = []

    @property
    def selected(self) -> list[_sync.Selected]:
        return list(_sync.by_tag(map(Generation.from_json, self.shown.values())))

    def get(self, generation_id: str) -> Generation:
        return Generation.from_json(self.shown[generation_id])

    def save(self, generation_id: str, path: Path, part: Path) -> Generation:
        self.attempts.append(generation_id)
        part.write_bytes(CONTENT.get(generation_id, b"video"))
        part.replace(path)
        return self.get(generation_id)

    def sync(self, folder: Path, selected: list[_sync.Selected] | None = None, *, verify: bool = False) -> _sync.Synced:
        folder.mkdir(exist_ok=True)
        return _sync.Sync(self.save, self.get, folder, verify).run(self.selected if selected is None else selected)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {_sidecar.LOCK}


def test_only_missing_videos_are_saved(home: Path) -> None:
    there = Deployment(made(A), made(B, prompt="a kite"))
    done = there.sync(home)
    assert (len(done.saved), done.already, there.attempts) == (2, 0, [A, B])
    videos = {"a-boat-aaaaaaaa.mp4", "a-kite-bbbbbbbb.mp4"}
    assert names(home) == videos | {f"{name}.json" for name in videos}
    (home / "a-boat-aaaaaaaa.mp4").unlink()
    done = there.sync(home)
    assert (len(done.saved), done.already, there.attempts) == (1, 1, [A, B, A])


def test_a_sidecar_says_what_a_video_is_and_has_no_secrets(home: Path) -> None:
    Deployment(made(A, name="boat")).sync(home)
    text = (home / "boat-aaaaaaaa.mp4.json").read_text()
    found = json.loads(text)
    assert found["sha256"] == hashlib.sha256((home / "boat-aaaaaaaa.mp4").read_bytes()).hexdigest()
    assert {key: found[key] for key in ("id", "model", "prompt", "seed", "usd", "size", "name")} == {
        "id": A,
        "model": "veo2",
        "prompt": "a boat",
        "seed": 7,
        "usd": 2.0,
        "size": len(CONTENT[A]),
        "name": "boat",
    }
    assert (found["parameters"], found["tags"]) == ({"duration": 8}, ["project=sea"])
    assert "s3cr3t" not in text


def test_what_has_no_video_is_counted_or_named_and_is_no_failure(home: Path) -> None:
    expired = {"name": "VideoExpired", "message": "gone."}
    shown = [made(A), {**made(B), "video": None, "error": expired}, generation("generating", id=C)]
    shown.append(generation("error", id=BATCH, error={"name": "GenerationFailed", "message": "no."}))
    there = Deployment(*shown)
    done = there.sync(home)
    assert (len(done.saved), done.expired, done.running, done.failed, done.problems) == (1, [B], 1, 1, [])
    there.shown[A] = {**made(A), "video": None, "error": expired}
    done = there.sync(home)
    assert (done.already, done.expired) == (1, [B]), "a video that was saved before it expired is there"


def test_a_video_that_expires_meanwhile_is_named(home: Path) -> None:
    there = Deployment(made(A))

    def save(*_: object) -> Generation:
        error = {"name": "VideoExpired", "message": "gone."}
        raise GenerationFailed(Generation.from_json({**made(A), "video": None, "status": "error", "error": error}))

    done = _sync.Sync(save, there.get, home, verify=False).run(there.selected)
    assert (done.expired, done.problems) == ([A], [])


def test_one_video_that_fails_does_not_stop_the_others(home: Path) -> None:
    there = Deployment(made(A), made(B))
    save = there.save

    def failing(generation_id: str, path: Path, part: Path) -> Generation:
        if generation_id == A:
            raise DownloadFailed("stopped.")
        return save(generation_id, path, part)

    done = _sync.Sync(failing, there.get, home, verify=False).run(there.selected)
    assert (len(done.saved), done.problems) == (1, [(A, "stopped.")])
    assert len(there.sync(home).saved) == 1


@pytest.mark.parametrize("verify", [False, True])
def test_a_changed_video_is_moved_aside_and_saved_again(home: Path, verify: bool) -> None:
    there = Deployment(made(A))
    (path,) = there.sync(home).saved
    path.write_bytes(CONTENT[A][::-1] if verify else b"cut")
    done = there.sync(home, verify=verify)
    assert (done.saved, path.read_bytes()) == ([path], CONTENT[A])
    (moved,) = done.replaced
    assert (moved.parent.name, moved.name) == ("earlier", path.name)
    assert there.sync(home, verify=True).already == 1


def test_another_file_of_the_same_name_is_never_touched(home: Path) -> None:
    there = Deployment(made(A))
    (home / "a-boat-aaaaaaaa.mp4").write_bytes(b"mine")
    done = there.sync(home)
    assert (len(done.problems), there.attempts, (home / "a-boat-aaaaaaaa.mp4").read_bytes()) == (1, [], b"mine")
    (home / "a-boat-aaaaaaaa.mp4").rename(home / "mine.mp4")
    (home / "a-boat-aaaaaaaa.mp4.json").write_text('{"mine": 1}')
    there.sync(home)
    assert (home / "a-boat-aaaaaaaa.mp4.json").read_text() == '{"mine": 1}'


def test_a_video_whose_sidecar_was_never_written_is_recognised(home: Path) -> None:
    there = Deployment(made(A))
    (path,) = there.sync(home).saved
    _sidecar.of_video(path).unlink()
    assert (there.sync(home).already, there.attempts, _sidecar.of_video(path).exists()) == (1, [A], True)


def test_videos_may_be_renamed_with_their_sidecars(home: Path) -> None:
    there = Deployment(made(A))
    (path,) = there.sync(home).saved
    _sidecar.move(path, home / "best.mp4")
    assert (there.sync(home).already, there.attempts) == (1, [A])


def test_videos_that_are_not_selected_any_more_are_listed_and_stay(home: Path) -> None:
    there = Deployment(made(A), made(B))
    there.sync(home)
    del there.shown[A]
    (home / "notes.json").write_text("{}")
    done = there.sync(home)
    assert ([path.name for path in done.unselected], done.unselected[0].exists()) == (["a-boat-aaaaaaaa.mp4"], True)


def test_ids_with_the_same_beginning_get_different_files(home: Path) -> None:
    there = Deployment(made(A), made("a" * 31 + "b"))
    done = there.sync(home)
    assert len({path.name for path in done.saved}) == 2
    assert there.sync(home).already == 2
    del there.shown[A]
    assert there.sync(home).already == 1


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(made(A, name="../../etc/passwd"), id="name"),
        pytest.param(made(A, prompt="/etc/passwd\0\n.."), id="prompt"),
        pytest.param(made("../../../x"), id="id"),
        pytest.param({**made(A), "video": {**made(A)["video"], "file_name": "x./../../y.\\..\\z"}}, id="suffix"),
    ],
)
def test_hostile_names_never_leave_the_folder(home: Path, shown: dict[str, Any]) -> None:
    there, folder = Deployment(shown), home / "a" / "b"
    folder.mkdir(parents=True)
    done = there.sync(folder)
    assert [path.parent for path in done.saved] == [folder]
    assert {path.name for path in home.iterdir()} == {"a"}
    assert {path.name for path in (home / "a").iterdir()} == {"b"}


@pytest.mark.parametrize("text", ["[1]", "{", '{"id": 1, "size": 1, "sha256": "x"}', '{"id": "x", "batch": 3}', "null"])
def test_files_that_are_no_sidecars_are_ignored(home: Path, text: str) -> None:
    (home / "a-boat-aaaaaaaa.mp4.json").write_text(text)
    done = Deployment(made(A)).sync(home)
    assert (len(done.saved), (home / "a-boat-aaaaaaaa.mp4.json").read_text()) == (1, text)


def test_rows_of_a_batch_are_named_by_their_numbers(home: Path) -> None:
    there = Deployment(made(A))
    row: dict[str, Any] = {
        "row": 7,
        "generation_id": A,
        "status": "completed",
        "prompt": "a boat",
        "s3_uri": "s3://v/video.mp4",
    }
    waiting = {"row": 8, "generation_id": None, "status": "not started"}
    selected = list(_sync.by_batch(map(ReportRow.from_json, [row, waiting])))
    done = there.sync(home, selected)
    assert [path.name for path in done.saved] == ["00007-a-boat-aaaaaaaa.mp4"]


def test_a_folder_of_results_and_a_synced_folder_are_the_same(home: Path) -> None:
    shown = made(A)
    shown["meta"]["batch"] = {"id": BATCH, "row": 7}
    there = Deployment(shown)
    row = ReportRow.from_json({"row": 7, "generation_id": A, "status": "completed", "prompt": "a boat"})
    (path,) = there.sync(home, list(_sync.by_batch([row]))).saved
    assert Results.open(home, BATCH).video_path(row) == (path, True)
    results = Results.open(home, BATCH)
    path.unlink()
    path.write_bytes(CONTENT[A])
    results.saved(path, there.get(A))
    assert there.sync(home, list(_sync.by_batch([row]))).already == 1


def _hold(folder: Path, ready: Any, end: Any) -> None:
    with _sidecar.locked(folder):
        ready.set()
        end.wait(30)


def test_two_syncs_of_a_folder_do_not_run_at_once(home: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(home, ready, end))
    other.start()
    there = Deployment(made(A))
    try:
        assert ready.wait(30)
        with pytest.raises(PromptreelError, match="is running: wait until"):
            there.sync(home)
        assert there.attempts == []
    finally:
        other.kill()
        other.join()
    assert len(there.sync(home).saved) == 1, "the lock of a killed process is free"


# --- downloads that continue


def archived(url: str, content: bytes) -> Video:
    return Video(url, "video/mp4", None, len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def part(home: Path) -> Path:
    return home / "v.mp4.part"


def test_an_interrupted_download_continues_where_it_stopped(
    home: Path, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_download, "CHUNK_BYTES", 2)
    content = b"0123456789"
    rest = http(206, content[4:], "Content-Range: bytes 4-9/10")
    with serving(http(200, content[:4], length=10), rest) as wire:
        video = archived(wire.url, content)
        with pytest.raises(DownloadFailed):
            _download.save(video, home / "v.mp4", overwrite=False, part=part)
        assert (part.read_bytes(), (home / "v.mp4").exists()) == (content[:4], False)
        _download.save(video, home / "v.mp4", overwrite=False, part=part)
    assert ((home / "v.mp4").read_bytes(), wire.header("range"), part.exists()) == (content, ["bytes=4-"], False)


def test_a_server_without_ranges_sends_the_video_again(home: Path, part: Path) -> None:
    part.write_bytes(b"0123")
    with serving(http(200, b"0123456789")) as wire:
        _download.save(archived(wire.url, b"0123456789"), home / "v.mp4", overwrite=False, part=part)
    assert (home / "v.mp4").read_bytes() == b"0123456789"


@pytest.mark.parametrize(
    ("before", "answer"),
    [
        pytest.param(b"9999", http(206, b"456789", "Content-Range: bytes 4-9/10"), id="damaged part"),
        pytest.param(b"9999999999", http(416), id="wrong complete part"),
        pytest.param(b"0123", http(206, b"123456789", "Content-Range: bytes 1-9/10"), id="another range"),
        pytest.param(b"0123", http(206, b"456789"), id="no range"),
        pytest.param(b"0123", http(416), id="range not satisfiable"),
        pytest.param(b"", http(200, b"9876543210"), id="wrong bytes"),
        pytest.param(b"", http(200, b"01234567890"), id="too long"),
    ],
)
def test_wrong_bytes_never_get_the_name_of_the_video(home: Path, part: Path, before: bytes, answer: bytes) -> None:
    part.write_bytes(before)
    with serving(answer, http(200, b"0123456789")) as wire:
        video = archived(wire.url, b"0123456789")
        with pytest.raises(DownloadFailed):
            _download.save(video, home / "v.mp4", overwrite=False, part=part)
        assert not (home / "v.mp4").exists()
        while True:
            try:
                _download.save(archived(wire.url, b"0123456789"), home / "v.mp4", overwrite=False, part=part)
            except DownloadFailed:
                continue
            break
    assert (home / "v.mp4").read_bytes() == b"0123456789"


def test_a_complete_part_needs_no_download(home: Path, part: Path) -> None:
    part.write_bytes(b"0123456789")
    _download.save(archived("http://127.0.0.1:1", b"0123456789"), home / "v.mp4", overwrite=False, part=part)
    assert (home / "v.mp4").read_bytes() == b"0123456789"


# --- the command


@pytest.mark.parametrize("width", [40, 80])
def test_sync_by_tag_prints_new_videos_and_a_summary(ask: Run, terminal: Callable[[int], None], width: int) -> None:
    terminal(width)
    with serving(http(200, CONTENT[A])) as videos:
        shown = {**made(A), "video": {**made(A)["video"], "url": videos.url}}
        answers: list[Answer] = [http(200, {"data": [shown], "next_cursor": None}), http(200, shown)]
        code, out, err = ask("sync", "out", "--tag", "project=sea", answers=answers)
        assert (code, out) == (0, "out/a-boat-aaaaaaaa.mp4\n"), err
        assert err == "1 video saved, 0 already there.\n"
        assert b"tag=project%3Dsea" in ask.sent[0]  # type: ignore[attr-defined]
        code, out, err = ask("sync", "out", "--tag", "project=sea", "--json", answers=answers[:1])
    assert (code, json.loads(out)["already"], len(videos.requests)) == (0, 1, 1)


def test_a_tag_that_nothing_has_is_said(ask: Run) -> None:
    code, _, err = ask("sync", "out", "--tag", "projct=sea", answers=[http(200, {"data": [], "next_cursor": None})])
    assert (code, "check the spelling" in err) == (0, True)


def test_a_full_disk_is_said_without_an_error_number(ask: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("promptreel.client.Client.sync", full)
    code, _, err = ask("sync", "out", "--tag", "project=sea", answers=[])
    advice = "Free some space in out, then run the same command again."
    assert (code, err) == (1, f"No space left on device. {advice}\n")


def test_sync_by_batch_fails_if_a_video_could_not_be_saved(ask: Run, home: Path) -> None:
    batch = http(200, {"id": BATCH, "name": "week.csv", "status": "completed", "rows": 1})
    row = {"row": 1, "generation_id": A, "status": "completed", "prompt": "a boat", "s3_uri": "s3://v/video.mp4"}
    report = http(200, {"data": [row], "next_cursor": None})
    with serving(http(200, b"wrong bytes")) as videos:
        shown = http(200, {**made(A), "video": {**made(A)["video"], "url": videos.url}})
        code, out, err = ask("sync", "out", "--batch", "week.csv", answers=[batch, report, shown])
    assert (code, out) == (1, "")
    assert f"{A}: " in err
    assert "1 video could not be saved." in err
    assert names(home / "out") == set()


def test_sync_needs_one_selection_and_a_folder_of_that_batch(ask: Run, home: Path) -> None:
    assert ask("sync", "out", answers=[])[0] == 2
    assert ask("sync", "out", "--tag", "a", "--batch", "b", answers=[])[0] == 2
    with Client("http://127.0.0.1:1", KEY) as client, pytest.raises(PromptreelError, match="by their batch or by tags"):
        client.sync(home / "out")
    (home / "out").mkdir()
    (home / "out" / ".promptreel.json").write_text(json.dumps({"batch": C}))
    batch = http(200, {"id": BATCH, "name": "week.csv", "status": "completed", "rows": 1})
    code, _, err = ask("sync", "out", "--batch", "week.csv", answers=[batch])
    assert (code, f"contains the results of batch {C}" in err) == (1, True)
