"""The provider's books: the calls that it logged, and what moved the account's balance.

Source: the provider's reference, "Usage Logs", "Account Balance" and "Request Tracing and Cost Headers" (August 2026).
The log has the rows of the key that asks, and the movements those of the account, whichever key caused them. A movement
has no id of its own: only what is read once, page after page by the cursor, can be counted.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from core.errors import ProviderUnavailable
from core.generation import iso

LOG_PATH, MOVEMENTS_PATH = "/v2/logs", "/v2/billing/transactions"
PAGE_ROWS = 100  # the most that both allow
MAX_TEXT = 500  # characters of an id or a name, as long as those that are recorded
MAX_CREDITS = 10**15  # half a billion dollars: what is more is no amount
ROUNDING = timedelta(seconds=1)  # of the times of entries, which are asked for by theirs

Page = Callable[[str, Mapping[str, str | int]], bytes]  # the answer to a call for a path with a query


@dataclass(frozen=True)
class LoggedCall:
    """A create call as the provider's log has it. One that has not failed may still be at work."""

    provider_id: str
    has_failed: bool
    client_request_id: str | None = None


@dataclass(frozen=True)
class Movement:
    """One entry of the account: a charge for the use of a model, or what was given back of one; all else is neither."""

    at: datetime
    kind: str  # the provider's `type`: MODEL_USAGE, REFUND, PAYMENT and so on
    credits: int  # 2,000,000 are one US dollar; below zero if they came in
    reference: str | None  # of MODEL_USAGE: the id of the generation at the provider
    model: str | None


def log(page: Page, start: datetime, end: datetime) -> Iterator[LoggedCall]:
    """See `Provider.log`. What comes into the log meanwhile shifts rows to later pages: they are seen twice, never
    missed."""
    window: dict[str, str | int] = {"start": iso(start), "end": iso(end), "limit": PAGE_ROWS}
    offset = 0
    while True:
        rows, pagination = _parts(page(LOG_PATH, {**window, "offset": offset}))
        for row in rows:
            if isinstance(row, dict) and (provider_id := _text(row.get("inference_id"))):
                yield LoggedCall(provider_id, row.get("status") == "failed", _text(row.get("client_request_id")))
        if not pagination["has_more"]:
            return
        if not rows:
            raise ProviderUnavailable("The provider's log says that it goes on, and does not.")
        offset += PAGE_ROWS


def movements(page: Page, start: datetime, end: datetime) -> Iterator[Movement]:
    """See `Provider.movements`. An entry that cannot be read is no reason to pass over it: it is money."""
    window: dict[str, str | int] = {"from": iso(start), "to": iso(end), "limit": PAGE_ROWS}
    cursor: dict[str, str] = {}
    while True:
        rows, pagination = _parts(page(MOVEMENTS_PATH, {**window, **cursor}))
        for row in rows:
            try:
                movement = _movement(row)
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                raise ProviderUnavailable("The provider's list of transactions has an entry that is none.") from error
            # Else each hour would be told as all there is.
            if not start - ROUNDING <= movement.at <= end + ROUNDING:
                raise ProviderUnavailable("The provider's list of transactions is of another time than was asked for.")
            yield movement
        if not pagination["has_more"]:
            return
        if not isinstance(pagination.get("next_cursor"), str) or pagination["next_cursor"] == cursor.get("cursor"):
            raise ProviderUnavailable("The provider's list of transactions does not say where it goes on.")
        cursor = {"cursor": pagination["next_cursor"]}


def _movement(row: dict[str, Any]) -> Movement:
    credits_moved = row["amount"]["credits"]
    if type(credits_moved) is not int or not 0 <= credits_moved < MAX_CREDITS:
        raise ValueError
    if row["direction"] not in ("CHARGE", "TOPUP"):
        raise ValueError
    at = datetime.fromisoformat(row["created_at"])
    return Movement(
        at=(at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC),
        kind=str(row["type"]),
        credits=credits_moved if row["direction"] == "CHARGE" else -credits_moved,
        reference=_text(row["reference_id"]),
        model=_text(row["model"]),
    )


def _text(value: object) -> str | None:
    """As it can be stored; JSON may hold what is no character."""
    return value[:MAX_TEXT].encode("utf-8", "replace").decode() if isinstance(value, str) and value else None


def _parts(content: bytes) -> tuple[list[Any], dict[str, Any]]:
    try:
        body = json.loads(content)
        rows, pagination = body["data"], body["pagination"]
        if isinstance(rows, list) and isinstance(pagination["has_more"], bool):
            return rows, pagination
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise ProviderUnavailable("The provider answered with something that is no page of its books.")
