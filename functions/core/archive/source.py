"""Read a video from a link that may break, expire, be slow or change, and detect that it has changed."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import urllib3

from core.archive.download import Allowed, Connection, check_body, too_large
from core.archive.flow import Flow
from core.errors import VideoUnavailable

CHUNK_BYTES = 128 << 10  # small enough to be in the processor's cache until they are hashed
_OK, _PARTIAL, _NOT_SATISFIABLE = 200, 206, 416
_DEAD = {401, 403, 404, 410}
_BUSY = {429, 503}


class Changed(Exception):
    """The video has changed, or can no longer be read in parts, so the bytes read so far cannot be used."""


class Link:
    """The video's link, which all readers share and any of them can renew.

    A dead link is renewed once for all readers, and again only after the new link has served some data.
    """

    def __init__(self, url: str, renew: Callable[[], str | None]) -> None:
        self.url = url
        self._renew = renew
        self._lock = threading.Lock()
        self._may_renew = True

    def renew(self, dead: str, error: VideoUnavailable) -> None:
        """Replace the link `dead`. Raise `error` if the provider has no other link."""
        with self._lock:
            if self.url != dead:
                return
            fresh = self._renew() if self._may_renew else None
            self._may_renew = False
            if fresh in (None, dead):
                raise error
            self.url = str(fresh)

    def served(self) -> None:
        """Note that the link has served data, so it may be renewed again."""
        self._may_renew = True


@dataclass(frozen=True)
class Found:
    """The properties of the video behind a link. Without a validator it can only be read once, from its beginning."""

    length: int | None  # in bytes, if the host says
    validator: str | None  # an HTTP validator, which changes when the video does


class Reader:
    """A reader of a video over one connection. Several can read a video with a validator at the same time."""

    def __init__(self, link: Link, allowed: Allowed, flow: Flow) -> None:
        self._link = link
        self._allowed = allowed
        self._flow = flow
        self._connection = Connection(allowed)
        self._response: urllib3.BaseHTTPResponse | None = None
        self._is_connected = False
        self._at = 0  # the position of the open response in the video
        self._ahead = b""  # bytes from that position on that were already read

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._drop()
        self._connection.close()

    def look(self, first: int, size: int | None) -> Found:
        """Open the video and return its properties.

        The response has `size` bytes from `first` on. It has the whole video if `size` is None or if the host cannot
        serve the video in parts.
        """
        try:
            return self._look(first, size)
        except (VideoUnavailable, _Answered) as error:
            self._link.renew(self._link.url, _unavailable(error))
        try:
            return self._look(first, size)
        except _Answered as answer:
            raise _unavailable(answer) from None

    def _look(self, first: int, size: int | None) -> Found:
        length = validator = None
        if size is not None:
            response = self._ask({"Range": f"bytes={first}-{first + size - 1}"})
            length = _length_of_whole(response, first, size)
            validator = _validator(response) if length is not None else None
        if size is None or length is None or (validator is None and (length > size or first)):
            if size is None or response.status != _OK:  # the host does not handle ranges correctly
                response = self._ask({})
            if response.status != _OK:
                raise _Answered(response)
            announced = response.headers.get("Content-Length", "")
            length, validator, first = (int(announced) if announced.isdigit() else None), None, 0
        check_body(response)
        if length is not None and length > self._allowed.max_bytes:
            raise too_large(self._allowed)
        self._at = first
        return Found(length, validator)

    def head(self, size: int, found: Found) -> bytes:
        """Return the video's first bytes without consuming them. Call it directly after `look`."""
        head = bytearray(size)
        try:
            got = self.read(memoryview(head))
        except VideoUnavailable:
            if found.validator is None:
                raise
            got = 0
        if got == size or found.validator is None:
            self._ahead, self._at = bytes(head[:got]), 0
            return self._ahead
        self.fill(memoryview(head), 0, found)
        return bytes(head)

    def read(self, into: memoryview) -> int:
        """Read the next bytes and return their number. They fill `into`, except at the end of the video."""
        got = 0
        while got < len(into) and (size := self._receive(into[got:])):
            got += size
        return got

    def fill(
        self, into: memoryview, first: int, found: Found, arrived: Callable[[memoryview], None] = lambda _: None
    ) -> None:
        """Fill `into` with the video's bytes from `first` on, and reconnect as often as necessary.

        `arrived` gets each piece of `into` as soon as it is filled, in order. Raise `Changed` if the host now has
        another video, and `VideoUnavailable` if it sends nothing any more.
        """
        got = tries = 0
        while got < len(into):
            dead = self._link.url
            try:
                if self._response is None or self._at != first + got:
                    self._open(first + got, first + len(into), found)
                while got < len(into):
                    # After a failure, each byte that has arrived counts: the host may always break off early.
                    size = self._receive(into[got:], waits=not tries)
                    if not size:
                        raise VideoUnavailable("The download of the video ended too early.")
                    arrived(into[got : got + size])
                    got += size
                    tries = 0
            except VideoUnavailable as error:
                self._drop()
                if found.validator is None:
                    raise
                tries += 1
                self._flow.failed(error, tries)
            except _Answered as answer:
                if answer.status in _DEAD:
                    self._link.renew(dead, _unavailable(answer))
                    continue
                if answer.status in _BUSY:
                    self._flow.refused()
                tries += 1
                self._flow.failed(_unavailable(answer), tries, answer.wait)
        self._drop()

    def _open(self, first: int, end: int, found: Found) -> None:
        if found.validator is None:
            raise VideoUnavailable("The download of the video was interrupted, and its host cannot resume it.")
        response = self._ask({"Range": f"bytes={first}-{end - 1}", "If-Range": found.validator})
        length = _length_of_whole(response, first, end - first)
        if response.status in (_OK, _NOT_SATISFIABLE) or length not in (None, found.length):
            raise Changed
        if length is None:
            raise _Answered(response)
        if _validator(response) not in (None, found.validator):
            raise Changed
        check_body(response)
        self._at = first

    def _ask(self, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        self._drop()
        self._response = self._connection.get(self._link.url, headers)
        self._flow.opened(self._response)
        if not self._is_connected:
            self._is_connected = True
            self._flow.began()
        return self._response

    def _receive(self, into: memoryview, *, waits: bool = True) -> int:
        """Receive the next bytes. With `waits`, wait until `into` or a chunk is full, or the response ends."""
        if self._response is None:
            return 0
        if self._ahead:
            size = min(len(into), len(self._ahead))
            into[:size], self._ahead = self._ahead[:size], self._ahead[size:]
            self._at += size
            return size
        try:
            read = self._response.read if waits else self._response.read1
            data = read(min(len(into), CHUNK_BYTES))
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:  # ValueError: stopped while reading
            self._flow.check()
            raise VideoUnavailable(f"The download of the video was interrupted: {type(error).__name__}.") from error
        size = len(data)
        into[:size] = data
        self._at += size
        if size:
            self._link.served()
            self._flow.received(size)
        return size

    def _drop(self) -> None:
        """Close the response. Its connection can be used again only if the response was read to its end."""
        if self._response is not None:
            self._flow.closed(self._response)
            self._response.close()
            self._response = None
            self._ahead = b""


class _Answered(Exception):
    """The host answered without the video. `wait` is the delay in seconds that it asks for."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        super().__init__()
        self.status = response.status
        wait = response.headers.get("Retry-After", "")
        self.wait = float(wait) if wait.isdigit() else 0.0


def _unavailable(error: VideoUnavailable | _Answered) -> VideoUnavailable:
    if isinstance(error, _Answered):
        return VideoUnavailable(f"The video's link answered {error.status}: it may have expired.")
    return error


def _length_of_whole(response: urllib3.BaseHTTPResponse, first: int, size: int) -> int | None:
    """Return the length of the whole video, or None if the response does not have exactly the requested range."""
    unit, _, content_range = response.headers.get("Content-Range", "").partition(" ")
    extent, _, whole = content_range.partition("/")
    if response.status != _PARTIAL or unit != "bytes" or not whole.isdigit():
        return None
    last = min(first + size, int(whole)) - 1
    length = response.headers.get("Content-Length", str(last - first + 1))
    as_asked = extent == f"{first}-{last}" and length == str(last - first + 1)
    return int(whole) if as_asked else None


def _validator(response: urllib3.BaseHTTPResponse) -> str | None:
    """Return a validator for If-Range: a strong ETag, or a Last-Modified that is at least a second before Date.

    Source: RFC 9110, 13.1.5 and 8.8.2.2.
    """
    tag = response.headers.get("ETag", "")
    if tag.startswith('"'):
        return tag
    changed = response.headers.get("Last-Modified")
    with suppress(ValueError, OverflowError, KeyError, TypeError):
        now = parsedate_to_datetime(response.headers["Date"])
        if changed and now - parsedate_to_datetime(changed) >= timedelta(seconds=1):
            return changed
    return None
