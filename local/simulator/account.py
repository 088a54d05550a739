"""Simulate the provider's account: its balance and its transactions (`GET /v2/billing/transactions`).

Source: the provider's reference, "Account Balance" (August 2026). The provider charges for a video
after it is completed, but does not document how long after, nor which reference a refund has. The simulator charges
at once, unless a script says otherwise, and gives a refund the reference of its charge.
"""

import base64
import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from local.simulator.generations import Generation, Generations
from local.simulator.logs import CREDITS_PER_DOLLAR, shown_model
from local.simulator.models import Refused
from local.simulator.scripts import Charge, Scripts

PAID_IN = 10_000 * CREDITS_PER_DOLLAR  # the balance at the start
MOST_ENTRIES, USUAL_ENTRIES = 100, 50
TYPES = {"PAYMENT", "BONUS", "REFUND", "ADJUSTMENT", "MODEL_USAGE", "CREDITS_EXPIRED", "INIT"}
PARAMETERS = {"from", "to", "direction", "type", "limit", "cursor"}


@dataclass(frozen=True)
class Movement:
    """One transaction. `credits` is negative for money that was added. `at` is in epoch seconds."""

    at: float
    kind: str
    credits: int
    reference: str | None
    model: str | None
    number: int = 0  # its number among the entries of one generation

    @property
    def position(self) -> tuple[str, str, int]:
        """Return the sort key among all entries. Later entries do not change it."""
        return _iso(self.at), self.reference or "", self.number

    @property
    def direction(self) -> str:
        return "CHARGE" if self.credits >= 0 else "TOPUP"


@dataclass(frozen=True)
class AccountQuery:
    """The filters of a request for entries. None means any."""

    start: datetime | None
    end: datetime | None
    direction: str | None
    kind: str | None
    limit: int
    after: tuple[str, str, int] | None  # the last entry of the previous page


class Account:
    """The credits added and charged since the start or the last reset. Thread-safe."""

    def __init__(self, scripts: Scripts, generations: Generations) -> None:
        self._scripts = scripts
        self._generations = generations
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        paid_in = Movement(self._generations.clock(), "PAYMENT", -PAID_IN, uuid.uuid4().hex, None)
        with self._lock:
            self._others = [paid_in]

    def charge(self, other: Generation, amount: int) -> None:
        """Add a charge that does not belong to a generation of this simulator."""
        movement = Movement(other.created_at, "MODEL_USAGE", amount, other.id, shown_model(other.clip.model))
        with self._lock:
            self._others.append(movement)

    @property
    def balance(self) -> int:
        """Return the balance in credits."""
        return -sum(movement.credits for movement in self._movements())

    def page(self, query: AccountQuery) -> dict[str, Any]:
        """Return the response body with the entries, newest first."""
        found = sorted(self._movements(), key=lambda movement: movement.position, reverse=True)
        wanted = [
            movement
            for movement in found
            if (query.after is None or movement.position < query.after)
            and (query.start is None or _time(movement.at) >= query.start)
            and (query.end is None or _time(movement.at) < query.end)
            and query.direction in (None, movement.direction)
            and query.kind in (None, movement.kind)
        ]
        shown, has_more = wanted[: query.limit], len(wanted) > query.limit
        return {
            "data": [_entry(movement) for movement in shown],
            "pagination": {"next_cursor": _cursor(shown[-1]) if has_more else None, "has_more": has_more},
        }

    def _movements(self) -> Iterator[Movement]:
        now = self._generations.clock()
        with self._lock:
            others = list(self._others)
        yield from others
        for generation in self._generations.all():
            if self._generations.progress(generation).outcome == "completed":
                yield from (movement for movement in self._of(generation) if movement.at <= now)

    def _of(self, generation: Generation) -> Iterator[Movement]:
        usual: list[Charge] = [{}]
        charges = self._scripts.get(generation.clip.prompt).get("charges", usual)
        for number, charge in enumerate(charges):
            amount = round(generation.credits * charge.get("times", 1))
            yield Movement(
                self._generations.ends_at(generation) + charge.get("delay", 0),
                "MODEL_USAGE" if amount >= 0 else "REFUND",
                amount,
                generation.id,
                shown_model(generation.clip.model) if amount >= 0 else None,
                number,
            )


def parse_account_query(query: str) -> AccountQuery:
    """Parse a query string. Raise Refused with status 400 if it is not valid."""
    given = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
    if unknown := given.keys() - PARAMETERS:
        raise Refused(400, f"There is no parameter {sorted(unknown)[0]}.")
    start, end = (_moment(given[name], name) if name in given else None for name in ("from", "to"))
    if start and end and end <= start:
        raise Refused(400, "to must be later than from.")
    if given.get("direction", "CHARGE") not in ("CHARGE", "TOPUP"):
        raise Refused(400, "direction must be TOPUP or CHARGE.")
    if given.get("type", "INIT") not in TYPES:
        raise Refused(400, "There is no such type.")
    limit = given.get("limit", str(USUAL_ENTRIES))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:10]) <= MOST_ENTRIES):
        raise Refused(400, f"limit must be an integer from 1 to {MOST_ENTRIES}.")
    return AccountQuery(
        start=start,
        end=end,
        direction=given.get("direction"),
        kind=given.get("type"),
        limit=int(limit),
        after=_position(given["cursor"]) if "cursor" in given else None,
    )


def _moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Refused(400, f"{name} must be an ISO 8601 date with an offset.")
    return moment


def _cursor(movement: Movement) -> str:
    return base64.urlsafe_b64encode(json.dumps(movement.position).encode()).decode()


def _position(cursor: str) -> tuple[str, str, int]:
    try:
        at, reference, number = json.loads(base64.urlsafe_b64decode(cursor))
        position = str(at), str(reference), int(number)
        if base64.urlsafe_b64encode(json.dumps(position).encode()).decode() == cursor:
            return position
    except (ValueError, TypeError):
        pass
    raise Refused(400, "cursor was not issued by this API.")


def _entry(movement: Movement) -> dict[str, Any]:
    amount = abs(movement.credits)
    return {
        "created_at": _iso(movement.at),
        "direction": movement.direction,
        "type": movement.kind,
        "amount": {"usd": amount / CREDITS_PER_DOLLAR, "credits": amount},
        "model": movement.model,
        "reference_id": movement.reference,
    }


def _time(at: float) -> datetime:
    return datetime.fromisoformat(_iso(at))


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
