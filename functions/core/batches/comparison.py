"""Compare a file with the batch of its name and with others of its owner, before anything starts.

One rule serves HTTP, the console, upload forms and files dropped in S3. A file

    drops most of a batch    if it has less than half of the rows of the batch's latest revision
    repeats most of a batch  if another recent batch has made more than half of the file's rows

Then its sender must choose what to do (`Existing`). A file dropped in S3 has nobody to ask: see `placement`.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from core.batches.identity import RowIdentity
from core.batches.record import Batch, BatchRecord, Existing
from core.batches.staging import Staging, counts_as_made
from core.batches.table import BatchRecords
from core.errors import ChoiceRequired
from core.records.lists import Lists

BY_NAME = "To add only its new rows to another batch, send it under the name of that batch."
EARLIER_BATCHES, SAMPLE = 20, 25  # batches that are searched for the same rows, by a sample of the rows


@dataclass(frozen=True)
class Rows:
    """The rows of a file."""

    count: int
    identities: list[RowIdentity]  # of the rows that hold a request


@dataclass(frozen=True)
class Comparison:
    """How the rows of a file compare with the batch of its name and with another batch of its owner."""

    batch: Batch  # of the file's name; it may not be recorded yet
    rows: int
    statuses: dict[RowIdentity, str]  # of the rows that the batch has started, in any revision
    staged: int = 0  # rows of the batch's latest revision
    dropped: int = 0  # those of them that the file does not have
    elsewhere: tuple[BatchRecord, int] | None = None  # the other batch that has most of the rows, and how many

    @property
    def made_before(self) -> int:
        """Return how many rows the batch has made, or is making."""
        return sum(map(counts_as_made, self.statuses.values()))

    @property
    def failed_before(self) -> int:
        """Return how many rows of the batch failed, and stay so until they are retried."""
        return len(self.statuses) - self.made_before

    @property
    def drops_most(self) -> bool:
        """Return whether the file drops most rows of the batch of its name."""
        return 2 * self.dropped > self.staged

    @property
    def repeats_most(self) -> bool:
        """Return whether another batch has most rows of the file."""
        return self.elsewhere is not None and 2 * self.elsewhere[1] > self.rows

    def choices(self, existing: str | None) -> list[Existing]:
        """Return what the sender must choose from, or nothing. `existing` is what the sender has chosen so far."""
        repeats = self.repeats_most and existing in (None, Existing.ASK)
        if existing == Existing.REPLACE or not (repeats or self.drops_most):
            return []
        first = [Existing.REUSE] if repeats and existing is None else []  # a file in S3 has its name already
        return [*first, Existing.AGAIN, *([] if self.batch.is_free else [Existing.REPLACE])]

    def require_choice(self, existing: str | None) -> None:
        """Raise `ChoiceRequired` if the sender must choose first."""
        choices = self.choices(existing)
        if not choices:
            return
        meanings = {
            Existing.REUSE: "to add only the new rows to that batch",
            Existing.AGAIN: "to generate every row in a batch with a new name",
            Existing.REPLACE: f"to make it the next revision of {self.batch.record.name}",
        }
        options = ", ".join(f"`{choice}` {meanings[choice]}" for choice in choices)
        way = f" {BY_NAME}" if self.repeats_most and existing == Existing.ASK else ""
        raise ChoiceRequired(f"{self.said} Nothing was started. Send it again with {options}.{way}")

    @property
    def said(self) -> str:
        """Return what the file drops and repeats, in sentences."""
        said = []
        if self.drops_most:
            said.append(f"The file drops {self.dropped} of the {self.staged} rows of batch {self.batch.record.name}.")
        if self.elsewhere and self.repeats_most:
            other, rows = self.elsewhere
            said.append(f"Batch {other.name} ({other.batch_id}) already has {rows} of its {self.rows} rows.")
        return " ".join(said)

    def as_json(self, existing: str | None) -> dict[str, Any]:
        """Return the comparison as the API shows it."""
        other = self.elsewhere
        return {
            "made_before": self.made_before,
            "failed_before": self.failed_before,
            "rows_before": self.staged,
            "dropped": self.dropped,
            "made_elsewhere": other and {"id": other[0].batch_id, "name": other[0].name, "rows": other[1]},
            "choices": self.choices(existing),
        }


@dataclass(frozen=True)
class Comparing:
    """Compares files with batches."""

    records: BatchRecords
    staging: Staging

    @property
    def lists(self) -> Lists:
        """Return the lists of the ledger."""
        return Lists(self.staging.ledger)

    def compare(self, batch: Batch, content: str, rows: Rows, *, reuse: bool = False) -> Comparison:
        """Compare a file with the batch of its name, which may be new, and with other batches of its owner.

        Content that the batch has repeats nothing, even if all of its rows have failed. With `reuse`, rows of another
        batch that were not made count as well, because the batch may have been cancelled since its owner chose it.
        """
        started = self._started(batch.record.batch_id, rows.identities)
        compared = Comparison(batch, rows.count, started, *self._dropped(batch, rows))
        if content == batch.record.content or 2 * compared.made_before > rows.count:
            return compared
        return replace(compared, elsewhere=self._elsewhere(batch.record, rows.identities, reuse=reuse))

    def drops_most(self, batch: Batch, rows: Rows) -> bool:
        """Return whether a file drops most rows of a batch. The ledger is not read for each row."""
        return Comparison(batch, rows.count, {}, *self._dropped(batch, rows)).drops_most

    def _dropped(self, batch: Batch, rows: Rows) -> tuple[int, int]:
        """Return how many rows the latest revision of the batch has, and how many of them the file does not have."""
        latest = self._latest_ids(batch)
        return len(latest), len(latest - {identity.id_in(batch.record.batch_id) for identity in rows.identities})

    def _latest_ids(self, batch: Batch) -> set[str]:
        """Return the ids of the rows of the latest revision, whether they have started or not."""
        if batch.run is None:
            return set()
        ids = self.staging.ids(batch.run)
        if ids is not None:
            return set(ids.values())
        # An earlier release has read the file: only rows that have started are known.
        return self.lists.first_attempts(batch.record.batch_id, batch.run.revision)

    def _started(self, batch_id: str, identities: Iterable[RowIdentity]) -> dict[RowIdentity, str]:
        """Return the rows that the batch has started, each with its status."""
        ids = {identity.id_in(batch_id): identity for identity in identities}
        return {ids[generation_id]: status for generation_id, status in self.lists.statuses(ids)}

    def _elsewhere(
        self, record: BatchRecord, identities: list[RowIdentity], *, reuse: bool
    ) -> tuple[BatchRecord, int] | None:
        """Return the recent batch that has made most of a sample of the rows, and how many rows it has made.

        Return None if no batch has made more than half of the sample. With `reuse`, one row is enough, and all rows
        that the batch has count, even those that failed or were not started.
        """
        sample = identities[:: max(1, len(identities) // SAMPLE)]
        recent, _ = self.records.of_owner(record.owner, None, EARLIER_BATCHES)
        others = {one.record.batch_id: one for one in recent if one.record.batch_id != record.batch_id}
        ids = {one.id_in(batch_id): batch_id for batch_id in others for one in sample}
        found = [(ids[generation_id], status) for generation_id, status in self.lists.statuses(ids)]
        made = Counter(batch_id for batch_id, status in found if counts_as_made(status))
        any_status = Counter(batch_id for batch_id, _ in found)
        best = max(others, key=lambda batch_id: (made[batch_id], any_status[batch_id]), default="")
        if not any_status[best] or not (reuse or 2 * made[best] > len(sample)):
            return None
        started = self._started(best, identities)
        if not reuse:
            return others[best].record, sum(map(counts_as_made, started.values()))
        latest = self._latest_ids(others[best])
        return others[best].record, sum(one in started or one.id_in(best) in latest for one in identities)
