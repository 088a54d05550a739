"""Promptreel's client: `Client` and `AsyncClient` for programs; the command line `promptreel` is built on it.

The names are imported when they are first used, so that the command line starts quickly.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptreel._links import Link
    from promptreel._sync import Synced
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

    __version__: str

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
    "Synced",
    "Takes",
    "Unauthorized",
    "Usage",
    "Video",
    "WaitTimeout",
    "Webhook",
    "__version__",
]

_MODULES = {
    "_links": ("Link",),
    "_sync": ("Synced",),
    "_webhooks": ("Webhook",),
    "asynchronous": ("AsyncClient",),
    "batch": ("Batch", "BatchCheck", "ReportRow"),
    "client": ("Client",),
    "generation": ("Failure", "Generation", "Model", "Takes", "Video"),
    "money": ("Budget", "Estimate", "Usage"),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("importlib.metadata").version("promptreel")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"promptreel.{_PLACES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return __all__
