"""Test the simulator's videos and scripted requests for them over HTTP."""

from __future__ import annotations

import http.client
import io
from dataclasses import replace
from typing import TYPE_CHECKING

import av
import pytest
import requests
from PIL import ImageChops

from local.simulator.clips import CONTENT_TYPES, Clip
from local.simulator.models import clip_of
from local.simulator.videos import render
from tests.support.simulator_client import PROMPT, Client, boxes, download, raw_get

if TYPE_CHECKING:
    from local.simulator.scripts import VideoBehaviour


@pytest.mark.parametrize(
    ("aspect_ratio", "size"),
    [
        *(("16:9", (640, 360)), ("9:16", (360, 640)), ("1:1", (640, 640)), ("21:9", (640, 274)), ("auto", (640, 360))),
    ],
)
def test_a_clip_has_the_requested_size_and_duration_and_shows_movement(
    aspect_ratio: str, size: tuple[int, int]
) -> None:
    file = render(Clip(PROMPT, "veo2", 8, aspect_ratio))
    with av.open(io.BytesIO(file), "r") as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert container.duration is not None
        assert abs(container.duration / av.time_base - 8) <= 1 / 12
        frames = list(container.decode(stream))
    assert (frames[0].width, frames[0].height) == size
    pictures = [
        frame.to_image().convert("L")  # type: ignore[no-untyped-call]  # PyAV left it out
        for frame in (frames[0], frames[48], frames[95])
    ]
    bar = (24, size[1] - 29, size[0] - 24, size[1] - 25)
    lit = [sum(picture.crop(bar).histogram()[128:]) for picture in pictures]
    assert lit == sorted(set(lit)), "the bar grows"
    darkest, brightest = pictures[0].crop((24, size[1] - 100, size[0] - 24, size[1] - 40)).getextrema()
    assert darkest < 60, "the background of the caption"
    assert brightest > 200, "the prompt"
    above = (0, 0, size[0], size[1] - 140)
    changes = [ImageChops.difference(one.crop(above), pictures[0].crop(above)) for one in pictures[1:]]
    assert all(sum(change.histogram()[40:]) > 0.02 * size[0] * (size[1] - 140) for change in changes), "shapes move"
    colours = frames[0].to_image().crop(above).convert("HSV")  # type: ignore[no-untyped-call]  # as above
    assert colours.getchannel("S").getextrema()[1] > 150, "they are colourful"


@pytest.mark.parametrize("container", CONTENT_TYPES)
def test_a_clip_has_sound_if_its_model_makes_sound_and_its_container_can_have_it(container: str) -> None:
    for has_sound in (False, True):
        clip = Clip(PROMPT, "google/veo3", 4, container=container, has_sound=has_sound)
        with av.open(io.BytesIO(render(clip)), "r") as opened:
            assert bool(opened.streams.audio) is (has_sound and container != "gif")
            if opened.streams.audio:
                assert any(any(bytes(frame.planes[0])) for frame in opened.decode(audio=0)), "it can be heard"


@pytest.mark.parametrize(
    ("model", "fields", "has_sound"),
    [
        ("veo2", {}, False),
        ("veo2", {"generate_audio": True}, False),
        ("google/veo3", {}, True),
        ("google/veo3", {"generate_audio": False}, False),
        ("alibaba/wan-2-6-t2v", {}, True),
        ("longcat/distilled/480p", {}, False),
    ],
)
def test_the_request_and_its_model_decide_whether_there_is_sound(
    model: str, fields: dict[str, object], *, has_sound: bool
) -> None:
    assert clip_of({"model": model, "prompt": "a boat", **fields}).has_sound is has_sound


def test_a_seed_changes_the_video(client: Client) -> None:
    client.control.script(PROMPT, seconds=0)
    urls = [client.finished(prompt=PROMPT, **fields)["video"]["url"] for fields in ({}, {"seed": 1}, {"seed": 2})]
    assert len({download(url).content for url in urls}) == 3


def test_the_index_comes_before_the_frames() -> None:
    """A browser starts to play a file while loading if `moov` precedes `mdat`."""
    names = boxes(render(Clip(PROMPT, "veo2", 5)))
    assert names[0] == "ftyp"
    assert names.index("moov") < names.index("mdat")


@pytest.mark.parametrize("container", CONTENT_TYPES)
def test_equal_clips_have_equal_bytes_and_other_prompts_differ(container: str) -> None:
    clip = Clip("Always the same", "veo2", 5, container=container)
    first = render(clip)
    render.cache_clear()
    assert render(clip) == first
    assert render(replace(clip, prompt="Never the same")) != first


@pytest.mark.parametrize(
    "prompt",
    ["\x00\x07\n\r", " ", "\ud800", "你好 🚣🏽\u200d♀️ مرحبا", "\u2028\u202e\uffff", "W" * 100_000],
    ids=["control characters", "space", "surrogate", "scripts", "separators", "100,000 letters"],
)
def test_any_text_can_be_shown(client: Client, prompt: str) -> None:
    client.control.script(prompt, seconds=0)
    assert boxes(download(client.finished(prompt=prompt)["video"]["url"]).content)


@pytest.mark.parametrize(
    ("behaviour", "status", "content_type", "length"),
    [
        ({"status": 503}, 503, "text/plain", 19),
        ({"html": True}, 200, "text/html", 57),
        ({"empty": True}, 200, "video/mp4", 0),
        ({"cut": 5000}, 200, "video/mp4", 5000),
        ({"rate": 1_000_000}, 200, "video/mp4", len(render(Clip(PROMPT, "veo2", 5)))),
    ],
)
def test_a_video_can_be_something_else(
    client: Client, behaviour: VideoBehaviour, status: int, content_type: str, length: int
) -> None:
    client.control.script(PROMPT, seconds=0, video=[behaviour])
    done = client.finished()
    odd = download(done["video"]["url"])
    assert (odd.status_code, odd.headers["Content-Type"]) == (status, content_type)
    assert len(odd.content) == int(odd.headers["Content-Length"]) == length
    assert download(done["video"]["url"]).content == render(Clip(PROMPT, "veo2", 5))


def test_a_video_can_be_truncated_reset_or_elsewhere(client: Client) -> None:
    client.control.script(
        PROMPT, seconds=0, video=[{"truncate": 1000}, {"reset": True}, {"redirect": "http://127.0.0.1:1/x"}]
    )
    video = client.finished()["video"]
    with pytest.raises(http.client.IncompleteRead) as truncated:
        raw_get(video["url"])
    assert len(truncated.value.partial) == 1000
    assert truncated.value.expected == video["file_size"] - 1000
    with pytest.raises(ConnectionResetError):
        raw_get(video["url"])
    redirect = download(video["url"])
    assert (redirect.status_code, redirect.headers["Location"]) == (302, "http://127.0.0.1:1/x")


def test_a_video_can_be_padded_to_a_size_and_still_be_an_mp4(client: Client) -> None:
    size = 3_000_001
    client.control.script(PROMPT, seconds=0, video=[{"size": size, "repeat": True}])
    video = client.finished()["video"]
    file = download(video["url"]).content
    assert len(file) == video["file_size"] == size
    assert boxes(file)[-1] == "free"
    with av.open(io.BytesIO(file), "r") as container:
        assert len(list(container.decode(video=0))) == 5 * 12


def test_a_range_is_served_exactly_and_only_from_the_requested_file(client: Client) -> None:
    client.control.script(PROMPT, seconds=0, video=[{"size": 200_000, "repeat": True}])
    url = client.finished()["video"]["url"]
    whole = download(url)
    etag = whole.headers["ETag"]
    for first, last in [(0, 9), (1000, 150_000), (199_990, 500_000)]:
        part = requests.get(url, headers={"Range": f"bytes={first}-{last}", "If-Range": etag}, timeout=10)
        assert (part.status_code, part.content) == (206, whole.content[first : last + 1])
        assert part.headers["Content-Range"] == f"bytes {first}-{min(last, 199_999)}/200000"
    other = requests.get(url, headers={"Range": "bytes=5-9", "If-Range": '"other"'}, timeout=10)
    assert (other.status_code, other.content) == (200, whole.content)
    beyond = requests.get(url, headers={"Range": "bytes=200000-"}, timeout=10)
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */200000")


def test_a_host_can_ignore_ranges_and_a_range_can_be_interrupted(client: Client) -> None:
    client.control.script(PROMPT, seconds=0, video=[{"ranges": False}, {"truncate": 10}])
    url = client.finished()["video"]["url"]
    assert requests.get(url, headers={"Range": "bytes=5-9"}, timeout=10).status_code == 200
    with pytest.raises(http.client.IncompleteRead) as broken:
        raw_get(url, {"Range": "bytes=5-99"})
    assert len(broken.value.partial) == 10
