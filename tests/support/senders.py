"""Simulate the queue of webhooks and its senders, with the shipped courier and a simulated clock.

The courier, its records and its senders are the real ones. The tables, the queue, the receivers and the time are
simulated.
"""

import heapq
import itertools
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

from core.generation import Failure, Generation, Status, Webhook
from core.publish.views import as_announcement
from core.records.table import DELIVERY_KEY
from core.webhooks.courier import Courier
from core.webhooks.records import Delivery, WebhookRecords
from core.webhooks.senders import SENDERS, Senders
from core.webhooks.sending import ANSWER_SECONDS, Answer, host_of
from tests.support.generations import START, generation
from tests.support.memory_table import MemoryTable

greenlets: Any = import_module("greenlet")  # Playwright needs it, so it is in the lock file

INVOCATION = 0.05  # seconds that a sender needs for a message, in addition to its POST
QUICK = 0.2  # seconds of a POST to a good receiver

Message = dict[str, Any]
Arrivals = Iterable[tuple[float, str]]  # in order: seconds since START, and the id of a generation that ended then


def every(seconds: float, owner: str, *, until: float) -> Iterator[tuple[float, str]]:
    """Return ends of an owner's generations at this interval."""
    for number in itertools.count():
        if number * seconds > until:
            return
        yield number * seconds, f"{owner} {number}"


def together(ends: int, owner: str) -> list[tuple[float, str]]:
    """Return ends of an owner's generations, all at the start."""
    return [(0.0, f"{owner} {number}") for number in range(ends)]


def owner_of(generation_id: str) -> str:
    """Return the owner of a generation that `every` made."""
    return generation_id.partition(" ")[0]


@dataclass
class World:
    """The queue, its senders, and the owners' receivers.

    Receivers of the owners in `hanging` never answer, and those of the owners in `slow` take 14 seconds.
    """

    hanging: Container[str] = ()
    slow: Container[str] = ()
    host: str | None = None  # that all owners share, or None if each has its own
    time: float = 0.0  # seconds since START
    late: dict[str, float] = field(default_factory=dict)  # seconds from the end of each generation to its delivery
    given_up: dict[str, float] = field(default_factory=dict)  # the same to the end of its attempts
    at_once: Counter[str] = field(default_factory=Counter)  # the most senders of each owner and of each host
    posts: Counter[str] = field(default_factory=Counter)  # by owner and by host

    def __post_init__(self) -> None:
        self._ended: dict[str, float] = {}
        self._waiting: list[tuple[float, int, Message]] = []
        self._running: list[tuple[float, int, Any]] = []
        self._busy: Counter[str] = Counter()
        self._scheduler: Any = None
        self._numbers = itertools.count()
        self.table = MemoryTable(DELIVERY_KEY)
        records = WebhookRecords(None, "", self.now)  # type: ignore[arg-type]  # the table replaces it
        senders = Senders(None, "", self.now)  # type: ignore[arg-type]  # also
        records._table = senders._table = self.table  # type: ignore[assignment]  # it has the same methods
        self.courier = Courier(self, records, senders, self, lambda: "m" * 64, self._hear)  # type: ignore[arg-type]  # get, post

    def now(self) -> datetime:
        """Return the simulated time."""
        return START + timedelta(seconds=self.time)

    def get(self, generation_id: str) -> Generation:
        """Return a generation, as the ledger does."""
        owner = owner_of(generation_id)
        webhook = Webhook(f"https://{self.host or f'{owner}.example'}/{owner}", ["failed"])
        ended_at = START + timedelta(seconds=self._ended[generation_id])
        made = generation(generation_id, owner=owner, webhook=webhook, ended_at=ended_at)
        return replace(made, status=Status.ERROR, error=Failure("RequestRefused", "no"))

    def post(self, url: str, _body: bytes, _headers: dict[str, str]) -> Answer:
        """Send a message, as the sender does."""
        owner = url.rpartition("/")[2]
        names = (owner, host_of(url))
        self.posts.update(names)
        self._busy.update(names)
        self.at_once |= self._busy
        self._sleep(ANSWER_SECONDS if owner in self.hanging else 14 if owner in self.slow else QUICK)
        self._busy.subtract(names)
        return Answer(None, "The webhook's URL does not answer.") if owner in self.hanging else Answer(204)

    def run(self, *arrivals: Arrivals, until: float) -> None:
        """Deliver until a time, in seconds since START."""
        self._scheduler = greenlets.getcurrent()
        upcoming = heapq.merge(*arrivals)
        arriving = next(upcoming, None)
        while True:
            times = [arriving[0]] if arriving else []
            times += [self._running[0][0]] if self._running else []
            times += [self._waiting[0][0]] if self._waiting and len(self._running) < SENDERS else []
            if not times or min(times) > until:
                self.time = until
                return
            self.time = max(self.time, min(times))
            if arriving and arriving[0] <= self.time:
                self._ended[arriving[1]] = arriving[0]
                self._send({"detail": as_announcement(self.get(arriving[1]))}, 0)
                arriving = next(upcoming, None)
            elif self._running and self._running[0][0] <= self.time:
                heapq.heappop(self._running)[2].switch()
            else:
                greenlets.greenlet(self._invocation).switch(heapq.heappop(self._waiting)[2])

    def _sleep(self, seconds: float) -> None:
        """Let an invocation take this time while others run."""
        heapq.heappush(self._running, (self.time + seconds, next(self._numbers), greenlets.getcurrent()))
        self._scheduler.switch()

    def _invocation(self, message: Message) -> None:
        again = self.courier.take(message)
        self._sleep(INVOCATION)
        if again:
            self._send(dict(again.message), again.delay.total_seconds())

    def _send(self, message: Message, delay: float) -> None:
        heapq.heappush(self._waiting, (self.time + delay, next(self._numbers), message))

    def _hear(self, delivery: Delivery, answer: Answer, wait: timedelta | None) -> None:
        which = delivery.generation_id
        if answer.problem is None:
            self.late[which] = self.time - self._ended[which]
        elif wait is None:
            self.given_up[which] = self.time - self._ended[which]

    def unfinished(self) -> set[str]:
        """Return the generations whose messages are neither delivered nor given up."""
        return self._ended.keys() - self.late.keys() - self.given_up.keys()

    def latest(self, owner: str) -> float:
        """Return how many seconds late the latest message of an owner is, including those that were not sent yet."""
        late = {which: self.time - self._ended[which] for which in self.unfinished()} | self.late
        return max(seconds for which, seconds in late.items() if owner_of(which) == owner)
