"""Test that records that were lost come back from a copy, and that no job is sent twice because of that."""

from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest

from core.errors import SubmissionUnknown
from core.generation import Status
from core.records.table import KEY, write
from promptreel.__main__ import main
from promptreel.errors import PromptreelError
from promptreel.operator.deployment import Deployment
from promptreel.operator.restore import LOST, RESTORED, Restore
from tests.support.functions import PATHS, Cloud, Doors, call
from tests.support.owners import deployed, end_executions
from tests.support.states import caught, payload
from tests.support.tables import keyed_definition, table_definition
from wiring import now

LATE = timedelta(days=2)  # after which a search of the log ends


@pytest.fixture
def found(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    return deployed(doors.cloud, monkeypatch)


def create(cloud: Cloud, prompt: str = "a boat", key: str = "") -> str:
    headers = {"idempotency_key": key} if key else {}
    return str(call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": prompt}, **headers)[1]["id"])


def go_on(cloud: Cloud, generation_id: str) -> None:
    cloud.run({"generation_id": generation_id}, "admit", "submit", "check_status", "finalize")


def sent(cloud: Cloud) -> int:
    return len([one for one in cloud.simulator.calls() if one.method == "POST"])


def items() -> list[dict[str, Any]]:
    return boto3.client("dynamodb").scan(TableName="generations")["Items"]


def copied() -> datetime:
    """Copy the table, as a restore to this moment would, and return the moment."""
    dynamodb = boto3.client("dynamodb")
    dynamodb.create_table(TableName="copy", **table_definition())
    for item in items():
        dynamodb.put_item(TableName="copy", Item=item)
    return now()


def lose(*ids: str) -> None:
    """Delete records, or all of them."""
    for generation_id in ids or [item[KEY]["S"] for item in items()]:
        boto3.client("dynamodb").delete_item(TableName="generations", Key=write({KEY: generation_id}))


def restored(found: Deployment, since: datetime, *, copy: str | None = "copy") -> Restore:
    restoring = Restore(found, now)
    if copy:
        restoring.from_copy(copy, "generations", since)
    restoring.from_videos()
    restoring.look_up(since)
    return restoring


def test_a_job_that_was_sent_after_the_restore_point_is_not_sent_again(cloud: Cloud, found: Deployment) -> None:
    cloud.simulator.script("a boat", seconds=600)
    one = create(cloud)
    cloud.run({"generation_id": one}, "admit")
    since = copied()
    cloud.run({"generation_id": one}, "submit")
    provider_id = cloud.ledger.get(one).provider_id
    assert sent(cloud) == 1
    lose()
    before = Restore(found, now)
    before.from_copy("copy", "generations", since)
    assert cloud.run({"generation_id": one}, "admit", "submit")["status"] == "queued"
    assert sent(cloud) == 1, "before anything is found"
    cloud.invoke("sweep", {})
    done = restored(found, since, copy=None).done
    record = cloud.ledger.get(one)
    if done.found:
        assert (record.status, record.provider_id) == (Status.GENERATING, provider_id)
    else:
        assert done.unsure == [one]
    assert sent(cloud) == 1


def test_a_job_that_the_log_lists_continues_to_its_video(cloud: Cloud, found: Deployment) -> None:
    one = create(cloud)
    cloud.run({"generation_id": one}, "admit")
    since = copied()
    cloud.run({"generation_id": one}, "submit", "check_status")
    lose()
    done = restored(found, since).done
    assert (done.items, done.found, done.unsure, done.unknown) == (1, [one], [], [])
    cloud.run({"generation_id": one}, "submit", "check_status", "finalize")
    assert cloud.ledger.get(one).status is Status.COMPLETED
    assert sent(cloud) == 1
    assert restored(found, since).done.found == []


def test_a_job_that_was_never_sent_waits_and_then_needs_an_operator(cloud: Cloud, found: Deployment) -> None:
    one = create(cloud)
    since = copied()
    lose()
    done = restored(found, since - timedelta(days=2)).done
    assert done.unsure == [one]
    assert cloud.ledger.get(one).attempt == RESTORED
    with pytest.raises(SubmissionUnknown):
        cloud.run({"generation_id": one}, "look_up_submission")
    assert sent(cloud) == 0


def tag(cloud: Cloud, generation_id: str, tag: str) -> None:
    query = f"generation_id={generation_id}"
    assert call(cloud, "PATCH", PATHS[0], body={"add": [tag]}, query=query)[1]["meta"]["tags"] == [tag]


def test_a_video_that_was_completed_since_brings_its_record_back(cloud: Cloud, found: Deployment) -> None:
    known, later = create(cloud), None
    tag(cloud, known, "kept")
    since = copied()
    go_on(cloud, known)
    later = create(cloud, "another")
    tag(cloud, later, "kept")
    go_on(cloud, later)
    before = {one: call(cloud, "GET", PATHS[0], query=f"generation_id={one}")[1] for one in (known, later)}
    lose()
    done = restored(found, since).done
    assert (done.items, done.from_videos, done.unsure, done.unknown) == (1, 1, [], [])
    for one in (known, later):
        after = call(cloud, "GET", PATHS[0], query=f"generation_id={one}")[1]
        for shown in (after, before[one]):
            del shown["video"]["url"], shown["video"]["poster_url"]  # a link signed in the next second differs
            assert shown["meta"]["timeline"].pop()["step"] == "announced"  # its time is not in the record
        assert after == before[one]
    cloud.invoke("sweep", {})
    assert len(cloud.messages()) == 2, "they are not announced again"


def test_a_lost_job_is_not_sent_again_when_its_request_is_repeated(cloud: Cloud, found: Deployment) -> None:
    """Its owner sends the same file or the same idempotency key once more."""
    since = copied()
    one = create(cloud, key="k1")
    cloud.run({"generation_id": one}, "admit", "submit", "check_status")
    provider_id = cloud.ledger.get(one).provider_id
    lose()
    assert restored(found, since).done.unknown == [provider_id]
    (item,) = items()
    assert (item["owner"]["S"], "provider_id" in item) == (LOST, False), "its charge is still reported"
    status, _ = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"}, idempotency_key="k1")
    assert status == 409


def test_a_failed_job_that_was_rescued_since_is_found(cloud: Cloud, found: Deployment) -> None:
    """Another rescue would send it again."""
    from core.rescue import rescue  # noqa: PLC0415 - next to its use
    from wiring.workflow import UsesWorkflow, make_workflow  # noqa: PLC0415 - also

    one = create(cloud)
    state = {"generation_id": one, **caught("ProviderOutOfCredits", "no")}
    cloud.invoke("record_failure", payload("record_failure", state))
    end_executions(cloud)
    since = copied()
    workflow = make_workflow(UsesWorkflow(cloud.environment["STATE_MACHINE_ARN"]))
    rescue(one, cloud.ledger, workflow)
    cloud.run({"generation_id": one}, "admit", "submit", "check_status", execution=f"{one}-1")
    provider_id = cloud.ledger.get(one).provider_id
    lose()
    assert restored(found, since).done.found == [one]
    assert (cloud.ledger.get(one).provider_id, sent(cloud)) == (provider_id, 1)


def test_existing_records_do_not_change(cloud: Cloud, found: Deployment) -> None:
    one, two = create(cloud), create(cloud, "two")
    since = copied()
    go_on(cloud, one)
    lose(two)
    before = next(item for item in items() if item[KEY]["S"] == one)
    assert restored(found, since).done.items == 1
    assert before in items()


def test_the_live_table_is_not_a_copy(found: Deployment) -> None:
    with pytest.raises(PromptreelError, match="is the live table"):
        Restore(found, now).from_copy("generations", "generations", now())


def test_missing_items_of_the_other_tables_come_back_unchanged(cloud: Cloud, found: Deployment) -> None:
    dynamodb = boto3.client("dynamodb")
    go_on(cloud, create(cloud))
    dynamodb.create_table(TableName="money-copy", **keyed_definition())
    before = dynamodb.scan(TableName="money")["Items"]
    for item in before:
        dynamodb.put_item(TableName="money-copy", Item=item)
    lost = next(item for item in before if item["pk"]["S"] == "usage/ann")
    dynamodb.delete_item(TableName="money", Key={name: lost[name] for name in ("pk", "sk")})
    restoring = Restore(found, now)
    restoring.from_copy("money-copy", "money", now())
    assert restoring.done.items == 1
    assert sorted(map(str, dynamodb.scan(TableName="money")["Items"])) == sorted(map(str, before))


@pytest.mark.usefixtures("found")
def test_the_command_says_what_it_found(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    one = create(cloud)
    since = copied()
    lose()
    assert run("copy", "--since", f"{since:%Y-%m-%dT%H:%M}") == 0
    said = capsys.readouterr()
    assert "1 item from the copy" in said.out
    assert f"{one} may have been sent" in said.err
    assert run("copy", "--since", "2026-01-01T00:00", "--table", "slots") == 2


def run(*arguments: str) -> int:
    try:
        return main(["restore", *arguments])
    except SystemExit as ended:
        return int(ended.code or 0)
