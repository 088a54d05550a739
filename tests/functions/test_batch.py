"""The states of a batch: a row is one generation however often it is entered; the report has every row once."""

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import boto3
from jsonschema import Draft202012Validator

from core.batch import Batch
from core.generation import Failure, Status
from core.publish import views as record
from core.publish.batch_report import COLUMNS
from core.workflow import Run
from tests.support.functions import Cloud
from tests.support.generations import archived

BATCH_ID = "6f1ed002ab5595859014ebf0951522d9"
SCHEMAS = Path(record.__file__).parent / "events"


def line(row: int, **fields: Any) -> dict[str, Any]:
    """What the Map hands to AcceptRow."""
    return {"batch_id": BATCH_ID, "row": row, "owner": "ann", "source_ref": "s3://prompts/a.csv", **fields}


def accept(cloud: Cloud, row: int, prompt: str = "a boat") -> Any:
    return cloud.invoke("accept_row", line(row, request={"model": "veo2", "prompt": prompt}))


def report(cloud: Cloud, rows: int) -> dict[str, Any]:
    batch = Batch(BATCH_ID, "ann", "s3://prompts/a.csv", "videos", rows, max_concurrency=4)
    return cloud.invoke("report_batch", {**asdict(batch), "rows_key": "of no use here"})


def published(cloud: Cloud, kind: str) -> list[dict[str, Any]]:
    """What was announced of generations or of batches, each valid by its schema."""
    found = [one for one in cloud.messages() if one["MessageAttributes"]["type"]["Value"] == kind]
    for one in found:
        name = one["Subject"].partition(":")[0].lower().replace(" ", "_")
        schema = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))
        Draft202012Validator(schema).validate(json.loads(one["Message"]))
    return [json.loads(one["Message"]) for one in found]


def test_a_row_entered_twice_is_one_generation(cloud: Cloud) -> None:
    first, second = accept(cloud, 1), accept(cloud, 1)
    assert first == second
    assert first["ended"] is False
    assert cloud.ledger.batch_counts(BATCH_ID, 0) == {"queued": 1}
    generation = cloud.ledger.get(first["generation_id"])
    assert (generation.generation_id, generation.row_number) == (first["generation_id"], 1)
    assert (generation.source.kind, generation.source.ref) == ("s3", "s3://prompts/a.csv")


def test_equal_rows_are_generations_of_their_own(cloud: Cloud) -> None:
    assert accept(cloud, 1)["generation_id"] != accept(cloud, 2)["generation_id"]


def test_a_row_with_a_problem_has_failed_and_is_announced_once(cloud: Cloud) -> None:
    answers = [cloud.invoke("accept_row", line(3, problem="Line 4: no.")) for _ in range(2)]
    assert [answer["ended"] for answer in answers] == [True, True]
    (announced,) = published(cloud, "generation")
    assert announced["error"] == {"name": "InvalidRequest", "message": "Line 4: no."}


def test_a_row_whose_record_its_owner_deleted_is_not_run_again(cloud: Cloud) -> None:
    answer = accept(cloud, 1)
    cloud.delete(answer["generation_id"])
    assert accept(cloud, 1) == {**answer, "ended": True}


def test_a_row_that_runs_is_found_though_the_stages_default_model_has_changed(cloud: Cloud) -> None:
    answer = accept(cloud, 1)
    again = line(1, request={"model": "google/veo3", "prompt": "a boat"})
    assert cloud.invoke("accept_row", again) == answer


def test_the_report_has_every_row_once_in_order_and_is_announced_with_totals(cloud: Cloud) -> None:
    ids = [accept(cloud, row, prompt)["generation_id"] for row, prompt in ((2, 'b, "quoted"\n'), (1, "a"))]
    video = archived(ids[1], s3_uri="s3://videos/v.mp4")
    cloud.ledger.fail(Run(ids[0]), Failure("GenerationFailed", "no"))
    boto3.client("dynamodb").update_item(
        TableName="generations",
        Key={"generation_id": {"S": ids[1]}},
        UpdateExpression="SET #status = :archiving, credits_used = :credits",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":archiving": {"S": Status.ARCHIVING.value}, ":credits": {"N": "5000000"}},
    )
    cloud.ledger.complete(Run(ids[1]), video, cloud.ledger.now())

    assert report(cloud, rows=2) == {"is_complete": True}
    (announced,) = published(cloud, "batch")
    assert announced["totals"] == {"rows": 2, "completed": 1, "failed": 1, "made_before": 0}
    assert (announced["credits_used"], announced["usd"]) == (5_000_000, 2.5)

    s3 = boto3.client("s3")
    bodies = {
        suffix: s3.get_object(Bucket="videos", Key=f"results/{BATCH_ID}/report.{suffix}")["Body"].read().decode()
        for suffix in ("csv", "jsonl")
    }
    as_json = [json.loads(text) for text in bodies["jsonl"].splitlines()]
    assert as_json == [
        dict(
            zip(
                COLUMNS, (1, None, [], "a", ids[1], "completed", "s3://videos/v.mp4", 5_000_000, 2.5, None), strict=True
            )
        ),
        dict(
            zip(
                COLUMNS,
                (2, None, [], 'b, "quoted"\n', ids[0], "error", None, None, None, "GenerationFailed: no"),
                strict=True,
            )
        ),
    ]
    as_csv = list(csv.DictReader(io.StringIO(bodies["csv"], newline="")))
    assert as_csv == [{name: "" if cell in (None, []) else str(cell) for name, cell in row.items()} for row in as_json]


def test_the_report_says_which_rows_did_not_run_to_their_end_or_were_deleted(cloud: Cloud) -> None:
    deleted, waiting = accept(cloud, 1)["generation_id"], accept(cloud, 2)["generation_id"]
    cloud.ledger.fail(Run(deleted), Failure("GenerationFailed", "no"))
    cloud.delete(deleted)
    assert report(cloud, rows=3) == {"is_complete": False}
    body = boto3.client("s3").get_object(Bucket="videos", Key=f"results/{BATCH_ID}/report.jsonl")["Body"].read()
    lines = [json.loads(text) for text in body.splitlines()]
    assert [(row["status"], row["error"]) for row in lines] == [
        ("error", "Its owner deleted it."),
        ("queued", None),
        ("not started", "The batch did not get to it: send the file again."),
    ]
    cloud.ledger.fail(Run(waiting), Failure("GenerationFailed", "no"))
    assert report(cloud, rows=2) == {"is_complete": True}


def test_a_prompt_that_looks_like_a_formula_is_none_in_a_spreadsheet(cloud: Cloud) -> None:
    for row, prompt in enumerate(("=1+1", "@SUM(A1)", "a - b"), start=1):
        accept(cloud, row, prompt)
    report(cloud, rows=3)
    table = boto3.client("s3").get_object(Bucket="videos", Key=f"results/{BATCH_ID}/report.csv")["Body"].read().decode()
    shown = [line["prompt"] for line in csv.DictReader(io.StringIO(table))]
    assert shown == ["'=1+1", "'@SUM(A1)", "a - b"]
