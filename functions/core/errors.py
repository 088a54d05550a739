"""All errors that Promptreel raises on purpose, and their contract with the state machine.

Each leaf class has its own retry policy. `Retry` and `Catch` in statemachine/*.asl.json match its name, and the record,
the API and the announcement show that name as `error.name`. A message is one sentence for the user, without secrets.

    PromptreelError
    ├── InvalidRequest          rejected before anything is paid; the API answers 400
    │   └── BodyTooLarge            the API answers 413
    ├── InvalidFile             the file cannot be read as a whole; a dropped file becomes a failed generation
    │   └── FileTooLarge            too large for a request; the API answers 413 and offers an upload form
    ├── IdempotencyConflict     the key belongs to another request; the API answers 409, an event is recorded as failed
    ├── Unauthorized            no valid key; the API answers 401
    ├── Conflict                not possible in the generation's present state; the API answers 409
    │   └── ChoiceRequired          a file drops or repeats most rows of a batch; a form's file is recorded as failed
    ├── NotRescuable            a rescue cannot help; the command line suggests an alternative
    ├── NotImportable           a job at the provider cannot be imported; the command line says why
    ├── NotFound                this owner has no such generation; the API answers 404
    │   └── Deleted                 its owner deleted it
    ├── VideoExpired            the video was kept for as long as the stage's rules say; the API answers 410
    ├── BudgetExceeded          a budget has too little left; the API answers 403, a file is recorded as failed
    ├── Contention              too many requests change the same items at once; the API answers 503
    ├── TooManyRejectedRows     too many rows of a key or an owner were rejected in this hour; the API answers 403
    ├── MethodNotAllowed        the path exists, but not for this method; the API answers 405
    ├── LedgerUnavailable       a write to the table failed
    └── GenerationError         ends or delays the workflow of one generation
        ├── ProviderUnavailable     a call was not sent, or a check failed: tried again with back-off
        ├── SubmissionUnknown       sent, but the outcome is unknown: never sent again
        ├── SubmissionTimedOut      the provider accepted nothing before the deadline
        ├── RequestRefused          the provider rejected this request
        ├── ProviderOutOfCredits    the provider account had no credits for it until the deadline
        ├── ProviderKeyRejected     the provider does not accept the stored key
        ├── ProviderKeyMissing      no key is stored
        ├── InputUnavailable        a file or video named in the request is missing or cannot be used
        ├── GenerationFailed        the provider tried and failed
        ├── GenerationTimedOut      the provider never finished
        ├── GenerationEnded         the generation had already been cancelled or recorded as failed
        ├── VideoUnavailable        the download failed or was interrupted: tried again with a fresh link
        ├── VideoInvalid            the download is not the whole video: tried again
        ├── VideoIncomplete         part of the video is stored; the next invocation continues from there
        ├── VideoForbidden          the link's host, scheme or address is not allowed, or the video is too large
        ├── Cancelled               its owner cancelled it
        ├── WorkflowStopped         the execution was aborted or timed out
        └── InternalError           anything unexpected; see the execution's history
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

_STORE_KEY = (
    "Nothing was charged. An operator stores a valid key with `promptreel secret set` and can then continue the job "
    "with `promptreel rescue {id}`."
)
_FETCH_AGAIN = (
    "The video is paid for, and the provider's link to it expires. An operator should soon fetch it again with "
    "`promptreel rescue {id}`, which costs nothing."
)


class PromptreelError(Exception):
    """Base class of all errors that this project raises on purpose; `str()` is one sentence for the user."""

    remedy: ClassVar[str] = ""  # how the user or an operator can fix this; `{id}` is the generation's id


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a request, in parts, so that each interface can word it."""

    fields: tuple[str, ...]  # paths in the request, such as `elements.0.video_url`; none if it concerns the whole
    message: str
    rule: str = ""  # the keyword of JSON Schema that the request breaks
    allowed: Any = None  # the keyword's value


class InvalidRequest(PromptreelError):
    """The request breaks the model's schema. The message names each field and what is allowed. Nothing was paid."""

    remedy = "Correct the fields that the message names. `promptreel models MODEL` shows what the model accepts."

    def __init__(self, message: str, field: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = problems or (Problem((field,) if field else (), message),)


class BodyTooLarge(InvalidRequest):
    """The body of the call is too large. Files can be uploaded instead."""

    remedy = "Upload large files with the form from `POST /v2/uploads`, and send their `upload:` references."


class InvalidFile(PromptreelError):
    """The file cannot be read: its name, encoding or format is wrong."""

    remedy = "Correct the file and send it again. `promptreel batch FILE --dry-run` checks it without sending anything."


class FileTooLarge(InvalidFile):
    """The file is too large to send in a request or to check while the caller waits. It can be uploaded instead."""

    remedy = "Request an upload form with `upload=true` and use it to upload the file, or split the file."


class IdempotencyConflict(PromptreelError):
    """The idempotency key was already used for a different request."""

    remedy = "Use a new idempotency key for a new request."


class Conflict(PromptreelError):
    """The generation's present state does not allow this."""

    remedy = "Fetch the job or the batch again. It has changed, or its present state does not allow this."


class ChoiceRequired(Conflict):
    """The file drops most rows of the batch of its name, or repeats most rows of another batch. Nothing was started."""

    remedy = (
        "Send the file again with one of the choices that the message names: as `existing=` over HTTP, with `--reuse`, "
        "`--again` or `--replace` on the command line, or as `existing` in the client."
    )


class NotRescuable(PromptreelError):
    """Running the workflow again cannot help this generation."""

    remedy = "Create a new generation. If the outcome of its create call is unknown, use `promptreel resolve`."


class NotImportable(PromptreelError):
    """This job at the provider cannot be imported."""

    remedy = "Check the id in the provider's log. If the job is known, fetch its generation instead."


class Unauthorized(PromptreelError):
    """The request has no valid API key."""

    remedy = "Send a valid API key with the required scope. An operator creates keys with `promptreel keys create`."


class NotFound(PromptreelError):
    """The generation does not exist, or it belongs to another owner. The API answers the same in both cases."""

    remedy = "Check the id and the address. `promptreel list` shows your jobs."


class VideoExpired(PromptreelError):
    """The video was deleted, because it was kept for as long as the deployment's rules say. Its record remains."""

    remedy = "Generate the video again. `video_days` and `video_rules` of the stage say how long videos are kept."


class Deleted(NotFound):
    """The generation was deleted by its `owner`."""

    def __init__(self, message: str, owner: str) -> None:
        super().__init__(message)
        self.owner = owner


class BudgetExceeded(PromptreelError):
    """A budget has too little left for this request's possible cost. The message names it and says when it renews.
    Nothing was sent."""

    remedy = "Wait until the budget renews, or ask an operator to raise it with `promptreel budgets set`."


class Contention(PromptreelError):
    """Too many requests change the same records or budgets at once. This request changed nothing."""

    remedy = (
        "Send the same request again with the same idempotency key, after the seconds in the header `Retry-After`. "
        "It is never paid twice."
    )

    def __init__(self) -> None:
        super().__init__("Too many requests change the same records or budgets at this moment. Nothing was changed.")


class TooManyRejectedRows(PromptreelError):
    """Too many rows of this API key, or of this owner's dropped files, were rejected in this hour. The message says
    when files are read again. Nothing was read or sent."""

    remedy = "Correct the rows. `promptreel batch FILE --dry-run` shows their problems. Send the file in the next hour."


class MethodNotAllowed(PromptreelError):
    """The path exists, but only for the `allowed` methods."""

    remedy = "Use one of the methods that the message names."

    def __init__(self, method: str, allowed: list[str]) -> None:
        self.allowed = ", ".join(allowed)
        super().__init__(f"{method} is not allowed for this path. Use {' or '.join(allowed)}.")


class LedgerUnavailable(PromptreelError):
    """A write to the table failed. The message says what could not be recorded."""

    remedy = "Send the same request again with the same idempotency key. It is never paid twice."


class GenerationError(PromptreelError):
    """Base class of the errors that can end a state of the workflow."""


class ProviderUnavailable(GenerationError):
    """The provider could not be reached, or its answer to a check could not be used. Trying again costs nothing."""

    remedy = "An operator can continue the job with `promptreel rescue {id}` once the provider answers again."


class SubmissionUnknown(GenerationError):
    """The create call was sent, but its outcome is unknown. The provider may have accepted the call and may charge."""

    remedy = (
        "Promptreel does not send it again, because the provider may charge for it. An operator looks for {id} in "
        "the provider's request log and records the result with `promptreel resolve {id}`."
    )


class SubmissionTimedOut(GenerationError):
    """The provider was busy or could not be reached until the submit deadline. Nothing was charged."""

    remedy = (
        "Nothing was charged. Send the request again, or have an operator continue the job with `promptreel "
        "rescue {id}`."
    )


class RequestRefused(GenerationError):
    """The provider rejected the request permanently. The message is the provider's."""

    remedy = "Nothing was charged. Change the prompt or the inputs, or choose another model."


class ProviderOutOfCredits(GenerationError):
    """The provider answered 402 or 403 until the deadline, or accepts other jobs that cost as much but not this one."""

    remedy = (
        "Nothing was charged. An operator adds credits at the provider, or allows the model there, and can then "
        "continue the job with `promptreel rescue {id}`."
    )


class ProviderKeyRejected(GenerationError):
    """The provider answered 401, and no newer key is stored."""

    remedy = _STORE_KEY


class ProviderKeyMissing(GenerationError):
    """No key for the provider is stored in Secrets Manager."""

    remedy = _STORE_KEY


class InputUnavailable(GenerationError):
    """An input of the request no longer exists, is unreadable, failed or was cancelled. Nothing was sent or charged."""

    remedy = (
        "Nothing was charged. Provide the input again and send a new request. If the input is a job that has been "
        "rescued since then, an operator can continue this job with `promptreel rescue {id}`."
    )


class GenerationFailed(GenerationError):
    """The provider ended the job as `error`, `failed` or the like. It does not charge for such a generation."""

    remedy = (
        "Nothing was charged. Try again, or change the prompt or the inputs. If the provider has finished the video "
        "after all, an operator fetches it with `promptreel rescue {id}`, which costs nothing."
    )


class GenerationTimedOut(GenerationError):
    """The provider did not finish before the deadline, nor during the day of slower checks after it."""

    remedy = (
        "An operator can check again with `promptreel rescue {id}`, which costs nothing, once the provider has "
        "finished."
    )


class GenerationEnded(GenerationError):
    """This generation had already ended: it was cancelled, or its failure was recorded."""

    remedy = "The job had already ended. Its record shows how."


class VideoUnavailable(GenerationError):
    """The video could not be downloaded completely."""

    remedy = _FETCH_AGAIN


class VideoInvalid(GenerationError):
    """The downloaded data is not the whole video: its length or structure is wrong."""

    remedy = _FETCH_AGAIN


class VideoIncomplete(GenerationError):
    """Part of the video is stored and checked. The next attempt continues from there."""

    remedy = _FETCH_AGAIN


class VideoForbidden(GenerationError):
    """The deployment does not allow this video, because of its size or of its link's host, scheme or address."""

    remedy = (
        "The video is paid for. If its host is the provider's or its vendor's, an operator adds it to `video_hosts` in "
        "`infra/config.py` (or raises `max_video_bytes`), deploys, and fetches the video with `promptreel rescue {id}`."
    )


class Cancelled(GenerationError):
    """The owner cancelled the job. The message says whether the provider may still finish it and charge the account."""

    remedy = "Send the request again if you want the video after all."


class WorkflowStopped(GenerationError):
    """The workflow's execution was stopped from outside or exceeded its time limit."""

    remedy = "An operator can continue the job with `promptreel rescue {id}`. Nothing is paid twice."


class InternalError(GenerationError):
    """An unexpected error ended the workflow: a bug in Promptreel or a fault of its deployment."""

    remedy = (
        "An operator finds the cause in the execution's history and continues the job with `promptreel rescue "
        "{id}`. Nothing is paid twice."
    )


def names() -> dict[str, type[PromptreelError]]:
    """Return every error that a generation can end with, by name."""
    # A rejected file or event is recorded as a failed generation.
    rejected: list[type[PromptreelError]] = [
        InvalidRequest,
        InvalidFile,
        IdempotencyConflict,
        BudgetExceeded,
        TooManyRejectedRows,
        ChoiceRequired,
    ]
    return {leaf.__name__: leaf for leaf in [*rejected, *GenerationError.__subclasses__()]}


def remedy(name: str, generation_id: str) -> str | None:
    """Return what to do about a generation that ended with this error, or None if the error no longer exists."""
    error = names().get(name)
    return error.remedy.replace("{id}", generation_id) if error else None
