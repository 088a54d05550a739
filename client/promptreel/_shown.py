"""The results of the tools for agents. They are short, because an agent must read each word.

Text that others wrote is on one line and has no invisible characters, which could hide instructions.
"""

from datetime import UTC, datetime
from typing import Any, NotRequired

from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from promptreel._links import Link
from promptreel._text import UNPRINTABLE
from promptreel.batch import BatchCheck
from promptreel.generation import Generation, Model

MOST_PROBLEMS = 20
PROMPT_CHARACTERS, LISTED_CHARACTERS, REASON_CHARACTERS = 500, 80, 500
SOONEST_SECONDS, LATEST_SECONDS = 10, 60  # between two calls of `status`


class ModelLine(TypedDict):
    """A model that can be requested."""

    id: str
    title: str
    kind: NotRequired[str]
    takes: NotRequired[str]


class Models(TypedDict):
    """The models that were found. `fields` is the JSON Schema of requests to a model that was named."""

    models: list[ModelLine]
    more: bool
    fields: NotRequired[dict[str, Any]]


class Price(TypedDict):
    """The price of a request, in US dollars. Pass `estimate` to `create`."""

    estimate: str
    usd: float
    at_most_usd: float
    basis: str
    budget_left_usd: NotRequired[float]
    rejected: NotRequired[str]


class Reason(TypedDict):
    """Why a video failed, and what to do."""

    name: str
    message: str
    remedy: NotRequired[str]


class Video(TypedDict):
    """A video, finished or not. `ask_again_after_seconds` is absent once it has ended."""

    id: str
    status: str
    model: NotRequired[str]
    prompt: NotRequired[str]
    created_at: NotRequired[str]
    ended_at: NotRequired[str]
    usd: NotRequired[float]
    jobs_before_it: NotRequired[int]
    waits_for: NotRequired[list[str]]
    size_bytes: NotRequired[int]
    error: NotRequired[Reason]
    ask_again_after_seconds: NotRequired[int]


class Videos(TypedDict):
    """Videos, newest first. `more` says that the list stops at its limit."""

    videos: list[Video]
    more: bool


class RowProblem(TypedDict):
    """Why a row is invalid, and the line on which it begins."""

    row: int
    line: int
    message: str


class FileCheck(TypedDict):
    """The check of a prompt file. Only the first problems are listed."""

    rows: int
    problem_rows: int
    problems: list[RowProblem]
    made_before: int
    estimated_usd: NotRequired[float]
    at_most_usd: NotRequired[float]
    unchecked: NotRequired[list[str]]


class ShortLink(TypedDict):
    """A link that plays the video for anyone until it expires; `page_url` plays it in a browser."""

    url: str
    page_url: str
    expires_at: NotRequired[str]


def shown_video(generation: Generation, characters: int = PROMPT_CHARACTERS) -> Video:
    """Return a generation with at most so many characters of its prompt."""
    video = Video(id=generation.id, status=generation.stage)
    for name in ("model", "prompt"):
        if text := generation.request.get(name):
            video[name] = plain(text, characters)
    if generation.created_at:
        video["created_at"] = _time(generation.created_at)
    if generation.ended_at:
        video["ended_at"] = _time(generation.ended_at)
    if generation.usd is not None:
        video["usd"] = generation.usd
    if generation.ahead is not None:
        video["jobs_before_it"] = generation.ahead
    if generation.waits_for or generation.waits_for_credits:
        funds = ["credits in the provider account"] if generation.waits_for_credits else []
        video["waits_for"] = [*generation.waits_for, *funds]
    if generation.video and generation.video.file_size is not None:
        video["size_bytes"] = generation.video.file_size
    if error := generation.error:
        video["error"] = Reason(name=plain(error.name), message=plain(error.message))
        if error.remedy:
            video["error"]["remedy"] = plain(error.remedy)
    if not generation.ended:
        video["ask_again_after_seconds"] = _pause(generation)
    return video


def shown_model(model: Model) -> ModelLine:
    """Return a model without its fields."""
    line = ModelLine(id=model.id, title=plain(model.title))
    if model.kind:
        line["kind"] = model.kind
    if model.takes:
        line["takes"] = str(model.takes)
    return line


def shown_check(found: BatchCheck) -> FileCheck:
    """Return the check of a file with its first problems."""
    check = FileCheck(
        rows=found.rows,
        problem_rows=found.problem_rows,
        problems=[
            RowProblem(row=one.row, line=one.line, message=plain(one.message)) for one in found.problems[:MOST_PROBLEMS]
        ],
        made_before=found.made_before,
    )
    if found.estimated_usd is not None:
        check["estimated_usd"] = found.estimated_usd
    if found.at_most_usd is not None:
        check["at_most_usd"] = found.at_most_usd
    if found.unchecked:
        check["unchecked"] = [plain(one) for one in found.unchecked[:MOST_PROBLEMS]]
    return check


def shown_link(made: Link) -> ShortLink:
    """Return the addresses of a link and its end."""
    link = ShortLink(url=made.url, page_url=made.page_url)
    if made.expires_at:
        link["expires_at"] = _time(made.expires_at)
    return link


def _pause(generation: Generation) -> int:
    """Return the seconds until the next poll: longer for a job that already took long."""
    if generation.created_at is None:
        return SOONEST_SECONDS
    age = (datetime.now(UTC) - generation.created_at).total_seconds()
    return int(min(LATEST_SECONDS, max(SOONEST_SECONDS, age / 4)))


def _time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def plain(text: object, characters: int = REASON_CHARACTERS) -> str:
    """Return text of others on one line, without invisible characters, which could hide words, and not too long."""
    line = UNPRINTABLE.sub(" ", str(text))
    return line if len(line) <= characters else line[: characters - 1] + "…"
