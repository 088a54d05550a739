"""Import jobs that were sent to the provider outside Promptreel, and continue them with the shipped handlers."""

import csv
import io
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import boto3
import pytest
import requests

from core.errors import NotImportable, VideoUnavailable
from core.generation import Generation, Status, Submission
from core.importing import TAG, Importing, Job
from core.learned.records import Learned
from core.money.budgets import Limits
from core.provider.client import Provider
from local.simulator.control import SimulatorControl
from promptreel.__main__ import main
from promptreel.operator import deployment
from promptreel.operator.deployment import Deployment
from tests.support.functions import KEY, Cloud
from tests.support.generations import generation
from tests.support.money import accounts
from tests.support.stepfunctions import Workflow
from wiring import now

OWNER = "imported"  # the default of the command
STATES = ("submit", "check_status", "finalize")
PROMPT = "a boat"


class StoredKey:
    def get(self) -> str:
        return KEY

    def renew(self) -> bool:
        return False


@dataclass
class House:
    """A deployment, and someone else who uses its provider account."""

    cloud: Cloud
    workflow: Workflow

    @property
    def importing(self) -> Importing:
        workflow: Any = self.workflow
        return Importing(self.cloud.ledger, workflow, Provider(self.cloud.simulator.url, StoredKey()))

    @property
    def elsewhere(self) -> SimulatorControl:
        return self.cloud.simulator

    def job(self, **script: Any) -> str:
        """Send a job to the provider outside Promptreel, and return its id."""
        self.elsewhere.script(PROMPT, **script)
        url = f"{self.elsewhere.url}/v2/video/generations"
        body = {"model": "veo2", "prompt": PROMPT}
        answer = requests.post(url, json=body, headers={"Authorization": f"Bearer {KEY}"}, timeout=10)
        return str(answer.json()["id"])

    def bring_in(self, provider_id: str, owner: str = OWNER) -> Generation:
        return self.importing.bring_in(Job(provider_id, "veo2"), owner)

    def items(self) -> list[Any]:
        items: list[Any] = boto3.client("dynamodb").scan(TableName="generations")["Items"]
        return items


@pytest.fixture
def house(cloud: Cloud) -> House:
    return House(cloud, Workflow())


def test_an_imported_job_is_archived_announced_and_sent_to_no_one(house: House) -> None:
    provider_id = house.job()
    imported = house.bring_in(provider_id)
    assert (imported.status, imported.submission, imported.provider_id) == (
        Status.GENERATING,
        Submission.SUBMITTED,
        provider_id,
    )
    assert house.workflow.started == [imported.generation_id]
    house.cloud.run({"generation_id": imported.generation_id}, "admit", *STATES)
    ended = house.cloud.ledger.get(imported.generation_id)
    assert (ended.status, ended.owner, ended.slot, ended.announced_at is None) == (
        Status.COMPLETED,
        OWNER,
        None,
        False,
    )
    assert ended.video
    [message] = house.cloud.messages()
    said = json.loads(message["Message"])
    assert (said["generation_id"], said["source"]) == (ended.generation_id, {"kind": "import", "ref": provider_id})
    assert house.elsewhere.counts().creates == 1, "only the one of someone else"


def test_its_cost_is_in_usage_and_in_no_budget(house: House) -> None:
    imported = house.bring_in(house.job(), "ann")
    house.cloud.run({"generation_id": imported.generation_id}, *STATES)
    ended = house.cloud.ledger.get(imported.generation_id)
    assert ended.credits_used
    money = accounts(boto3.client("dynamodb"), now, Limits())
    today = now().date()
    [by_tag] = money.usage.of("ann", "tag", today - timedelta(days=1), today)
    assert (by_tag.which, by_tag.completed, by_tag.credits) == (TAG, 1, ended.credits_used)
    assert [one.used.day_credits for one in (*money.budgets.of("ann", None), money.budgets.of_all())] == [0, 0, 0]


def test_nothing_is_learned_from_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Learned, "note", lambda *_: pytest.fail("it was learned from"))
    house.cloud.run({"generation_id": house.bring_in(house.job()).generation_id}, *STATES)


def test_a_job_that_is_imported_again_is_continued(house: House) -> None:
    provider_id = house.job()
    first = house.bring_in(provider_id)
    house.workflow.known.clear()  # the operator's machine died before it started the workflow
    assert house.bring_in(provider_id).generation_id == first.generation_id
    assert house.workflow.started == [first.generation_id] * 2
    house.cloud.run({"generation_id": first.generation_id}, *STATES)
    house.workflow.known.clear()
    assert house.bring_in(provider_id).status is Status.COMPLETED
    assert house.workflow.started == [first.generation_id] * 2
    with pytest.raises(NotImportable, match=f"owner {OWNER}: it is generation {first.generation_id}"):
        house.bring_in(provider_id, "ann")


def test_two_operators_at_once_make_one_record(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    provider_id = house.job()
    made: list[Generation] = []
    check = Importing._check

    def slow(importing: Importing, job: Job) -> None:
        check(importing, job)
        monkeypatch.undo()
        made.append(house.bring_in(provider_id))

    monkeypatch.setattr(Importing, "_check", slow)
    assert house.bring_in(provider_id) == house.cloud.ledger.get(made[0].generation_id)
    assert len(house.items()) == 1
    assert house.workflow.started == [made[0].generation_id]


def test_a_job_that_the_ledger_knows_is_refused_with_its_generation(house: House) -> None:
    request = {"model": "veo2", "prompt": PROMPT}
    house.cloud.ledger.add(generation("a" * 32, request=request, created_at=now(), updated_at=now()))
    house.cloud.run({"generation_id": "a" * 32}, *STATES)
    known = house.cloud.ledger.get("a" * 32)
    for _ in range(2):
        with pytest.raises(NotImportable, match=f"already known: it is generation {'a' * 32}"):
            house.bring_in(str(known.provider_id))
        house.cloud.ledger.table.update("a" * 32, {"deleted_at": "2026-01-01T00:00:00.000Z"})  # its tombstone
    assert len(house.items()) == 1


def test_an_import_that_was_deleted_stays_so(house: House) -> None:
    provider_id = house.job()
    imported = house.bring_in(provider_id)
    house.cloud.run({"generation_id": imported.generation_id}, *STATES)
    house.cloud.ledger.delete(house.cloud.ledger.get(imported.generation_id))
    with pytest.raises(NotImportable, match=f"generation {imported.generation_id}, which was deleted"):
        house.bring_in(provider_id)


@pytest.mark.parametrize(
    "provider_id", ["", " ", "a b", "é", pytest.param("a\n", id="line"), pytest.param("x" * 501, id="long")]
)
def test_text_that_cannot_be_an_id_is_refused(house: House, provider_id: str) -> None:
    with pytest.raises(NotImportable, match="1 to 500 ASCII characters"):
        house.bring_in(provider_id)
    assert house.elsewhere.calls() == []


def test_a_job_that_the_provider_does_not_have_or_failed_is_refused(house: House) -> None:
    with pytest.raises(NotImportable, match=r"does not show the job unknown-id\..*answered a check with 404"):
        house.bring_in("unknown-id")
    with pytest.raises(NotImportable, match="failed to make the video"):
        house.bring_in(house.job(outcome="error"))
    assert house.items() == []
    assert house.workflow.started == []


def test_a_job_that_still_runs_is_followed(house: House) -> None:
    imported = house.bring_in(house.job(seconds=3600))
    checked = house.cloud.run({"generation_id": imported.generation_id}, "submit", "check_status")
    assert checked["status"] == "generating"


def test_a_link_that_has_expired_is_the_usual_failure(house: House) -> None:
    imported = house.bring_in(house.job(video=[{"status": 403}] * 9))
    with pytest.raises(VideoUnavailable):
        house.cloud.run({"generation_id": imported.generation_id}, *STATES)
    assert house.cloud.ledger.get(imported.generation_id).status is Status.ARCHIVING


@pytest.fixture
def run(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs a command of an operator, and returns its exit code."""
    names = {
        "TableName": "TABLE_NAME",
        "VideoGenerationStateMachineArn": "STATE_MACHINE_ARN",
        "ProviderKeySecretArn": "PROVIDER_KEY_SECRET",
        "VideosBucketName": "VIDEOS_BUCKET",
        "ProviderUrl": "PROVIDER_URL",
    }
    outputs = {output: cloud.environment[name] for output, name in names.items()}
    found = Deployment("promptreel-dev", "CREATE_COMPLETE", "us-east-1", outputs, None)
    monkeypatch.setattr(deployment, "find", lambda _: found)
    monkeypatch.setattr(Deployment, "client", lambda _, service, **__: boto3.client(service))

    def call(*arguments: str) -> int:
        try:
            return main(list(arguments))
        except SystemExit as ended:
            return int(ended.code or 0)

    return call


def test_the_command_imports_the_others_if_one_is_refused(
    house: House, run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    provider_id = house.job()
    assert run("import", "unknown-id", provider_id, "--owner", "ann", "--model", "veo2") == 1
    [one] = house.items()
    generation_id = one["generation_id"]["S"]
    said = capsys.readouterr()
    assert said.out == f"{provider_id} is generation {generation_id}: generating.\n"
    assert "does not show the job unknown-id" in said.err
    imported = house.cloud.ledger.get(generation_id)
    assert (imported.owner, imported.model) == ("ann", "veo2")


@pytest.mark.parametrize("wrong", [[], ["p1", "--day", "2026-11-24"], ["p1", "--owner", " "], ["--day", "x"]])
def test_wrong_usage_imports_nothing(house: House, run: Any, wrong: list[str]) -> None:
    assert run("import", *wrong) == 2
    assert house.items() == []


def test_all_strangers_of_a_report_are_imported_and_their_charges_are_then_ours(
    house: House, run: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("core.reconciliation.reading.PAUSES", ())
    assert run("import", "--day", "2026-11-24") == 1
    assert "promptreel reconcile --day 2026-11-24" in capsys.readouterr().err
    provider_id, today = house.job(), datetime.now(UTC).date()
    requests.get(
        f"{house.elsewhere.url}/v2/video/generations",
        params={"generation_id": provider_id},
        headers={"Authorization": f"Bearer {KEY}"},
        timeout=10,
    )
    assert reconciled(house, today)["not_ours"]["count"] == 1
    capsys.readouterr()
    assert run("import", "--day", today.isoformat(), "--json") == 0
    generation_id = json.loads(capsys.readouterr().out)["id"]
    assert house.cloud.ledger.get(generation_id).model == "veo2"
    house.cloud.run({"generation_id": generation_id}, *STATES)
    counts = reconciled(house, today)
    assert (counts["not_ours"]["count"], counts["adds_up"]["count"]) == (0, 1)
    assert run("import", "--day", today.isoformat()) == 0, "nothing is left"


def reconciled(house: House, day: date) -> dict[str, Any]:
    """Reconcile a day, and return the counts of its report."""
    [sums] = house.cloud.invoke("reconcile", {"day": day.isoformat()})["days"]
    counts: dict[str, Any] = sums["counts"]
    return counts


def test_a_row_of_a_report_is_read_as_it_was_written(
    cloud: Cloud, run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file = io.StringIO()
    writer = csv.DictWriter(file, ("kind", "provider_id", "model", "at"))
    writer.writeheader()
    at = "2026-11-24T01:00:00.000Z"
    rows = [("not_ours", "'=id"), ("charged_twice", "other"), ("not_ours", "")]
    writer.writerows({"kind": kind, "provider_id": one, "model": "", "at": at} for kind, one in rows)
    body = file.getvalue().encode()
    boto3.client("s3").put_object(Bucket="videos", Key="reconciliation/2026-11-24.csv", Body=body)
    assert run("import", "--day", "2026-11-24") == 1
    said = capsys.readouterr().err
    assert (said.count("does not show"), "the job =id." in said) == (1, True)
    assert len(cloud.simulator.calls()) == 1
