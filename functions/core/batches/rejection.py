"""A rejected row: it is in the report of its run, and nowhere else.

It has no generation, no id, no announcement and no webhook. A row is rejected while its file is read, or when its run
accepts it, because an input is missing or the provider has withdrawn the model. `replacement` says when a rejection
counts.
"""

from dataclasses import dataclass

from core.errors import InvalidRequest
from core.generation import Failure, Label

MAX_PROMPT = 2000  # characters of a prompt in a report, and all that remains of a rejected row's


@dataclass(frozen=True)
class Rejection:
    """A row that was rejected, and why."""

    number: int
    problem: str
    prompt: str | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()

    @classmethod
    def of(cls, number: int, problem: str, prompt: object, label: Label) -> "Rejection":
        """Return the rejection of a row. The start of its prompt lets its owner recognise it."""
        start = prompt[:MAX_PROMPT].encode("utf-8", "replace").decode() if isinstance(prompt, str) else None
        return cls(number, problem, start, label.name, label.tags)

    @property
    def error(self) -> Failure:
        """The reason in the form of a generation's error."""
        return Failure(InvalidRequest.__name__, self.problem)
