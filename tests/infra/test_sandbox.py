"""Test the sandbox: the simulated provider in the stack, and that nothing outlives the stack."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from infra import bundle
from infra.config import UnknownStage, stage_named
from infra.sandbox_code import SIMULATOR, SandboxCode
from tests.support.templates import functions, grants, new_stack, readable, resources, stack, template

EMULATOR = "https://127.0.0.1:4566"
ALONE = """
import importlib, sys
importlib.import_module("simulate_provider")
print(sorted({"av", "PIL", "requests", "core"} & sys.modules.keys()))
"""


@pytest.mark.parametrize("pack", [AwsSolutionsChecks, ServerlessChecks])
def test_rules_of_aws_are_met_or_acknowledged(pack: type[AwsSolutionsChecks] | type[ServerlessChecks]) -> None:
    root = stack("sandbox").node.root
    report = pack(root).validate_scope(root)
    assert [f"{v.rule_name}: {v.description}" for v in report.violations] == []


def test_nothing_outlives_the_stack() -> None:
    kept = {name: one.get("DeletionPolicy", "Delete") for name, one in template("sandbox")["Resources"].items()}
    assert {name: policy for name, policy in kept.items() if policy != "Delete"} == {}
    assert not stack("sandbox").termination_protection


def test_every_function_writes_to_a_log_group_of_the_stack_and_cannot_create_another() -> None:
    groups = resources("sandbox", "AWS::Logs::LogGroup")
    for function in functions("sandbox").values():
        assert readable(function["LoggingConfig"]["LogGroup"]) in groups
    policies = resources("sandbox", "AWS::IAM::Policy").values()
    assert "logs:CreateLogGroup" not in str([policy["Properties"] for policy in policies])


def test_the_simulator_may_do_only_what_it_does() -> None:
    assert grants("sandbox", "FunctionsSimulateProviderRole") - {
        (action, "*") for action in ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
    } == {
        ("secretsmanager:GetSecretValue", "StorageProviderKey.Id"),
        ("s3:GetObject", "SandboxVideos.Arn/*"),
        *((f"dynamodb:{action}", "SandboxTable.Arn") for action in ("PutItem", "UpdateItem", "Query")),
        *((f"logs:{action}", "FunctionsSimulateProviderLogs.Arn") for action in ("CreateLogStream", "PutLogEvents")),
    }


def environment(stage_functions: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    found: dict[str, Any] = stage_functions[name]["Environment"]["Variables"]
    return found


def test_the_other_functions_use_the_simulator_with_the_key_that_it_accepts() -> None:
    found = functions("sandbox")
    accepted = environment(found, SIMULATOR)["SANDBOX_KEY_SECRET"]
    for name in ("submit", "check_status", "finalize", "look_up_submission", "sweep", "reconcile"):
        assert readable(environment(found, name)["PROVIDER_URL"]) == "SandboxHttpApi.ApiEndpoint"
        assert environment(found, name)["PROVIDER_KEY_SECRET"] == accepted
    assert readable(environment(found, "finalize")["VIDEO_HOSTS"]) == (
        "SandboxVideos.RegionalDomainName,SandboxVideos.DomainName"
    )
    assert environment(found, "finalize")["ALLOW_LOCAL_VIDEO_HOSTS"] == "false"
    assert environment(found, "deliver_webhook")["ALLOW_LOCAL_WEBHOOKS"] == "false"


def test_only_the_stacks_own_inputs_are_downloaded() -> None:
    hosts = readable(environment(functions("sandbox"), SIMULATOR)["INPUT_HOSTS"])
    assert hosts == "StorageVideos.RegionalDomainName,StorageVideos.DomainName"


def test_the_key_is_generated_and_that_of_other_stages_is_not() -> None:
    for name, is_generated in (("sandbox", True), ("dev", False), ("prod", False)):
        key = resources(name, "AWS::SecretsManager::Secret")["StorageProviderKey"]["Properties"]
        assert ("GenerateSecretString" in key) is is_generated
        assert "SecretString" not in key


def test_no_other_stage_has_a_simulator() -> None:
    for name in ("local", "dev", "prod"):
        assert SIMULATOR not in functions(name)


def test_the_simulators_requests_are_limited_and_its_items_expire() -> None:
    stages = [one["Properties"] for one in resources("sandbox", "AWS::ApiGatewayV2::Stage").values()]
    (default,) = (one for one in stages if readable(one["ApiId"]) == "SandboxHttpApi")
    assert default["DefaultRouteSettings"] == {"ThrottlingBurstLimit": 100, "ThrottlingRateLimit": 50}
    table = resources("sandbox", "AWS::DynamoDB::Table")["SandboxTable"]["Properties"]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_no_alarm_watches_the_simulator() -> None:
    """Its errors are wanted, and the runbook has nothing to say about them."""
    alarms = resources("sandbox", "AWS::CloudWatch::Alarm")
    assert "SimulateProvider" not in str(alarms)
    assert alarms.keys() == resources("dev", "AWS::CloudWatch::Alarm").keys()


def test_on_a_local_aws_the_simulator_has_the_address_that_works_without_dns() -> None:
    stage = stage_named("sandbox", emulator=EMULATOR)
    assert (stage.allow_local_video_hosts, stage.allow_local_webhooks, stage.package_platform) == (True, True, None)
    output = Template.from_stack(new_stack(stage)).to_json()["Outputs"]["ProviderUrl"]["Value"]
    assert readable(output) == f"{EMULATOR}/_aws/execute-api/SandboxHttpApi/$default"


def test_on_aws_the_sandbox_has_the_settings_of_a_new_account() -> None:
    stage = stage_named("sandbox")
    assert (stage.emulator, stage.allow_local_video_hosts, stage.allow_local_webhooks) == (None, False, False)
    assert (stage.account_concurrency, stage.keep_data, stage.architecture) == (10, False, "arm64")


def test_only_the_sandbox_accepts_an_emulator() -> None:
    for name in ("dev", "prod"):
        with pytest.raises(UnknownStage, match="Only the sandbox"):
            stage_named(name, emulator=EMULATOR)


def test_the_bundle_needs_no_packages_but_boto3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "CACHE", tmp_path)
    built = SandboxCode(".".join(map(str, sys.version_info[:2]))).build()
    done = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=built, env={"PATH": ""}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
