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
        ├── VideoIncomplete         part of the video is stored, and the next entry goes on after it
        ├── VideoForbidden          the link leads where we do not go: host, scheme, address or size
        ├── Cancelled               its owner cancelled it
        ├── WorkflowStopped         the execution was aborted or ran out of time
        └── InternalError           anything unforeseen; the execution's history says what
"""


class PromptreelError(Exception):
    """Base of all errors this project raises on purpose; `str()` is one sentence for the user."""


class InvalidRequest(PromptreelError):
    """The request breaks the model's schema; the message names each field and what is allowed. Nothing was paid."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class InvalidFile(PromptreelError):
    """The file as a whole cannot be read: its name, its encoding or its form is wrong."""


class FileTooLarge(InvalidFile):
    """The file is too large to be sent in a request, or to be checked while its sender waits: it can be uploaded."""


class IdempotencyConflict(PromptreelError):
    """The idempotency key was used before, for a request that differs."""


class Conflict(PromptreelError):
    """The generation is not in a state that allows this."""


class NotRescuable(PromptreelError):
    """Running the workflow again cannot help this generation."""


class Unauthorized(PromptreelError):
    """The request came without a valid API key."""


class NotFound(PromptreelError):
    """There is no such generation, or it is another owner's: the two are not told apart."""


class Deleted(NotFound):
    """There was such a generation; `owner` deleted it."""

    def __init__(self, message: str, owner: str) -> None:
        super().__init__(message)
        self.owner = owner


class BudgetExceeded(PromptreelError):
    """A budget has no room for what this may cost; the message names it, and says when it renews. Nothing was sent."""


class MethodNotAllowed(PromptreelError):
    """The path is there, for the methods that are `allowed`."""

    def __init__(self, method: str, allowed: list[str]) -> None:
        self.allowed = ", ".join(allowed)
        super().__init__(f"{method} is not allowed here; {self.allowed} {'is' if len(allowed) == 1 else 'are'}.")


class LedgerUnavailable(PromptreelError):
    """The table did not take a write; what it was to say is in the message."""


class GenerationError(PromptreelError):
    """Base of the errors a state of the workflow may end with."""


class ProviderUnavailable(GenerationError):
    """The provider was not reached, or did not answer a check usefully; trying again cannot cost anything."""


class SubmissionUnknown(GenerationError):
    """The create call was sent and its outcome is not known: the provider may have accepted, and may charge."""


class SubmissionTimedOut(GenerationError):
    """The provider refused for now, or was not reached, until the submit deadline passed. Nothing was charged."""


class RequestRefused(GenerationError):
    """The provider refused the request for good; the message is the provider's."""


class ProviderOutOfCredits(GenerationError):
    """The provider answered 402 or 403."""


class ProviderKeyRejected(GenerationError):
    """The provider answered 401, and the stored key has not changed since."""


class ProviderKeyMissing(GenerationError):
    """No key for the provider is stored in Secrets Manager."""


class InputUnavailable(GenerationError):
    """What the request names as an input is gone, failed or was cancelled. Nothing was sent or charged."""


class GenerationFailed(GenerationError):
    """The provider's status is `error`; such a generation is not charged."""


class GenerationTimedOut(GenerationError):
    """The provider did not finish within the deadline and the day of slow checks after it."""


class GenerationEnded(GenerationError):
    """The record says that this generation has ended, so there is nothing left to do for it."""


class VideoUnavailable(GenerationError):
    """The video's link could not be read to its end."""


class VideoInvalid(GenerationError):
    """What the link served is not the whole video: its length or its structure is wrong."""


class VideoIncomplete(GenerationError):
    """Part of the video is in S3 and checked; archiving it goes on from there, as long as it gets further."""


class VideoForbidden(GenerationError):
    """The video's link is outside of what is allowed; changing the stage's settings can make it allowed."""


class Cancelled(GenerationError):
    """Its owner cancelled it; the message says whether the provider may still finish and charge."""


class WorkflowStopped(GenerationError):
    """The workflow's execution was stopped from outside, or passed its own time limit."""


class InternalError(GenerationError):
    """Something unforeseen ended the workflow: a fault in Promptreel or in its deployment."""


def names() -> dict[str, type[PromptreelError]]:
    """Every error a generation can end with, by its name."""
    # What came by a file or an event and was refused.
    refused: list[type[PromptreelError]] = [InvalidRequest, InvalidFile, IdempotencyConflict, BudgetExceeded]
    return {leaf.__name__: leaf for leaf in [*refused, *GenerationError.__subclasses__()]}
