"""Compare the settings, tables, alarms and limits of infra/ with the code and the definitions."""

import importlib
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
from aws_lambda_powertools.metrics import MetricUnit, single_metric

import reconcile
from core import errors, settings
from core.provider import client
from infra.config import stage_named
from infra.state_machine import DEFINITIONS
from promptreel.operator import reconcile as operator
from tests.support.tables import batches_definition, keyed_definition, table_definition, webhooks_definition
from tests.support.templates import STAGES, functions, readable, resources
from wiring.metrics import count_dead_webhook, count_exceeded_rejections, count_findings

FUNCTIONS = Path(settings.__file__).parent.parent
POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"}
NAMES = sorted(file.stem for file in FUNCTIONS.glob("*.py") if file.stem != "wiring")

# Failures that cost nothing and stop no other job, and the two that alarms on executions cover.
NO_ALARM_OF_ITS_OWN = {
    "SubmissionTimedOut",
    "RequestRefused",
    "InputUnavailable",
    "GenerationFailed",
    "GenerationEnded",
    "Cancelled",
    "InvalidRequest",
    "InvalidFile",
    "IdempotencyConflict",
    "BudgetExceeded",  # covered by alarms on budgets
    "ChoiceRequired",
    "TooManyRejectedRows",  # covered by an alarm on the metric of the limit
    "ProviderOutOfCredits",  # makes jobs wait, which has an alarm
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", NAMES)
def test_a_functions_environment_matches_its_settings(stage: str, name: str) -> None:
    given = functions(stage)[name]["Environment"]["Variables"]
    expected = importlib.import_module(name).Settings
    assert given.keys() - POWERTOOLS == {field.name.upper() for field in fields(expected)}
    assert given.keys() >= POWERTOOLS
    as_deployed = {key: readable(value) for key, value in given.items()}
    assert settings.read(expected, as_deployed), "every value has the type its field asks for"


@pytest.mark.parametrize("stage", STAGES)
def test_tables_match_the_code_and_the_tests_including_projections(stage: str) -> None:
    tables = resources(stage, "AWS::DynamoDB::Table")
    assert tables.keys() == {"StorageGenerations", "StorageBatches", "StorageSlots", "StorageMoney", "StorageWebhooks"}
    for table, named in (
        ("StorageGenerations", table_definition()),
        ("StorageBatches", batches_definition()),
        ("StorageSlots", keyed_definition()),
        ("StorageMoney", keyed_definition()),
        ("StorageWebhooks", webhooks_definition()),
    ):
        deployed = {name: tables[table]["Properties"].get(name) for name in named}
        for definition in (named, deployed):
            definition["AttributeDefinitions"].sort(key=lambda one: one["AttributeName"])
            definition.get("GlobalSecondaryIndexes", []).sort(key=lambda one: one["IndexName"])
        assert deployed == named


def test_submit_knows_its_timeout() -> None:
    submit = functions("prod")["submit"]
    assert submit["Environment"]["Variables"]["SUBMIT_TIMEOUT_SECONDS"] == str(submit["Timeout"])


@pytest.mark.parametrize("stage", STAGES)
def test_a_long_check_ends_well_before_its_function_times_out(stage: str) -> None:
    """Its last poll may start when its time is over and may take all of the provider's time-outs."""
    check = functions(stage)["check_status"]
    poll = 2 * (client.CONNECT_SECONDS + client.FETCH_SECONDS)  # twice if the key was renewed
    assert int(check["Environment"]["Variables"]["POLL_STAY_SECONDS"]) + poll < check["Timeout"]


@pytest.mark.parametrize("stage", STAGES)
def test_every_placeholder_is_substituted_by_its_function(stage: str) -> None:
    machines = resources(stage, "AWS::StepFunctions::StateMachine")
    for name, definition in {
        "WorkflowVideoGeneration": "video_generation",
        "BatchesPromptBatch": "prompt_batch",
    }.items():
        properties = machines[name]["Properties"]
        assert properties["DefinitionString"] == (DEFINITIONS / f"{definition}.asl.json").read_text()
        given = {name: readable(value) for name, value in properties["DefinitionSubstitutions"].items()}
        assert given.keys() == set(re.findall(r"\$\{(\w+)\}", properties["DefinitionString"]))
        for placeholder, target in given.items():
            function = f"Functions{placeholder.removesuffix('FunctionArn')}Function.Arn"
            assert target == (function if placeholder.endswith("FunctionArn") else "WorkflowVideoGeneration")


def test_every_costly_or_blocking_failure_has_an_alarm() -> None:
    watched = {
        dimension["Value"]
        for alarm in resources("prod", "AWS::CloudWatch::Alarm").values()
        for dimension in alarm["Properties"].get("Dimensions", [])
        if alarm["Properties"]["MetricName"] == "GenerationFailed" and dimension["Name"] == "error"
    }
    assert watched == errors.names().keys() - NO_ALARM_OF_ITS_OWN, (
        "name it in _COSTLY_FAILURES of infra/monitoring.py, or in NO_ALARM_OF_ITS_OWN"
    )


def test_an_alarm_watches_the_metric_as_the_function_counts_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A metric is found only with exactly its namespace, name and dimensions."""
    environment = functions("prod")["record_failure"]["Environment"]["Variables"]
    for name in POWERTOOLS:
        monkeypatch.setenv(name, environment[name])
    with single_metric(name="GenerationFailed", unit=MetricUnit.Count, value=1) as metric:
        metric.add_dimension("error", "SubmissionUnknown")
    counted = json.loads(capsys.readouterr().out)
    alarm = resources("prod", "AWS::CloudWatch::Alarm")["MonitoringSubmissionUnknown"]["Properties"]
    (where,) = counted["_aws"]["CloudWatchMetrics"]
    (dimensions,) = where["Dimensions"]
    assert (alarm["Namespace"], alarm["MetricName"]) == (where["Namespace"], "GenerationFailed")
    assert {d["Name"]: d["Value"] for d in alarm["Dimensions"]} == {name: counted[name] for name in dimensions}


def test_the_alarm_on_money_watches_the_metric_as_the_function_counts_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = functions("prod")["reconcile"]["Environment"]["Variables"]
    for name in POWERTOOLS:
        monkeypatch.setenv(name, environment[name])
    count_findings(3)
    counted = json.loads(capsys.readouterr().out)
    alarm = resources("prod", "AWS::CloudWatch::Alarm")["MonitoringDoesNotAddUp"]["Properties"]
    (where,) = counted["_aws"]["CloudWatchMetrics"]
    assert counted[alarm["MetricName"]] == [3]
    assert alarm["Namespace"] == where["Namespace"]
    (dimensions,) = where["Dimensions"]
    assert {d["Name"]: d["Value"] for d in alarm["Dimensions"]} == {name: counted[name] for name in dimensions}
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Sum", 1)


def test_the_alarm_on_overdue_days_watches_the_metric_for_a_whole_night(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = functions("prod")["reconcile"]["Environment"]["Variables"]
    for name in POWERTOOLS:
        monkeypatch.setenv(name, environment[name])
    reconcile._tell_overdue(2)
    counted = json.loads(capsys.readouterr().out.splitlines()[-1])
    alarm = resources("prod", "AWS::CloudWatch::Alarm")["MonitoringDaysOverdue"]["Properties"]
    (where,) = counted["_aws"]["CloudWatchMetrics"]
    assert counted[alarm["MetricName"]] == [2]
    assert alarm["Namespace"] == where["Namespace"]
    (dimensions,) = where["Dimensions"]
    assert {d["Name"]: d["Value"] for d in alarm["Dimensions"]} == {name: counted[name] for name in dimensions}
    assert (alarm["Statistic"], alarm["Threshold"], alarm["Period"]) == ("Maximum", 1, 6 * 3600)


@pytest.mark.parametrize("stage", STAGES)
def test_reconciling_stops_before_its_timeout_and_continues_the_same_night(stage: str) -> None:
    """A page of the provider's response, and the joining and writing of the data, may still be in progress then."""
    longest = max(reconcile.LONGEST, reconcile.BY_HAND).total_seconds()
    assert longest + 150 < functions(stage)["reconcile"]["Timeout"] == operator.LONGEST_SECONDS
    (rule,) = (r for name, r in resources(stage, "AWS::Events::Rule").items() if name.endswith("EveryNight"))
    assert rule["Properties"]["ScheduleExpression"] == "cron(20 3-8 * * ? *)"
    errors_alarm = resources(stage, "AWS::CloudWatch::Alarm")["MonitoringReconcileErrors"]["Properties"]
    assert errors_alarm["Period"] == 6 * 3600, "for all runs of a night"


def test_the_webhook_alarm_watches_the_counted_metric(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = functions("prod")["deliver_webhook"]["Environment"]["Variables"]
    for name in POWERTOOLS:
        monkeypatch.setenv(name, environment[name])
    count_dead_webhook()
    counted = json.loads(capsys.readouterr().out)
    (where,) = counted["_aws"]["CloudWatchMetrics"]
    alarm = resources("prod", "AWS::CloudWatch::Alarm")["MonitoringWebhooksGivenUp"]["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"]) == (where["Namespace"], where["Metrics"][0]["Name"])
    assert {d["Name"]: d["Value"] for d in alarm["Dimensions"]} == {
        name: counted[name] for name in where["Dimensions"][0]
    }


def test_the_alarm_on_rejected_rows_watches_the_counted_metric(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environments = [functions("prod")[name]["Environment"]["Variables"] for name in ("accept_row", "ingest")]
    for name in POWERTOOLS:
        assert environments[0][name] == environments[1][name]
        monkeypatch.setenv(name, environments[0][name])
    count_exceeded_rejections()
    counted = json.loads(capsys.readouterr().out)
    (where,) = counted["_aws"]["CloudWatchMetrics"]
    alarm = resources("prod", "AWS::CloudWatch::Alarm")["MonitoringRejectedRows"]["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"]) == (where["Namespace"], where["Metrics"][0]["Name"])
    assert {d["Name"]: d["Value"] for d in alarm["Dimensions"]} == {
        name: counted[name] for name in where["Dimensions"][0]
    }


def test_deployed_stages_send_no_webhook_into_a_private_network() -> None:
    told = {stage: functions(stage)["deliver_webhook"]["Environment"]["Variables"] for stage in STAGES}
    allowed = {stage: variables["ALLOW_LOCAL_WEBHOOKS"] for stage, variables in told.items()}
    assert allowed == {"local": "true", "dev": "false", "prod": "false"}


def test_deployed_stages_use_only_the_real_provider_and_its_video_hosts() -> None:
    for stage in map(stage_named, ("dev", "prod")):
        assert stage.provider_url == "https://api.aimlapi.com"
        assert stage.video_hosts == ("cdn.aimlapi.com",)
        assert not stage.allow_local_video_hosts
