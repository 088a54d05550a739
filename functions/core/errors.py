"""Every way a generation can go wrong, and the contract with the state machine.

One leaf class a policy: its name is what `Retry` and `Catch` in statemachine/*.asl.json match, and what the record,
the API and the announcement show as `error.name`. A message is one sentence for the user, free of secrets.

    PromptreelError
    ├── InvalidRequest          refused before anything is paid; the API answers 400
    ├── InvalidFile             a file that cannot be read as a whole; one that was dropped is a failed generation
    │   └── FileTooLarge            for a request; the API answers 413, and gives a link to upload it
    ├── IdempotencyConflict     the key stands for another request; the API answers 409, an event is recorded as failed
    ├── Unauthorized            no valid key; the API answers 401
    ├── Conflict                not as the generation stands now; the API answers 409
    ├── NotRescuable            rescue cannot help; the command line says what can
    ├── NotFound                no such generation for this owner; the API answers 404
    │   └── Deleted                 there was one, and its owner deleted it
    ├── BudgetExceeded          no budget of ours has room for it; the API answers 403, a file is recorded as failed
    ├── MethodNotAllowed        the path is there, for other methods; the API answers 405
    ├── LedgerUnavailable       what had to be recorded could not be
    └── GenerationError         ends, or delays, the workflow of one generation
        ├── ProviderUnavailable     not sent, or a check that did not go through: tried again, with back-off
        ├── SubmissionUnknown       sent, and the answer is not known: never sent again
        ├── SubmissionTimedOut      the provider took nothing before the deadline
        ├── RequestRefused          the provider refuses this request
        ├── ProviderOutOfCredits    the provider wants money
        ├── ProviderKeyRejected     the provider does not know our key
        ├── ProviderKeyMissing      no key is stored
        ├── InputUnavailable        a file or a video that the request names is not there, or cannot be used
        ├── GenerationFailed        the provider tried and failed
        ├── GenerationTimedOut      the provider never finished
        ├── GenerationEnded         the generation had ended already: cancelled, or its failure recorded
        ├── VideoUnavailable        the link does not answer, or breaks off: tried again, with a fresh link
        ├── VideoInvalid            what came is not the whole video: tried again
        ├── VideoIncomplete         part of the video is stored, and the next invocation goes on after it
        ├── VideoForbidden          the link leads where we do not go: host, scheme, address or size
        ├── Cancelled               its owner cancelled it
        ├── WorkflowStopped         the execution was aborted or ran out of time
        └── InternalError           anything unforeseen; the execution's history says what
"""

from typing import ClassVar

_STORE_KEY = (
    "Nothing was charged. An operator stores a valid key with `promptreel secret set` and can then continue the job "
    "with `promptreel rescue {id}`."
)
_FETCH_AGAIN = (
    "The video is paid for, and the provider's link to it expires. An operator should soon fetch it again with "
    "`promptreel rescue {id}`, which costs nothing."
)


class PromptreelError(Exception):
    """Base of all errors this project raises on purpose; `str()` is one sentence for the user."""

    remedy: ClassVar[str] = ""  # what the user can do, or what an operator can do for them; `{id}` is the generation's


class InvalidRequest(PromptreelError):
    """The request breaks the model's schema; the message names each field and what is allowed. Nothing was paid."""

    remedy = "Correct the fields that the message names. `promptreel models MODEL` shows what the model accepts."

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class InvalidFile(PromptreelError):
    """The file as a whole cannot be read: its name, its encoding or its form is wrong."""

    remedy = "Correct the file and send it again. `promptreel batch FILE --dry-run` checks it without sending anything."


class FileTooLarge(InvalidFile):
    """The file is too large to be sent in a request, or to be checked while its sender waits: it can be uploaded."""

    remedy = "Ask for an upload form with `upload=true` and upload the file with it, or split the file."


class IdempotencyConflict(PromptreelError):
    """The idempotency key was used before, for a request that differs."""

    remedy = "Use a new idempotency key for a new request."


class Conflict(PromptreelError):
    """The generation is not in a state that allows this."""

    remedy = "Fetch the job or the batch again: it has changed, or it cannot do this in its present state."


class NotRescuable(PromptreelError):
    """Running the workflow again cannot help this generation."""

    remedy = "Create a new generation. If the outcome of its create call is unknown, use `promptreel resolve`."


class Unauthorized(PromptreelError):
    """The request came without a valid API key."""

    remedy = "Send a valid API key with the necessary scope. An operator creates keys with `promptreel keys create`."


class NotFound(PromptreelError):
    """There is no such generation, or it is another owner's: the two are not told apart."""

    remedy = "Check the id and the address. `promptreel list` shows your jobs."


class Deleted(NotFound):
    """There was such a generation; `owner` deleted it."""

    def __init__(self, message: str, owner: str) -> None:
        super().__init__(message)
        self.owner = owner


class BudgetExceeded(PromptreelError):
    """A budget has no room for what this may cost; the message names it, and says when it renews. Nothing was sent."""

    remedy = "Wait until the budget renews, or ask an operator to raise it with `promptreel budgets set`."


class MethodNotAllowed(PromptreelError):
    """The path is there, for the methods that are `allowed`."""

    remedy = "Use one of the methods that the message names."

    def __init__(self, method: str, allowed: list[str]) -> None:
        self.allowed = ", ".join(allowed)
        super().__init__(f"{method} is not allowed here; {self.allowed} {'is' if len(allowed) == 1 else 'are'}.")


class LedgerUnavailable(PromptreelError):
    """The table did not take a write; what it was to say is in the message."""

    remedy = "Send the same request again with the same idempotency key: it is never paid twice."


class GenerationError(PromptreelError):
    """Base of the errors a state of the workflow may end with."""


class ProviderUnavailable(GenerationError):
    """The provider was not reached, or did not answer a check usefully; trying again cannot cost anything."""

    remedy = "An operator can continue the job with `promptreel rescue {id}` once the provider answers again."


class SubmissionUnknown(GenerationError):
    """The create call was sent and its outcome is not known: the provider may have accepted, and may charge."""

    remedy = (
        "Promptreel does not send it again, because the provider may charge for it. An operator looks for {id} in"
        " the provider's request log and records the result with `promptreel resolve {id}`."
    )


class SubmissionTimedOut(GenerationError):
    """The provider refused for now, or was not reached, until the submit deadline passed. Nothing was charged."""

    remedy = (
        "Nothing was charged. Send the request again, or have an operator continue the job with `promptreel "
        "rescue {id}`."
    )


class RequestRefused(GenerationError):
    """The provider refused the request for good; the message is the provider's."""

    remedy = "Nothing was charged. Change the prompt or the inputs, or choose another model."


class ProviderOutOfCredits(GenerationError):
    """The account at the provider is out of credits: it answered 402 or 403."""

    remedy = (
        "Nothing was charged. An operator adds credits at the provider and can then continue the job with "
        "`promptreel rescue {id}`."
    )


class ProviderKeyRejected(GenerationError):
    """The provider answered 401, and the stored key has not changed since."""

    remedy = _STORE_KEY


class ProviderKeyMissing(GenerationError):
    """No key for the provider is stored in Secrets Manager."""

    remedy = _STORE_KEY


class InputUnavailable(GenerationError):
    """What the request names as an input is gone, failed or was cancelled. Nothing was sent or charged."""

    remedy = (
        "Nothing was charged. Provide the input again and send a new request. If the input is a job that was "
        "rescued since, an operator can continue this job with `promptreel rescue {id}`."
    )


class GenerationFailed(GenerationError):
    """The provider's status is `error`; such a generation is not charged."""

    remedy = "Nothing was charged. Try again, or change the prompt or the inputs."


class GenerationTimedOut(GenerationError):
    """The provider did not finish within the deadline and the day of slow checks after it."""

    remedy = (
        "An operator can check again with `promptreel rescue {id}`, which costs nothing, once the provider has "
        "finished."
    )


class GenerationEnded(GenerationError):
    """This generation has ended before: it was cancelled, or its failure was recorded."""

    remedy = "The job had ended before. Its record shows how."


class VideoUnavailable(GenerationError):
    """The video's link could not be read to its end."""

    remedy = _FETCH_AGAIN


class VideoInvalid(GenerationError):
    """What the link served is not the whole video: its length or its structure is wrong."""

    remedy = _FETCH_AGAIN


class VideoIncomplete(GenerationError):
    """Part of the video is in S3 and checked; the next attempt continues from there."""

    remedy = _FETCH_AGAIN


class VideoForbidden(GenerationError):
    """The video's link is outside of what is allowed; changing the stage's settings can make it allowed."""

    remedy = (
        "The video is paid for. If its host is the provider's or its vendor's, an operator adds it to `video_hosts` in "
        "`infra/config.py` (or raises `max_video_bytes`), deploys, and fetches the video with `promptreel rescue {id}`."
    )


class Cancelled(GenerationError):
    """Its owner cancelled it; the message says whether the provider may still finish and charge."""

    remedy = "Send the request again if you want the video after all."


class WorkflowStopped(GenerationError):
    """The workflow's execution was stopped from outside, or passed its own time limit."""

    remedy = "An operator can continue the job with `promptreel rescue {id}`. Nothing is paid twice."


class InternalError(GenerationError):
    """Something unforeseen ended the workflow: a fault in Promptreel or in its deployment."""

    remedy = (
        "An operator finds the cause in the execution's history and continues the job with `promptreel rescue "
        "{id}`. Nothing is paid twice."
    )


def names() -> dict[str, type[PromptreelError]]:
    """Every error a generation can end with, by its name."""
    # What came by a file or an event and was refused.
    refused: list[type[PromptreelError]] = [InvalidRequest, InvalidFile, IdempotencyConflict, BudgetExceeded]
    return {leaf.__name__: leaf for leaf in [*refused, *GenerationError.__subclasses__()]}


def remedy(name: str, generation_id: str) -> str | None:
    """Return what to do about a generation that ended with this error; None for an error that is not known any more."""
    error = names().get(name)
    return error.remedy.replace("{id}", generation_id) if error else None
