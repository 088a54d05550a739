"""Promptreel's client: `Client` and `AsyncClient` for programs; the command line `promptreel` is built on it."""

from importlib import metadata

from promptreel._links import Link
from promptreel._webhooks import Webhook
from promptreel.asynchronous import AsyncClient
from promptreel.batch import Batch, BatchCheck, ReportRow
from promptreel.client import Client
from promptreel.errors import (
    ApiError,
    BatchFailed,
    BatchTimeout,
    ConfigurationError,
    ConnectionFailed,
    DownloadFailed,
    GenerationFailed,
    NotFinished,
    NotFound,
    PromptreelError,
    Unauthorized,
    WaitTimeout,
)
from promptreel.generation import Failure, Generation, Model, Takes, Video
from promptreel.money import Budget, Estimate, Usage

__version__ = metadata.version("promptreel")

__all__ = [
    "ApiError",
    "AsyncClient",
    "Batch",
    "BatchCheck",
    "BatchFailed",
    "BatchTimeout",
    "Budget",
    "Client",
    "ConfigurationError",
    "ConnectionFailed",
    "DownloadFailed",
    "Estimate",
    "Failure",
    "Generation",
    "GenerationFailed",
    "Link",
    "Model",
    "NotFinished",
    "NotFound",
    "PromptreelError",
    "ReportRow",
    "Takes",
    "Unauthorized",
    "Usage",
    "Video",
    "WaitTimeout",
    "Webhook",
    "__version__",
]
