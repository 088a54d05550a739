"""Which generations a list is of."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.generation import Generation, Status, iso

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True)
class Wanted:
    """Those for which all of this holds; what is not given does not matter."""

    status: Collection[Status] = ()
    model: str | None = None
    batch: str | None = None  # its id, or how that begins
    text: str | None = None  # somewhere in the prompt, in upper or lower case
    tags: Collection[str] = ()  # it has all of them; a key alone stands for any value of it
    created_after: datetime = FIRST  # at this time or after it
    created_before: datetime = LAST  # and not at this one

    def includes(self, generation: Generation) -> bool:
        """Whether it is one of them, its time apart."""
        return (
            (not self.status or generation.status in self.status)
            and self.model in (None, generation.model)
            and (self.batch is None or (generation.batch_id or "").startswith(self.batch))
            and (self.text is None or self.text.casefold() in str(generation.request.get("prompt", "")).casefold())
            and all(_has(tag, generation.tags or ()) for tag in self.tags)
        )

    @property
    def created(self) -> tuple[str, str]:
        """The first and the last `created_at`, as records hold it (whole milliseconds), that are within the times."""
        almost = timedelta(milliseconds=1) - timedelta(microseconds=1)
        return iso(self.created_after + almost), iso(self.created_before - timedelta(microseconds=1))


def _has(wanted: str, tags: Collection[str]) -> bool:
    return wanted in tags or any(tag.partition("=")[0] == wanted for tag in tags)
