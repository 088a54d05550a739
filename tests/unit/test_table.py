"""Test that plain values survive the conversion to DynamoDB items, and how transactions are retried."""

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Contention
from core.generation import Status
from core.records.table import MOST_ATTEMPTS, Condition, Table, Together, attempts, read, write

PLAIN: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**37), 10**37) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.dictionaries(st.text(), PLAIN, max_size=5))
def test_a_written_value_is_read_unchanged(item: dict[str, Any]) -> None:
    """Compare the texts: a Decimal equals the int that was written, but cannot be written as JSON."""
    assert repr(read(write(item))) == repr({name: value for name, value in item.items() if value is not None})


def test_an_enum_is_written_as_its_text() -> None:
    assert write({"status": Status.COMPLETED}) == {"status": {"S": "completed"}}


def test_an_unsupported_value_is_rejected() -> None:
    with pytest.raises(TypeError, match="Float types are not supported"):
        write({"seconds": 1.5})


class Busy:
    """A DynamoDB that cancels as many transactions as there are reasons, each for the reason of the second item."""

    exceptions = SimpleNamespace(TransactionCanceledException=ClientError)

    def __init__(self, *reasons: str) -> None:
        self.reasons = list(reasons)
        self.written: list[Any] = []

    def transact_write_items(self, *, TransactItems: list[Any]) -> None:  # noqa: N803 - boto3's name
        self.written.append(TransactItems[1])
        if self.reasons:
            codes: Any = [{"Code": "None"}, {"Code": self.reasons.pop(0)}]
            raise ClientError({"Error": {}, "CancellationReasons": codes}, "TransactWriteItems")


@pytest.mark.parametrize(
    ("reasons", "written"),
    [
        pytest.param([], [1], id="no conflict"),
        pytest.param(["TransactionConflict"] * 3, [1, 1, 1, 1], id="conflicts"),
        pytest.param(["TransactionConflict", "ConditionalCheckFailed"], [1, 1, 2], id="another write was faster"),
    ],
)
def test_a_transaction_reads_again_only_if_a_condition_failed(
    monkeypatch: pytest.MonkeyPatch, reasons: list[str], written: list[int]
) -> None:
    """After a conflict, the conditions still protect what was read."""
    monkeypatch.setattr("core.records.table.time.sleep", lambda _: None)
    dynamodb: Any = Busy(*reasons)
    readings = iter([1, 2, 3])
    table = Table(dynamodb, "generations")
    table.put_with({"generation_id": "g1"}, Condition("#a = :b"), lambda: Together({}, [next(readings)]))
    assert dynamodb.written == written


def test_only_the_time_between_two_attempts_is_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("core.records.table.time.sleep", waits.append)
    before = [len(waits) for _ in itertools.islice(attempts(), MOST_ATTEMPTS)]
    assert before == list(range(MOST_ATTEMPTS))
    with pytest.raises(Contention):
        list(attempts())
    assert len(waits) == 2 * (MOST_ATTEMPTS - 1), "none after the last attempt"
