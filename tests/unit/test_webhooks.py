"""Test webhooks: which URLs are allowed, the signed message, and the course of a delivery."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from standardwebhooks import Webhook as Receiver
from standardwebhooks import WebhookVerificationError

from core.errors import Conflict, InvalidRequest
from core.generation import ArchivedVideo, Failure, Generation, Status, Webhook
from core.publish.views import as_announcement, as_archived_record
from core.records.ledger import Ledger
from core.webhooks.asked import MAX_URL, webhook_of
from core.webhooks.courier import LONGEST_DELAY, NOT_SENT, TRIED_FOR, WAITS, Courier
from core.webhooks.message import headers, id_of
from core.webhooks.queued import as_queued
from core.webhooks.records import KEPT_FOR, LEASE, OVERLAP, Delivery, State, WebhookRecords
from core.webhooks.secret import secret_of
from core.webhooks.senders import SENDERS, Senders
from core.webhooks.sending import Answer
from tests.support.generations import START, generation
from wiring import now as real_now

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

URL = "https://hooks.example.com/videos?token=s3cr3t"
TAKEN, FAILED = Answer(204), Answer(500, "The webhook answered 500.")
MASTER = "m" * 64


# --- URLs in requests


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://Example.COM:8443/a/b?c=d&e=%20",
        "https://xn--bcher-kva.example/",
        "https://a_b.example.co.uk./x",
        "https://93.184.216.34/x",
        pytest.param("https://example.com/" + "x" * (MAX_URL - 20), id="longest"),
    ],
)
def test_a_public_https_url_is_allowed(url: str) -> None:
    assert webhook_of(url, None, local=False) == Webhook(url, ["completed", "failed"])


PRIVATE = [
    "http://example.com/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://017700000001/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://100.64.0.1/",
    "https://192.168.1.1/",
    "https://0.0.0.0/",
    "https://224.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://localhost/",
    "https://a.localhost/",
    "https://printer.local/",
    "https://ip-10-0-0-1.ec2.internal/",
    "https://router.home.arpa/",
    "https://intranet/",
    "https://example.com.1/",
]
NO_URLS = [
    "example.com",
    "ftp://example.com/",
    "https://",
    "https:///x",
    "https://user@example.com/",
    "https://user:password@example.com/",
    "https://example.com/#fragment",
    "https://example.com:port/",
    "https://example.com:99999/",
    "https://example.com/a b",
    "https://example.com\\@127.0.0.1/",
    "https://exämple.com/",
    "https://-a.example.com/",
    "https://a..example.com/",
    pytest.param("https://example.com/" + "x" * MAX_URL, id="too long"),
    7,
    ["https://example.com/"],
    {"url": "https://example.com/"},
]


@pytest.mark.parametrize("url", [*PRIVATE, *NO_URLS], ids=str)
def test_other_urls_are_rejected_without_repeating_them(url: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^`webhook` must") as refused:
        webhook_of(url, None, local=False)
    assert "password" not in str(refused.value)


def test_the_local_cloud_also_allows_this_machine() -> None:
    assert webhook_of("http://127.0.0.1:8000/x", None, local=True)
    assert webhook_of("http://localhost:8000/x", None, local=True)
    for url in ("ftp://127.0.0.1/", "http://user@127.0.0.1/"):
        with pytest.raises(InvalidRequest):
            webhook_of(url, None, local=True)


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (None, ["completed", "failed"]),
        ("", ["completed", "failed"]),
        ([], ["completed", "failed"]),
        ("failed", ["failed"]),
        ("failed, completed,failed", ["completed", "failed"]),
        (["completed"], ["completed"]),
    ],
)
def test_a_webhook_can_select_events(events: object, told: list[str]) -> None:
    webhook = webhook_of(URL, events, local=False)
    assert webhook
    assert webhook.events == told
    assert [webhook.hears_of(status) for status in (Status.COMPLETED, Status.ERROR)] == [
        "completed" in told,
        "failed" in told,
    ]


@pytest.mark.parametrize("events", ["started", "completed failed", ["x"], [1], 1, {}])
def test_unknown_events_are_rejected(events: object) -> None:
    with pytest.raises(InvalidRequest, match="`webhook_events` must be one or more of completed, failed"):
        webhook_of(URL, events, local=False)


def test_without_a_url_there_is_no_webhook() -> None:
    """A column of events may be filled in every row of a file, even without a webhook."""
    for url in (None, ""):
        assert webhook_of(url, "completed", local=False) is webhook_of(url, None, local=False) is None
    with pytest.raises(InvalidRequest, match="`webhook_events` must be"):
        webhook_of(None, "started", local=False)


# --- messages


def completed(**fields: Any) -> Generation:
    video = ArchivedVideo("videos", "k", "s3://videos/k", "video/mp4", "v.mp4", 7, "a" * 64)
    made = generation("a" * 32, webhook=Webhook(URL, ["completed", "failed"]), ended_at=START, **fields)
    return replace(made, status=Status.COMPLETED, video=video)


def test_a_webhooks_url_is_in_no_announcement_archived_record_or_repr() -> None:
    told = completed()
    assert as_announcement(told)["webhook"] is True
    for shown in (json.dumps(as_announcement(told)), json.dumps(as_archived_record(told)), repr(told)):
        assert "hooks.example.com" not in shown


def test_a_webhook_gets_only_the_selected_events() -> None:
    only_failures = completed()
    assert as_announcement(replace(only_failures, webhook=Webhook(URL, ["failed"])))["webhook"] is False
    assert as_announcement(replace(only_failures, webhook=None))["webhook"] is False


def test_the_librarys_receivers_verify_a_message() -> None:
    secret, other = secret_of(MASTER, "ann", 1), secret_of(MASTER, "ann", 0)
    body = '{"data":"größer"}'
    sent = headers([secret, other], "msg_1", real_now(), body)
    assert Receiver(secret).verify(body, sent) == Receiver(other).verify(body.encode(), sent) == {"data": "größer"}
    for wrong in (secret_of(MASTER, "bob", 1), secret_of(MASTER, "ann", 2), secret_of("another", "ann", 1)):
        with pytest.raises(WebhookVerificationError):
            Receiver(wrong).verify(body, sent)
    for changed in ({"webhook-id": "msg_2"}, {"webhook-timestamp": str(int(real_now().timestamp()) - 1)}):
        with pytest.raises(WebhookVerificationError):
            Receiver(secret).verify(body, sent | changed)
    with pytest.raises(WebhookVerificationError):
        Receiver(secret).verify(body + " ", sent)


def test_a_signature_matches_the_specifications_example() -> None:
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: of these bytes."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    sent = headers(
        [secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(1614265330, UTC), '{"test": 2432232314}'
    )
    assert sent == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_each_owner_has_a_separate_secret_of_32_bytes() -> None:
    made = {secret_of(MASTER, owner, version) for owner in ("ann", "bob", 'ann", 1') for version in (0, 1, 11)}
    assert len(made) == 9
    assert {len(base64.b64decode(secret.removeprefix("whsec_"))) for secret in made} == {32}


def test_each_end_has_a_unique_id() -> None:
    first = as_announcement(completed())
    assert id_of(first) == id_of(as_announcement(completed(credits_used=7)))
    assert id_of(first) != id_of({**first, "ended_at": "2026-01-01T12:00:00.001Z"})
    assert id_of(first) != id_of({**first, "generation_id": "b" * 32})


# --- deliveries


@dataclass
class House:
    """A courier with a receiver and a clock controlled by the test, and real records."""

    dynamodb: "DynamoDBClient"
    answers: list[Answer] = field(default_factory=lambda: [TAKEN])
    at: datetime = START
    sent: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)
    told: list[tuple[Delivery, Answer, timedelta | None]] = field(default_factory=list)
    while_sending: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.dynamodb, "generations", lambda: self.at)
        self.records = WebhookRecords(self.dynamodb, "webhooks", lambda: self.at)
        self.senders = Senders(self.dynamodb, "webhooks", lambda: self.at)
        self.courier = Courier(self.ledger, self.records, self.senders, self, lambda: MASTER, self.hear)  # type: ignore[arg-type]  # posts

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        self.sent.append((url, body, headers))
        self.while_sending()
        return self.answers[min(len(self.sent), len(self.answers)) - 1]

    def hear(self, delivery: Delivery, answer: Answer, wait: timedelta | None) -> None:
        self.told.append((delivery, answer, wait))

    def event(self) -> dict[str, Any]:
        """Return the bus's event for a generation that has ended."""
        found = completed()
        self.ledger.add(found)
        return {"detail": as_announcement(found)}

    def take(self, event: Mapping[str, Any]) -> timedelta | None:
        """Deliver the message of an end, and return how long the message that follows is delayed."""
        again = self.courier.take(event)
        return again.delay if again else None

    def end(self, event: Mapping[str, Any]) -> list[timedelta]:
        """Deliver the message of an end and those that follow, each at its time, and return their delays."""
        delays = []
        message: Mapping[str, Any] = event
        while again := self.courier.take(message):
            delays.append(again.delay)
            self.at += again.delay
            message = json.loads(json.dumps(again.message))
        return delays

    def delivery(self, event: dict[str, Any]) -> Delivery:
        found = self.records.find(id_of(event["detail"]))
        assert found
        return found

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for _, _, headers in self.sent]


@pytest.fixture
def house(dynamodb: "DynamoDBClient") -> House:
    return House(dynamodb)


def test_an_end_is_sent_to_the_records_url_and_kept_for_a_month(house: House) -> None:
    event = house.event()
    assert house.courier.take(event) is None
    [(url, body, sent)] = house.sent
    message = json.loads(body)
    assert url == URL
    assert message == {"type": "generation.completed", "timestamp": "2026-01-01T12:00:00.000Z", "data": event["detail"]}
    assert sent["webhook-timestamp"] == str(int(START.timestamp()))
    delivery = house.delivery(event)
    assert (delivery.status, delivery.attempts, delivery.answered) == (State.DELIVERED, 1, 204)
    assert (delivery.due_at, delivery.ended_at, delivery.problem) == (None, START, None)
    item = house.dynamodb.get_item(TableName="webhooks", Key={"delivery_id": {"S": delivery.delivery_id}})["Item"]
    assert int(item["expires_at"]["N"]) == int((START + KEPT_FOR).timestamp())


def test_a_failure_is_sent_as_a_failure(house: House) -> None:
    failed = replace(completed(), status=Status.ERROR, video=None, error=Failure("RequestRefused", "no"))
    house.ledger.add(failed)
    house.courier.take({"detail": as_announcement(failed)})
    assert json.loads(house.sent[0][1])["type"] == "generation.failed"


def test_a_repeated_announcement_is_sent_once(house: House) -> None:
    event = house.event()
    assert [house.courier.take(event), house.courier.take(event)] == [None, None]
    assert len(house.sent) == 1


def test_one_of_two_concurrent_invocations_sends_and_the_other_retries(house: House) -> None:
    event = house.event()
    waits: list[timedelta | None] = []

    def invoke() -> None:
        house.while_sending = lambda: None
        waits.append(house.take(event))

    house.while_sending = invoke
    assert house.courier.take(event) is None
    assert (waits, len(house.sent)) == ([LEASE], 1)
    house.at += LEASE
    assert house.courier.take(event) is None
    assert len(house.sent) == 1


def test_an_attempt_is_claimed_when_it_is_due_and_not_before(house: House) -> None:
    event = house.event()
    house.answers = [FAILED]
    house.courier.take(event)
    waiting = house.delivery(event)
    assert waiting.due_at
    assert house.records.claim(waiting) is None, "whoever has read it"
    house.at = waiting.due_at
    assert house.records.claim(waiting)


def test_a_late_failure_does_not_change_the_next_attempt(house: House) -> None:
    event = house.event()
    house.answers = [FAILED]
    house.courier.take(event)
    house.at += timedelta(hours=1)
    first = house.records.claim(house.delivery(event))
    assert first
    house.at += LEASE
    assert house.records.claim(house.delivery(event))
    second = house.delivery(event)
    house.records.failed(first, 410, "late", None)
    assert house.delivery(event) == second, "it is not abandoned"


def test_a_redelivery_is_kept_for_another_month(house: House) -> None:
    event = house.event()
    house.courier.take(event)
    house.at += KEPT_FOR - timedelta(days=1)
    house.records.again(house.delivery(event))
    key = {"delivery_id": {"S": id_of(event["detail"])}}
    item = house.dynamodb.get_item(TableName="webhooks", Key=key)["Item"]
    assert int(item["expires_at"]["N"]) == (house.at + KEPT_FOR).timestamp()


def test_two_readers_of_the_same_state_do_not_both_send(house: House) -> None:
    event = house.event()
    house.answers = [FAILED]
    house.courier.take(event)
    house.at += timedelta(hours=1)
    seen = house.delivery(event)
    first, second = house.records.claim(seen), house.records.claim(seen)
    assert first
    assert (first.attempts, second) == (2, None)
    house.at += LEASE
    assert house.records.claim(seen) is None, "the state that was read has changed"


def test_after_a_crash_the_same_message_is_sent_again(house: House) -> None:
    """It is not known whether the receiver has it: at least once."""
    event = house.event()

    def die() -> None:
        house.while_sending = lambda: None
        raise KeyboardInterrupt

    house.while_sending = die
    with pytest.raises(KeyboardInterrupt):
        house.courier.take(event)
    assert house.take(event) == LEASE
    house.at += LEASE
    assert house.courier.take(event) is None
    assert len(set(house.ids())) == 1
    assert house.sent[0][1] == house.sent[1][1], "byte for byte"


def test_an_unrecorded_success_is_sent_again_with_the_same_id(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    event = house.event()

    def lost(*_: object) -> None:
        raise ClientError({"Error": {"Code": "InternalServerError"}}, "UpdateItem")

    with monkeypatch.context() as patched:
        patched.setattr(house.records, "delivered", lost)
        with pytest.raises(ClientError):
            house.courier.take(event)
    house.at += LEASE
    assert house.courier.take(event) is None
    assert len(house.sent) == 2
    assert len(set(house.ids())) == 1


def test_a_delivery_is_retried_for_a_day_less_and_less_often(house: House) -> None:
    event = house.event()
    house.answers = [FAILED]
    delays = house.end(event)
    waits = [wait for _, _, wait in house.told if wait]
    assert len(house.sent) == len(waits) + 1 == len(WAITS) + 1
    for wait, least in zip(waits, WAITS, strict=True):
        assert least <= wait <= least * 1.1
    assert timedelta(hours=23) < sum(waits, timedelta()) < timedelta(hours=27)
    assert max(delays) == LONGEST_DELAY == timedelta(minutes=15), "the maximum delay of SQS"
    assert sum(delays, timedelta()) - sum(waits, timedelta()) < timedelta(seconds=1), "never before its time"
    assert len(set(house.ids())) == 1
    delivery = house.delivery(event)
    assert (delivery.status, delivery.due_at, bool(delivery.ended_at)) == (State.DEAD, None, True)
    assert (delivery.answered, delivery.problem) == (500, "The webhook answered 500.")
    assert [wait for _, _, wait in house.told] == [*waits, None]
    assert house.courier.take(event) is None
    assert len(house.sent) == len(WAITS) + 1


def test_a_postponed_message_makes_no_attempt_and_waits_longer_each_time(house: House) -> None:
    event = house.event()
    for number in range(SENDERS // 3):
        house.senders.take("ann", f"h{number}.example")
    message: Mapping[str, Any] = event
    delays = []
    for _ in range(12):
        again = house.courier.take(message)
        assert again
        delays.append(again.delay)
        message = json.loads(json.dumps(again.message))
    assert (house.sent, house.told, house.delivery(event).attempts) == ([], [], 0)
    for number, delay in enumerate(delays):
        longest = min(timedelta(seconds=2**number), LONGEST_DELAY)
        assert longest / 2 <= delay <= longest
    house.at += LEASE + timedelta(seconds=1)
    assert house.courier.take(message) is None
    assert house.delivery(event).status is State.DELIVERED


def test_a_message_that_could_not_be_sent_within_a_day_says_so_and_can_be_sent_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = house.event()
    with monkeypatch.context() as patched:
        patched.setattr(house.senders, "take", lambda *_: None)
        house.end(event)
    delivery = house.delivery(event)
    assert (delivery.status, delivery.attempts, delivery.problem) == (State.DEAD, 0, NOT_SENT)
    assert delivery.ended_at
    assert TRIED_FOR <= delivery.ended_at - delivery.created_at <= TRIED_FOR + LONGEST_DELAY
    [(_, answer, wait)] = house.told
    assert (answer.problem, wait) == (NOT_SENT, None)
    again = house.records.again(delivery)
    assert house.courier.take(as_queued(again)) is None
    assert house.delivery(event).status is State.DELIVERED


def test_a_message_that_comes_days_late_is_still_tried_once(house: House) -> None:
    """It was in the dead-letter queue."""
    event = house.event()
    house.answers = [FAILED]
    house.courier.take(event)
    house.at += timedelta(days=3)
    assert house.courier.take(as_queued(house.delivery(event))) is None
    assert (len(house.sent), house.delivery(event).status) == (2, State.DEAD)


def test_two_messages_of_one_delivery_end_together(house: House) -> None:
    """A function died after it had sent the message to the queue again, before SQS deleted the one it had received."""
    event = house.event()
    house.answers = [FAILED, TAKEN]
    again = house.courier.take(event)
    assert again
    both = [event, again.message]
    assert all(house.take(one) for one in both), "not before its time"
    house.at += again.delay
    assert [house.take(one) for one in both] == [None, None]
    assert len(house.sent) == 2


def test_the_messages_before_a_redelivery_end(house: House) -> None:
    """Otherwise an owner could fill the queue by sending the same delivery again."""
    event = house.event()
    house.answers = [FAILED]
    first = house.courier.take(event)
    assert first
    house.at += timedelta(hours=1)
    messages = [event, first.message]
    for _ in range(3):
        messages.append(as_queued(house.records.again(house.delivery(event))))
        house.at += timedelta(seconds=1)
    assert [house.take(one) is None for one in messages] == [True] * 4 + [False]
    assert len(house.sent) == 2


def test_every_attempt_frees_its_sender(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> None:
        raise ClientError({"Error": {"Code": "InternalServerError"}}, "UpdateItem")

    event = house.event()
    house.answers = [FAILED, Answer(410, "gone", is_final=True)]
    house.courier.take(event)
    house.at += timedelta(minutes=1)
    with monkeypatch.context() as patched:
        patched.setattr(house.records, "failed", lost)
        with pytest.raises(ClientError):
            house.courier.take(event)
    assert all(house.senders.take("ann", "hooks.example.com") for _ in range(SENDERS // 3))


def test_a_receiver_that_recovers_gets_the_message(house: House) -> None:
    event = house.event()
    house.answers = [Answer(None, "The webhook's URL does not answer: NewConnectionError."), FAILED, TAKEN]
    house.end(event)
    delivery = house.delivery(event)
    assert (delivery.status, delivery.attempts, delivery.answered, delivery.problem) == (State.DELIVERED, 3, 204, None)


def test_a_permanent_failure_is_abandoned_immediately(house: House) -> None:
    event = house.event()
    house.answers = [Answer(410, "The webhook answered 410, so it wants no more messages.", is_final=True)]
    assert house.courier.take(event) is None
    assert house.delivery(event).status is State.DEAD


def test_an_abandoned_delivery_is_counted_before_it_is_recorded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the function dies in between, it is counted once more, but never silently abandoned."""
    event = house.event()
    house.answers = [replace(FAILED, is_final=True)]

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(house.records, "failed", die)
        with pytest.raises(KeyboardInterrupt):
            house.courier.take(event)
    assert [wait for _, _, wait in house.told] == [None]


def test_a_deleted_delivery_is_not_sent(house: House) -> None:
    event = house.event()
    ended = house.ledger.get("a" * 32)
    house.ledger.announced(ended)
    house.ledger.delete(house.ledger.get("a" * 32))
    assert house.courier.take(event) is None
    assert house.sent == []
    assert house.courier.take({"detail": {**event["detail"], "generation_id": "f" * 32}}) is None


def test_a_delivery_whose_generation_was_deleted_meanwhile_is_retried(house: House) -> None:
    event = house.event()
    house.answers = [FAILED, TAKEN]
    wait = house.take(event)
    assert wait
    house.ledger.announced(house.ledger.get("a" * 32))
    house.ledger.delete(house.ledger.get("a" * 32))
    house.at += wait
    assert house.courier.take(event) is None
    assert house.delivery(event).status is State.DELIVERED


@pytest.mark.parametrize("before", [TAKEN, replace(FAILED, is_final=True), FAILED])
def test_an_owner_can_resend_any_delivery(house: House, before: Answer) -> None:
    event = house.event()
    house.answers = [before, TAKEN]
    house.courier.take(event)
    house.at += timedelta(seconds=1)
    again = house.records.again(house.delivery(event))
    assert again == house.delivery(event)
    assert house.courier.take(as_queued(again)) is None
    assert house.delivery(event).status is State.DELIVERED
    assert len(house.sent) == 2
    assert len(set(house.ids())) == 1


def test_an_expired_delivery_is_not_sent_again(house: House) -> None:
    assert house.courier.take({"delivery_id": "msg_" + "0" * 32}) is None
    assert house.courier.take({"delivery_id": "secret ann"}) is None


def test_a_late_failure_does_not_undo_a_delivery(house: House) -> None:
    event = house.event()
    house.answers = [FAILED]
    house.courier.take(event)
    house.at += timedelta(hours=1)
    claimed = house.records.claim(house.delivery(event))
    assert claimed
    house.records.delivered(claimed, 204)
    house.records.failed(claimed, 500, "late", house.at)
    assert house.delivery(event).status is State.DELIVERED


# --- owners' secrets


def test_messages_are_also_signed_with_the_previous_secret_for_a_day(house: House) -> None:
    records = house.records
    assert records.secret_versions("ann").all == (0,)
    assert records.change_secret("ann").all == (1, 0)
    house.at += OVERLAP / 2
    assert records.change_secret("ann").all == records.secret_versions("ann").all == (2, 1, 0)
    house.at += OVERLAP / 2
    assert records.secret_versions("ann").all == (2, 1)
    house.at += OVERLAP / 2
    assert records.secret_versions("ann").all == (2,)
    assert records.secret_versions("bob").all == (0,)


def test_repeating_a_rotation_with_a_lost_response_keeps_receivers_secrets(house: House) -> None:
    for _ in range(5):
        house.records.change_secret("ann")
    with pytest.raises(Conflict, match="5 times within a day"):
        house.records.change_secret("ann")
    assert house.records.secret_versions("ann").all == (5, 4, 3, 2, 1, 0)
    event = house.event()
    house.courier.take(event)
    [(_, _, sent)] = house.sent
    assert len(sent["webhook-signature"].split(" ")) == 6


def test_two_concurrent_rotations_count_as_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    records = house.records
    seen = records.secret_versions("ann")
    records.change_secret("ann")
    with monkeypatch.context() as patched:
        first = iter([seen])
        real = records.secret_versions
        patched.setattr(records, "secret_versions", lambda owner: next(first, None) or real(owner))
        assert records.change_secret("ann").latest == 1
    assert records.secret_versions("ann").latest == 1
