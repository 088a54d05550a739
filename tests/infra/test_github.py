"""Test the role with which a GitHub workflow deploys (examples/github.yaml, docs/operate.md)."""

from pathlib import Path
from typing import Any

from cfnlint.decode.cfn_yaml import load  # type: ignore[import-untyped]  # it has no types

from infra.stack import PromptreelStack
from tests.support.templates import stack

TEMPLATE: dict[str, Any] = load(str(Path(__file__).parents[2] / "examples" / "github.yaml"))
ROLE = TEMPLATE["Resources"]["Role"]["Properties"]


def test_only_one_environment_of_one_repository_may_use_the_role() -> None:
    (trusted,) = ROLE["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trusted["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": {"Fn::Sub": "repo:${Repository}:environment:${Environment}"},
        }
    }


def test_the_role_may_only_assume_the_roles_that_a_deployment_uses() -> None:
    (policy,) = ROLE["Policies"]
    (allowed,) = policy["PolicyDocument"]["Statement"]
    assert allowed["Action"] == "sts:AssumeRole"
    names = [resource["Fn::Sub"].partition(":role/")[2] for resource in allowed["Resource"]]
    assert all("*" not in name for name in names)
    used: PromptreelStack = stack("prod")
    qualifier = used.synthesizer.bootstrap_qualifier or "hnb659fds"
    account_and_region = "${AWS::AccountId}-${AWS::Region}"
    assert names == [
        f"cdk-{qualifier}-{kind}-role-{account_and_region}" for kind in ("deploy", "file-publishing", "lookup")
    ]
