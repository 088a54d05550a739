"""Read synthesized templates: resources by type, and references as readable names."""

import re
from functools import cache
from typing import Any

import aws_cdk as cdk
from aws_cdk.assertions import Template

from infra.config import Stage, stage_named
from infra.stack import PromptreelStack

STAGES = ("local", "dev", "prod")
Resource = dict[str, Any]


def new_stack(stage: Stage) -> PromptreelStack:
    """Return the stack in an app by itself, without the packages of the layer (CDK's switch, as for `cdk ls`)."""
    return PromptreelStack(cdk.App(context={"aws:cdk:bundling-stacks": []}), stage)


@cache
def stack(stage_name: str) -> PromptreelStack:
    return new_stack(stage_named(stage_name))


@cache
def template(stage_name: str) -> dict[str, Any]:
    """Return the template as deployed. It is read-only."""
    return dict(Template.from_stack(stack(stage_name)).to_json())


def resources(stage_name: str, kind: str) -> dict[str, Resource]:
    """Return the resources of a type such as `AWS::S3::Bucket`, by readable name."""
    found = {
        readable({"Ref": name}): resource
        for name, resource in template(stage_name)["Resources"].items()
        if resource["Type"] == kind
    }
    assert found, f"there is no {kind} in the stack"
    return found


def functions(stage_name: str) -> dict[str, Resource]:
    """Return the properties of the Lambda functions, by the name of their handler's module."""
    found = resources(stage_name, "AWS::Lambda::Function").values()
    return {f["Properties"]["Handler"].removesuffix(".handler"): f["Properties"] for f in found}


def readable(value: Any) -> str:
    """Return a reference as text: no hashes, `Construct.Attribute` for Fn::GetAtt, joined strings joined."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return re.sub(r"[0-9A-F]{8}$", "", name)
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{readable({'Ref': name})}.{attribute}"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(readable(part) for part in parts)
    raise ValueError(f"cannot read {value}")


def listed(value: Any) -> list[Any]:
    """Return a list: IAM writes a list of one element as the element."""
    return value if isinstance(value, list) else [value]


def grants(stage_name: str, role_name: str) -> set[tuple[str, str]]:
    """Return every (action, resource) that the role's policies allow. Fail if the role has other policies."""
    role = resources(stage_name, "AWS::IAM::Role")[role_name]["Properties"]
    assert not role.keys() & {"ManagedPolicyArns", "Policies"}
    found = set()
    for policy in resources(stage_name, "AWS::IAM::Policy").values():
        if role_name in map(readable, policy["Properties"]["Roles"]):
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
                assert statement.keys() - {"Condition"} == {"Action", "Effect", "Resource"}
                assert statement["Effect"] == "Allow"
                # Putting an event orders a video, so the grant always restricts which events.
                assert ("Condition" in statement) == (statement["Action"] == "events:PutEvents")
                found |= {
                    (action, readable(resource))
                    for action in listed(statement["Action"])
                    for resource in listed(statement["Resource"])
                }
    return found
