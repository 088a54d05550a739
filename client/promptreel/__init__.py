"""Promptreel's client: `Client` for programs; the command line `promptreel` is built on it."""

from promptreel.client import Client
from promptreel.errors import (
    ApiError,
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

__all__ = [
    "ApiError",
    "Client",
    "ConfigurationError",
    "ConnectionFailed",
    "DownloadFailed",
    "Failure",
    "Generation",
    "GenerationFailed",
    "Model",
    "NotFinished",
    "NotFound",
    "PromptreelError",
    "Takes",
    "Unauthorized",
    "Video",
    "WaitTimeout",
]
