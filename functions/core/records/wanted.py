"""Filter lists of generations."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from core.generation import Generation, Status, has_tag, iso

_WORD = re.compile('["“”]([^"“”]*)["“”]?|[^\\s"“”]+')  # or a phrase in quotes, which may still be open
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True)
class Wanted:
    """A filter for generations. All given conditions must hold."""

    status: Collection[Status] = ()
    model: str | None = None
    batch: str | None = None  # the id of the batch, or its beginning
    text: str | None = None  # words of the prompt, the name or the tags, in any order and in upper or lower case
    tags: Collection[str] = ()  # all of these; a key without a value matches any value
    created_after: datetime = FIRST  # inclusive
    created_before: datetime = LAST  # exclusive
    is_oldest_first: bool = False

    def includes(self, generation: Generation) -> bool:
        """Return whether the filter includes a generation, without regard to its time."""
        return (
            (not self.status or generation.status in self.status)
            and self.model in (None, generation.model)
            and (self.batch is None or (generation.batch_id or "").startswith(self.batch))
            and (not self._words or self._has_words(generation))
            and all(has_tag(generation.tags or (), tag) for tag in self.tags)
        )

    @cached_property
    def _words(self) -> tuple[str, ...]:
        """Return the words and phrases of the text."""
        found = (match[1] if match[1] is not None else match[0] for match in _WORD.finditer(self.text or ""))
        return tuple(filter(None, map(_plain, found)))

    def _has_words(self, generation: Generation) -> bool:
        """Return whether each word is in the prompt, the name or a tag, perhaps as a part of a word."""
        texts = (generation.request.get("prompt", ""), generation.name or "", *(generation.tags or ()))
        whole = "\n".join(map(_plain, map(str, texts)))  # a phrase has no line break, so it is in one of them
        return all(word in whole for word in self._words)

    @property
    def created(self) -> tuple[str, str]:
        """Return the first and last `created_at` in the range, in the form of the records.

        The records have whole milliseconds, so the start is rounded up, and the end is the last one before it.
        """
        almost = timedelta(milliseconds=1) - timedelta(microseconds=1)
        return iso(self.created_after + almost), iso(self.created_before - timedelta(microseconds=1))


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
