"""Kill functions at every point of files, batches, keys and webhooks, one after another: nothing may be lost."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest

from core.api.api_keys import issue
from core.batches.identity import batch_id_for
from core.generation import Failure, Status, Webhook
from core.publish.views import as_announcement
from core.records.lists import Lists
from core.webhooks.records import State, WebhookRecords
from core.workflow import Run
from tests.support.dying import INVOCATIONS, Death, Killed, dying
from tests.support.functions import Cloud, Doors, call
from tests.support.generations import generation
from tests.support.inputs import MODEL
from tests.support.revisions import Week, file, records
from tests.support.webhooks import as_event, deliver
from tests.support.wire import http, serving
from wiring import now

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(600)]  # a busy machine may need it


class DeathOfTheFunction(Death):
    """A death of the whole function: an upload's threads are not killed separately."""

    def point(self, name: str) -> None:
        if threading.current_thread() is threading.main_thread():
            super().point(name)


def dying_everywhere(
    monkeypatch: pytest.MonkeyPatch, invoke: Callable[[int], Any], before: Callable[[int], Any] = lambda _: None
) -> int:
    """Call `invoke` again and again, killed at point 0, 1, 2, …, and return the number of points.

    Each killed call is repeated. Nothing is killed in `before`, which is called first.
    """
    at, points = 0, 1
    while at <= points:
        before(at)
        death = DeathOfTheFunction(at)
        with dying(monkeypatch, death):
            for _ in range(INVOCATIONS):
                try:
                    invoke(at)
                    break
                except Killed:
                    continue  # the message is delivered again, the state is retried
        points = len(death.points) if at == 0 else points
        at += 1
    return points


@pytest.mark.parametrize(
    ("suffix", "body", "machine"),
    [
        ("txt", "a boat", "STATE_MACHINE_ARN"),
        ("jsonl", '{"prompt": "a boat"}\n{"prompt": ""}', "BATCH_STATE_MACHINE_ARN"),
        ("txt", "", None),
    ],
    ids=["a request", "a batch with a rejected row", "an empty file"],
)
def test_a_file_is_ingested_once(
    doors: Doors, monkeypatch: pytest.MonkeyPatch, suffix: str, body: str, machine: str | None
) -> None:
    dropped: dict[int, dict[str, Any]] = {}

    def take(at: int) -> None:
        dropped[at] = dropped.get(at) or doors.drop(f"{at}.{suffix}", body)
        assert doors.take(dropped[at]) == []

    count = dying_everywhere(monkeypatch, take) + 1
    assert count > 4
    for one in ("STATE_MACHINE_ARN", "BATCH_STATE_MACHINE_ARN"):
        assert len(doors.executions(one)) == (count if one == machine else 0)
    failed = [one for one in doors.of("files") if one.status is Status.ERROR and one.announced_at]
    assert len(failed) == (0 if machine else count)


def test_a_file_that_drops_most_rows_becomes_one_batch_of_its_own(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped: dict[int, dict[str, Any]] = {}

    def begin(at: int) -> None:
        assert doors.take(doors.drop(f"{at}.jsonl", file("a", "b"))) == []
        dropped[at] = doors.drop(f"{at}.jsonl", file("c"))

    def take(at: int) -> None:
        assert doors.take(dropped[at]) == []

    count = dying_everywhere(monkeypatch, take, before=begin) + 1
    assert count > 4
    runs = [one["input"]["run"] for one in doors.executions("BATCH_STATE_MACHINE_ARN")]
    first = [f"{batch_id_for('prompts', f'{at}.jsonl')}-1" for at in range(count)]
    own = [f"{batch_id_for('prompts', f'{at}-2.jsonl')}-1" for at in range(count)]
    assert sorted(runs) == sorted([*first, *own])


def test_a_row_is_accepted_once_and_a_report_written_and_announced(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud, week = doors.cloud, Week(doors)
    staged: list[dict[str, Any]] = []

    missing = {"model": MODEL, "prompt": "y", "image_url": "upload:" + "0" * 32}

    def stage(at: int) -> None:
        assert doors.take(doors.drop(f"{at}.jsonl", file("x", "") + json.dumps(missing))) == []
        staged.append(doors.executions("BATCH_STATE_MACHINE_ARN")[-1]["input"])

    def run(at: int) -> None:
        batch = staged[at]
        week.accept(batch)
        assert Lists(cloud.ledger).batch_counts(batch["batch_id"], 1) == {Status.QUEUED: 1}
        assert records().run(batch["run"]).rejected == 2
        assert [row["status"] for row in week.report(batch)] == ["queued", "error", "error"]
        announced.add(batch["batch_id"])

    announced: set[str] = set()
    count = dying_everywhere(monkeypatch, run, before=stage) + 1
    assert count > 20
    said = [message["Subject"].removeprefix("Batch Completed: ") for message in cloud.messages()]
    assert announced <= set(said)
    assert len(announced) == count


def test_a_sent_file_is_read_and_a_retry_is_one_run_that_is_started(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud, week = doors.cloud, Week(doors)
    batches: list[dict[str, Any]] = []

    def send(at: int) -> None:
        status, sent = call(cloud, "POST", "/v2/batches", query=f"name={at}.jsonl", body=file("x"))
        assert (status, sent["status"]) == (200, "reading")

    def stage(at: int) -> None:
        batch = week.drop("x", key=f"owners/ann/again-{at}.jsonl")
        (answer,) = week.accept(batch)
        cloud.ledger.fail(Run(answer["generation_id"]), Failure("RequestRefused", "no"))
        week.report(batch)
        batches.append(batch)

    def retry(at: int) -> None:
        path = f"/v2/batches/{batches[at]['batch_id']}/retry"
        assert call(cloud, "POST", path)[1]["status"] == "running"

    assert dying_everywhere(monkeypatch, send) > 8
    count = dying_everywhere(monkeypatch, retry, before=stage) + 1
    assert count > 8
    runs = [one["name"] for one in doors.executions("BATCH_STATE_MACHINE_ARN")]
    assert sorted(runs) == sorted(f"{batch['batch_id']}-{run}" for batch in batches for run in (1, 2))


def test_a_key_is_recognised_after_a_crash(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    key, entry = issue("ann", now())
    secret = cloud.environment["API_KEYS_SECRET"]
    boto3.client("secretsmanager").put_secret_value(SecretId=secret, SecretString=json.dumps(entry))

    def ask(_: int) -> None:
        answer = cloud.invoke("authorize", {"headers": {"authorization": f"Bearer {key}"}})
        assert answer["context"]["owner"] == "ann"

    assert dying_everywhere(monkeypatch, ask) > 1


def test_a_webhook_is_sent_at_least_once_and_always_with_the_same_id(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("records", "senders"):  # free what the killed function held
        monkeypatch.setattr(f"core.webhooks.{module}.LEASE", timedelta(seconds=-1))
    events: dict[int, dict[str, Any]] = {}

    def tell(at: int) -> None:
        if at not in events:
            told = Webhook(receiver.url, ["failed"])
            ended = generation(f"{at:032x}", status=Status.ERROR, ended_at=now(), webhook=told)
            cloud.ledger.add(ended)
            events[at] = as_event(as_announcement(ended))
        assert deliver(cloud, events[at], warm=False) == []

    with serving(http(204)) as receiver:
        count = dying_everywhere(monkeypatch, tell) + 1
    assert count > 10
    found, _ = WebhookRecords(boto3.client("dynamodb"), "webhooks", now).of_owner("ann", None, 100)
    assert {one.status for one in found} == {State.DELIVERED}
    assert {one.delivery_id for one in found} == set(receiver.header("webhook-id"))
    assert len(found) == count


def test_a_webhook_that_fails_is_never_without_a_message(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("records", "senders"):  # free what the killed function held
        monkeypatch.setattr(f"core.webhooks.{module}.LEASE", timedelta(seconds=-1))
    monkeypatch.setattr("core.webhooks.senders.FAILURES", 1000)  # of all these messages to one receiver
    events: dict[int, dict[str, Any]] = {}

    def tell(at: int) -> None:
        if at not in events:
            told = Webhook(receiver.url, ["failed"])
            ended = generation(f"{at:032x}", status=Status.ERROR, ended_at=now(), webhook=told)
            cloud.ledger.add(ended)
            events[at] = as_event(as_announcement(ended))
        [later] = deliver(cloud, events[at], warm=False)
        assert 0 < later.delay <= 60
        assert WebhookRecords(boto3.client("dynamodb"), "webhooks", now).find(later.message["delivery_id"])

    with serving(http(500)) as receiver:
        assert dying_everywhere(monkeypatch, tell) > 10
