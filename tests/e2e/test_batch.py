"""Run batch files: every row once, within the limit, with a report, and never paying twice for a repeated file."""

import csv
import io
import json
from itertools import accumulate
from typing import Any
from uuid import uuid4

import pytest

from core.batches.identity import batch_id_for
from core.batches.run import BatchRun
from core.batches.table import BatchRecords
from core.generation import Generation
from core.owners import own_folder
from core.records.lists import Lists
from tests.support.local_cloud import LocalCloud, eventually, unique
from wiring import now


def batch_id(ref: str) -> str:
    """Return the id of the batch that a file with this key starts."""
    bucket, _, key = ref.removeprefix("s3://").partition("/")
    return batch_id_for(bucket, key)


def finished(cloud: LocalCloud, which: str, patience: float = 120, times: int = 1) -> dict[str, Any]:
    """Return the batch's announcement number `times`, counted from 1."""

    def look() -> Any:
        found = cloud.announcements(which, "batch_id")
        return found[times - 1] if len(found) >= times else None

    found: dict[str, Any] = eventually(look, patience)
    return found


def report(cloud: LocalCloud, which: str) -> list[dict[str, str]]:
    key = f"results/{which}/report.csv"
    body = cloud.aws("s3").get_object(Bucket=cloud.stack.videos_bucket, Key=key)["Body"].read().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(body, newline="")))


def test_a_csv_runs_to_its_report_although_rows_fail(cloud: LocalCloud) -> None:
    good, bad = unique("a kite, red"), unique("a kite")
    cloud.simulator.script(good, seconds=0)
    cloud.simulator.script(bad, seconds=0, outcome="error", error={"name": "Nsfw", "message": "no"})
    rows = f'\ufeffprompt,model,duration,seed\r\n"{good}",veo2,6,\r\n{bad},,,\r\n\r\n"{good}",veo2,99,\r\n,veo2,,1\r\n'
    ref = cloud.drop(f"{uuid4().hex}.csv", rows)
    which = batch_id(ref)
    announced = finished(cloud, which)
    assert announced["totals"] == {"rows": 4, "completed": 1, "failed": 3, "made_before": 0}
    assert announced["source"] == {"kind": "s3", "ref": ref}
    lines = report(cloud, which)
    assert [(line["row"], line["status"]) for line in lines] == [
        ("1", "completed"),
        ("2", "error"),
        ("3", "error"),
        ("4", "error"),
    ]
    assert lines[0]["s3_uri"].endswith(f"/videos/{lines[0]['generation_id']}/video.mp4")
    assert "GenerationFailed" in lines[1]["error"]
    assert "`duration` must be one of 5, 6, 7, 8" in lines[2]["error"]
    assert "`prompt` is required" in lines[3]["error"]
    assert (cloud.creates(good), cloud.creates(bad)) == (1, 1)


def test_the_same_file_again_pays_for_nothing(cloud: LocalCloud) -> None:
    prompt = unique("a kite")
    cloud.simulator.script(prompt, seconds=0)
    key, body = f"{uuid4().hex}.jsonl", json.dumps({"prompt": prompt}) + "\nnot JSON\n"
    which = batch_id(cloud.drop(key, body))
    finished(cloud, which)
    cloud.drop(key, body)
    eventually(lambda: cloud.is_drained("IngestQueueUrl") or None)
    assert cloud.creates(prompt) == 1
    assert [line["status"] for line in report(cloud, which)] == ["completed", "error"]


def test_an_edited_file_generates_only_new_rows(cloud: LocalCloud) -> None:
    old, new = unique("a kite"), unique("a kite")
    for prompt in (old, new):
        cloud.simulator.script(prompt, seconds=0)
    key = f"{uuid4().hex}.csv"
    which = batch_id(cloud.drop(key, f"Prompt;seed\n{old};1\n{old};2\n"))
    finished(cloud, which)
    cloud.drop(key, f"prompt,seed,name\n{new},1,\n{old},2,x\n{old},1,\n")
    announced = finished(cloud, which, times=2)
    assert announced["totals"] == {"rows": 3, "completed": 3, "failed": 0, "made_before": 2}
    assert (cloud.creates(old), cloud.creates(new)) == (2, 1)
    assert [line["name"] for line in report(cloud, which)] == ["", "x", ""]


def test_a_dropped_file_that_drops_most_rows_is_a_batch_of_its_own(cloud: LocalCloud) -> None:
    old, new = unique("a kite"), unique("a kite")
    for prompt in (old, new):
        cloud.simulator.script(prompt, seconds=0)
    stem = uuid4().hex
    ref = cloud.drop(f"{stem}.csv", f"prompt,seed\n{old},1\n{old},2\n")
    finished(cloud, batch_id(ref))
    cloud.drop(f"{stem}.csv", f"prompt,seed\n{new},1\n")
    own = batch_id(ref.replace(f"{stem}.csv", f"{stem}-2.csv"))
    assert finished(cloud, own)["name"] == f"{stem}-2.csv"
    assert [line["prompt"] for line in report(cloud, batch_id(ref))] == [old, old]
    assert [line["prompt"] for line in report(cloud, own)] == [new]
    assert (cloud.creates(old), cloud.creates(new)) == (2, 1)


def test_a_sent_file_that_drops_most_rows_needs_a_choice(cloud: LocalCloud) -> None:
    old, new = unique("a kite"), unique("a kite")
    for prompt in (old, new):
        cloud.simulator.script(prompt, seconds=0)
    name = {"name": f"{uuid4().hex}.csv"}

    def send(prompt: str, **choice: str) -> Any:
        return cloud.call("POST", "/v2/batches", params={**name, **choice}, data=f"prompt,seed\n{prompt},1\n")

    which = send(old).json()["id"]
    finished(cloud, which)
    rejected = send(new)
    assert (rejected.status_code, "drops 1 of the 1 rows" in rejected.json()["message"]) == (409, True)
    again = send(new, existing="again").json()
    finished(cloud, again["id"])
    assert send(new, existing="again").json()["id"] == again["id"], "the answer was lost"
    assert send(new, existing="replace").json()["id"] == which
    finished(cloud, which, times=2)
    path = f"/v2/batches/{which}/report"
    for revision, prompt in ((1, old), (2, new)):
        rows = cloud.call("GET", path, params={"revision": revision}).json()["data"]
        assert [(row["prompt"], row["status"]) for row in rows] == [(prompt, "completed")]
    assert (cloud.creates(old), cloud.creates(new)) == (1, 2)


def test_a_stopped_batch_resumes_without_paying_twice(cloud: LocalCloud) -> None:
    prompt = unique("a kite")
    cloud.simulator.script(prompt, outcome="never")
    key, body = f"{uuid4().hex}.json", json.dumps([{"prompt": prompt, "seed": seed} for seed in range(4)])
    which = batch_id(cloud.drop(key, body))
    eventually(lambda: cloud.creates(prompt) == 4 or None)
    machine = cloud.stack.prompt_batch_state_machine_arn
    arn = machine.replace(":stateMachine:", ":execution:") + f":{which}-1"
    cloud.aws("stepfunctions").stop_execution(executionArn=arn)
    cloud.simulator.script(prompt, seconds=0)
    cloud.drop(key, body)
    assert finished(cloud, which)["totals"] == {"rows": 4, "completed": 4, "failed": 0, "made_before": 4}
    assert cloud.creates(prompt) == 4


def test_a_batch_that_cannot_read_its_rows_is_a_failed_execution_with_a_report(cloud: LocalCloud) -> None:
    which, machine = uuid4().hex, cloud.stack.prompt_batch_state_machine_arn
    dynamodb = cloud.aws("dynamodb")
    (table,) = (name for name in dynamodb.list_tables()["TableNames"] if "Batches" in name)
    records = BatchRecords(dynamodb, table, now)
    batch = records.create(records.new(which, "demo", "a.csv", "s3://prompts/a.csv", "veo2")).record
    run = BatchRun(which, 1, 1, batch.owner, batch.name, batch.source_ref, "1-a", 1, now(), rows=1)
    assert records.begin(run, None)
    stepfunctions = cloud.aws("stepfunctions")
    given = run.to_input(cloud.stack.videos_bucket)
    arn = stepfunctions.start_execution(stateMachineArn=machine, name=run.id, input=given)["executionArn"]
    assert finished(cloud, which)["totals"] == {"rows": 1, "completed": 0, "failed": 1, "made_before": 0}
    assert [line["status"] for line in report(cloud, which)] == ["not started"]

    def ended() -> Any:
        found = stepfunctions.describe_execution(executionArn=arn)
        return found if found["status"] != "RUNNING" else None

    found = eventually(ended)
    assert (found["status"], found["error"]) == ("FAILED", "BatchIncomplete")


@pytest.mark.parametrize(
    "count",
    [pytest.param(30, marks=pytest.mark.long), pytest.param(1000, marks=pytest.mark.nightly)],
)
def test_many_rows_run_once_each_within_the_limit(cloud: LocalCloud, count: int) -> None:
    prompt = unique("a kite")
    cloud.simulator.script(prompt, seconds=0)
    body = "".join(json.dumps({"prompt": prompt, "seed": seed}) + "\n" for seed in range(1, count + 1))
    owner = f"crowd-{uuid4().hex}"  # with jobs that are not in the way of other tests
    which = batch_id(cloud.drop(f"{own_folder(owner)}prompts.jsonl", body, max_concurrency="8"))
    announced = finished(cloud, which, patience=1800)
    assert announced["totals"] == {"rows": count, "completed": count, "failed": 0, "made_before": 0}
    lines = report(cloud, which)
    assert [int(line["row"]) for line in lines] == list(range(1, count + 1))
    rows = [cloud.ledger.get(generation_id) for _, generation_id in Lists(cloud.ledger).batch_rows(which, revision=1)]
    assert [row.request["seed"] for row in rows] == list(range(1, count + 1))
    assert len({row.provider_id for row in rows}) == count
    assert cloud.simulator.counts().creates_by_prompt[prompt] == count
    assert 1 < at_once(rows) <= 8


def at_once(rows: list[Generation]) -> int:
    """Return the highest number of jobs that existed at the same time, from acceptance to end."""
    moves = [(row.created_at, 1) for row in rows] + [(row.ended_at, -1) for row in rows if row.ended_at]
    return max(accumulate(move for _, move in sorted(moves)))
