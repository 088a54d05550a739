"""Parse the query string of `GET /v2/logs`, with the checks that the provider documents."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from local.simulator.models import Refused

LONGEST_WINDOW = timedelta(days=92)
MOST_ROWS, USUAL_ROWS = 100, 50
MOST_MODELS = 50
STATUSES = {"succeeded", "failed"}
PERIOD = re.compile(r"([0-9]{1,9})([hd])")


@dataclass(frozen=True)
class LogQuery:
    """The filters of a request for rows. Without a model or status, any matches."""

    start: datetime
    end: datetime
    key_prefix: str
    models: Collection[str]
    statuses: Collection[str]
    limit: int
    offset: int


def parse_query(query: str, now: float) -> LogQuery:
    """Parse a query string. Raise Refused with status 400 if it is not valid. `now` is in epoch seconds."""
    given = parse_qs(query, keep_blank_values=True)
    one = {name: values[0] for name, values in given.items()}
    start, end = _window(one, datetime.fromtimestamp(now, UTC))
    models, statuses = given.get("model", []), given.get("status", [])
    if len(models) > MOST_MODELS:
        raise Refused(400, f"model can be given {MOST_MODELS} times at most.")
    if not STATUSES.issuperset(statuses):
        raise Refused(400, "status must be succeeded or failed.")
    return LogQuery(
        start=start,
        end=end,
        key_prefix=one.get("key_prefix", ""),
        models=models,
        statuses=statuses,
        limit=_number(one, "limit", USUAL_ROWS, 1, MOST_ROWS),
        offset=_number(one, "offset", 0, 0, 10**9),
    )


def _window(given: dict[str, str], now: datetime) -> tuple[datetime, datetime]:
    absolute = {"start", "end"} & given.keys()
    if ("period" in given) == bool(absolute) or len(absolute) == 1:
        raise Refused(400, "Provide either period or both start and end.")
    if "period" in given:
        period = PERIOD.fullmatch(given["period"])
        if not period or not int(period[1]):
            raise Refused(400, "period must be a positive integer followed by h or d.")
        hours = int(period[1]) * (24 if period[2] == "d" else 1)
        # A year already exceeds the limit, and larger values overflow the calendar.
        start, end = now - timedelta(hours=min(hours, 24 * 365)), now
    else:
        start, end = (_moment(given[name], name) for name in ("start", "end"))
    if end < start:
        raise Refused(400, "end must not be earlier than start.")
    if end - start > LONGEST_WINDOW:
        raise Refused(400, f"The window must not exceed {LONGEST_WINDOW.days} days.")
    return start, end


def _moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(400, f"{name} must be an ISO 8601 date.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(given: dict[str, str], name: str, usual: int, least: int, most: int) -> int:
    text = given.get(name, str(usual))
    if not re.fullmatch("[0-9]{1,10}", text) or not least <= int(text) <= most:
        raise Refused(400, f"{name} must be an integer from {least} to {most}.")
    return int(text)
