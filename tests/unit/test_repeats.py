"""Test that a POST and its retries are one job, and that two equal POSTs are two."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BudgetExceeded
from core.generation import Generation, Source
from core.intake.accept import Envelope, Intake
from core.intake.repeats import KEPT, WINDOW, Repeated, Repeats, Sending, marker_of
from core.models import offered
from core.money.budgets import Limits, scope_of
from core.records.ledger import Ledger
from core.records.table import KEY, Condition
from core.workflow import Run
from tests.support.generations import START, Clock, failed, generation
from tests.support.memory_table import MemoryTable
from tests.support.money import accounts
from tests.support.stepfunctions import Workflow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BOAT = {"model": "veo2", "prompt": "a boat"}
SECOND = timedelta(seconds=1)


@dataclass
class Api:
    """The API for POSTs without an idempotency key."""

    dynamodb: "DynamoDBClient"
    clock: Clock = field(default_factory=Clock)
    workflow: Workflow = field(default_factory=Workflow)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.dynamodb, "generations", self.clock)
        self.money = accounts(self.dynamodb, self.clock)
        self.repeats = Repeats(self.ledger)

    def post(self, retries: int = 0, *, request: object = BOAT, owner: str = "ann", **sending: Any) -> str:
        """Send a request, and return the id of its generation."""
        no_inputs: Any = None
        workflow: Any = self.workflow
        known = {"key_line": "k1", "received_at": self.clock(), **sending}
        envelope = Envelope(uuid4().hex, owner, Source("api", "r1"), sending=Sending(retries=retries, **known))
        intake = Intake(offered(), self.ledger, no_inputs, self.money, workflow)
        return intake.accept(request, envelope).generation_id

    def fetch(self, generation_id: str, key_line: str | None = "k1") -> None:
        self.repeats.note_fetch(self.ledger.get(generation_id), key_line)

    def meanwhile(self, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
        """Do something once, between the next read of a marker and the write that depends on it."""
        noting = Repeats.noting

        def slow(repeats: Repeats, *args: Any) -> Any:
            monkeypatch.undo()
            write = noting(repeats, *args)
            act()
            return write

        monkeypatch.setattr(Repeats, "noting", slow)


@pytest.fixture
def api(dynamodb: "DynamoDBClient") -> Api:
    return Api(dynamodb)


def test_the_retries_of_a_call_are_its_job(api: Api) -> None:
    first = api.post()
    assert [api.post(1), api.post(2), api.post(3)] == [first, first, first]
    assert set(api.workflow.started) == {first}, "started again in case the first invocation died"


def test_equal_requests_without_a_sign_are_separate_jobs(api: Api) -> None:
    assert len({api.post() for _ in range(3)}) == 3


def test_a_retry_whose_request_never_arrived_is_a_job_of_its_own_and_so_are_its_retries(api: Api) -> None:
    made = api.post(1)
    assert api.post(2) == made


def test_a_job_is_claimed_once_by_each_number_of_retries(api: Api) -> None:
    first = api.post()
    assert api.post(1) == first
    other = api.post(1)
    assert other != first, "the retry of another call, whose own request never arrived"
    assert {api.post(2), api.post(2)} == {first, other}
    assert api.post(2) not in {first, other}


@pytest.mark.parametrize("order", [(0, 2, 1), (2, 0, 1), (2, 1, 0), (1, 0, 2)])
def test_posts_that_overtake_each_other_are_one_job(api: Api, order: tuple[int, ...]) -> None:
    """Each is received in turn, and accepted after a cold start."""
    assert len({api.post(number, received_at=START + number * SECOND) for number in order}) == 1


def test_a_retry_of_another_call_is_not_taken_for_one_that_was_overtaken(api: Api) -> None:
    first = api.post()
    assert api.post(2) == first
    api.clock.forward(1)
    assert api.post(1) != first


def test_a_job_that_the_key_has_fetched_is_not_claimed(api: Api) -> None:
    first = api.post()
    api.fetch(first)
    api.fetch(first)
    other = api.post(1)
    assert other != first
    assert api.post(2) == other


def test_a_fetch_with_another_key_does_not_count(api: Api) -> None:
    first = api.post()
    api.fetch(first, "k2")
    assert api.post(1) == first


def test_the_retry_claims_the_job_that_no_one_knows(api: Api) -> None:
    lost, known = api.post(), api.post()
    api.fetch(known)
    assert api.post(1) == lost


def test_a_fetch_writes_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    first = api.post()
    api.fetch(first)
    monkeypatch.setattr(api.ledger.table, "put", lambda *_: pytest.fail("it was written again"))
    api.fetch(first)


def test_a_fetch_reads_no_marker_of_an_old_job(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    first = api.ledger.get(api.post())
    api.clock.forward(WINDOW.total_seconds() + 1)
    monkeypatch.setattr(api.ledger.table, "get", lambda _: pytest.fail("the marker was read"))
    api.repeats.note_fetch(first, "k1")


def test_a_job_can_be_repeated_after_two_timeouts_of_ten_minutes(api: Api) -> None:
    first = api.post()
    api.clock.forward(WINDOW.total_seconds() - 1)
    assert api.post(1) == first
    api.clock.forward(1)
    assert api.post(2) != first, "although DynamoDB has not deleted the marker yet"


@pytest.mark.parametrize(
    "other", [{"owner": "bob"}, {"key_line": "k2"}, {"key_line": None}, {"request": {**BOAT, "seed": 1}}], ids=str
)
def test_a_retry_of_another_key_or_request_is_another_job(api: Api, other: dict[str, Any]) -> None:
    first = api.post()
    apart = api.post(1, **other)
    assert apart != first
    assert (api.post(1), api.post(2, **other)) == (first, apart)


def test_the_order_of_the_fields_and_the_form_of_numbers_do_not_matter(api: Api) -> None:
    first = api.post(request={**BOAT, "duration": 5})
    assert api.post(1, request={"duration": "5", **dict(reversed(BOAT.items()))}) == first


def test_a_retry_of_a_failed_job_is_that_job_and_starts_nothing(api: Api) -> None:
    first = api.post()
    failed(api.ledger, Run(first), "GenerationFailed")
    api.workflow.started.clear()
    assert api.post(1) == first
    assert api.workflow.started == []


def test_a_deleted_job_is_not_repeated(api: Api) -> None:
    first = api.post()
    failed(api.ledger, Run(first), "GenerationFailed")
    api.ledger.delete(api.ledger.get(first))
    assert api.post(1) != first


def test_a_repetition_costs_nothing_and_needs_no_room_in_a_budget(api: Api) -> None:
    first = api.post()
    api.money.budgets.set(scope_of("ann"), {"hour": 1})
    assert api.post(1) == first
    with pytest.raises(BudgetExceeded):
        api.post()
    assert api.money.budgets.of("ann", None)[1].limits == Limits(hour=1)
    assert api.money.budgets.of("ann", None)[1].used.hour_jobs == 1


def test_a_rejected_request_leaves_no_marker(api: Api) -> None:
    api.money.budgets.set(scope_of("ann"), {"hour": 0})
    with pytest.raises(BudgetExceeded):
        api.post()
    assert api.dynamodb.scan(TableName="generations")["Count"] == 0


def test_a_request_that_is_still_being_accepted_and_its_retry_are_one_job(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The original has read the marker when its retry is accepted."""
    made: list[str] = []
    at = api.clock()

    def retry() -> None:
        api.clock.forward(1)
        made.append(api.post(1))

    api.meanwhile(monkeypatch, retry)
    assert [api.post(received_at=at)] == made
    assert api.post(2) == made[0]


def test_a_retry_that_is_still_being_accepted_finds_the_original(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    api.meanwhile(monkeypatch, lambda: made.append(api.post(received_at=api.clock() - SECOND)))
    assert [api.post(1)] == made


def test_two_requests_at_once_without_a_sign_are_two_jobs(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    api.meanwhile(monkeypatch, lambda: made.append(api.post()))
    assert api.post() not in made
    assert len({*made, api.post(1), api.post(1)}) == 2, "both are in the marker, and each is claimed once"


def test_a_claim_that_another_retry_makes_first_is_not_made_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    first = api.post()
    table, made = api.ledger.table, list[str]()
    put = table.put

    def late(*args: Any) -> None:
        monkeypatch.setattr(table, "put", put)
        made.append(api.post(1))
        put(*args)

    monkeypatch.setattr(table, "put", late)
    assert api.post(1) != first
    assert made == [first]


def test_an_intended_request_after_a_retry_that_made_the_job_is_another_job(api: Api) -> None:
    made = api.post(1)
    api.clock.forward(1)
    assert api.post() != made


def test_a_repeated_transaction_finds_its_own_trace(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer of the transaction is lost, and the repeated one conflicts before it fails."""
    table: Any = api.ledger.table
    real = table._dynamodb.transact_write_items
    refused = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": [{"Code": "None"}]}
    lost: list[Any] = [table._dynamodb.exceptions.TransactionCanceledException(refused, "TransactWriteItems")]

    def transact(**kwargs: Any) -> Any:
        answer = real(**kwargs)
        if lost:
            raise lost.pop()
        return answer

    monkeypatch.setattr(table._dynamodb, "transact_write_items", transact)
    first = api.post(1, window=WINDOW)
    assert api.post(2) == first
    assert api.dynamodb.scan(TableName="generations")["Count"] == 2, "the generation and its marker"


def test_within_the_window_of_a_key_equal_requests_are_one_job(api: Api) -> None:
    window = timedelta(hours=1)
    first = api.post(window=window)
    api.fetch(first)
    assert [api.post(window=window), api.post(1, window=window), api.post(1, window=window)] == [first] * 3
    api.clock.forward(window.total_seconds() - 1)
    assert api.post(window=window) == first
    api.clock.forward(1)
    assert api.post(window=window) != first


def test_a_marker_keeps_a_fixed_number_of_calls_and_expires(api: Api) -> None:
    made = [api.post() for _ in range(KEPT + 2)]
    marker = api.ledger.table.get(marker_of(api.ledger.get(made[0]), "k1"))
    assert marker is not None
    assert [call["generation_id"] for call in marker["calls"]] == made[-KEPT:]
    assert marker["expires_at"] == int((START + WINDOW).timestamp())


class Remembered(MemoryTable):
    """A table in memory with the parts that markers need."""

    def put(self, item: Any, only_if: Condition) -> None:
        super().put({**item, "last_write": uuid4().hex}, only_if)

    def putting(self, item: Any, only_if: Condition) -> tuple[Any, Condition]:
        return item, only_if


class Clients:
    """Clients of one key that all send the same request, each one call after another."""

    def __init__(self) -> None:
        self.jobs: dict[str, Generation] = {}
        self.table, self.clock = Remembered(KEY), Clock()
        ledger: Any = SimpleNamespace(now=self.clock, table=self.table, get=self.jobs.__getitem__)
        self.repeats = Repeats(ledger)
        self.retries: dict[str, int] = {}  # of the current call of each client
        self.arrived: set[tuple[str, int]] = set()  # calls of which a POST arrived
        self.ended: dict[str, int] = {}  # the number of earlier calls of each client
        self.told: list[str] = []  # the job that each answered call knows

    def post(self, client: str, what: str) -> None:
        """Send the next POST of a client. `what` says how far it and its answer get."""
        self.clock.forward(1)
        retries = self.retries.pop(client, 0)
        if what != "lost":
            self.arrived.add((client, self.ended.get(client, 0)))
            job = self._accept(retries)
        if what == "answered":
            self.repeats.note_fetch(job, "k1")
            self.told.append(job.generation_id)
        if what == "answered" or retries == 2:
            self.ended[client] = self.ended.get(client, 0) + 1
        else:
            self.retries[client] = retries + 1

    def _accept(self, retries: int) -> Generation:
        new = generation(f"g{len(self.jobs)}", created_at=self.clock())
        try:
            item, only_if = self.repeats.noting(new, Sending("k1", retries, self.clock()))
        except Repeated as repeated:
            return repeated.generation
        self.table.put(item, only_if)
        return self.jobs.setdefault(new.generation_id, new)


WHAT = st.sampled_from(["lost", "unanswered", "answered"])


@given(posts=st.lists(st.tuples(st.sampled_from("abc"), WHAT), max_size=40))
def test_no_call_pays_twice_whatever_is_lost(posts: list[tuple[str, str]]) -> None:
    clients = Clients()
    for post in posts:
        clients.post(*post)
    assert len(clients.jobs) <= len(clients.arrived)


@given(answers=st.lists(WHAT.filter(lambda what: what != "lost"), max_size=40))
def test_if_every_request_of_a_client_arrives_each_answered_call_has_its_own_job(answers: list[str]) -> None:
    clients = Clients()
    for answer in answers:
        clients.post("a", answer)
    assert len(set(clients.told)) == len(clients.told)
    assert len(clients.jobs) == len(clients.arrived)


def test_a_repetition_names_the_earlier_generation(api: Api) -> None:
    first = api.ledger.get(api.post())
    with pytest.raises(Repeated) as repeated:
        api.repeats.noting(first.__class__(**{**vars(first), "generation_id": "g2"}), Sending("k1", 1, START))
    assert repeated.value.generation == first
