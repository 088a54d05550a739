"""Test that a large video is archived once and completely over bad links, and is never completely in memory."""

import base64
import hashlib
import random
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from core.archive import flow as flow_module
from core.archive import store as store_module
from core.archive.check import Check
from core.archive.download import Allowed
from core.archive.store import Archive, Order
from core.archive.transfer import Transfer
from core.errors import (
    GenerationEnded,
    VideoForbidden,
    VideoIncomplete,
    VideoInvalid,
    VideoUnavailable,
)
from core.generation import ArchivedVideo
from tests.support.gif import gif, picture
from tests.support.mp4 import box
from tests.support.strict_s3 import StrictS3, strict_s3
from tests.support.video_host import Asked, Manner, VideoHost, hosting
from tests.support.webm import cluster, webm

KIB = 1 << 10
PART = 256 * KIB
ALLOWED = Allowed(("127.0.0.1",), max_bytes=1 << 30, local=True)
KEY = "videos/g1/video.mp4"


def video(size: int) -> bytes:
    """Return a whole MP4 of that many bytes with no equal parts."""
    head = box(b"ftyp", b"isom") + box(b"moov", b"x" * 40)
    return head + box(b"mdat", random.Random(size).randbytes(size - len(head) - 8))


VIDEO = video(8 * PART + 1000)
OTHER = VIDEO[:100] + VIDEO[100:][::-1]  # of the same size, with no equal parts


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_module, "FIRST_WAIT_SECONDS", 0.0)


@pytest.fixture(autouse=True)
def several_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use two connections at once. The number does not grow before the end of a video as small as these."""
    monkeypatch.setattr(flow_module, "FIRST_CONNECTIONS", 2)


@pytest.fixture
def s3() -> Iterator[StrictS3]:
    with strict_s3(least_part=PART) as state:
        yield state


@dataclass
class Finalizes:
    """The invocations of Finalize for one generation. Each gets the progress that the previous one stored."""

    s3: StrictS3
    url: str
    file_size: int | None = None
    renew: Callable[[], str | None] = lambda: None
    kept: dict[str, Any] | None = None
    ended: bool = False

    def keep(self, upload: dict[str, Any]) -> None:
        if self.ended:
            raise GenerationEnded("cancelled")
        self.kept = upload

    def invoke(self, seconds_left: Callable[[], float] = lambda: 900.0, most: int = 4) -> ArchivedVideo:
        archive = Archive(self.s3.client, "videos", ALLOWED, PART, most)
        order = Order("g1", self.url, self.file_size, self.renew, seconds_left, self.kept, self.keep)
        return archive.store(order)


def is_archived(s3: StrictS3, stored: ArchivedVideo, expected: bytes = VIDEO) -> None:
    """Assert that the video is stored under its key, matches its description, and that nothing else is left."""
    assert s3.objects == {KEY: expected}
    assert (stored.size, stored.sha256) == (len(expected), hashlib.sha256(expected).hexdigest())
    assert s3.uploads == {}


def nothing_is_there(s3: StrictS3) -> None:
    assert (s3.objects, s3.uploads) == ({}, {})


@pytest.mark.parametrize("size", [300, PART - 1, PART])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_small_video_is_one_get_and_one_put(s3: StrictS3, size: int, ranges: bool) -> None:
    with hosting(video(size), lambda *_: Manner(ranges=ranges)) as host:
        is_archived(s3, Finalizes(s3, host.url, size).invoke(), video(size))
    assert (len(host.asked), s3.calls) == (1, ["put"])


def test_s3_compares_a_small_video_with_its_only_checksum(s3: StrictS3) -> None:
    """Each further checksum costs CPU time."""
    sent: list[dict[str, Any]] = []
    s3.client.meta.events.register("before-parameter-build.s3.PutObject", lambda params, **_: sent.append({**params}))
    with hosting(video(PART)) as host:
        stored = Finalizes(s3, host.url).invoke()
    assert [base64.b64decode(one["ChecksumSHA256"]).hex() for one in sent] == [stored.sha256]


@pytest.mark.parametrize("size", [PART + 1, 2 * PART, 8 * PART + 1000])
@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("most", [1, 4, 8])
def test_a_large_video_is_uploaded_in_parts_and_read_once(s3: StrictS3, size: int, ranges: bool, most: int) -> None:
    with hosting(video(size), lambda *_: Manner(ranges=ranges)) as host:
        is_archived(s3, Finalizes(s3, host.url).invoke(most=most), video(size))
    assert host.sent == size
    assert s3.called("part") == -(-size // PART)
    assert host.at_once <= most


def test_parts_that_arrive_in_any_order_are_verified_in_order(s3: StrictS3, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second part arrives only after three later ones were uploaded, one for each of the other workers."""
    monkeypatch.setattr(flow_module, "FIRST_CONNECTIONS", 4)

    def manner(_number: int, asked: Asked) -> Manner:
        if asked.first == PART:
            eventually(lambda: s3.called("part") >= 4 - 1)
        return Manner()

    with hosting(VIDEO, manner) as host:
        is_archived(s3, Finalizes(s3, host.url).invoke())


@pytest.mark.parametrize("size", [PART, 8 * PART], ids=["in one put", "in parts"])
def test_a_damaged_video_is_noticed_before_it_is_uploaded(s3: StrictS3, size: int) -> None:
    with hosting(bytes(size)) as host, pytest.raises(VideoInvalid, match="not an MP4"):
        Finalizes(s3, host.url).invoke(most=1)
    assert not {"put", "part"} & set(s3.calls)
    nothing_is_there(s3)


def test_progress_does_not_include_a_later_part_that_arrives_meanwhile(
    s3: StrictS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    noting = threading.Event()

    def slow(check: Check) -> Any:
        noting.set()
        time.sleep(0.1)
        return state.fget(check)

    def manner(_number: int, asked: Asked) -> Manner:
        if asked.first == PART:
            noting.wait(10)
        return Manner()

    kept: list[dict[str, Any]] = []
    state: Any = Check.state
    monkeypatch.setattr(Check, "state", property(slow))
    monkeypatch.setattr(store_module, "KEEP_EVERY_SECONDS", 0.0)
    with hosting(VIDEO, manner) as host:
        Archive(s3.client, "videos", ALLOWED, PART, 2).store(
            Order("g1", host.url, None, lambda: None, lambda: 900.0, None, kept.append)
        )
    assert [one["parts"] * PART for one in kept] == [one["structure"]["position"] for one in kept]
    assert len(kept) == len(VIDEO) // PART


@pytest.mark.parametrize("size", [PART, 8 * PART + 1000], ids=["in one put", "in parts"])
def test_a_video_archived_by_another_invocation_is_not_replaced(s3: StrictS3, size: int) -> None:
    """It may already have been announced with its checksum."""
    earlier = video(700)

    def manner(_number: int, asked: Asked) -> Manner:
        if asked.first == (size - 1) // PART * PART:  # the last part
            s3.objects[KEY] = earlier
        return Manner()

    with hosting(video(size), manner) as host:
        is_archived(s3, Finalizes(s3, host.url).invoke(), earlier)


def eventually(holds: Callable[[], bool]) -> None:
    while not holds():  # until pytest's time limit
        time.sleep(0.01)


@pytest.mark.parametrize("broken", range(9))
def test_an_interrupted_body_is_continued(s3: StrictS3, broken: int) -> None:
    breaks: list[Asked] = []

    def manner(_number: int, asked: Asked) -> Manner:
        if asked.first == broken * PART and not breaks:
            breaks.append(asked)
            return Manner(sent=700)
        return Manner()

    with hosting(VIDEO, manner) as host:
        is_archived(s3, Finalizes(s3, host.url).invoke())
    assert host.sent == len(VIDEO), "no byte was read twice"
    assert {one.headers["If-Range"] for one in host.asked[1:]} == {'"1"'}


def test_a_break_on_every_connection_loses_nothing(s3: StrictS3) -> None:
    with hosting(VIDEO, lambda *_: Manner(sent=70 * KIB)) as host:
        is_archived(s3, Finalizes(s3, host.url).invoke())
    assert host.sent == len(VIDEO)


def test_a_small_video_is_also_continued(s3: StrictS3) -> None:
    small = video(PART - 5)
    with hosting(small, lambda *_: Manner(sent=100 * KIB)) as host:
        is_archived(s3, Finalizes(s3, host.url).invoke(), small)
    assert (host.sent, s3.calls) == (len(small), ["put"])


def test_a_host_that_stops_sending_is_given_up(s3: StrictS3) -> None:
    with hosting(VIDEO, lambda number, _: Manner() if number < 3 else Manner(status=500)) as host:
        invocations = Finalizes(s3, host.url)
        with pytest.raises(VideoIncomplete, match=f"of the video's {len(VIDEO)} bytes"):
            invocations.invoke(most=1)
        assert len(host.asked) < 20
        with pytest.raises(VideoUnavailable, match="500"):
            invocations.invoke(most=1)
        assert s3.objects == {}
        host.manner = lambda *_: Manner()
        is_archived(s3, invocations.invoke())
    assert host.sent == len(VIDEO), "the parts of the first invocation were not read again"


def test_a_stored_part_counts_although_another_connection_failed_first(
    s3: StrictS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()
    fail, upload_part = Transfer._fail, s3.s3.upload_part

    def fail_and_tell(self: Transfer, error: BaseException) -> None:
        fail(self, error)
        failed.set()

    def upload_after_the_failure(**kwargs: Any) -> Any:
        assert failed.wait(10)
        return upload_part(**kwargs)

    monkeypatch.setattr(Transfer, "_fail", fail_and_tell)
    monkeypatch.setattr(s3.s3, "upload_part", upload_after_the_failure)
    with hosting(VIDEO, lambda _, asked: Manner(status=500) if asked.first else Manner()) as host:
        invocations = Finalizes(s3, host.url)
        with pytest.raises(VideoIncomplete, match=f"{PART} of the video's"):
            invocations.invoke(most=2)
    assert invocations.kept is not None
    assert invocations.kept["parts"] == 1


def test_the_next_invocation_continues_one_that_ran_out_of_time(s3: StrictS3) -> None:
    with hosting(VIDEO) as host:
        invocations = Finalizes(s3, host.url)
        invoked = 0
        while s3.objects == {}:
            invoked += 1
            before = host.sent
            try:
                stored = invocations.invoke(lambda: 1 if host.sent - before < 3 * PART + 9 else -1, most=2)  # noqa: B023
            except VideoIncomplete:
                assert s3.called("begin") == 1
                assert s3.objects == {}
        is_archived(s3, stored)
    assert invoked > 2
    assert host.sent < 2 * len(VIDEO)


def test_the_next_invocation_continues_from_the_stored_progress_of_a_crashed_one(
    s3: StrictS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stores its progress regularly, not only at its end."""
    monkeypatch.setattr(store_module, "KEEP_EVERY_SECONDS", 0.0)

    class Killed(BaseException):
        pass

    with hosting(VIDEO) as host:
        invocations = Finalizes(s3, host.url)
        real = s3.s3.upload_part
        died: list[int] = []

        def upload_part(**kwargs: Any) -> Any:
            if kwargs["PartNumber"] == 6 and not died:
                died.append(6)
                raise Killed
            return real(**kwargs)

        monkeypatch.setattr(s3.s3, "upload_part", upload_part)
        with pytest.raises(Killed):
            invocations.invoke(most=1)
        assert invocations.kept is not None
        assert invocations.kept["parts"] == 5
        asked = len(host.asked)
        is_archived(s3, invocations.invoke())
    assert host.asked[asked].first == 5 * PART


def other_video(container: str, size: int) -> bytes:
    """Return a video of about that many bytes in another container, with no equal parts."""
    noise = random.Random(container).randbytes(size)
    pieces = [noise[at : at + 5000] for at in range(0, size, 5000)]
    match container:
        case "webm":
            return webm(*(cluster(*pieces[at : at + 9]) for at in range(0, len(pieces), 9)))
        case "live webm":
            return webm(*(cluster(*pieces[at : at + 9], is_open=True) for at in range(0, len(pieces), 9)), is_open=True)
        case "gif":
            return gif(*map(picture, pieces))
    return VIDEO.replace(b"ftypisom", b"ftypqt  ")


@pytest.mark.parametrize("container", ["webm", "live webm", "mov", "gif"])
@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("content_type", ["application/octet-stream", "video/mp4"])
def test_a_large_video_in_another_container_gets_its_type(
    s3: StrictS3, container: str, ranges: bool, content_type: str
) -> None:
    """It is stored under the right name although its link says `.mp4`."""
    body = other_video(container, 3 * PART)
    with hosting(body, lambda *_: Manner(ranges=ranges, headers={"Content-Type": content_type})) as host:
        stored = Finalizes(s3, host.url, len(body)).invoke()
    suffix = container.rpartition(" ")[2]
    assert s3.objects == {f"videos/g1/video.{suffix}": body}
    assert (stored.key, stored.file_name) == (f"videos/g1/video.{suffix}", f"g1.{suffix}")
    assert (stored.sha256, s3.uploads) == (hashlib.sha256(body).hexdigest(), {})
    assert host.sent == len(body), "its first bytes were not read twice"
    assert len(host.asked) <= -(-len(body) // PART)


@pytest.mark.parametrize("container", ["webm", "live webm", "mov", "gif"])
def test_a_download_of_every_container_can_be_continued(s3: StrictS3, container: str) -> None:
    body = other_video(container, 8 * PART)
    with hosting(body, lambda number, _: Manner() if number < 3 else Manner(status=500)) as host:
        invocations = Finalizes(s3, host.url)
        with pytest.raises(VideoIncomplete):
            invocations.invoke(most=1)
        host.manner = lambda *_: Manner()
        stored = invocations.invoke()
    assert host.sent == len(body), "the parts of the first invocation were not read again"
    assert s3.called("begin") == 1
    assert s3.objects == {stored.key: body}
    assert stored.sha256 == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("sent", [0, 5])
def test_a_break_within_the_very_first_bytes_loses_nothing(s3: StrictS3, sent: int) -> None:
    body = other_video("webm", 3 * PART)
    with hosting(body, lambda number, _: Manner(sent=sent) if number == 0 else Manner()) as host:
        stored = Finalizes(s3, host.url).invoke()
    assert s3.objects == {stored.key: body}


def test_a_container_that_changes_after_the_first_bytes_starts_again(s3: StrictS3) -> None:
    """The host has two servers with equal ETags and different videos."""
    webm_video = other_video("webm", 3 * PART)
    with hosting(webm_video) as host:

        def manner(number: int, _asked: Asked) -> Manner:
            if number == 2:
                host.body = video(len(webm_video))
            return Manner(sent=5) if number == 0 else Manner()

        host.manner = manner
        is_archived(s3, Finalizes(s3, host.url).invoke(), video(len(webm_video)))


def test_an_existing_video_is_found_by_its_key(s3: StrictS3) -> None:
    """0.2 named every video `video.mp4`, including QuickTime ones."""
    mov = other_video("mov", PART)
    s3.objects[KEY] = mov
    with hosting(VIDEO, lambda *_: Manner(status=404)) as host:
        stored = Finalizes(s3, host.url).invoke()
    is_archived(s3, stored, mov)
    assert (stored.key, stored.file_name, stored.content_type) == (KEY, "g1.mp4", "video/mp4")


@pytest.mark.parametrize("sent", [0, 5])
def test_an_interruption_is_an_error_if_the_download_cannot_be_continued(s3: StrictS3, sent: int) -> None:
    with hosting(VIDEO, lambda *_: Manner(sent=sent, ranges=False)) as host, pytest.raises(VideoUnavailable):
        Finalizes(s3, host.url).invoke()
    nothing_is_there(s3)


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: {**kept, "of_a_later_release": 1},
        lambda kept: {name: value for name, value in kept.items() if name != "parts"},
        lambda kept: {**kept, "structure": {**kept["structure"], "container": "ogv"}},
        lambda kept: {**kept, "structure": {"position": kept["structure"]["position"]}},
        lambda kept: {**kept, "structure": {**kept["structure"], "header": "no hex"}},
        lambda kept: {**kept, "structure": None},
        lambda kept: {**kept, "parts": 1},
        # As stored by 0.2, which supported only MP4
        lambda kept: {**kept, "structure": {k: v for k, v in kept["structure"].items() if k != "container"}},
        lambda _: {"version": 9},
    ],
    ids=[
        "another field",
        "no parts",
        "another container",
        "position only",
        "header of no hex",
        "no structure",
        "number of parts",
        "no container",
        "version only",
    ],
)
def test_progress_stored_by_another_release_is_not_continued(
    s3: StrictS3, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    with hosting(VIDEO, lambda number, _: Manner() if number < 3 else Manner(status=500)) as host:
        invocations = Finalizes(s3, host.url)
        with pytest.raises(VideoIncomplete):
            invocations.invoke(most=1)
        assert invocations.kept is not None
        invocations.kept = change(invocations.kept)
        host.manner = lambda *_: Manner()
        stored = invocations.invoke()
    assert s3.objects == {KEY: VIDEO}
    assert stored.sha256 == hashlib.sha256(VIDEO).hexdigest()


@pytest.mark.parametrize(
    "manner",
    [Manner(etag='"2"'), Manner(ranges=False), Manner(etag=None)],
    ids=["another ETag", "no ranges", "no ETag"],
)
def test_a_video_that_changed_between_invocations_starts_again(s3: StrictS3, manner: Manner) -> None:
    with hosting(VIDEO, lambda number, _: Manner() if number < 3 else Manner(status=500)) as host:
        invocations = Finalizes(s3, host.url)
        with pytest.raises(VideoIncomplete):
            invocations.invoke(most=1)
        host.body, host.manner = OTHER, lambda *_: manner
        is_archived(s3, invocations.invoke(), OTHER)


def test_a_video_that_got_shorter_between_invocations_starts_again(s3: StrictS3) -> None:
    with hosting(VIDEO, lambda number, _: Manner() if number < 3 else Manner(status=500)) as host:
        invocations = Finalizes(s3, host.url)
        with pytest.raises(VideoIncomplete):
            invocations.invoke(most=1)
        host.body, host.manner = video(300), lambda *_: Manner()
        is_archived(s3, invocations.invoke(), video(300))


def test_a_video_that_changes_while_it_is_read_starts_again(s3: StrictS3) -> None:
    with hosting(VIDEO) as host:

        def manner(number: int, _asked: Asked) -> Manner:
            if number == 4:
                host.body = OTHER
            return Manner() if number < 4 else Manner(etag='"2"')

        host.manner = manner
        is_archived(s3, Finalizes(s3, host.url).invoke(), OTHER)


def test_another_video_from_a_host_that_ignores_if_range_is_detected(s3: StrictS3) -> None:
    """Its response has the ETag of the other video."""
    with hosting(VIDEO) as host:

        def manner(number: int, asked: Asked) -> Manner:
            if number < 4:
                return Manner()
            host.body = OTHER
            return Manner(etag=asked.headers.get("If-Range", '"2"'), headers={"ETag": '"2"'})

        host.manner = manner
        is_archived(s3, Finalizes(s3, host.url).invoke(), OTHER)


@pytest.mark.parametrize("sent", [None, 5 * PART])
def test_a_host_with_changing_etags_is_read_in_one_request(s3: StrictS3, sent: int | None) -> None:
    """Each of its servers has a different ETag. A plain download succeeds there, so this must too."""

    def manner(number: int, asked: Asked) -> Manner:
        return Manner(etag=f'"{number}"', sent=sent if asked.first is None else None)

    with hosting(VIDEO, manner) as host:
        if sent is None:
            is_archived(s3, Finalizes(s3, host.url).invoke())
        else:
            with pytest.raises(VideoUnavailable, match="was interrupted"):
                Finalizes(s3, host.url).invoke()
            nothing_is_there(s3)
    assert [one.first for one in host.asked].count(None) == 1


@pytest.mark.parametrize(
    "content_range",
    ["bytes 1-262144/2098152", "bytes 0-9/2098152", "bytes 0-262143/*", "bytes 0-262143/9", "items 0-1/2", "bytes"],
)
def test_a_first_response_with_a_wrong_range_is_repeated_without_one(s3: StrictS3, content_range: str) -> None:
    with hosting(VIDEO, lambda *_: Manner(content_range=content_range)) as host:
        is_archived(s3, Finalizes(s3, host.url).invoke())
    assert host.asked[1].first is None


def test_a_later_response_with_a_wrong_range_is_rejected(s3: StrictS3) -> None:
    wrong = Manner(content_range=f"bytes 5-{PART + 4}/{len(VIDEO)}")
    with hosting(VIDEO, lambda number, _: wrong if number == 2 else Manner()) as host:
        is_archived(s3, Finalizes(s3, host.url).invoke())


def test_parts_are_not_combined_without_a_validator(s3: StrictS3) -> None:
    with hosting(VIDEO, lambda number, _: Manner(etag=None, sent=5 * PART if number else None)) as host:
        with pytest.raises(VideoUnavailable, match="was interrupted"):
            Finalizes(s3, host.url).invoke()
        nothing_is_there(s3)
        host.manner = lambda *_: Manner(etag=None)
        is_archived(s3, Finalizes(s3, host.url).invoke())


@pytest.mark.parametrize(("age", "pieced"), [("00:00:05", True), ("00:00:10", False)])
def test_an_old_enough_modification_time_is_a_validator(s3: StrictS3, age: str, pieced: bool) -> None:
    headers = {"Last-Modified": f"Wed, 25 Nov 2026 {age} GMT"}
    with pytest.MonkeyPatch.context() as patched, hosting(VIDEO) as host:
        patched.setattr(
            "http.server.BaseHTTPRequestHandler.date_time_string", lambda *_: "Wed, 25 Nov 2026 00:00:10 GMT"
        )
        known = headers["Last-Modified"]
        host.manner = lambda _, asked: Manner(
            etag=None if "If-Range" not in asked.headers else known, headers={**headers, "ETag": 'W/"1"'}
        )
        is_archived(s3, Finalizes(s3, host.url).invoke())
    assert ({one.headers.get("If-Range") for one in host.asked} == {None, known}) == pieced


@pytest.mark.parametrize("first", [0, 2 * PART], ids=["from the beginning", "after two parts"])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_host_that_trickles_does_not_outlast_the_deadline(s3: StrictS3, first: int, ranges: bool) -> None:
    """It sends byte after byte, each in time, and could do so for weeks. The deadline is checked between bytes."""
    first = first if ranges else 0
    trickled: list[Asked] = []

    def manner(_number: int, asked: Asked) -> Manner:
        if asked.first in (first, None):
            trickled.append(asked)
            return Manner(trickle=0.01, ranges=ranges, sent=600)
        return Manner()

    with hosting(VIDEO, manner) as host:
        invocations = Finalizes(s3, host.url)
        with pytest.raises(VideoIncomplete if first else VideoUnavailable):
            invocations.invoke(lambda: 900.0 if sum(one.sent for one in trickled) < 30 else -1.0, most=1)
        assert 30 <= sum(one.sent for one in trickled) < 300
        assert s3.objects == {}


@pytest.mark.parametrize("first", [0, 2 * PART], ids=["from the beginning", "after two parts"])
@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: "], ids=["in the status", "in a header"])
def test_an_endless_head_is_not_a_response(
    s3: StrictS3, monkeypatch: pytest.MonkeyPatch, first: int, head: bytes
) -> None:
    """It arrives byte after byte, each in time. The whole head must arrive within the time limit of its first byte."""
    monkeypatch.setattr("core.archive.download.READ_SECONDS", 1.0)
    slow: list[Asked] = []

    def manner(_number: int, asked: Asked) -> Manner:
        if asked.first == first and not slow:
            slow.append(asked)
            return Manner(trickled_head=head)
        return Manner()

    with hosting(VIDEO, manner) as host:
        invocations = Finalizes(s3, host.url)
        if not first:
            with pytest.raises(VideoUnavailable, match="does not answer: ReadTimeoutError"):
                invocations.invoke()
        is_archived(s3, invocations.invoke())
    assert len(slow) == 1


def test_a_throttling_host_gets_fewer_connections(s3: StrictS3) -> None:
    refused: list[Asked] = []

    def manner(number: int, asked: Asked) -> Manner:
        if number in (2, 3):
            refused.append(asked)
            return Manner(status=429 if number == 2 else 503, headers={"Retry-After": "0"})
        return Manner()

    with hosting(VIDEO, manner) as host:
        is_archived(s3, Finalizes(s3, host.url).invoke())
    assert len(refused) == 2


def test_a_link_that_expires_during_a_download_is_renewed_and_nothing_is_read_twice(s3: StrictS3) -> None:
    def manner(number: int, asked: Asked) -> Manner:
        return Manner(status=403) if number >= 4 and asked.path.endswith("?1") else Manner()

    with hosting(VIDEO, manner) as host:
        renewed: list[str] = []

        def renew() -> str:
            renewed.append(f"{host.url}?{len(renewed) + 2}")
            return renewed[-1]

        is_archived(s3, Finalizes(s3, f"{host.url}?1", renew=renew).invoke())
    assert (len(renewed), host.sent) == (1, len(VIDEO))


def test_a_link_with_a_new_signature_at_each_fetch_is_not_downloaded_twice(s3: StrictS3) -> None:
    """Without ranges all received bytes are lost, and another link would not help."""
    renewed: list[int] = []
    with hosting(VIDEO, lambda *_: Manner(ranges=False, sent=5 * PART)) as host:

        def renew() -> str:
            renewed.append(1)
            return f"{host.url}?{len(renewed)}"

        with pytest.raises(VideoUnavailable):
            Finalizes(s3, host.url, renew=renew).invoke()
    assert (len(host.asked), renewed) == (1, [])
    nothing_is_there(s3)


def test_the_next_invocation_continues_with_another_link(s3: StrictS3) -> None:
    with hosting(VIDEO, lambda number, _: Manner() if number < 3 else Manner(status=500)) as host:
        invocations = Finalizes(s3, f"{host.url}?1")
        with pytest.raises(VideoIncomplete):
            invocations.invoke(most=1)
        host.manner = lambda _, asked: Manner(status=403) if asked.path.endswith("?1") else Manner()
        invocations.renew = lambda: f"{host.url}?2"
        is_archived(s3, invocations.invoke())
    assert host.sent == len(VIDEO)


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize(
    ("body", "error"),
    [
        (VIDEO[:-1], VideoInvalid),
        (VIDEO + b"\0" * 4, VideoInvalid),
        (b"<html>" * PART, VideoInvalid),
        (box(b"ftyp", b"isom") + box(b"mdat", bytes(5 * PART)), VideoInvalid),
    ],
    ids=["short", "long", "page", "no moov"],
)
def test_an_incomplete_video_leaves_nothing_behind(
    s3: StrictS3, body: bytes, error: type[Exception], ranges: bool
) -> None:
    with hosting(body, lambda *_: Manner(ranges=ranges)) as host, pytest.raises(error):
        Finalizes(s3, host.url).invoke()
    nothing_is_there(s3)


def test_an_unexpected_length_is_rejected_before_reading(s3: StrictS3) -> None:
    with hosting(VIDEO) as host, pytest.raises(VideoInvalid, match="announced"):
        Finalizes(s3, host.url, len(VIDEO) + 1).invoke()
    nothing_is_there(s3)


def test_a_video_over_the_limit_is_rejected_before_reading(s3: StrictS3) -> None:
    small = replace(ALLOWED, max_bytes=len(VIDEO) - 1)
    with hosting(VIDEO) as host, pytest.raises(VideoForbidden):
        Archive(s3.client, "videos", small, PART).store(
            Order("g1", host.url, None, lambda: None, lambda: 900.0, None, lambda _: None)
        )
    nothing_is_there(s3)


@pytest.mark.parametrize("call", ["part", "complete"])
def test_a_temporary_s3_error_is_survived(s3: StrictS3, call: str) -> None:
    s3.refuse = lambda called: (503, "SlowDown") if called == call and s3.called("part") > 4 else None
    with hosting(VIDEO) as host:
        invocations = Finalizes(s3, host.url)
        with pytest.raises(VideoIncomplete):
            invocations.invoke(most=1)
        s3.refuse = lambda _: None
        asked = len(host.asked)
        is_archived(s3, invocations.invoke())
    assert (host.asked[asked].first or 0) >= 3 * PART


def test_a_permanent_s3_error_is_reported(s3: StrictS3) -> None:
    s3.refuse = lambda called: (403, "AccessDenied") if called == "complete" else None
    with hosting(VIDEO) as host:
        invocations = Finalizes(s3, host.url)
        with pytest.raises(VideoIncomplete):
            invocations.invoke()
        with pytest.raises(s3.client.exceptions.ClientError, match="AccessDenied"):
            invocations.invoke()
    assert s3.objects == {}


def test_an_upload_that_s3_no_longer_has_starts_again(s3: StrictS3) -> None:
    with hosting(VIDEO, lambda number, _: Manner() if number < 3 else Manner(status=500)) as host:
        invocations = Finalizes(s3, host.url)
        with pytest.raises(VideoIncomplete):
            invocations.invoke(most=1)
        s3.uploads.clear()
        host.manner = lambda *_: Manner()
        is_archived(s3, invocations.invoke())


@pytest.mark.parametrize("lacks", ["the part", "its end"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_upload_of_which_s3_lacks_a_part_starts_again(s3: StrictS3, number: int, lacks: str) -> None:
    """Completed without that part, it would be another video."""
    with hosting(VIDEO, lambda number, _: Manner() if number < 3 else Manner(status=500)) as host:
        invocations = Finalizes(s3, host.url)
        with pytest.raises(VideoIncomplete):
            invocations.invoke(most=1)
        assert invocations.kept is not None
        assert invocations.kept["parts"] == 3
        (parts,) = s3.uploads.values()
        body = parts.pop(number)
        if lacks == "its end":
            parts[number] = body[:-1]
        host.manner = lambda *_: Manner()
        stored = invocations.invoke()
    assert s3.objects == {KEY: VIDEO}
    assert stored.sha256 == hashlib.sha256(VIDEO).hexdigest()


@pytest.mark.parametrize("size", [300, len(VIDEO)])
def test_two_concurrent_invocations_return_the_same_video(s3: StrictS3, size: int) -> None:
    """The first is invoked just before the second makes its video visible, and finishes earlier."""
    body = video(size)
    raced: list[ArchivedVideo] = []
    with hosting(body) as host:

        def race(call: str) -> None:
            if call in ("put", "complete"):
                s3.refuse = lambda _: None
                raced.append(Finalizes(s3, host.url).invoke())

        s3.refuse = race
        stored = Finalizes(s3, host.url).invoke()
    assert [stored] == raced
    is_archived(s3, stored, body)


def test_a_generation_that_ended_meanwhile_leaves_nothing_behind(s3: StrictS3) -> None:
    with hosting(VIDEO, lambda number, _: Manner() if number < 3 else Manner(status=500)) as host:
        invocations = Finalizes(s3, host.url, ended=True)
        with pytest.raises(GenerationEnded):
            invocations.invoke(most=1)
    nothing_is_there(s3)


def test_an_existing_video_needs_no_link(s3: StrictS3) -> None:
    s3.objects[KEY] = VIDEO
    with hosting(VIDEO, lambda *_: Manner(status=403)) as host:
        is_archived(s3, Finalizes(s3, host.url).invoke())


class Discarding:
    """A replacement for S3 for a video that is too large to store."""

    class exceptions:  # noqa: N801 - the SDK's name
        class NoSuchKey(Exception):
            pass

    def __init__(self) -> None:
        self.size = 0

    def get_object(self, **_: object) -> None:
        raise self.exceptions.NoSuchKey

    def create_multipart_upload(self, **_: object) -> dict[str, str]:
        return {"UploadId": "u"}

    def upload_part(self, *, Body: bytes, **_: object) -> dict[str, str]:  # noqa: N803 - the SDK's name
        self.size += len(Body)
        return {"ETag": "e"}

    def complete_multipart_upload(self, **_: object) -> None:
        pass


@dataclass
class Endless:
    """The bytes of a huge video, generated on demand."""

    size: int
    head: bytes = field(init=False)

    def __post_init__(self) -> None:
        start = box(b"ftyp", b"isom") + box(b"moov", b"x")
        self.head = start + (1).to_bytes(4) + b"mdat" + (self.size - len(start)).to_bytes(8)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, at: slice) -> bytes:
        first, end = int(at.start), int(at.stop)
        return self.head[first:end] + bytes(end - max(first, len(self.head)))


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("size", [64 << 20, 320 << 20])
@pytest.mark.exhaustive
def test_a_video_of_any_size_is_never_completely_in_memory(size: int, ranges: bool) -> None:
    part, most = 1 << 20, 4
    sink: Any = Discarding()
    body: Any = Endless(size)
    host: VideoHost
    with hosting(body, lambda *_: Manner(ranges=ranges)) as host:
        archive = Archive(sink, "videos", ALLOWED, part, most)
        tracemalloc.start()
        stored = archive.store(Order("g1", host.url, size, lambda: None, lambda: 900.0, None, lambda _: None))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert stored.size == sink.size == size
    assert peak < most * part + (4 << 20)
