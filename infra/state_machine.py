"""Create a state machine from its definition, with its log, its traces and permission to invoke its functions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.bundle import ROOT
from infra.config import Stage
from infra.functions import log_group
from infra.nag import acknowledge

DEFINITIONS = ROOT / "statemachine"


@dataclass(frozen=True)
class Definition:
    """The definition statemachine/<name>.asl.json and the values of its placeholders.

    `is_named` gives the state machine a fixed name, for a role that has to contain the name."""

    name: str
    functions: Mapping[str, lambda_.Function]  # of its states; `submit` fills the placeholder `SubmitFunctionArn`
    others: Mapping[str, str] = field(default_factory=dict)  # the other placeholders
    is_named: bool = False


def state_machine(scope: Construct, stage: Stage, definition: Definition) -> sfn.StateMachine:
    """Create the state machine of a definition. It may invoke only the functions of its states.

    Its construct has the definition's name in title case.
    """
    stack = cdk.Stack.of(scope).stack_name
    name, functions = definition.name, definition.functions
    dashed = name.replace("_", "-")
    machine = sfn.StateMachine(
        scope,
        _title(name),
        state_machine_name=f"{stack}-{dashed}" if definition.is_named else None,
        definition_body=sfn.DefinitionBody.from_string((DEFINITIONS / f"{name}.asl.json").read_text()),
        definition_substitutions={
            **{f"{_title(state)}FunctionArn": function.function_arn for state, function in functions.items()},
            **definition.others,
        },
        logs=sfn.LogOptions(
            # With this prefix the group does not count against the account's limited resource policy for log delivery.
            destination=log_group(scope, stage, log_group_name=f"/aws/vendedlogs/states/{stack}-{dashed}"),
            level=sfn.LogLevel.ERROR,
            include_execution_data=False,
        ),
        tracing_enabled=True,
    )
    arns = [function.function_arn for function in functions.values()]
    machine.add_to_role_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=arns))
    acknowledge(machine, "AwsSolutions-SF1", "Step Functions keeps every event for 90 days; the log is for errors.")
    acknowledge(machine, "AwsSolutions-IAM5[Resource::*]", "X-Ray and log delivery setup do not support resources.")
    return machine


def _title(name: str) -> str:
    return "".join(word.title() for word in name.split("_"))
