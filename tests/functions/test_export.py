"""Test that an export contains everything of one owner, verified, once, and no secrets."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from core.api.api_keys import issue
from core.generation import ArchivedVideo
from core.owners import own_folder
from promptreel.__main__ import main
from promptreel.errors import PromptreelError
from promptreel.operator import export
from promptreel.operator.deployment import Deployment
from promptreel.operator.export import JOURNAL, MANIFEST, MARK, Bucket, Export, Folder, Outcome, Target, target_of
from tests.support.functions import PATHS, Cloud, Doors, call
from tests.support.generations import generation
from tests.support.owners import Everything, deployed, everything
from wiring import now

HOSTILE = "../../..//etc/CON.txt\n<b>"


@pytest.fixture
def had(doors: Doors) -> Everything:
    everything(doors, "bob", "walrus")
    had = everything(doors, "mila", "heron")
    for name in (HOSTILE, "inputs/é" * 80 + ".png", ".."):
        key = f"{own_folder('mila')}inputs/{name}"
        boto3.client("s3").put_object(Bucket="prompts", Key=key, Body=f"heron {name}".encode())
    return had


@pytest.fixture
def found(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    return deployed(doors.cloud, monkeypatch)


def exported(found: Deployment, target: Target, owner: str = "mila") -> Outcome:
    return Export(found, owner, target, now).run()


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / MANIFEST).read_text("utf-8").splitlines()]


def files(line: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the files that a line of the manifest lists."""
    return [one for one in (line, *line.get("inputs", []), *line.get("files", [])) if one.get("file")]


def test_an_export_contains_everything_of_its_owner_and_nothing_else(
    found: Deployment, had: Everything, tmp_path: Path
) -> None:
    done = exported(found, Folder(tmp_path / "out"))
    assert done.problems == []
    manifest = lines(tmp_path / "out")
    kept = [one for line in manifest for one in files(line)]
    there = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {one["file"] for one in kept} == there - {MANIFEST, JOURNAL}
    assert len(kept) == done.files == len({one["file"] for one in kept})
    for one in kept:
        content = (tmp_path / "out" / one["file"]).read_bytes()
        assert (one["size"], one["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    records = {line["id"]: line for line in manifest if line["kind"] == "generation"}
    assert records.keys() == {had.completed, had.linked, had.failed, had.running, had.waiting, had.row}
    assert [name for name, line in records.items() if line["file"]] == [
        one for one in records if one in (had.completed, had.linked, had.waiting)
    ]
    assert "heron" in records[had.completed]["record"]["request"]["prompt"]
    assert len(records[had.waiting]["inputs"]) == 1
    (batch,) = [line for line in manifest if line["kind"] == "batch"]
    names = sorted(Path(one["file"]).name for one in batch["files"])
    assert names[1:] == ["report.csv", "report.csv", "report.jsonl", "report.jsonl"], "the latest, and of its revision"
    assert names[0].endswith(".txt"), "the ids of its rows"
    assert (len(batch["runs"]), len(batch["rejected"])) == (1, 2)
    keys = [line["key"] for line in manifest if line["kind"] == "file"]
    assert sorted(keys) == sorted(one for one in keys if one.startswith("owners/mila/"))
    assert len(keys) == 4
    (owner,) = [line for line in manifest if line["kind"] == "owner"]
    assert [line["scope"] for line in owner["budgets"]] == ["owner/mila"]
    assert sum(line["completed"] for line in owner["usage"]["model"]) == 4
    assert [line["status"] for line in owner["webhooks"]] == ["delivered"]
    assert "walrus" not in str(manifest)


def test_secrets_are_not_exported(doors: Doors, found: Deployment, tmp_path: Path, had: Everything) -> None:
    secrets = boto3.client("secretsmanager")
    secret = doors.cloud.environment["API_KEYS_SECRET"]
    hashes = [one["sha256"] for one in json.loads(secrets.get_secret_value(SecretId=secret)["SecretString"]).values()]
    exported(found, Folder(tmp_path))
    everything_in_it = "".join(path.read_text("utf-8", "replace") for path in tmp_path.rglob("*") if path.is_file())
    assert had.owner in everything_in_it
    for text in (*hashes, "http://127.0.0.1", "m" * 64):
        assert text not in everything_in_it
    assert issue("mila", now())[0][:3] == "pr_"
    assert "pr_" not in everything_in_it


def test_tags_that_were_changed_since_are_in_the_next_export(
    cloud: Cloud, found: Deployment, had: Everything, tmp_path: Path
) -> None:
    exported(found, Folder(tmp_path))
    query = f"generation_id={had.completed}"
    status, _ = call(cloud.caller("mila"), "PATCH", PATHS[0], body={"add": ["best"], "name": "Heron"}, query=query)
    assert status == 200
    assert exported(found, Folder(tmp_path)).new == 0, "no file has changed"
    (record,) = [line["record"] for line in lines(tmp_path) if line.get("id") == had.completed]
    assert ("best" in record["tags"], record["name"]) == (True, "Heron")


@pytest.mark.usefixtures("had")
def test_a_repeated_export_reads_only_what_is_missing(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    class Counting:
        def __init__(self, client: Any) -> None:
            self._client = client

        def __getattr__(self, name: str) -> Any:
            if name != "get_object":
                return getattr(self._client, name)

            def get(**given: str) -> Any:
                asked.append(given["Key"])
                return self._client.get_object(**given)

            return get

    found = deployed(cloud, monkeypatch, lambda service, **_: Counting(boto3.client(service)))
    first = exported(found, Folder(tmp_path))
    assert len(asked) == first.files == first.new
    asked.clear()
    again = exported(found, Folder(tmp_path))
    assert (asked, again.files, again.new) == ([], first.files, 0)
    videos = sorted(tmp_path.glob("generations/*/video.mp4"))
    videos[0].unlink()
    videos[1].write_bytes(b"damaged")
    assert exported(found, Folder(tmp_path)).new == len(asked) == 2
    assert exported(found, Folder(tmp_path)).new == 0


@pytest.mark.usefixtures("had")
def test_an_export_that_dies_anywhere_goes_on(
    found: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, left = Folder.save, [3]

    def die(folder: Folder, *arguments: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        save(folder, *arguments)

    with monkeypatch.context() as dying:
        dying.setattr(Folder, "save", die)
        with pytest.raises(KeyboardInterrupt):
            exported(found, Folder(tmp_path))
    assert not (tmp_path / MANIFEST).exists()
    with (tmp_path / JOURNAL).open("a") as journal:
        journal.write('{"file": "cut o')
    (tmp_path / f"{export.PART}x").write_bytes(b"half")
    done = exported(found, Folder(tmp_path))
    assert done.new == done.files - 2
    assert list(tmp_path.glob(f"{export.PART}*")) == []


@pytest.mark.usefixtures("found")
def test_a_damaged_video_is_reported_and_the_others_are_exported(
    had: Everything, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boto3.client("s3").put_object(Bucket="videos", Key=f"videos/{had.completed}/video.mp4", Body=b"other")
    boto3.client("s3").delete_object(Bucket="videos", Key=f"videos/{had.linked}/video.mp4")
    assert main(["export", "mila", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "2 files could not be exported" in said.err
    assert "its SHA-256 is another one" in said.err
    assert "does not exist" in said.err
    assert "2 jobs had not ended" in said.err
    line = next(line for line in lines(tmp_path) if line.get("id") == had.completed)
    assert line["file"] is None
    assert "differs" in line["problem"]


@pytest.mark.usefixtures("had")
def test_a_bucket_holds_the_same_files_as_a_folder(found: Deployment, tmp_path: Path) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="backup")
    target = target_of(found, "s3://backup/2026/mila/")
    assert isinstance(target, Bucket)
    done = exported(found, target)
    exported(found, Folder(tmp_path))
    names = {one["Key"].removeprefix("2026/mila/") for one in s3.list_objects_v2(Bucket="backup")["Contents"]}
    there = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert names - {MARK} == there - {JOURNAL}
    again = exported(found, target_of(found, "s3://backup/2026/mila"))
    assert (again.files, again.new, done.new) == (done.files, 0, done.files)
    with pytest.raises(PromptreelError, match="another owner"):
        exported(found, target, "bob")


def test_a_wrong_place_is_refused(found: Deployment, tmp_path: Path) -> None:
    for place in ("s3://videos/x", "s3://prompts", "s3://"):
        with pytest.raises(PromptreelError, match="another bucket"):
            target_of(found, place)
    (tmp_path / "mine.txt").touch()
    with pytest.raises(PromptreelError, match="contains other files"):
        exported(found, Folder(tmp_path))
    exported(found, Folder(tmp_path / "mila"))
    with pytest.raises(PromptreelError, match="another owner"):
        exported(found, Folder(tmp_path / "mila"), "bob")


def test_names_from_outside_cannot_leave_the_folder(cloud: Cloud, found: Deployment, tmp_path: Path) -> None:
    """Even a record that someone has changed."""
    video = ArchivedVideo("videos", "x/../../evil", "s3://x", "video/mp4", "../../evil.mp4", 4, "0" * 64)
    digest = hashlib.sha256(b"evil").hexdigest()
    boto3.client("s3").put_object(Bucket="videos", Key=video.key, Body=b"evil")
    record = replace(video, sha256=digest)
    made = generation("../../evil", owner="mila", status="completed", video=record)
    cloud.ledger.add(made)
    exported(found, Folder(tmp_path / "a" / "b" / "c"))
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and "c" not in path.relative_to(tmp_path).parts]
    assert outside == []
    assert [path.read_bytes() for path in tmp_path.rglob("video*")] == [b"evil"]
