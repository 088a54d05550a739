"""Choose the next jobs from the part of the queue that was read."""

from collections import Counter, deque
from collections.abc import Iterable

from core.slots.table import Waiting


class View:
    """The queued jobs that were read, by owner. The owner after the one who was served last is the first.

    `slots` is how many slots each owner holds.
    """

    def __init__(self, slots: Iterable[str]) -> None:
        self._slots = Counter(slots)
        self._queued: dict[str, deque[Waiting]] = {}
        self._has_more = set[str]()  # owners with jobs that were not read
        self.is_whole = False  # whether no other owner has queued jobs

    def add(self, job: Waiting) -> None:
        """Add the next job of the queue."""
        self._queued.setdefault(job.owner, deque()).append(job)

    def has_more_of(self, owner: str) -> None:
        """Record that more jobs of an owner are queued than were read."""
        self._has_more.add(owner)

    @property
    def is_enough(self) -> bool:
        """Return whether an owner without a slot was read. No other owner can have fewer."""
        return any(not self._slots[owner] for owner in self._queued)

    @property
    def is_empty(self) -> bool:
        """Return whether no job is left, neither here nor in the queue."""
        return self.is_whole and not self._has_more and not any(self._queued.values())

    def take(self, most: int) -> list[Waiting]:
        """Remove and return up to `most` jobs, the next one first.

        Each is chosen as if the ones before it already had their slots: it is the first job of the owner with the
        fewest slots. Ties go round-robin.
        """
        taken, owners = list[Waiting](), deque(self._queued)
        while owners and len(taken) < most:
            owner = min(owners, key=lambda one: self._slots[one])
            is_certain = self.is_whole or not self._slots[owner]
            if not is_certain or not self._queued[owner]:
                break  # the next job was not read
            taken.append(self._queued[owner].popleft())
            self._slots[owner] += 1
            owners.rotate(-owners.index(owner) - 1)
            if not self._queued[owner] and owner not in self._has_more:
                owners.remove(owner)
        return taken
