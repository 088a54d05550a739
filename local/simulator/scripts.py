"""Misbehaviour on demand, per prompt: what a test can make the provider do.

A script holds for every generation with exactly its prompt, from the moment it is set. Its lists `create`,
`fetch` and `video` are used up one entry a call; null, {} and what follows the list mean normal. A last entry
with `"repeat": true` goes on for ever. Calls for the request log
and for the account's transactions belong to no prompt and have lists of their own.
"""

import copy
import threading
from typing import Any, Literal, TypedDict, TypeVar, cast, get_args


class ApiBehaviour(TypedDict, total=False):
    """How one create or fetch call, or one call for the request log, goes."""

    status: int  # from 300 on, with the provider's error body; below, the normal body
    message: str  # of that error body
    headers: dict[str, str]  # on top of the normal ones
    hang: float  # seconds before the answer; the job, if accepted, is made before them
    reset: bool  # TCP reset after the request was read
    truncate: bool  # half the body under the full Content-Length, then the connection is closed
    garbage: bool  # 200 with a body that is no JSON
    redirect: str  # 302 (or `status`) to this URL
    accept: bool  # create only: whether the job is made; by default, if the answer is a whole 2xx
    failed_row: bool  # create only, where no job is made: the request log has a row for the call, as failed
    repeat: bool


class VideoBehaviour(TypedDict, total=False):
    """How one request for the video file goes. Expired links are refused before a behaviour is used up."""

    status: int
    headers: dict[str, str]
    hang: float
    reset: bool
    truncate: int  # this many bytes under the full Content-Length, of the range if one was asked for, then it is closed
    cut: int  # this many bytes under a Content-Length that agrees with them
    html: bool  # an HTML page with status 200
    empty: bool  # no byte, status 200
    redirect: str
    rate: float  # bytes a second
    ranges: bool  # false: Range is ignored, as by a host that knows none
    etag: str  # of the file, instead of the one of its bytes
    size: int  # the file, if no GIF, padded to this many bytes by what players pass over; file_size says the same
    repeat: bool


class Charge(TypedDict, total=False):
    """An entry of the account for a generation that was completed."""

    times: float  # its cost; below zero it is given back, as a refund; 1 unless told
    delay: float  # seconds after it was completed


Listed = Literal["logs", "transactions"]  # what calls can ask for that belong to no prompt
Logged = Literal["at_once", "at_end", "never"]


class Script(TypedDict, total=False):
    """What happens to the generations of one prompt."""

    seconds: float  # until the generation is finished
    outcome: Literal["completed", "error", "never"]
    error: dict[str, Any] | None  # the generation's `error` object
    statuses: list[str]  # the words to use instead, spread evenly over the time, the last for the end
    video_fields: dict[str, Any]  # replaces fields of the `video` object; null removes one
    logged: Logged  # when the rows of its create calls come into the request log; by default at once
    log_delay: float  # seconds later than that
    charges: list[Charge]  # what it is charged once it is completed; its cost, at once, unless told
    create: list[ApiBehaviour | None]
    fetch: list[ApiBehaviour | None]
    video: list[VideoBehaviour | None]


_Behaviour = TypeVar("_Behaviour", ApiBehaviour, VideoBehaviour)


class Scripts:
    """The scripts in force, by prompt. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scripts: dict[str, Script] = {}
        self._calls: dict[Listed, list[ApiBehaviour | None]] = {}

    def put(self, prompt: str, script: dict[str, Any]) -> None:
        """Set or replace a prompt's script; raises ValueError on what no script can hold."""
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
        """Set or replace the behaviours of the next calls for one of the lists; raises ValueError as put does."""
        for behaviour in behaviours:
            _check_names(of, behaviour or {}, ApiBehaviour)
        with self._lock:
            self._calls[of] = cast("list[ApiBehaviour | None]", copy.deepcopy(behaviours))

    def get(self, prompt: str) -> Script:
        """The prompt's script, empty where there is none. Not to be changed."""
        return self._scripts.get(prompt, {})

    def take_api(self, prompt: str, step: Literal["create", "fetch"]) -> ApiBehaviour:
        """The behaviour of this call, used up."""
        with self._lock:
            return _next(self.get(prompt).get(step, [])) or {}

    def take_call(self, of: Listed) -> ApiBehaviour:
        """The behaviour of this call for one of the lists, used up."""
        with self._lock:
            return _next(self._calls.get(of, [])) or {}

    def take_video(self, prompt: str) -> VideoBehaviour:
        """The behaviour of this request for the file, used up."""
        with self._lock:
            return _next(self.get(prompt).get("video", [])) or {}

    def video_size(self, prompt: str) -> int | None:
        """How many bytes the next request for the file will be padded to, if it will."""
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
    # A misspelt behaviour would mean "normal", and a test that relies on it would prove nothing.
    unknown = set(given) - set(allowed.__annotations__)
    if unknown:
        raise ValueError(f"{where} cannot hold {sorted(unknown)}; it can hold {sorted(allowed.__annotations__)}")
