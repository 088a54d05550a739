"""Create the state machine that runs the rows of a file, and its two functions."""

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from core.records.table import BY_BATCH
from infra.base import Base
from infra.config import Stage
from infra.functions import Size, allow
from infra.nag import acknowledge
from infra.state_machine import Definition, state_machine
from infra.storage import Storage
from infra.workflow import Workflow

# A Map Run's child is named `<state machine>/<map run>:<id>`, and with ":" in AWS's own example policy.
_BEFORE_A_CHILDS_NAME = ("/", ":")


class Batches(Construct):
    """The `state_machine`, and the functions of its states, `accept_row` and `report_batch`."""

    def __init__(self, scope: Construct, base: Base, workflow: Workflow) -> None:
        super().__init__(scope, "Batches")
        stage, functions, storage = base.stage, base.functions, base.storage
        announcements = base.announcements
        self.accept_row = functions.add(
            "accept_row",
            size=Size(timeout_seconds=60),
            environment={
                **storage.ledger.environment,
                **storage.batches.rejecting(stage),
                **stage.model_environment,
                **storage.inputs_environment,
                **announcements.environment,
                **storage.money.environment,
            },
            permissions=[
                *storage.ledger.permissions(adds=True),
                *storage.inputs_permissions(),
                storage.stores_uploads,
                # To find the rows whose videos a row uses as inputs.
                allow("s3:GetObject", on=storage.videos.arn_for_objects("batches/*/rows.jsonl")),
                *storage.batches.permissions("PutItem", "UpdateItem"),
                *storage.money.holds,
                *announcements.permissions,
            ],
        )
        self.report_batch = functions.add(
            "report_batch",
            size=Size(
                timeout_seconds=900,  # a report may have to look up every row
                memory_mb=1024,  # the report of a hundred thousand rows is about 30 MiB
            ),
            environment={
                **storage.ledger.environment,
                **storage.batches.environment,
                **announcements.environment,
                **storage.money.environment,
            },
            permissions=[
                *storage.ledger.permissions(gets=False, changes=False, finds=True, reads=[BY_BATCH]),
                *storage.batches.permissions("UpdateItem"),
                allow("s3:GetObject", on=storage.videos.arn_for_objects("batches/*")),
                allow("s3:ListBucket", on=storage.videos.bucket_arn),  # without it a missing object is a 403
                allow("s3:PutObject", on=storage.videos.arn_for_objects("results/*")),
                *announcements.permissions,
            ],
        )
        self.state_machine = self._state_machine(stage, storage, workflow)

    @property
    def executions_arn(self) -> str:
        """Return the ARN pattern of its executions."""
        stack = cdk.Stack.of(self)
        acknowledge(
            stack,
            "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:"
            f"{stack.stack_name}-prompt-batch:*]",
            "An execution's name is its batch's id, which is unknown when the roles are created.",
        )
        return stack.format_arn(
            service="states",
            resource="execution",
            resource_name=f"{stack.stack_name}-prompt-batch:*",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )

    def _state_machine(self, stage: Stage, storage: Storage, workflow: Workflow) -> sfn.StateMachine:
        stack = cdk.Stack.of(self)
        generation = workflow.state_machine.state_machine_arn
        machine = state_machine(
            self,
            stage,
            Definition(
                "prompt_batch",
                {"accept_row": self.accept_row, "report_batch": self.report_batch},
                others={"VideoGenerationStateMachineArn": generation},
                is_named=True,  # its role contains its name, because it starts its own child executions
            ),
        )
        own = {"service": "states", "arn_format": cdk.ArnFormat.COLON_RESOURCE_NAME}
        name = f"{stack.stack_name}-prompt-batch"
        itself = stack.format_arn(resource="stateMachine", resource_name=name, **own)  # type: ignore[arg-type]  # mixed
        children = [
            stack.format_arn(resource="execution", resource_name=f"{name}{separator}*", **own)  # type: ignore[arg-type]  # mixed
            for separator in _BEFORE_A_CHILDS_NAME
        ]
        # startExecution.sync learns of the end through this rule, which Step Functions manages.
        rule = stack.format_arn(
            service="events",
            resource="rule",
            resource_name="StepFunctionsGetEventsForStepFunctionsExecutionRule",
        )
        for statement in (
            allow("states:StartExecution", on=itself),
            allow("states:DescribeExecution", "states:StopExecution", "states:RedriveExecution", on=children),
            allow("states:StartExecution", on=generation),
            # No StopExecution: the generations of a stopped batch continue, because they are paid for.
            allow("states:DescribeExecution", on=workflow.executions_arn),
            allow("events:PutTargets", "events:PutRule", "events:DescribeRule", on=rule),
            # https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
            allow(
                "s3:PutObject",
                "s3:GetObject",
                "s3:ListMultipartUploadParts",
                "s3:AbortMultipartUpload",
                on=storage.videos.arn_for_objects("batches/*"),
            ),
        ):
            machine.add_to_role_policy(statement)
        for separator in _BEFORE_A_CHILDS_NAME:
            acknowledge(
                machine,
                "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:"
                f"execution:{name}{separator}*]",
                "Step Functions generates the names of a batch's child executions.",
            )
        return machine
