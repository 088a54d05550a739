"""Read the query of a list."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from core.errors import InvalidRequest
from core.intake.labels import tags_of
from core.publish.views import PROVIDER_STATUSES
from core.records.lists import CURSOR, MAX_LIMIT
from core.records.wanted import FIRST, LAST, Wanted

DEFAULT_LIMIT = 20
MAX_TEXT = 200  # characters
ORDERS = NEWEST, OLDEST = ("newest", "oldest")
BATCH = "^[0-9a-f]{1,32}$"
_TIME = r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)"  # Python 3.14 would accept 24:00


def read(query: Mapping[str, str]) -> tuple[Wanted, int, str | None]:
    """Return the filter, the limit and the cursor of a query.

    Raise `InvalidRequest` with the parameter and the allowed values.
    """
    status, limit, cursor = query.get("status"), query.get("limit", str(DEFAULT_LIMIT)), query.get("cursor")
    if status is not None and status not in PROVIDER_STATUSES:
        raise InvalidRequest(f"`status` must be one of {', '.join(PROVIDER_STATUSES)}.", "status")
    if not re.fullmatch(r"[0-9]{1,3}", limit) or not 1 <= int(limit) <= MAX_LIMIT:
        raise InvalidRequest(f"`limit` must be a number from 1 to {MAX_LIMIT}.", "limit")
    if cursor is not None and not re.fullmatch(CURSOR, cursor, re.ASCII):
        raise InvalidRequest("`cursor` must be the `next_cursor` of an earlier page.", "cursor")
    order = query.get("order", NEWEST)
    if order not in ORDERS:
        raise InvalidRequest(f"`order` must be one of {', '.join(ORDERS)}.", "order")
    batch = query.get("batch")
    if batch is not None and not re.fullmatch(BATCH, batch, re.ASCII):
        raise InvalidRequest("`batch` must be the id of a batch, or its first digits.", "batch")
    wanted = Wanted(
        PROVIDER_STATUSES.get(status or "", set()),
        _text(query, "model"),
        batch,
        _text(query, "text"),
        tags_of(query.get("tag"), "tag"),
        _time(query, "created_after", FIRST),
        _time(query, "created_before", LAST),
        is_oldest_first=order == OLDEST,
    )
    return wanted, int(limit), cursor


def _text(query: Mapping[str, str], name: str) -> str | None:
    text = query.get(name)
    if text is not None and not 1 <= len(text) <= MAX_TEXT:
        raise InvalidRequest(f"`{name}` must have 1 to {MAX_TEXT} characters.", name)
    return text


def _time(query: Mapping[str, str], name: str, default: datetime) -> datetime:
    if name not in query:
        return default
    try:
        if not re.fullmatch(_TIME, query[name], re.ASCII):
            raise ValueError
        return min(max(datetime.fromisoformat(query[name]).astimezone(UTC), FIRST), LAST)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"`{name}` must be a time such as 2026-01-31T12:00:00Z, with its zone.", name) from None
