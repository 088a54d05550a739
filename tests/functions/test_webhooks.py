"""Test webhooks from the request through the announcement and the queue to the receiver and the list of deliveries."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from standardwebhooks import Webhook as Receiver
from standardwebhooks import WebhookVerificationError

from core.webhooks.sending import NOT_ACCEPTED
from tests.support.events import requested
from tests.support.functions import PATHS, Cloud, Doors, call
from tests.support.revisions import staged
from tests.support.states import caught, payload
from tests.support.webhooks import as_event, deliver
from tests.support.wire import Wire, http, serving

BODY = {"model": "veo2", "prompt": "a boat"}
DELIVERIES, SECRET = "/v2/webhooks/deliveries", "/v2/webhooks/secret"


@pytest.fixture
def receiver() -> Iterator[Wire]:
    with serving(http(204)) as wire:
        yield wire


def made(cloud: Cloud, url: str, query: str = "", **arguments: Any) -> dict[str, Any]:
    status, generation = call(cloud, "POST", PATHS[0], body=BODY, query=f"webhook={url}{query}", **arguments)
    assert status == 200, generation
    return generation


def failure(generation_id: str) -> dict[str, Any]:
    return payload("record_failure", {"generation_id": generation_id, **caught("RequestRefused", "no")})


def failed(cloud: Cloud, generation_id: str) -> dict[str, Any]:
    """Fail the generation and return its announcement."""
    cloud.invoke("record_failure", failure(generation_id))
    [message] = cloud.messages()
    announced: dict[str, Any] = json.loads(message["Message"])
    return announced


def listed(cloud: Cloud, owner: str = "ann") -> list[dict[str, Any]]:
    status, page = call(cloud.caller(owner), "GET", DELIVERIES)
    assert status == 200
    found: list[dict[str, Any]] = page["data"]
    return found


@pytest.fixture(autouse=True)
def cold(cloud: Cloud) -> None:  # noqa: ARG001 - its environment is read again
    import deliver_webhook  # noqa: PLC0415 - after the environment is there

    deliver_webhook._wired.cache_clear()


def test_a_receiver_gets_one_message_and_can_verify_it(cloud: Cloud, receiver: Wire) -> None:
    generation = made(cloud, f"{receiver.url}/hook?token=t")
    assert generation["meta"]["webhook"] == {"url": f"{receiver.url}/hook?token=t", "events": ["completed", "failed"]}
    announced = failed(cloud, generation["id"])
    assert announced["webhook"] is True
    assert deliver(cloud, as_event(announced)) == deliver(cloud, as_event(announced)) == []
    [request] = receiver.requests
    head, _, body = request.decode().partition("\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    _, told = call(cloud, "GET", SECRET)
    message = Receiver(told["secret"]).verify(body, headers)
    assert (message["type"], message["data"]) == ("generation.failed", announced)
    with pytest.raises(WebhookVerificationError):
        Receiver(call(cloud.caller("bob"), "GET", SECRET)[1]["secret"]).verify(body, headers)


def test_only_the_owner_can_see_and_resend_a_delivery(cloud: Cloud, receiver: Wire) -> None:
    announced = failed(cloud, made(cloud, receiver.url)["id"])
    deliver(cloud, as_event(announced))
    [delivery] = listed(cloud)
    assert (delivery["status"], delivery["attempts"], delivery["answered"]) == ("delivered", 1, 204)
    assert (delivery["generation_id"], delivery["url"]) == (announced["generation_id"], receiver.url)
    assert listed(cloud, "bob") == []
    path = f"{DELIVERIES}/{delivery['id']}/redeliver"
    foreign = call(cloud.caller("bob"), "POST", path)
    assert foreign[0] == 404
    never = call(cloud.caller("bob"), "POST", f"{DELIVERIES}/msg_{'0' * 32}/redeliver")
    assert foreign[1]["message"].replace(delivery["id"], "ID") == never[1]["message"].replace(f"msg_{'0' * 32}", "ID")
    for _ in range(2):
        status, again = call(cloud, "POST", path)
        assert (status, again["status"], again["attempts"]) == (200, "pending", 0)
    sqs, url = boto3.client("sqs"), cloud.environment["WEBHOOKS_QUEUE_URL"]
    waiting = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    for message in waiting:
        assert deliver(cloud, json.loads(message["Body"])) == []
    assert len(receiver.requests) == 2
    assert receiver.header("webhook-id") == [delivery["id"]] * 2


def test_a_failing_receiver_is_tried_again_later(cloud: Cloud) -> None:
    with serving(http(500)) as receiver:
        announced = failed(cloud, made(cloud, receiver.url)["id"])
        [later] = deliver(cloud, as_event(announced))
        [same] = deliver(cloud, later.message)
        assert len(receiver.requests) == 1, "not before its time"
    assert 5 <= later.delay <= 6
    assert same.delay <= later.delay
    [delivery] = listed(cloud)
    assert (delivery["status"], delivery["problem"]) == ("pending", NOT_ACCEPTED)
    assert delivery["due_at"]
    queue_url = cloud.environment["WEBHOOKS_QUEUE_URL"]
    delayed = ["ApproximateNumberOfMessagesDelayed"]
    found = boto3.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=delayed)  # type: ignore[arg-type]
    assert found["Attributes"] == {delayed[0]: "2"}


def test_an_internal_error_fails_the_function_and_is_retried_less_and_less_often(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden: list[int] = []
    monkeypatch.setattr("deliver_webhook.hide", lambda _queue, _message, seconds: hidden.append(seconds))
    for receives in (1, 2, 50):
        with pytest.raises(KeyError):
            deliver(cloud, {"no": "event"}, receives)
    assert hidden == [30, 60, 900]


def test_an_abandoned_delivery_is_counted_and_logs_hide_url_and_secret(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(http(410)) as receiver:
        announced = failed(cloud, made(cloud, f"{receiver.url}/t0ken-in-path?k=t0ken")["id"])
        assert deliver(cloud, as_event(announced)) == []
    secret = call(cloud, "GET", SECRET)[1]["secret"]
    output = "".join(capsys.readouterr())
    counted = [json.loads(line) for line in output.splitlines() if '"WebhooksGivenUp"' in line]
    assert [one["WebhooksGivenUp"] for one in counted] == [[1.0]]
    assert "given up" in output
    assert "t0ken" not in output
    assert secret not in output
    assert "m" * 64 not in output
    assert listed(cloud)[0]["status"] == "dead"


def test_a_deleted_generation_sends_no_webhook(cloud: Cloud, receiver: Wire) -> None:
    announced = failed(cloud, made(cloud, receiver.url)["id"])
    assert call(cloud, "DELETE", PATHS[0], query=f"generation_id={announced['generation_id']}")[1]["deleted"]
    assert deliver(cloud, as_event(announced)) == []
    assert (receiver.requests, listed(cloud)) == ([], [])


def test_a_webhook_gets_only_its_events(cloud: Cloud) -> None:
    generation = made(cloud, "https://example.com/", "&webhook_events=completed")
    assert generation["meta"]["webhook"]["events"] == ["completed"]
    assert failed(cloud, generation["id"])["webhook"] is False
    assert call(cloud, "POST", PATHS[0], body=BODY)[1]["meta"]["webhook"] is None


@pytest.mark.parametrize(
    "query",
    [
        "webhook=ftp://example.com/",
        "webhook=https://user:s3cr3t@example.com/",
        "webhook_events=started",
        "webhook=https://example.com/&webhook_events=started",
    ],
)
def test_an_invalid_webhook_is_rejected_with_its_request(cloud: Cloud, query: str) -> None:
    status, error = call(cloud, "POST", PATHS[0], body=BODY, query=query)
    assert (status, "s3cr3t" in error["message"]) == (400, False)
    assert call(cloud, "GET", PATHS[0])[1]["data"] == []


def test_deployed_stages_call_only_the_public_internet(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOW_LOCAL_WEBHOOKS", "false")
    for url in ("http://example.com/", "https://127.0.0.1/", "https://localhost/"):
        assert call(cloud, "POST", PATHS[0], body=BODY, query=f"webhook={url}")[0] == 400
    assert made(cloud, "https://example.com/x")


def test_a_repeated_request_keeps_its_first_webhook(cloud: Cloud) -> None:
    first = made(cloud, "https://example.com/a", idempotency_key="k")
    assert made(cloud, "https://example.com/b", idempotency_key="k") == first


def test_the_secret_needs_a_key_with_full_access(cloud: Cloud) -> None:
    for scope in ("read", "create"):
        assert call(cloud.caller(scope=scope), "GET", SECRET)[0] == 401
        assert call(cloud.caller(scope=scope), "POST", f"{SECRET}/rotate")[0] == 401
    assert call(cloud.caller(scope="read"), "GET", DELIVERIES)[0] == 200
    assert call(cloud.caller(""), "GET", SECRET)[0] == 401


def test_after_a_rotation_both_secrets_sign_for_a_day(cloud: Cloud, receiver: Wire) -> None:
    _, before = call(cloud, "GET", SECRET)
    assert (before["version"], before["previous_until"]) == (0, None)
    _, after = call(cloud, "POST", f"{SECRET}/rotate")
    assert call(cloud, "GET", SECRET)[1] == after
    assert (after["version"], after["secret"] != before["secret"]) == (1, True)
    assert after["previous_until"]
    deliver(cloud, as_event(failed(cloud, made(cloud, receiver.url)["id"])))
    head, _, body = receiver.requests[0].decode().partition("\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    for told in (before, after):
        assert Receiver(told["secret"]).verify(body, headers)


def test_deliveries_are_listed_by_page(cloud: Cloud, receiver: Wire) -> None:
    for _ in range(3):
        deliver(cloud, as_event(failed(cloud, made(cloud, receiver.url)["id"])))
    _, first = call(cloud, "GET", DELIVERIES, query="limit=2")
    _, second = call(cloud, "GET", DELIVERIES, query=f"limit=2&cursor={first['next_cursor']}")
    seen = [one["id"] for one in first["data"] + second["data"]]
    assert (len(first["data"]), len(set(seen)), second["next_cursor"]) == (2, 3, None)
    assert receiver.header("webhook-id") == seen[::-1]
    for query in ("limit=0", "limit=101", "cursor=x", "cursor=2026-01-01T12:00:00.000Z_msg_"):
        assert call(cloud, "GET", DELIVERIES, query=query)[0] == 400
    assert call(cloud.caller("bob"), "GET", DELIVERIES, query=f"cursor={first['next_cursor']}")[1]["data"] == []


def test_rows_and_events_can_name_webhooks(doors: Doors, receiver: Wire) -> None:
    table = f"prompt,webhook,Webhook events\na boat,{receiver.url}/a,failed\na kite,,\n"
    assert doors.take(doors.drop("week.csv", table)) == []
    batch = doors.executions("BATCH_STATE_MACHINE_ARN")[0]["input"]
    for row in staged(batch):
        doors.cloud.invoke("accept_row", row)
    webhooks = {one.request["prompt"]: one.webhook for one in doors.of("files")}
    assert webhooks["a kite"] is None
    assert webhooks["a boat"]
    assert (webhooks["a boat"].url, webhooks["a boat"].events) == (f"{receiver.url}/a", ["failed"])
    one = json.dumps({"prompt": "a boat", "webhook": receiver.url, "webhook_events": ["completed"]})
    assert doors.take(doors.drop("one.json", one), requested("e1", prompt="x", webhook=receiver.url)) == []
    newest = doors.of("files")[0].webhook
    assert newest
    assert newest.events == ["completed"]
    (event,) = doors.of("shop")
    assert event.webhook
    assert event.webhook.url == receiver.url
    assert "webhook" not in event.request


def test_a_row_with_an_invalid_webhook_has_a_problem(cloud: Cloud) -> None:
    table = "prompt,webhook\na,ftp://example.com/\nb,https://example.com/\n"
    boto3.client("s3").create_bucket(Bucket="prompts")
    status, check = call(cloud, "POST", "/v2/batches", body=table, query="name=a.csv&dry_run=true")
    assert status == 200
    assert [(one["row"], "`webhook` must" in one["message"]) for one in check["problems"]] == [(1, True)]


def test_a_repeated_row_with_another_webhook_uses_the_new_one(doors: Doors) -> None:
    def send(url: str) -> str:
        assert doors.take(doors.drop("week.jsonl", json.dumps({"prompt": "a", "webhook": url}))) == []
        batch = doors.executions("BATCH_STATE_MACHINE_ARN")[-1]["input"]
        (row,) = staged(batch)
        generation_id: str = doors.cloud.invoke("accept_row", row)["generation_id"]
        return generation_id

    first, second = send("https://example.com/a"), send("https://example.com/b")
    assert first == second
    webhook = doors.cloud.ledger.get(first).webhook
    assert webhook
    assert webhook.url == "https://example.com/b"


def test_announcing_without_a_webhook_makes_no_extra_calls(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule on the bus selects the announcements for webhooks, so announcing is the same for all generations."""
    calls: list[str] = []
    real: Callable[..., Any] = boto3.client("sns")._make_api_call.__func__  # type: ignore[attr-defined]  # botocore's own

    def noted(self: Any, operation: str, arguments: Any) -> Any:
        calls.append(operation)
        return real(self, operation, arguments)

    ids = [made(cloud, "https://example.com/")["id"], call(cloud, "POST", PATHS[0], body=BODY)[1]["id"]]
    found = []
    for generation_id in ids:
        calls.clear()
        with monkeypatch.context() as patched:
            patched.setattr("botocore.client.BaseClient._make_api_call", noted)
            cloud.invoke("record_failure", failure(generation_id))
        found.append(list(calls))
    assert found[0] == found[1]
