"""Let tests script the provider's misbehaviour for each prompt.

A script applies to every generation with exactly its prompt, from the moment it is set. It has the lists `create`,
`fetch` and `video`. Each call takes the next entry of its list. An entry of null or {} means normal behaviour, and so
does the end of the list, unless the last entry has `"repeat": true` and applies forever. Calls for the request log and
for the account's transactions have lists of their own, which do not depend on a prompt.
"""

import copy
import threading
from typing import Any, Literal, TypedDict, TypeVar, cast, get_args


class ApiBehaviour(TypedDict, total=False):
    """The behaviour of one create or fetch call, or of one call for the request log."""

    status: int  # with the provider's error body from 300, else with the normal body
    message: str  # of that error body
    headers: dict[str, str]  # in addition to the normal ones
    hang: float  # seconds before the response; an accepted job is created before
    reset: bool  # TCP reset after the request was read
    truncate: bool  # half the body under the full Content-Length, then the connection is closed
    garbage: bool  # 200 with a body that is not JSON
    redirect: str  # 302 (or `status`) to this URL
    word: str  # fetch only: the `status` of this answer
    accept: bool  # create only: whether the job is created; by default for a complete 2xx
    failed_row: bool  # create only, without a job: the request log has a failed row for the call
    repeat: bool


class VideoBehaviour(TypedDict, total=False):
    """The behaviour of one request for the video file. A request with an expired link does not use up a behaviour."""

    status: int
    headers: dict[str, str]
    hang: float
    reset: bool
    truncate: int  # send this many bytes with the full Content-Length (of the requested range), then close
    cut: int  # send this many bytes with a matching Content-Length
    html: bool  # an HTML page with status 200
    empty: bool  # an empty body with status 200
    redirect: str
    rate: float  # bytes per second
    ranges: bool  # false: ignore Range, like a host without support
    etag: str  # replaces the file's ETag
    size: int  # pads the file, unless a GIF, to this many bytes that players ignore; file_size matches
    repeat: bool


class Charge(TypedDict, total=False):
    """A transaction of the account for a completed generation."""

    times: float  # multiple of its cost; negative for a refund; 1 by default
    delay: float  # seconds after the completion


Listed = Literal["logs", "transactions"]  # calls that do not belong to a prompt
Logged = Literal["at_once", "at_end", "never"]


class Script(TypedDict, total=False):
    """The script of the generations with one prompt."""

    seconds: float  # until the generation is finished
    outcome: Literal["completed", "error", "never"]
    error: dict[str, Any] | None  # the generation's `error` object
    statuses: list[str]  # the statuses to use instead, spread evenly over the time; the last is the final one
    video_fields: dict[str, Any]  # replaces fields of the `video` object; null removes one
    logged: Logged  # when the rows of its create calls appear in the request log; by default immediately
    log_delay: float  # additional seconds
    charges: list[Charge]  # its charges after completion; by default its cost, immediately
    create: list[ApiBehaviour | None]
    fetch: list[ApiBehaviour | None]
    video: list[VideoBehaviour | None]


_Behaviour = TypeVar("_Behaviour", ApiBehaviour, VideoBehaviour)


class Scripts:
    """The current scripts, by prompt. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scripts: dict[str, Script] = {}
        self._calls: dict[Listed, list[ApiBehaviour | None]] = {}

    def put(self, prompt: str, script: dict[str, Any]) -> None:
        """Set or replace a prompt's script. Raise ValueError if it is not valid."""
        _check_names("script", script, Script)
        if len(script.get("statuses", ["", ""])) < 2:  # noqa: PLR2004 (one before the end, one at the end)
            raise ValueError("statuses needs two words or more")
        if script.get("logged", "at_once") not in get_args(Logged):
            raise ValueError(f"logged must be one of {get_args(Logged)}")
        steps = (("create", ApiBehaviour), ("fetch", ApiBehaviour), ("video", VideoBehaviour), ("charges", Charge))
        for step, allowed in steps:
            for behaviour in script.get(step, []):
                _check_names(step, behaviour or {}, allowed)
        with self._lock:
            self._scripts[prompt] = cast("Script", copy.deepcopy(script))

    def put_calls(self, of: Listed, behaviours: list[dict[str, Any] | None]) -> None:
        """Set or replace the behaviours of the next calls for a list. Raise ValueError if they are not valid."""
        for behaviour in behaviours:
            _check_names(of, behaviour or {}, ApiBehaviour)
        with self._lock:
            self._calls[of] = cast("list[ApiBehaviour | None]", copy.deepcopy(behaviours))

    def get(self, prompt: str) -> Script:
        """Return the prompt's script, or an empty one. Do not change it."""
        return self._scripts.get(prompt, {})

    def take_api(self, prompt: str, step: Literal["create", "fetch"]) -> ApiBehaviour:
        """Remove and return the behaviour of this call."""
        with self._lock:
            return _next(self.get(prompt).get(step, [])) or {}

    def take_call(self, of: Listed) -> ApiBehaviour:
        """Remove and return the behaviour of this call for a list."""
        with self._lock:
            return _next(self._calls.get(of, [])) or {}

    def take_video(self, prompt: str) -> VideoBehaviour:
        """Remove and return the behaviour of this request for the file."""
        with self._lock:
            return _next(self.get(prompt).get("video", [])) or {}

    def video_size(self, prompt: str) -> int | None:
        """Return the padded size in bytes of the file in the next request, or None."""
        with self._lock:
            behaviours = self.get(prompt).get("video", [])
            return (behaviours[0] or {}).get("size") if behaviours else None

    def clear(self) -> None:
        with self._lock:
            self._scripts.clear()
            self._calls.clear()


def _next(behaviours: list[_Behaviour | None]) -> _Behaviour | None:
    if not behaviours:
        return None
    first = behaviours[0]
    return first if first and first.get("repeat") else behaviours.pop(0)


def _check_names(where: str, given: dict[str, Any], allowed: type) -> None:
    # A misspelt behaviour would be ignored, and a test that uses it would prove nothing.
    unknown = set(given) - set(allowed.__annotations__)
    if unknown:
        raise ValueError(f"{where} cannot hold {sorted(unknown)}; allowed are {sorted(allowed.__annotations__)}")
