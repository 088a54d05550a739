"""Test that posters show something, that hostile files only have none, and what is read, stored and passed on."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.archive.containers import CONTENT_TYPES
from core.posters import draw, posters
from core.posters.posters import PosterBroken, Posters
from tests.support.films import film
from tests.support.mp4 import WHOLE

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FUNCTIONS = Path(__file__).parents[2] / "functions"
FOLDER = f"videos/{'a' * 32}"
KEY, POSTER = f"{FOLDER}/video.mp4", f"{FOLDER}/poster.jpg"


@pytest.fixture
def s3(aws: None) -> "S3Client":  # noqa: ARG001 - sets up
    client = boto3.client("s3")
    client.create_bucket(Bucket="videos")
    return client


def put(s3: "S3Client", body: bytes, key: str = KEY) -> None:
    s3.put_object(Bucket="videos", Key=key, Body=body, Tagging="promptreel-retention=project%3Ddrafts")


def keys(s3: "S3Client") -> list[str]:
    return [one["Key"] for one in s3.list_objects_v2(Bucket="videos").get("Contents", [])]


def drawn(data: bytes, container: str, tmp_path: Path) -> Image.Image:
    path = tmp_path / "video"
    path.write_bytes(data)
    poster = draw.draw(path, container)
    assert len(poster) <= draw.ENOUGH_BYTES
    return Image.open(io.BytesIO(poster))


def is_yellow(picture: Image.Image, x: float, y: float) -> bool:
    pixel = picture.convert("RGB").getpixel((int(x * picture.width), int(y * picture.height)))
    assert isinstance(pixel, tuple)
    return pixel[0] > 200 and pixel[2] < 120


@pytest.mark.parametrize("container", CONTENT_TYPES)
def test_a_poster_is_upright_and_not_one_of_the_black_frames(container: str, tmp_path: Path) -> None:
    picture = drawn(film(container), container, tmp_path)
    assert (picture.format, picture.size) == ("JPEG", (320, 568))
    assert is_yellow(picture, 0.5, 0.2)
    assert not is_yellow(picture, 0.5, 0.8)


@pytest.mark.parametrize(
    ("size", "poster"), [((1280, 720), (640, 360)), ((720, 1280), (360, 640)), ((64, 64), (64, 64))]
)
def test_a_poster_has_the_films_ratio_and_at_most_640_pixels(
    size: tuple[int, int], poster: tuple[int, int], tmp_path: Path
) -> None:
    assert drawn(film("mp4", size=size), "mp4", tmp_path).size == poster


@pytest.mark.parametrize(
    ("matrix", "at"),
    [((0, 1, -1, 0), (0.8, 0.5)), ((0, -1, 1, 0), (0.2, 0.5)), ((-1, 0, 0, -1), (0.5, 0.8))],
    ids=["a quarter to the right", "a quarter to the left", "half"],
)
def test_a_film_that_players_turn_has_a_poster_that_is_turned(
    matrix: tuple[int, int, int, int], at: tuple[float, float], tmp_path: Path
) -> None:
    whole = bytearray(film("mp4"))
    matrix_at = whole.index(b"tkhd") + 4 + 40
    for place, value in zip((0, 4, 12, 16), matrix, strict=True):
        whole[matrix_at + place : matrix_at + place + 4] = (value * (1 << 16) & 0xFFFFFFFF).to_bytes(4)
    picture = drawn(bytes(whole), "mp4", tmp_path)
    assert picture.size == ((320, 568) if matrix[0] else (568, 320))
    assert is_yellow(picture, *at)
    assert not is_yellow(picture, 1 - at[0], 1 - at[1])


def test_a_film_that_stays_dark_has_a_poster_of_its_lightest_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draw, "DARK", 300)
    monkeypatch.setattr(draw, "MOST_FRAMES", 10)
    assert is_yellow(drawn(film("mp4"), "mp4", tmp_path), 0.5, 0.2)
    monkeypatch.setattr(draw, "MOST_FRAMES", 8)
    assert not is_yellow(drawn(film("mp4"), "mp4", tmp_path), 0.5, 0.2), "no more frames are decoded"


@pytest.mark.parametrize(
    ("size", "is_fair"),
    [((7680, 4320), True), ((16_384, 100), True), ((16_385, 100), False), ((16_000, 16_000), False), ((0, 5), False)],
)
def test_frames_are_decoded_up_to_a_size(size: tuple[int, int], *, is_fair: bool) -> None:
    assert draw.is_of_a_fair_size(*size) is is_fair


def test_a_film_with_too_large_frames_or_another_codec_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "video"
    path.write_bytes(film("mp4"))
    monkeypatch.setattr(draw, "MOST_PIXELS", 320 * 568 - 1)
    with pytest.raises(ValueError, match="320x568 pixels"):
        draw.draw(path, "mp4")
    monkeypatch.undo()
    monkeypatch.setattr(draw, "CODECS", {"vp8"})
    with pytest.raises(ValueError, match="is not decoded"):
        draw.draw(path, "mp4")


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n"
HOSTILE = {
    "empty": b"",
    "a playlist": PLAYLIST,
    "a list of files": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "no film": WHOLE,
    "cut off": film("mp4")[:3000],
    "zeros": bytes(100_000),
    "a page": b"<!doctype html><title>x</title>" * 100,
}


@pytest.mark.parametrize("container", CONTENT_TYPES)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_no_film_has_no_poster(name: str, container: str, tmp_path: Path) -> None:
    path = tmp_path / "video"
    path.write_bytes(HOSTILE[name])
    with pytest.raises((ValueError, OSError, LookupError, EOFError)):
        draw.draw(path, container)


@settings(max_examples=max(1, settings().max_examples // 10))
@given(st.binary(min_size=1, max_size=16), st.floats(0, 1))
def test_a_damaged_file_has_a_poster_or_none(tmp_path_factory: pytest.TempPathFactory, put: bytes, at: float) -> None:
    whole = bytearray(film("mp4"))
    first = int(at * (len(whole) - len(put)))
    whole[first : first + len(put)] = put
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "video").write_bytes(whole)
    command = [sys.executable, "-m", "core.posters.draw", str(folder / "video"), "mp4"]
    assert subprocess.run(command, cwd=FUNCTIONS, capture_output=True, check=False).returncode in (0, draw.UNREADABLE)


def test_the_process_that_draws_has_limits() -> None:
    shown = """
import resource, sys
from core.posters import draw
sys.argv[:] = ["draw"]
assert draw.main("/nowhere", "mp4") == draw.UNREADABLE
print(*(resource.getrlimit(what)[1] for what in (resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_AS)))
"""
    done = subprocess.run([sys.executable, "-c", shown], cwd=FUNCTIONS, capture_output=True, text=True, check=True)
    cpu, written, memory = map(int, done.stdout.split())
    assert (cpu, written) == (draw.CPU_SECONDS, draw.MOST_BYTES)
    assert memory == (draw.MEMORY_BYTES if sys.platform == "linux" else memory)


def test_a_poster_is_stored_next_to_its_video_with_the_tags_of_the_video(s3: "S3Client") -> None:
    put(s3, film("mp4"))
    size = Posters(s3, "videos").make(KEY)
    stored = s3.get_object(Bucket="videos", Key=POSTER)
    assert (stored["ContentLength"], stored["ContentType"]) == (size, "image/jpeg")
    tags = [s3.get_object_tagging(Bucket="videos", Key=key)["TagSet"] for key in (KEY, POSTER)]
    assert tags[0] == tags[1] == [{"Key": "promptreel-retention", "Value": "project=drafts"}]


def test_a_poster_that_is_made_twice_is_the_same(s3: "S3Client") -> None:
    put(s3, film("mp4"))
    etags = set()
    for _ in range(2):
        Posters(s3, "videos").make(KEY)
        etags.add(s3.head_object(Bucket="videos", Key=POSTER)["ETag"])
    assert len(etags) == 1
    assert keys(s3) == [POSTER, KEY]


@pytest.mark.parametrize("container", ["mp4", "mov"])
@pytest.mark.parametrize("index", ["at the end", "at the beginning"])
def test_only_the_ends_of_a_large_video_are_read(
    s3: "S3Client", container: str, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = film(container)
    hole = (8 + (1 << 20)).to_bytes(4) + b"free" + b"x" * (1 << 20)
    moov_at = whole.index(b"moov") - 4
    large = whole[:moov_at] + hole + whole[moov_at:] if index == "at the end" else whole + hole
    monkeypatch.setattr(posters, "HEAD_BYTES", moov_at + 10 if index == "at the end" else len(whole))
    monkeypatch.setattr(posters, "TAIL_BYTES", len(whole) - moov_at)
    key = f"{FOLDER}/video.{container}"
    put(s3, large, key)
    assert Posters(s3, "videos").make(key)
    with io.BytesIO() as read:
        Posters(s3, "videos")._read(key, read)
        assert len(read.getvalue()) == len(large)
        assert read.getvalue() != large, "the middle was not read"


def test_a_video_that_was_deleted_has_no_poster(s3: "S3Client") -> None:
    assert Posters(s3, "videos").make(KEY) is None
    assert keys(s3) == []


@pytest.mark.parametrize(("code", "is_gone"), [("AccessDenied", True), ("SlowDown", False)])
def test_s3_denies_a_missing_object_and_other_errors_are_retried(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch, code: str, *, is_gone: bool
) -> None:
    def refuse(*_: object) -> None:
        raise ClientError({"Error": {"Code": code}}, "GetObject")

    monkeypatch.setattr(Posters, "_read", refuse)
    if is_gone:
        assert Posters(s3, "videos").make(KEY) is None
    else:
        with pytest.raises(ClientError):
            Posters(s3, "videos").make(KEY)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_stores_nothing_and_is_no_error(s3: "S3Client", name: str) -> None:
    put(s3, HOSTILE[name] or b"x")
    assert Posters(s3, "videos").make(KEY) is None
    assert keys(s3) == [KEY]


def instead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    """Let a shell script be the process that draws."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))


@pytest.mark.parametrize(
    "script",
    [
        "exec sleep 60",
        "kill -KILL $$",
        "echo '<svg onload=alert(1)>'",
        "printf '\\377\\330\\377'; head -c 300000 /dev/zero",
        "exit 3",
    ],
    ids=["never ends", "is killed", "writes something else", "writes too much", "cannot read it"],
)
def test_whatever_the_process_that_draws_does_nothing_is_stored(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    monkeypatch.setattr(posters, "SECONDS", 0.5)
    put(s3, film("mp4"))
    instead(monkeypatch, tmp_path, script)
    assert Posters(s3, "videos").make(KEY) is None
    assert keys(s3) == [KEY]


def test_a_process_that_cannot_start_is_an_error_because_no_video_gets_a_poster(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(s3, film("mp4"))
    instead(monkeypatch, tmp_path, "echo 'ModuleNotFoundError: No module named av' >&2; exit 1")
    with pytest.raises(PosterBroken, match=r"ended with 1: ModuleNotFoundError: No module named av$"):
        Posters(s3, "videos").make(KEY)


def test_the_process_that_draws_sees_packages_but_no_credentials(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("VIDEOS_BUCKET", "videos")
    put(s3, film("mp4"))
    instead(monkeypatch, tmp_path, f"env > {tmp_path}/seen; exit 3")
    Posters(s3, "videos", ("/packages",)).make(KEY)
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines())
    assert seen.keys() <= {"PYTHONPATH", "LD_LIBRARY_PATH", "PWD", "SHLVL", "_", "OLDPWD"}, json.dumps(seen)
    assert seen["PYTHONPATH"].split(os.pathsep)[-1] == "/packages"
