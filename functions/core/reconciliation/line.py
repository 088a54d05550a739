"""A line of a report, and the kinds of lines."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of lines in a report."""

    ADDS_UP = "adds_up"
    NOT_OURS = "not_ours"  # a charge without a generation of ours
    NOT_CHARGED = "not_charged"  # a completed generation of ours without a charge
    CHARGED_TWICE = "charged_twice"
    OTHER_AMOUNT = "other_amount"  # the charges differ from the announced amount
    UNREADABLE = "unreadable"  # a row of the provider's list that is not a transaction
    WAITING = "waiting"  # a completed generation of ours; its charge, or a part, may still arrive
    UNKNOWN_AMOUNT = "unknown_amount"  # a charge for a generation of ours whose expected amount is not known here
    OF_OTHER_KEYS = "of_other_keys"  # a charge for another key of the account, if the account is shared


# The kinds that raise an alarm.
FINDINGS = (Kind.NOT_OURS, Kind.NOT_CHARGED, Kind.CHARGED_TWICE, Kind.OTHER_AMOUNT, Kind.UNREADABLE)


@dataclass(frozen=True)
class Line:
    """A line about one generation, about one of the provider's references that matches none, or an unreadable row."""

    kind: Kind
    at: str  # of its last charge, or of its completion
    generation_id: str | None = None
    provider_id: str | None = None
    client_request_id: str | None = None  # the name of the call in the provider's log
    model: str | None = None
    charges: int = 0
    charged_credits: int = 0  # 2,000,000 are one US dollar
    expected_credits: int | None = None
    row: str | None = None  # of the provider's list, if it is unreadable

    @property
    def credits(self) -> int:
        """Return the known difference in credits."""
        return abs(self.charged_credits - (self.expected_credits or 0))
