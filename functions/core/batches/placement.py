"""Decide which batch a file is, when it is read.

A file is the batch of its name, unless it drops most rows of that batch. If its sender can choose what to do then, it
is rejected. A file dropped in S3 has nobody to ask, so it becomes a batch of its own: week-2.csv next to week.csv, or
the first of week-2.csv, week-3.csv ... whose rows it mostly keeps.

An event can arrive again after the batches have changed, and an owner can go back to an earlier file. So content that
one of these batches has read belongs to that batch for good. There, its rows are known and are not paid for again.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from core.batches.comparison import Rows
from core.batches.identity import batch_id_for
from core.batches.numbered import numbered
from core.batches.prompt_file import FileRow
from core.batches.record import Batch, BatchRecord, Content, Existing
from core.batches.staging import identified
from core.batches.start import BatchChanged, BatchStart

MOST_RUNS = 100  # latest runs of a batch that are searched for a content


@dataclass(frozen=True)
class Placement:
    """Finds the batch of one file. `named` is the batch of its name, and `read` reads its rows."""

    batches: BatchStart
    named: Batch
    bucket: str
    key: str
    content: Content
    read: Callable[[str], Iterable[FileRow]]  # with a default model
    _known: dict[str, Rows] = field(default_factory=dict)  # by default model

    def place(self) -> Batch:
        """Return the batch that the file is. It is recorded. Raise `ChoiceRequired` if the sender must choose."""
        batch, content, existing = self.named, self.content, self.content.existing
        is_first = batch.run is None and existing != Existing.ASK
        if is_first or existing == Existing.REPLACE or content.sha256 == batch.record.content:
            return batch
        is_late = batch.record.is_newer_than(content)
        if existing is not None:
            if not is_late:
                compared = self.batches.comparing.compare(batch, content.sha256, self._rows(batch))
                compared.require_choice(existing)
            return batch
        further = self._further()
        for one in (*further, batch):
            if self.batches.records.has_run(one.record, content.sha256, MOST_RUNS):
                return one
        if is_late or self._keeps_most(batch):
            return batch
        return next(filter(self._keeps_most, further), None) or self._new(len(further))

    def _further(self) -> list[Batch]:
        """Return the batches of the next names, up to the first name that no batch has."""
        found: list[Batch] = []
        for record in self._records():
            batch = self.batches.records.find(record.batch_id)
            if batch is None:
                return found
            found.append(batch)
        return found

    def _new(self, number: int) -> Batch:
        """Record the batch of the first name that no batch has. So many names before it are taken.

        Raise `BatchChanged` if another file has become this batch since.
        """
        new = self.batches.records.create(next(islice(self._records(), number, None)))
        if not new.is_free:
            raise BatchChanged
        return new

    def _records(self) -> Iterator[BatchRecord]:
        """Yield a new record for each of the next names."""
        folder, slash, file = self.key.rpartition("/")
        for name in numbered(file):
            batch_id = batch_id_for(self.bucket, f"{folder}{slash}{name}")
            model = self.named.record.default_model or ""
            yield self.batches.records.new(batch_id, self.named.record.owner, name, self.named.record.source_ref, model)

    def _keeps_most(self, batch: Batch) -> bool:
        """Return whether the file can be the next revision of a batch.

        A batch that still expects its first file is left to that file.
        """
        if batch.run is None:
            return batch.is_free
        return not self.batches.comparing.drops_most(batch, self._rows(batch))

    def _rows(self, batch: Batch) -> Rows:
        """Return the rows of the file. Those that name no model are those of a batch only with its default model."""
        model = batch.record.default_model or ""
        if model not in self._known:
            found = [identity for identity, _ in identified(self.read(model))]
            self._known[model] = Rows(len(found), [identity for identity in found if identity])
        return self._known[model]
