"""Everything the client raises on purpose; `str()` is one sentence with what happened and what to do.

PromptreelError
├── ConfigurationError      no URL or key, or one that cannot be used
├── ConnectionFailed        the API was not reached, after retries
├── ApiError                the API answered with an error: `status`, `message`
│   ├── Unauthorized        401: the key is missing or not valid
│   └── NotFound            404: no such generation of yours
├── GenerationFailed        the generation ended as `error`: `generation`
├── NotFinished             not as the generation stands now: `generation`
├── WaitTimeout             `wait` gave up; the generation goes on: `generation`
├── BatchTimeout            the batch did not end in time, and goes on
├── BatchFailed             the batch's file cannot be read: `batch`
└── DownloadFailed          the link did not serve the whole video
"""

from http import HTTPStatus

from promptreel.batch import Batch
from promptreel.generation import Generation


class PromptreelError(Exception):
    """Base of all errors of this package."""


class ConfigurationError(PromptreelError):
    """The URL or the key is missing or cannot be used."""


class ConnectionFailed(PromptreelError):
    """The API was not reached, or its answer broke off, and trying again did not help."""


class ApiError(PromptreelError):
    """The API answered with an error; `status` is the HTTP status, `message` the API's own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{message.rstrip('.')} (HTTP {status}).")
        self.status = status
        self.message = message

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status == HTTPStatus.TOO_MANY_REQUESTS or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class Unauthorized(ApiError):
    """The API key is missing, not valid, or revoked."""


class NotFound(ApiError):
    """There is no such generation, or it is another owner's."""


class _AboutGeneration(PromptreelError):
    def __init__(self, message: str, generation: Generation) -> None:
        super().__init__(message)
        self.generation = generation


class GenerationFailed(_AboutGeneration):
    """The generation ended as `error`; `generation.error` says why."""

    def __init__(self, generation: Generation) -> None:
        reason = f"{generation.error.name}: {generation.error.message}" if generation.error else "no reason was given"
        super().__init__(f"Generation {generation.id} failed with {reason.rstrip('.')}.", generation)


class NotFinished(_AboutGeneration):
    """The generation is not in a state that allows this: it still runs, or it has ended already."""


class WaitTimeout(_AboutGeneration):
    """The generation did not end within the time-out, and goes on."""


class BatchTimeout(PromptreelError):
    """The batch did not end within the time-out, and goes on."""


class BatchFailed(PromptreelError):
    """What was sent last under the batch's name cannot be read; `batch.error` says why."""

    def __init__(self, batch: Batch) -> None:
        reason = f"{batch.error.name}: {batch.error.message}" if batch.error else "no reason was given"
        super().__init__(f"Batch {batch.name} failed with {reason}")
        self.batch = batch


class DownloadFailed(PromptreelError):
    """The link did not serve the whole video, several times."""
