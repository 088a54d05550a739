"""Test what the stack keeps, runs and watches, and cdk-nag's view of every stage."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from core.records.ledger import LONGEST_FUNCTION
from core.webhooks.courier import LONGEST_DELAY
from core.webhooks.records import LEASE
from core.webhooks.senders import SENDERS
from core.webhooks.sending import ANSWER_SECONDS, CONNECT_SECONDS
from sweep import LONGEST
from tests.support.templates import STAGES, functions, readable, resources, stack, template

KEPT_IN_PROD = {
    "StorageBatches",
    "StorageSlots",
    "StorageMoney",
    "StorageWebhooks",
    "StorageWebhooksSecret",
    "StoragePrompts",
    "StorageVideos",
    "StorageGenerations",
    "StorageProviderKey",
    "StorageApiKeys",
}


def function_of(reference: object) -> str:
    """Return the title of the function that a property of the template refers to."""
    return readable(reference).removeprefix("Functions").partition("Function")[0]


def retries(name: str) -> dict[str, dict[str, Any]]:
    """Return how Lambda retries asynchronous invocations, by function."""
    configs = [one["Properties"] for one in resources(name, "AWS::Lambda::EventInvokeConfig").values()]
    return {function_of(one["FunctionName"]): one for one in configs}


@pytest.mark.parametrize("pack", [AwsSolutionsChecks, ServerlessChecks])
@pytest.mark.parametrize("name", STAGES)
def test_rules_of_aws_are_met_or_acknowledged(
    name: str, pack: type[AwsSolutionsChecks] | type[ServerlessChecks]
) -> None:
    root = stack(name).node.root
    report = pack(root).validate_scope(root)
    assert [f"{v.rule_name}: {v.description}" for v in report.violations] == []


def test_cdk_nag_would_see_a_public_bucket() -> None:
    """This shows that the clean report above means something: a bucket without protection fails."""
    app = cdk.App()
    cdk.aws_s3.Bucket(cdk.Stack(app, "Careless"), "Bucket")
    assert not AwsSolutionsChecks(app).validate_scope(app).success


@pytest.mark.parametrize(("name", "kept"), [("local", set()), ("dev", set()), ("prod", KEPT_IN_PROD)])
def test_only_the_owners_data_in_prod_outlives_the_stack(name: str, kept: set[str]) -> None:
    retained = {
        readable({"Ref": logical_id})
        for logical_id, resource in template(name)["Resources"].items()
        if resource.get("DeletionPolicy") == "RetainExceptOnCreate"
    }
    assert retained == kept
    for table in resources(name, "AWS::DynamoDB::Table").values():
        assert table["Properties"].get("DeletionProtectionEnabled", False) is (name == "prod")
    assert stack(name).termination_protection is (name == "prod")


@pytest.mark.parametrize("name", STAGES)
def test_secrets_are_created_without_a_value(name: str) -> None:
    """A missing key is therefore reported as missing, and no deployment overwrites a key.

    AWS generates the secret of webhooks, and keeps it as long as the way to generate it does not change.
    """
    secrets = resources(name, "AWS::SecretsManager::Secret")
    made = secrets["StorageWebhooksSecret"]["Properties"]
    assert made["GenerateSecretString"] == {"ExcludePunctuation": True, "PasswordLength": 64}
    assert "SecretString" not in made
    assert secrets.keys() == {"StorageProviderKey", "StorageApiKeys", "StorageWebhooksSecret"}
    for key in ("StorageProviderKey", "StorageApiKeys"):
        assert not secrets[key]["Properties"].keys() & {"SecretString", "GenerateSecretString"}


@pytest.mark.parametrize("name", STAGES)
def test_buckets_are_encrypted_and_tidy_and_videos_keep_their_versions(name: str) -> None:
    buckets = {key: value["Properties"] for key, value in resources(name, "AWS::S3::Bucket").items()}
    for bucket in buckets.values():
        (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        (rule,) = (rule for rule in bucket["LifecycleConfiguration"]["Rules"] if "Prefix" not in rule)
        assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    videos, prompts = buckets["StorageVideos"], buckets["StoragePrompts"]
    assert videos["VersioningConfiguration"] == {"Status": "Enabled"}
    expiring = [rule for rule in videos["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in rule]
    kept = {rule["Prefix"]: rule["ExpirationInDays"] for rule in expiring}
    assert kept == {"batches/": 89, "uploads/": 1, "reconciliation/work/": 1, "reconciliation/books/": 400}, (
        "a video is kept until its owner deletes it, with its inputs"
    )
    assert prompts["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


@pytest.mark.parametrize("name", STAGES)
def test_expiring_items_have_a_time_and_money_never_expires(name: str) -> None:
    """Leftovers of deleted generations, samples of slots, deliveries, and the numbers of rejected rows expire."""
    tables = resources(name, "AWS::DynamoDB::Table")
    goes = {table: found["Properties"].get("TimeToLiveSpecification") for table, found in tables.items()}
    by = {"AttributeName": "expires_at", "Enabled": True}
    some = dict.fromkeys(("StorageBatches", "StorageGenerations", "StorageSlots", "StorageWebhooks"), by)
    assert goes == {**some, "StorageMoney": None}


@pytest.mark.parametrize("name", STAGES)
def test_the_ledger_is_found_by_id_and_listed_by_owner(name: str) -> None:
    properties = resources(name, "AWS::DynamoDB::Table")["StorageGenerations"]["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["KeySchema"] == [{"AttributeName": "generation_id", "KeyType": "HASH"}]
    indexes = {index["IndexName"]: index["KeySchema"] for index in properties["GlobalSecondaryIndexes"]}
    assert {name: [key["AttributeName"] for key in keys] for name, keys in indexes.items()} == {
        "by_owner": ["owner", "created_at"],
        "by_batch": ["batch_id", "row_number"],
        "by_id": ["owner", "generation_id"],
        "by_watch": ["watch", "watch_at"],
        "by_done": ["done_on", "generated_at"],
        "by_provider_id": ["provider_id"],
    }
    recovery = properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    assert recovery is (name != "local")


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_in_aws_functions_run_on_arm64_and_python_3_13_with_the_layer_and_traces(name: str) -> None:
    for function in functions(name).values():
        assert function["Architectures"] == ["arm64"]
        assert function["Runtime"] == "python3.13"
        assert function["TracingConfig"] == {"Mode": "Active"}
        layers = {"console.handler": [], "make_poster.handler": ["FunctionsPackages", "FunctionsPosterPackages"]}
        expected = layers.get(function["Handler"], ["FunctionsPackages"])
        assert list(map(readable, function.get("Layers", []))) == expected
    found = resources(name, "AWS::Lambda::LayerVersion")
    assert found.keys() == {"FunctionsPackages", "FunctionsPosterPackages"}
    for layer in found.values():
        assert layer["Properties"]["CompatibleArchitectures"] == ["arm64"]


def test_the_local_cloud_makes_posters_with_the_checkouts_own_packages() -> None:
    """A second layer of 100 MB would delay `make demo`."""
    assert resources("local", "AWS::Lambda::LayerVersion").keys() == {"FunctionsPackages"}
    places = functions("local")["make_poster"]["Environment"]["Variables"]["POSTER_PACKAGES"].split(",")
    assert any((Path(place) / "av").is_dir() for place in places)
    assert functions("prod")["make_poster"]["Environment"]["Variables"]["POSTER_PACKAGES"] == ""


def test_all_functions_except_the_console_share_one_code_asset() -> None:
    code = {name: json.dumps(function["Code"]) for name, function in functions("prod").items()}
    console = code.pop("console")
    assert len(set(code.values())) == 1
    assert console not in code.values()


@pytest.mark.parametrize("name", STAGES)
def test_every_log_expires_and_every_function_and_workflow_writes_to_our_logs(name: str) -> None:
    logs = resources(name, "AWS::Logs::LogGroup")
    assert all(log["Properties"]["RetentionInDays"] > 0 for log in logs.values())
    used = {readable(f["LoggingConfig"]["LogGroup"]) for f in functions(name).values()}
    for machine in resources(name, "AWS::StepFunctions::StateMachine").values():
        logging = machine["Properties"]["LoggingConfiguration"]
        (destination,) = logging["Destinations"]
        used.add(readable(destination["CloudWatchLogsLogGroup"]["LogGroupArn"]).removesuffix(".Arn"))
        assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False), "no prompt is in the log"
    (default,) = resources(name, "AWS::ApiGatewayV2::Stage").values()
    used.add(readable(default["Properties"]["AccessLogSettings"]["DestinationArn"]).removesuffix(".Arn"))
    assert used == logs.keys()


@pytest.mark.parametrize("name", STAGES)
def test_ends_that_an_execution_could_not_record_are_recorded_by_a_rule(name: str) -> None:
    rule = resources(name, "AWS::Events::Rule")["WorkflowExecutionEnded"]
    detail = rule["Properties"]["EventPattern"]["detail"]
    assert detail["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]
    assert list(map(readable, detail["stateMachineArn"])) == ["WorkflowVideoGeneration"]
    (target,) = rule["Properties"]["Targets"]
    assert readable(target["Arn"]) == "FunctionsRecordFailureFunction.Arn"
    assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
    assert readable(target["DeadLetterConfig"]["Arn"]) == "WorkflowDeadLetters.Arn"


@pytest.mark.parametrize("name", STAGES)
def test_a_recording_that_keeps_failing_becomes_a_dead_letter(name: str) -> None:
    """EventBridge only delivers. Lambda retries failures inside the function and passes them on."""
    invoke = retries(name)["RecordFailure"]
    assert invoke["MaximumRetryAttempts"] == 2
    on_failure = invoke["DestinationConfig"]["OnFailure"]
    assert readable(on_failure["Destination"]) == "WorkflowDeadLetters.Arn"


@pytest.mark.parametrize("name", STAGES)
def test_what_a_schedule_repeats_is_not_retried_as_well(name: str) -> None:
    """Each function that a rule invokes says what Lambda does with a failed or throttled invocation."""
    rules = [rule["Properties"] for rule in resources(name, "AWS::Events::Rule").values()]
    invoked = {
        function_of(target["Arn"]): (target["RetryPolicy"]["MaximumRetryAttempts"], "ScheduleExpression" in rule)
        for rule in rules
        for target in rule["Targets"]
        if "Function" in readable(target["Arn"])
    }
    assert invoked == {
        "Sweep": (0, True),
        "Reconcile": (0, True),
        "RecordFailure": (10, False),
        "MakePoster": (1, False),
    }
    assert retries(name).keys() == invoked.keys()
    for scheduled in ("Sweep", "Reconcile"):
        invoke = retries(name)[scheduled]
        assert (invoke["MaximumRetryAttempts"], invoke["MaximumEventAgeInSeconds"]) == (0, 60)


@pytest.mark.parametrize("name", STAGES)
def test_no_poster_is_stored_after_the_files_of_a_deleted_generation_were_removed_again(name: str) -> None:
    """The sweep removes them again, and `promptreel erase` waits, until no function can be running any more."""
    invoke = retries(name)["MakePoster"]
    assert invoke["MaximumRetryAttempts"] == 1
    rule = resources(name, "AWS::Events::Rule")["PostersCompleted"]["Properties"]
    (target,) = rule["Targets"]
    delivered = target["RetryPolicy"]["MaximumEventAgeInSeconds"]
    latest = delivered + invoke["MaximumEventAgeInSeconds"] + functions(name)["make_poster"]["Timeout"]
    assert latest < LONGEST_FUNCTION.total_seconds()
    assert rule["EventPattern"] == {"source": ["promptreel"], "detail-type": ["Generation Completed"]}
    assert readable(rule["EventBusName"]) == "AnnouncementsBus"


@pytest.mark.parametrize("name", STAGES)
def test_a_sweep_has_ended_before_the_next_one_starts(name: str) -> None:
    rule = resources(name, "AWS::Events::Rule")["WorkflowEveryMinute"]["Properties"]
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    assert LONGEST.total_seconds() < functions(name)["sweep"]["Timeout"] < 60


@pytest.mark.parametrize("name", STAGES)
def test_every_alarm_notifies_and_says_what_to_do(name: str) -> None:
    for alarm in resources(name, "AWS::CloudWatch::Alarm").values():
        assert list(map(readable, alarm["Properties"]["AlarmActions"])) == ["MonitoringAlarms"]
        said, _, link = alarm["Properties"]["AlarmDescription"].rpartition(" ")
        assert link.startswith("docs/runbook.md#")
        assert re.fullmatch(r"\S.+[.:] \S.+\.", said), "first what happened, then what to do"
        assert alarm["Properties"]["TreatMissingData"] == "notBreaching"


@pytest.mark.parametrize("name", STAGES)
def test_files_and_events_reach_ingest_and_failures_are_not_dropped(name: str) -> None:
    rules = resources(name, "AWS::Events::Rule")
    for rule in ("TriggersFileDropped", "TriggersGenerationRequested"):
        (target,) = rules[rule]["Properties"]["Targets"]
        assert readable(target["Arn"]) == "TriggersQueue.Arn"
        assert readable(target["DeadLetterConfig"]["Arn"]) == "TriggersDeadLetters.Arn"
    file_dropped = rules["TriggersFileDropped"]["Properties"]["EventPattern"]
    assert list(map(readable, file_dropped["detail"]["bucket"]["name"])) == ["StoragePrompts"]
    assert readable(rules["TriggersGenerationRequested"]["Properties"]["EventBusName"]) == "AnnouncementsBus"
    queue = resources(name, "AWS::SQS::Queue")["TriggersQueue"]["Properties"]
    assert readable(queue["RedrivePolicy"]["deadLetterTargetArn"]) == "TriggersDeadLetters.Arn"
    assert queue["VisibilityTimeout"] > functions(name)["ingest"]["Timeout"], "messages are hidden during processing"
    mappings = [one["Properties"] for one in resources(name, "AWS::Lambda::EventSourceMapping").values()]
    (mapping,) = (one for one in mappings if readable(one["EventSourceArn"]) == "TriggersQueue.Arn")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize("name", STAGES)
def test_only_ends_with_a_webhook_reach_its_queue(name: str) -> None:
    rule = resources(name, "AWS::Events::Rule")["WebhooksAnnounced"]["Properties"]
    assert readable(rule["EventBusName"]) == "AnnouncementsBus"
    assert rule["EventPattern"] == {
        "source": ["promptreel"],
        "detail-type": ["Generation Completed", "Generation Failed"],
        "detail": {"webhook": [True]},
    }
    (target,) = rule["Targets"]
    assert readable(target["Arn"]) == "WebhooksQueue.Arn"
    assert readable(target["DeadLetterConfig"]["Arn"]) == "WebhooksDeadLetters.Arn"
    queue = resources(name, "AWS::SQS::Queue")["WebhooksQueue"]["Properties"]
    assert readable(queue["RedrivePolicy"]["deadLetterTargetArn"]) == "WebhooksDeadLetters.Arn"
    for one in ("WebhooksQueue", "WebhooksDeadLetters"):
        kept = resources(name, "AWS::SQS::Queue")[one]["Properties"]["MessageRetentionPeriod"]
        assert kept == timedelta(days=14).total_seconds(), "the longest that SQS allows"
    assert 2 * CONNECT_SECONDS + ANSWER_SECONDS < functions(name)["deliver_webhook"]["Timeout"] < LEASE.total_seconds()
    assert queue["VisibilityTimeout"] > functions(name)["deliver_webhook"]["Timeout"]
    mappings = [one["Properties"] for one in resources(name, "AWS::Lambda::EventSourceMapping").values()]
    (mapping,) = (one for one in mappings if readable(one["EventSourceArn"]) == "WebhooksQueue.Arn")
    assert mapping["BatchSize"] == 1, "a slow receiver does not delay others in the same invocation"
    senders = int(functions(name)["deliver_webhook"]["Environment"]["Variables"]["SENDERS"])
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": senders}
    assert senders == (SENDERS if name == "local" else 2), "dev and prod are ready for a new account"


def test_an_alarm_watches_the_oldest_webhook() -> None:
    alarm = resources("prod", "AWS::CloudWatch::Alarm")["MonitoringWebhooksLate"]["Properties"]
    assert alarm["MetricName"] == "ApproximateAgeOfOldestMessage"
    assert [readable(one["Value"]) for one in alarm["Dimensions"]] == ["WebhooksQueue.QueueName"]
    assert alarm["Threshold"] > LONGEST_DELAY.total_seconds(), "a message that waits on purpose raises no alarm"


def test_a_dead_letter_or_an_api_error_raises_an_alarm_immediately() -> None:
    alarms = resources("prod", "AWS::CloudWatch::Alarm")
    for name in (
        "MonitoringDeadLetters",
        "MonitoringIngestDeadLetters",
        "MonitoringWebhooksGivenUp",
        "MonitoringWebhookDeadLetters",
        "MonitoringBatchesFailed",
        "MonitoringRejectedRows",
        "MonitoringApiErrors",
        "MonitoringWorkflowStopped",
    ):
        assert alarms[name]["Properties"]["Threshold"] == 1


@pytest.mark.parametrize("name", STAGES)
def test_everything_that_can_be_tagged_is_tagged(name: str) -> None:
    wanted = {"project": "promptreel", "stage": name}
    for kind in ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::Lambda::Function", "AWS::SecretsManager::Secret"):
        for resource in resources(name, kind).values():
            tags = {tag["Key"]: tag["Value"] for tag in resource["Properties"]["Tags"]}
            assert wanted.items() <= tags.items()


@pytest.mark.parametrize("name", STAGES)
def test_the_outputs_name_what_clients_and_operators_need(name: str) -> None:
    assert template(name)["Outputs"].keys() == {
        "ApiUrl",
        "ProviderUrl",
        "ReconcileFunctionName",
        "RecordFailureFunctionName",
        "WebhooksQueueUrl",
        "WebhooksDeadLetterQueueUrl",
        "DeadLetterQueueUrl",
        "DashboardUrl",
        "IngestQueueArn",
        "AdmitRoleArn",
        "CheckStatusRoleArn",
        "FinalizeRoleArn",
        "RecordFailureRoleArn",
        "SubmitRoleArn",
        "SweepRoleArn",
        "Budgets",
        "MoneyTableName",
        "SlotsTableName",
        "BatchesTableName",
        "WebhooksTableName",
        "FileOwners",
        "PromptsBucketName",
        "VideosBucketName",
        "TopicArn",
        "BusName",
        "TableName",
        "VideoGenerationStateMachineArn",
        "PromptBatchStateMachineArn",
        "IngestQueueUrl",
        "IngestDeadLetterQueueUrl",
        "ProviderKeySecretArn",
        "ApiKeysSecretArn",
        "AlarmTopicArn",
        "AccountConcurrency",
        "VideoRules",
    }


@pytest.mark.parametrize("name", STAGES)
def test_requests_that_could_use_up_the_limit_of_all_owners_raise_an_alarm(name: str) -> None:
    (default,) = resources(name, "AWS::ApiGatewayV2::Stage").values()
    in_a_period = default["Properties"]["DefaultRouteSettings"]["ThrottlingRateLimit"] * 300
    alarms = {one: alarm["Properties"] for one, alarm in resources(name, "AWS::CloudWatch::Alarm").items()}
    watched = {
        one: (alarms[one]["MetricName"], alarms[one]["Period"]) for one in ("MonitoringApiRejects", "MonitoringApiBusy")
    }
    assert watched == {"MonitoringApiRejects": ("4xx", 300), "MonitoringApiBusy": ("Count", 300)}
    assert all(0 < alarms[one]["Threshold"] < in_a_period for one in watched)
