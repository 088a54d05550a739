"""Read the provider's books: its log of calls, and the transactions of the account.

Source: the provider's reference, "Usage Logs", "Account Balance" and "Request Tracing and Cost Headers" (August 2026).
The log has the calls made with the current key. The transactions are those of the account, with any key. Transactions
have no ids, so they can be counted only when all pages are read once, by the cursor.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from core.errors import ProviderUnavailable
from core.generation import iso

LOG_PATH, MOVEMENTS_PATH = "/v2/logs", "/v2/billing/transactions"
PAGE_ROWS = 100  # the maximum of both APIs
MAX_TEXT = 500  # characters of an id or a name, the same as in records
MAX_CREDITS = 10**15  # half a billion dollars; a larger number is an error
MAX_DIGITS = 40  # characters of a number of credits
ROUNDING = timedelta(seconds=1)  # of the times of entries, compared with the requested range

Page = Callable[[str, Mapping[str, str | int]], bytes]  # returns the answer for a path and a query


@dataclass(frozen=True)
class LoggedCall:
    """A create call in the provider's log. A call that has not failed may still be running."""

    provider_id: str
    has_failed: bool
    client_request_id: str | None = None


@dataclass(frozen=True)
class Movement:
    """One transaction of the account, such as a charge for the use of a model or a refund."""

    at: datetime
    kind: str  # the provider's `type`: MODEL_USAGE, REFUND, PAYMENT and so on
    credits: int  # 2,000,000 are one US dollar; negative for a top-up or a refund
    reference: str | None  # for MODEL_USAGE, the provider's id of the generation
    model: str | None


@dataclass(frozen=True)
class Unreadable:
    """A row of the provider's list that is not a transaction as the reference describes it."""

    text: str  # the row as JSON, shortened


def log(page: Page, start: datetime, end: datetime) -> Iterator[LoggedCall]:
    """Yield the calls for `Provider.log`. New calls shift rows to later pages: a row may come twice, none is missed."""
    window: dict[str, str | int] = {"start": iso(start), "end": iso(end), "limit": PAGE_ROWS}
    offset = 0
    seen: set[int] = set()
    while True:
        content = page(LOG_PATH, {**window, "offset": offset})
        rows, pagination = _parts(content)
        for row in rows:
            if isinstance(row, dict) and (provider_id := _text(row.get("inference_id"))):
                yield LoggedCall(provider_id, row.get("status") == "failed", _text(row.get("client_request_id")))
        if not pagination["has_more"]:
            return
        if not rows:
            raise ProviderUnavailable("The provider's log announced more rows but returned none.")
        if hash(content) in seen:  # the provider ignores the offset, so reading would never end
            raise ProviderUnavailable("The provider's log repeats a page.")
        seen.add(hash(content))
        offset += PAGE_ROWS


def movements(page: Page, start: datetime, end: datetime) -> Iterator[Movement | Unreadable]:
    """Yield the transactions for `Provider.movements`.

    An entry that cannot be read is yielded as `Unreadable`, because skipping it could lose money.
    """
    window: dict[str, str | int] = {"from": iso(start), "to": iso(end), "limit": PAGE_ROWS}
    cursor: dict[str, str] = {}
    seen: set[object] = {None, ""}
    while True:
        rows, pagination = _parts(page(MOVEMENTS_PATH, {**window, **cursor}))
        for row in rows:
            movement = _movement(row)
            # A provider that ignored the range would return all transactions for each hour.
            if isinstance(movement, Movement) and not start - ROUNDING <= movement.at <= end + ROUNDING:
                raise ProviderUnavailable(
                    "The provider's list of transactions has an entry outside the requested time range."
                )
            yield movement
        if not pagination["has_more"]:
            return
        following = pagination.get("next_cursor")
        if not isinstance(following, str) or following in seen:
            raise ProviderUnavailable("The provider's list of transactions has no new cursor for its next page.")
        seen.add(following)
        cursor = {"cursor": following}


def _movement(row: Any) -> Movement | Unreadable:
    try:
        if row["direction"] not in ("CHARGE", "TOPUP"):
            raise ValueError
        credits_moved = whole_credits(row["amount"]["credits"])
        at = datetime.fromisoformat(row["created_at"])
        return Movement(
            at=(at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC),
            kind=str(row["type"]),
            credits=credits_moved if row["direction"] == "CHARGE" else -credits_moved,
            reference=_text(row["reference_id"]),
            model=_text(row["model"]),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return Unreadable(json.dumps(row)[:MAX_TEXT])


def whole_credits(value: object) -> int:
    """Return a number of credits, which may also be a whole float or a text. Raise `ValueError` for another value."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or len(str(value)) > MAX_DIGITS:
        raise ValueError
    number = Decimal(str(value))
    if not 0 <= number < MAX_CREDITS or number != int(number):
        raise ValueError
    return int(number)


def _text(value: object) -> str | None:
    """Return a text that can be stored, or None. JSON may contain half surrogate pairs."""
    return value[:MAX_TEXT].encode("utf-8", "replace").decode() if isinstance(value, str) and value else None


def _parts(content: bytes) -> tuple[list[Any], dict[str, Any]]:
    try:
        body = json.loads(content)
        rows, pagination = body["data"], body["pagination"]
        if isinstance(rows, list) and isinstance(pagination["has_more"], bool):
            return rows, pagination
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise ProviderUnavailable("The provider's answer is not a page of a list.")
