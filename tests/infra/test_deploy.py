"""Test what `make deploy` checks before it deploys, and what it says afterwards. A script takes the place of CDK."""

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from aws_cdk.assertions import Match, Template

from infra import deploy
from infra.bundle import python_for
from infra.config import Stage, UnknownStage, stage_named
from sandbox.renditions import BROKEN, renditions
from tests.support.templates import new_stack

EMAIL = "ops@example.com"


@pytest.fixture
def topic(aws: None) -> str:  # noqa: ARG001 - sets up
    return boto3.client("sns").create_topic(Name="alarms")["TopicArn"]


@pytest.fixture
def cdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, topic: str) -> Path:
    """Replace CDK, and return the file in which the script writes its arguments."""
    outputs = {"promptreel-dev": {"AlarmTopicArn": topic, "ApiUrl": "https://a.example"}}
    (tmp_path / "deployed.json").write_text(json.dumps(outputs))
    script = tmp_path / "cdk"
    script.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/called\nfor last; do :; done\ncp {tmp_path}/deployed.json "$last"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ALARM_EMAIL", EMAIL)
    monkeypatch.setattr(deploy, "python_for", lambda version: version)  # it may not be installed here
    return tmp_path / "called"


def test_it_deploys_the_stage_subscribes_and_prints_commands_to_paste(
    cdk: Path, topic: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert deploy.main("dev") == 0
    assert cdk.read_text().startswith("deploy promptreel-dev --context stage=dev ")
    (subscribed,) = boto3.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (subscribed["Protocol"], subscribed["Endpoint"]) == ("email", EMAIL)
    said = capfd.readouterr().out
    commands = [line.strip() for line in said.splitlines() if line.startswith("  ")]
    assert commands[:3] == [
        ". .venv/bin/activate",
        "export PROMPTREEL_STAGE=dev PROMPTREEL_URL=https://a.example",
        "promptreel secret set",
    ]
    assert max(map(len, said.splitlines())) <= 120
    subprocess.run(["/bin/sh", "-n"], input="\n".join(commands), text=True, check=True)


@pytest.fixture
def sandbox(cdk: Path, topic: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the script deploy a sandbox, whose bucket exists. Return the file with the script's arguments."""
    boto3.client("s3").create_bucket(Bucket="sandbox-videos")
    outputs = {"AlarmTopicArn": topic, "ApiUrl": "https://a.example", "SandboxVideosBucketName": "sandbox-videos"}
    (cdk.parent / "deployed.json").write_text(json.dumps({"promptreel-sandbox": outputs}))
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return cdk


def test_a_sandbox_gets_its_videos_and_needs_no_key(sandbox: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert deploy.main("sandbox") == 0
    called = sandbox.read_text()
    assert called.startswith("deploy promptreel-sandbox --context stage=sandbox ")
    assert "emulator" not in called
    assert "--require-approval" not in called
    stored = {one["Key"] for one in boto3.client("s3").list_objects_v2(Bucket="sandbox-videos")["Contents"]}
    assert stored == {*renditions(), BROKEN}
    said = capfd.readouterr().out
    assert "secret set" not in said
    commands = [line.strip() for line in said.splitlines() if line.startswith("  ")]
    assert commands[1] == "export PROMPTREEL_STAGE=sandbox PROMPTREEL_URL=https://a.example"
    subprocess.run(["/bin/sh", "-n"], input="\n".join(commands), text=True, check=True)


def test_a_sandbox_on_a_local_aws_is_deployed_without_a_question(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy, "store_videos", lambda *_: None)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert deploy.main("sandbox") == 0
    assert "--context emulator=http://127.0.0.1:4566" in sandbox.read_text()
    assert "--require-approval never" in sandbox.read_text()
    assert deploy.stage_of("dev").emulator is None


def test_a_sandbox_without_videos_is_not_called_deployed(sandbox: Path, capfd: pytest.CaptureFixture[str]) -> None:
    deployed = sandbox.parent / "deployed.json"
    deployed.write_text(deployed.read_text().replace("sandbox-videos", "gone"))
    assert deploy.main("sandbox") == 1
    said = capfd.readouterr()
    assert (said.out, "deploy again" in said.err) == ("", True)


def test_a_missing_python_is_named_before_cdk_starts(
    cdk: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deploy, "python_for", python_for)
    monkeypatch.setattr(deploy, "stage_named", lambda name, **_: replace(stage_named(name), python="3.99"))
    assert deploy.main("dev") == 1
    assert "run `.venv/bin/uv python install 3.99`, then deploy again." in capfd.readouterr().err
    assert not cdk.exists()


def test_an_unknown_stage_is_named_before_cdk_starts(cdk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert deploy.main("production") == 1
    assert "There is no stage 'production'. Choose local, dev, prod or sandbox" in capfd.readouterr().err
    assert not cdk.exists()


def test_a_deployment_that_fails_or_is_declined_says_nothing_more(cdk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    script = cdk.parent / "cdk"
    for code in (1, 0):
        script.write_text(f"#!/bin/sh\nexit {code}\n")
        assert deploy.main("dev") == code
    assert capfd.readouterr().out == ""


def test_a_subscription_that_fails_does_not_hide_the_next_steps(cdk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    deployed = cdk.parent / "deployed.json"
    deployed.write_text(deployed.read_text().replace(":alarms", ":gone"))
    assert deploy.main("dev") == 0
    said = capfd.readouterr()
    assert f"{EMAIL} could not be subscribed" in said.err
    assert "promptreel secret set" in said.out


def test_a_domain_boundary_and_tags_are_settings() -> None:
    boundary = "arn:aws:iam::123456789012:policy/limits"
    own = replace(
        stage_named("dev"),
        domain="video.example.com",
        certificate_arn="arn:aws:acm:us-east-1:123456789012:certificate/c",
        permissions_boundary=boundary,
        tags=("team=films",),
    )
    template = Template.from_stack(new_stack(own))
    template.has_resource_properties("AWS::ApiGatewayV2::DomainName", {"DomainName": "video.example.com"})
    template.resource_count_is("AWS::ApiGatewayV2::ApiMapping", 1)
    template.has_output("ApiUrl", {"Value": "https://video.example.com"})
    template.has_output("DomainTarget", Match.any_value())
    roles = template.find_resources("AWS::IAM::Role")
    assert all(role["Properties"]["PermissionsBoundary"] == boundary for role in roles.values())
    template.has_resource_properties("AWS::S3::Bucket", {"Tags": Match.array_with([{"Key": "team", "Value": "films"}])})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"domain": "a.example"}, "set both"),
        ({"tags": ("films",)}, "name=value"),
        ({"tags": ("=x",)}, "name=value"),
        ({"log_days": 60}, "log_days=60: it must be 7 or 30 or 90"),
        ({"budget_day_usd": "25"}, "budget_day_usd='25': it must be a number or None"),
        ({"budget_day_usd": -1}, "budget_day_usd=-1: it must be 0 or more"),
        ({"keep_data": "no"}, "keep_data='no': it must be True or False"),
        ({"in_flight_limit": 0}, "in_flight_limit=0: it must be 1 or more"),
        ({"in_flight_limit": True}, "in_flight_limit=True: it must be a whole number or None"),
        ({"video_days": 0}, "video_days=0: it must be 1 or more"),
        ({"allowed_models": "veo2"}, "allowed_models='veo2': it must be a tuple of strings"),
        ({"allowed_models": ("veo22",)}, "'veo22' in allowed_models, which is not a model: did you mean veo2?"),
        ({"allowed_models": ("openai/sora-2-i2v",)}, "default_model='veo2', which it does not offer"),
        ({"default_model": "veo22"}, "default_model='veo22', which it does not offer"),
        ({"file_owners": ("films",)}, "'films' in file_owners: write it as name=owner"),
        ({"event_owners": ("my.shop=",)}, "'my.shop=' in event_owners: write it as name=owner"),
    ],
)
def test_settings_that_cannot_be_deployed_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(UnknownStage, match=re.escape(said)):
        Stage("test", **settings)  # type: ignore[arg-type]
