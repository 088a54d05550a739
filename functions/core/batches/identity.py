"""The ids of batches and of their rows.

A batch is known by where its file is, and not by what the file holds: an edited file that is sent again under its name
is a new revision of the same batch. A row is known by its request and its occurrence among equal requests, so that a
new revision makes only what is new.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.generation import digest, fingerprint, replaced


@dataclass(frozen=True)
class RowIdentity:
    """Identifies a row in any batch: its request, and its occurrence among the equal ones, counted from 1."""

    fingerprint: str
    occurrence: int

    def id_in(self, batch_id: str) -> str:
        """Return the id of the row's generation in a batch."""
        return digest("row", batch_id, self.fingerprint, str(self.occurrence))


class Identities:
    """Give the rows of a file their identities, in the order of the file."""

    def __init__(self) -> None:
        self._seen: Counter[bytes] = Counter()
        self._rows: list[tuple[bytes, int]] = []  # the fingerprint and the occurrence of each

    def skip(self) -> None:
        """Pass over a row that holds no request."""
        self._rows.append((b"", 0))

    def next(self, request: dict[str, Any], rows: Mapping[str, int] | None = None) -> RowIdentity:
        """Return the identity of the next row, which has this request.

        `rows` maps the references in the request to the numbers of the rows whose videos it uses. A row that uses the
        video of another row is another row itself.
        """
        names = {reference: f"row:{self.of(number)}" for reference, number in (rows or {}).items()}
        which = bytes.fromhex(fingerprint(replaced(request, names) if names else request))
        self._seen[which] += 1
        self._rows.append((which, self._seen[which]))
        return self.of(len(self._rows))

    def of(self, number: int) -> RowIdentity:
        """Return the identity of an earlier row."""
        which, occurrence = self._rows[number - 1]
        return RowIdentity(which.hex(), occurrence)


def batch_id_for(bucket: str, key: str) -> str:
    """Return the id of the batch that a file is, whatever the file holds."""
    return digest("batch", f"{bucket}/{key}")


def file_id(what: str, bucket: str, key: str, sha256: str) -> str:
    """Return the id of `what` a file is ("request"). The same content in the same place has the same id."""
    return digest(what, f"{bucket}/{key}#{sha256}")


def replacement_id(generation_id: str) -> str:
    """Return the id of the generation that replaces one which the provider failed to make."""
    return digest("take", generation_id)
