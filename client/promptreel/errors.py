"""The client's exceptions. The message of each says what happened and what to do.

PromptreelError
├── ConfigurationError      the URL or the key is missing or invalid
├── ConnectionFailed        the API could not be reached, even after retries
├── ApiError                the API returned an error: `status`, `message`
│   ├── Unauthorized        401: the key is missing or invalid
│   └── NotFound            404: you have no such generation
├── GenerationFailed        the generation ended with the status `error`: `generation`
├── NotFinished             the generation's current status does not allow this: `generation`
├── WaitTimeout             `wait` timed out; the generation continues: `generation`
├── BatchTimeout            the batch did not end in time; it continues
├── BatchFailed             the batch's file cannot be read: `batch`
└── DownloadFailed          the whole video could not be downloaded
"""

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptreel.batch import Batch
    from promptreel.generation import Generation


class PromptreelError(Exception):
    """Base class of all errors of this package."""


class ConfigurationError(PromptreelError):
    """The URL or the key is missing or invalid."""


class ConnectionFailed(PromptreelError):
    """The API could not be reached or its response was cut short, even after retries."""


class ApiError(PromptreelError):
    """The API returned an error: `status` is the HTTP status, `message` the API's message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{message.rstrip('.')} (HTTP {status}).")
        self.status = status
        self.message = message

    @property
    def may_pass(self) -> bool:
        """Return whether the same request may succeed later."""
        return self.status == HTTPStatus.TOO_MANY_REQUESTS or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class Unauthorized(ApiError):
    """The API key is missing, invalid, expired or revoked."""


class NotFound(ApiError):
    """The generation does not exist or belongs to another owner."""


class _AboutGeneration(PromptreelError):
    def __init__(self, message: str, generation: "Generation") -> None:
        super().__init__(message)
        self.generation = generation


class GenerationFailed(_AboutGeneration):
    """The generation ended with the status `error`; `generation.error` says why."""

    def __init__(self, generation: "Generation") -> None:
        reason = str(generation.error or "no reason was given").rstrip(".")
        super().__init__(f"Generation {generation.id} failed: {reason}.", generation)


class NotFinished(_AboutGeneration):
    """The generation's current status does not allow this: it is still running, or it has already ended."""


class WaitTimeout(_AboutGeneration):
    """The generation did not end within the timeout; it continues."""


class BatchTimeout(PromptreelError):
    """The batch did not end within the timeout; it continues."""


class BatchFailed(PromptreelError):
    """The latest file of the batch cannot be read; `batch.error` says why."""

    def __init__(self, batch: "Batch") -> None:
        super().__init__(f"Batch {batch.name} failed: {batch.error or 'no reason was given'}")
        self.batch = batch


class DownloadFailed(PromptreelError):
    """The whole video could not be downloaded, even after retries."""
