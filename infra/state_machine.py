"""How a state machine is made: its definition as shipped, its log, its traces, and the functions that it may invoke."""

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
    """What statemachine/<name>.asl.json needs: the values of its placeholders, and whether it must know its name."""

    name: str
    functions: Mapping[str, lambda_.Function]  # of its states: `submit` stands for `SubmitFunctionArn`
    others: Mapping[str, str] = field(default_factory=dict)  # the other placeholders
    is_named: bool = False


def state_machine(scope: Construct, stage: Stage, definition: Definition) -> sfn.StateMachine:
    """Make the state machine of a definition, which may invoke the functions of its states and nothing else.

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
            # The prefix spares the account's one, limited, resource policy for log delivery.
            destination=log_group(scope, stage, log_group_name=f"/aws/vendedlogs/states/{stack}-{dashed}"),
            level=sfn.LogLevel.ERROR,
            include_execution_data=False,
        ),
        tracing_enabled=True,
    )
    arns = [function.function_arn for function in functions.values()]
    machine.add_to_role_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=arns))
    acknowledge(machine, "AwsSolutions-SF1", "Step Functions keeps every event for 90 days; the log is for errors.")
    acknowledge(machine, "AwsSolutions-IAM5[Resource::*]", "X-Ray and the set-up of log delivery know no resources.")
    return machine


def _title(name: str) -> str:
    return "".join(word.title() for word in name.split("_"))
