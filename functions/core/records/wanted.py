"""Filter lists of generations."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.generation import Generation, Status, has_tag, iso

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True)
class Wanted:
    """A filter for generations. All given conditions must hold."""

    status: Collection[Status] = ()
    model: str | None = None
    batch: str | None = None  # the id of the batch, or its beginning
    text: str | None = None  # part of the prompt, in upper or lower case
    tags: Collection[str] = ()  # all of these; a key without a value matches any value
    created_after: datetime = FIRST  # inclusive
    created_before: datetime = LAST  # exclusive

    def includes(self, generation: Generation) -> bool:
        """Return whether the filter includes a generation, without regard to its time."""
        return (
            (not self.status or generation.status in self.status)
            and self.model in (None, generation.model)
            and (self.batch is None or (generation.batch_id or "").startswith(self.batch))
            and (self.text is None or self.text.casefold() in str(generation.request.get("prompt", "")).casefold())
            and all(has_tag(generation.tags or (), tag) for tag in self.tags)
        )

    @property
    def created(self) -> tuple[str, str]:
        """Return the first and last `created_at` in the range, in the form of the records.

        The records have whole milliseconds, so the start is rounded up, and the end is the last one before it.
        """
        almost = timedelta(milliseconds=1) - timedelta(microseconds=1)
        return iso(self.created_after + almost), iso(self.created_before - timedelta(microseconds=1))
