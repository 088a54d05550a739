"""Recognise a POST that repeats an earlier one, although it has no idempotency key.

If the answer to a POST is lost, the client's SDK sends the POST again and counts its retries in a header. All POSTs
of one call must become one job. But two equal POSTs without this sign are two calls: a user may want the same prompt
twice.

A marker is an item in the table of generations. It holds the latest calls of one line of API keys with equal requests.
The transaction that records a generation also writes its call into the marker, on condition that the marker has not
changed since it was read. Of two POSTs at once, the later one therefore sees the call of the other.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from core.errors import NotFound
from core.generation import Generation, digest, fingerprint
from core.records.ledger import Ledger
from core.records.table import EXPIRES_AT, KEY, Condition, ConditionFailed, Item, attempts

RETRY_COUNT = "x-stainless-retry-count"  # a header with the number of retries that the SDK has made of a call, from 0
# So long after its acceptance a request can be repeated: the SDKs wait ten minutes for an answer, and retry twice.
WINDOW = timedelta(minutes=22)
KEPT = 20  # calls in a marker, which is below 1 KiB with up to five
_CALLS = "calls"


@dataclass(frozen=True)
class Sending:
    """One POST of a call, as the API received it."""

    key_line: str | None  # the line of its API key
    retries: int  # 0 for the first POST of a call, and for one without a sign of a retry
    received_at: datetime
    window: timedelta = timedelta()  # the key's: equal POSTs within it are one call, even without a sign


@dataclass(frozen=True)
class Call:
    """A call that was accepted, with the POSTs of it that were seen. Times are in milliseconds since 1970."""

    generation_id: str
    accepted_at: int
    seen: list[int]  # the numbers of retries of its POSTs
    received_at: int  # the POST with the highest number
    fetched: bool = False  # with the same line of keys, so that the client knows its job

    @property
    def last(self) -> int:
        """Return the highest number of retries among its POSTs."""
        return max(self.seen)

    def with_another(self, sending: Sending, now: datetime) -> "Call | None":
        """Return the call with one more POST, or None if that POST belongs to another call."""
        age = timedelta(milliseconds=_milliseconds(now) - self.accepted_at)
        received_at, number = _milliseconds(sending.received_at), sending.retries
        if age < sending.window:
            return self if number in self.seen else self._with(number, received_at)
        if age >= WINDOW or number in self.seen:
            return None
        if number > self.last:
            return None if self.fetched else self._with(number, received_at)
        # A later retry has overtaken it.
        return self._with(number, received_at) if received_at < self.received_at else None

    def _with(self, number: int, received_at: int) -> "Call":
        is_last = number > self.last
        return replace(self, seen=[*self.seen, number], received_at=received_at if is_last else self.received_at)


class Repeated(Exception):
    """The POST belongs to the call of an earlier generation."""

    def __init__(self, generation: Generation) -> None:
        super().__init__()
        self.generation = generation


@dataclass(frozen=True)
class Repeats:
    """Writes and reads the markers."""

    ledger: Ledger

    def noting(self, new: Generation, sending: Sending) -> Any:  # noqa: RET503 - `attempts` does not end
        """Return the write of the marker that belongs in the transaction that records `new`.

        Raise `Repeated` if the POST belongs to the call of an earlier generation, which then has one more POST.
        """
        table, key = self.ledger.table, marker_of(new, sending.key_line)
        for _ in attempts():
            now, marker = self.ledger.now(), table.get(key)
            since = _milliseconds(now - max(WINDOW, sending.window))
            calls = [call for call in _calls(marker) if call.accepted_at > since]
            earlier = self._earlier(calls, sending, new.generation_id)
            if earlier is None:
                received_at, retries = _milliseconds(sending.received_at), sending.retries
                own = Call(new.generation_id, _milliseconds(now), [retries], received_at)
                return table.putting(self._marker(key, [*calls, own], sending.window), _unchanged(marker))
            call, generation = earlier
            if call not in calls:
                changed = [call if one.generation_id == call.generation_id else one for one in calls]
                try:
                    table.put(self._marker(key, changed, sending.window), _unchanged(marker))
                except ConditionFailed:
                    continue
            raise Repeated(generation)

    def note_fetch(self, generation: Generation, key_line: str | None) -> None:
        """Record that this line of keys knows the generation, so that no later retry becomes this generation."""
        if generation.source.kind != "api" or self.ledger.now() - generation.created_at > WINDOW:
            return
        table, key = self.ledger.table, marker_of(generation, key_line)
        for _ in attempts():
            marker = table.get(key)
            calls = _calls(marker)
            own = [call for call in calls if call.generation_id == generation.generation_id and not call.fetched]
            if marker is None or not own:
                return
            changed = [replace(call, fetched=True) if call in own else call for call in calls]
            try:
                table.put({**marker, _CALLS: [asdict(call) for call in changed]}, _unchanged(marker))
            except ConditionFailed:
                continue
            return

    def _earlier(self, calls: Sequence[Call], sending: Sending, own_id: str) -> tuple[Call, Generation] | None:
        """Return the call that the POST belongs to, with the POST, and its generation. Deleted generations have none.

        The call of `own_id` is the trace of a transaction whose answer was lost.
        """
        for call in _candidates(calls):
            one_more = call.with_another(sending, self.ledger.now())
            if one_more and call.generation_id != own_id:
                try:
                    return one_more, self.ledger.get(call.generation_id)
                except NotFound:
                    continue
        return None

    def _marker(self, key: str, calls: Sequence[Call], window: timedelta) -> Item:
        expires_at = int((self.ledger.now() + max(WINDOW, window)).timestamp())
        return {KEY: key, _CALLS: [asdict(call) for call in calls[-KEPT:]], EXPIRES_AT: expires_at}


def marker_of(generation: Generation, key_line: str | None) -> str:
    """Return the key of the marker for POSTs with the same request and label by the same line of keys."""
    webhook, sent = generation.webhook, generation.sent_tags
    tags = generation.tags or [] if sent is None else sent  # its owner may have edited them since
    label = json.dumps([tags, [webhook.url, webhook.events] if webhook else None])
    return f"repeats-{digest(generation.owner, key_line or '', fingerprint(generation.request), label)}"


def _candidates(calls: Sequence[Call]) -> Iterator[Call]:
    """Yield the calls that were retried most often first: a second retry belongs to the call with a first one."""
    yield from sorted(calls, key=lambda call: (call.last, call.accepted_at), reverse=True)


def _calls(marker: Item | None) -> list[Call]:
    return [Call(**one) for one in (marker or {}).get(_CALLS, ())]


def _unchanged(marker: Item | None) -> Condition:
    if marker is None:
        return Condition(f"attribute_not_exists({KEY})")
    return Condition("#last_write = :seen", {":seen": marker["last_write"]})


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)
