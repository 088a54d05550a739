"""Test the states of a batch: AcceptRow creates one generation per row, and the report lists every row once."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from jsonschema import Draft202012Validator

from core.batches.identity import batch_id_for
from core.batches.report import COLUMNS
from core.generation import Failure, Status
from core.publish import views as record
from core.records.lists import Lists
from core.workflow import Run
from tests.support.functions import Cloud, Doors
from tests.support.generations import archived
from tests.support.revisions import KEY, Week

BATCH_ID = batch_id_for("prompts", KEY)
SCHEMAS = Path(record.__file__).parent / "events"


@pytest.fixture
def week(doors: Doors) -> Week:
    return Week(doors)


def published(cloud: Cloud, kind: str) -> list[dict[str, Any]]:
    """Return the announcements of generations or batches, each validated against its schema."""
    found = [one for one in cloud.messages() if one["MessageAttributes"]["type"]["Value"] == kind]
    for one in found:
        name = one["Subject"].partition(":")[0].lower().replace(" ", "_")
        schema = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))
        Draft202012Validator(schema).validate(json.loads(one["Message"]))
    return [json.loads(one["Message"]) for one in found]


def test_a_row_accepted_twice_is_one_generation(week: Week, cloud: Cloud) -> None:
    batch = week.drop("a boat")
    [first], [second] = week.accept(batch), week.accept(batch)
    assert first == second
    assert first["ended"] is False
    assert Lists(cloud.ledger).batch_counts(BATCH_ID, 1) == {"queued": 1}
    generation = cloud.ledger.get(first["generation_id"])
    assert (generation.generation_id, generation.row_number) == (first["generation_id"], 1)
    assert (generation.source.kind, generation.source.ref) == ("s3", f"s3://prompts/{KEY}")


def test_equal_rows_are_separate_generations(week: Week) -> None:
    first, second = week.accept(week.drop("a boat", "a boat"))
    assert first["generation_id"] != second["generation_id"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [('{"prompt": ""}', "Line 1: `prompt` must"), ("[1]", "Line 1: "), ("{", "Line 1: ")],
    ids=["a request that is refused", "no request", "no JSON"],
)
def test_a_row_with_a_problem_is_only_in_the_report(
    week: Week, doors: Doors, cloud: Cloud, line: str, problem: str
) -> None:
    doors.take(doors.drop(KEY, line))
    [execution] = doors.executions("BATCH_STATE_MACHINE_ARN")
    assert (execution["input"]["staged_rows"], week.accept(execution["input"])) == (0, [])
    assert (week.all, published(cloud, "generation")) == ([], [])
    [row] = week.report(execution["input"])
    assert (row["generation_id"], row["status"]) == (None, "error")
    assert row["error"].startswith(f"InvalidRequest: {problem}")


def test_a_row_that_its_owner_deleted_does_not_run_again(week: Week, cloud: Cloud) -> None:
    batch = week.drop("a boat")
    [answer] = week.accept(batch)
    cloud.delete(answer["generation_id"])
    assert week.accept(batch) == [{**answer, "ended": True}]


def test_the_report_has_every_row_once_in_order_and_is_announced_with_totals(week: Week, cloud: Cloud) -> None:
    batch = week.drop("a", 'b, "quoted"\n')
    ids = [answer["generation_id"] for answer in reversed(week.accept(batch))]
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

    assert cloud.invoke("report_batch", batch)["is_complete"]
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
    as_csv = list(csv.DictReader(io.StringIO(bodies["csv"].removeprefix("\ufeff"), newline="")))
    assert as_csv == [{name: "" if cell in (None, []) else str(cell) for name, cell in row.items()} for row in as_json]


def test_the_report_lists_unfinished_and_deleted_rows(week: Week, cloud: Cloud) -> None:
    batch = week.drop("a boat", "a kite", "a kite")
    deleted, waiting = (answer["generation_id"] for answer in week.accept(batch, rows=2))
    cloud.ledger.fail(Run(deleted), Failure("GenerationFailed", "no"))
    cloud.delete(deleted)
    assert not cloud.invoke("report_batch", batch)["is_complete"]
    assert [(row["status"], row["error"]) for row in week.report(batch)] == [
        ("error", "Its owner deleted it."),
        ("queued", None),
        ("not started", "The batch ended before this row. Send the file again."),
    ]
    cloud.ledger.fail(Run(waiting), Failure("GenerationFailed", "no"))
    [_, _, last] = week.accept(batch)
    cloud.ledger.fail(Run(last["generation_id"]), Failure("GenerationFailed", "no"))
    assert cloud.invoke("report_batch", batch)["is_complete"]


def test_a_prompt_that_looks_like_a_formula_is_text_in_a_spreadsheet(week: Week) -> None:
    formulas = ["=1+1", "@SUM(A1)", "\uff1d1+1", "\u3000=1+1", "\u00a0+1", "\t-1", "\uff20A1"]
    batch = week.drop(*formulas, "a - b")
    week.accept(batch)
    week.report(batch)
    table = boto3.client("s3").get_object(Bucket="videos", Key=f"results/{BATCH_ID}/report.csv")["Body"].read().decode()
    shown = [line["prompt"] for line in csv.DictReader(io.StringIO(table))]
    assert shown == [*(f"'{formula}" for formula in formulas), "a - b"]
