"""Test that a deletion never overwrites what another function has recorded since the record was read."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from core.errors import Conflict, GenerationEnded
from core.generation import Failure, Generation, Tombstone
from core.records.ledger import LONGEST_FUNCTION, Ledger
from core.workflow import Run
from tests.support.generations import Clock, claimed, generation

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RUN = Run("g1")


@pytest.fixture
def ledger(dynamodb: "DynamoDBClient") -> Ledger:
    ledger = Ledger(dynamodb, "generations", Clock())
    ledger.add(generation())
    return ledger


def end(ledger: Ledger) -> Generation:
    """Cancel the generation and announce its end."""
    ledger.fail(RUN, Failure("Cancelled", "by its owner"))
    ledger.announced(ledger.get("g1"))
    return ledger.get("g1")


def meanwhile(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, write: Callable[[], object]) -> None:
    """Let another function write after the deletion has read the record."""
    real = ledger.table.get

    def get(key: str) -> object:
        monkeypatch.setattr(ledger.table, "get", real)
        found = real(key)
        write()
        return found

    monkeypatch.setattr(ledger.table, "get", get)


def test_a_deletion_keeps_an_id_that_submit_records_meanwhile(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job was cancelled while it was sent. The provider works on it, and its charge must be recognised.

    Submit was frozen during the call, and continues after the time in which a job that is being sent is not deleted.
    """
    claim = claimed(ledger, RUN)
    cancelled = end(ledger)
    ledger.now.forward(LONGEST_FUNCTION.total_seconds())  # type: ignore[attr-defined]  # a clock of the tests

    def submitted() -> None:
        with pytest.raises(GenerationEnded):
            claim.submitted("p1")

    meanwhile(ledger, monkeypatch, submitted)
    with pytest.raises(Conflict, match="has just changed"):
        ledger.delete(cancelled)
    assert ledger.get("g1").provider_id == "p1"
    ledger.delete(ledger.get("g1"))
    tombstone = ledger.submission("g1")
    assert isinstance(tombstone, Tombstone)
    assert tombstone.provider_id == "p1"


def test_a_deletion_does_not_delete_a_rescued_job(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = end(ledger)
    meanwhile(ledger, monkeypatch, lambda: ledger.reopen(ended, None))
    with pytest.raises(Conflict):
        ledger.delete(ended)
    assert ledger.get("g1").rescues == 1


def test_a_deletion_repeated_for_a_lost_answer_succeeds(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK makes the call again, and finds its own tombstone."""
    ended = end(ledger)
    client = ledger.table._dynamodb
    put = client.put_item

    def twice(**arguments: object) -> object:
        put(**arguments)  # type: ignore[arg-type]  # the same
        return put(**arguments)  # type: ignore[arg-type]  # the same

    monkeypatch.setattr(client, "put_item", twice)
    ledger.delete(ended)
    assert isinstance(ledger.submission("g1"), Tombstone)
