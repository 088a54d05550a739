"""The way of one prompt: the state machine, its functions, and the rules that catches what it cannot."""

from collections.abc import Mapping
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.announcements import Announcements
from infra.config import Stage
from infra.functions import Functions, allow, log_group
from infra.layer import ROOT
from infra.nag import acknowledge
from infra.storage import PLACE_INDEX, QUEUE_INDEX, Storage

DEFINITION = ROOT / "statemachine" / "video_generation.asl.json"
SUBMIT_TIMEOUT_SECONDS = 90


class Workflow(Construct):
    """`state_machine`, the functions of its states, `sweep`, and `dead_letters`."""

    def __init__(
        self,
        scope: Construct,
        stage: Stage,
        functions: Functions,
        storage: Storage,
        announcements: Announcements,
    ) -> None:
        super().__init__(scope, "Workflow")
        self._stage = stage
        self._storage = storage
        self._capacity_environment = {
            "TABLE_NAME": storage.table.table_name,
            "IN_FLIGHT_LIMIT": str(stage.in_flight_limit),
        }
        self.admit = functions.add(
            "admit",
            timeout_seconds=60,
            environment=self._capacity_environment,
            permissions=[self._ledger_permission(), self._queue_permission()],
        )
        self.submit = functions.add(
            "submit",
            timeout_seconds=SUBMIT_TIMEOUT_SECONDS,
            environment={
                **self._provider_environment,
                "SUBMIT_DEADLINE_SECONDS": str(stage.submit_deadline_seconds),
                "SUBMIT_TIMEOUT_SECONDS": str(SUBMIT_TIMEOUT_SECONDS),
                "POLL_FIRST_SECONDS": str(stage.poll_first_seconds),
            },
            permissions=self._provider_permissions(),
        )
        self.check_status = functions.add(
            "check_status",
            timeout_seconds=60,
            environment={
                **self._provider_environment,
                **self._capacity_environment,
                "POLL_FIRST_SECONDS": str(stage.poll_first_seconds),
                "POLL_EVERY_SECONDS": str(stage.poll_every_seconds),
                "POLL_DEADLINE_SECONDS": str(stage.poll_deadline_seconds),
                "POLL_SLOW_SECONDS": str(stage.poll_slow_seconds),
                "POLL_GIVE_UP_SECONDS": str(stage.poll_give_up_seconds),
            },
            permissions=[*self._provider_permissions(), self._queue_permission()],
        )
        self.finalize = functions.add(
            "finalize",
            memory_mb=1024,  # Lambda gives network and CPU by memory; the video itself is never held in it
            timeout_seconds=900,
            environment={
                **self._provider_environment,
                **announcements.environment,
                "VIDEOS_BUCKET": storage.videos.bucket_name,
                "VIDEO_HOSTS": ",".join(stage.video_hosts),
                "ALLOW_LOCAL_VIDEO_HOSTS": str(stage.allow_local_video_hosts).lower(),
                "MAX_VIDEO_BYTES": str(stage.max_video_bytes),
            },
            permissions=[
                *self._provider_permissions(),
                *announcements.permissions,
                allow(
                    "s3:PutObject",
                    "s3:GetObject",
                    "s3:AbortMultipartUpload",
                    on=storage.videos.arn_for_objects("videos/*"),
                ),
                # Without it S3 answers 403, not 404, for an object that is not there yet.
                allow("s3:ListBucket", on=storage.videos.bucket_arn),
            ],
        )
        self.dead_letters = self._dead_letters()
        self.record_failure = functions.add(
            "record_failure",
            timeout_seconds=60,
            environment={**self._capacity_environment, **announcements.environment},
            permissions=[
                self._ledger_permission(),
                self._queue_permission(),
                *announcements.permissions,
                allow("sqs:SendMessage", on=self.dead_letters.queue_arn),
            ],
        )
        self.state_machine = self._state_machine(
            {
                "AdmitFunctionArn": self.admit,
                "SubmitFunctionArn": self.submit,
                "CheckStatusFunctionArn": self.check_status,
                "FinalizeFunctionArn": self.finalize,
                "RecordFailureFunctionArn": self.record_failure,
            }
        )
        self._record_executions_that_could_not()
        self.sweep = self._sweep(functions)
        self._let_them_answer(self.admit, self.check_status, self.record_failure, self.sweep)
        acknowledge(
            cdk.Stack.of(self),
            "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:"
            f"<{cdk.Stack.of(self).get_logical_id(self._cfn_machine)}.Name>:*]",
            "An execution's name is its generation's id, which no one knows when the roles are made.",
        )

    @property
    def _cfn_machine(self) -> sfn.CfnStateMachine:
        return cast("sfn.CfnStateMachine", self.state_machine.node.default_child)

    @property
    def executions_arn(self) -> str:
        """Every execution of the state machine."""
        machine = self.state_machine
        return cdk.Stack.of(self).format_arn(
            service="states",
            resource="execution",
            resource_name=f"{machine.state_machine_name}:*",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )

    @property
    def _provider_environment(self) -> dict[str, str]:
        return {
            "TABLE_NAME": self._storage.table.table_name,
            "PROVIDER_URL": self._stage.provider_url,
            "PROVIDER_KEY_SECRET": self._storage.provider_key.attr_id,
        }

    def _ledger_permission(self) -> iam.PolicyStatement:
        return allow("dynamodb:GetItem", "dynamodb:UpdateItem", on=self._storage.table.table_arn)

    def _queue_permission(self) -> iam.PolicyStatement:
        return allow("dynamodb:Query", on=f"{self._storage.table.table_arn}/index/{QUEUE_INDEX}")

    def _let_them_answer(self, *callers: lambda_.Function) -> None:
        """Who gives out places wakes the workflows that wait. A policy apart: the state machine needs `admit` first."""
        iam.Policy(
            self,
            "AnswerTasks",
            statements=[allow("states:SendTaskSuccess", on=self.state_machine.state_machine_arn)],
            roles=[cast("iam.IRole", caller.role) for caller in callers],
        )

    def _sweep(self, functions: Functions) -> lambda_.Function:
        table = self._storage.table.table_arn
        sweep = functions.add(
            "sweep",
            timeout_seconds=300,
            environment={**self._capacity_environment, "STATE_MACHINE_ARN": self.state_machine.state_machine_arn},
            permissions=[
                self._ledger_permission(),
                self._queue_permission(),
                allow("dynamodb:Scan", on=f"{table}/index/{PLACE_INDEX}"),
                allow("states:StartExecution", on=self.state_machine.state_machine_arn),
            ],
        )
        events.Rule(
            self,
            "EveryMinute",
            description="Makes good what a function that died left half done.",
            schedule=events.Schedule.rate(cdk.Duration.minutes(1)),
            targets=[targets.LambdaFunction(sweep, retry_attempts=0)],
        )
        return sweep

    def _provider_permissions(self) -> list[iam.PolicyStatement]:
        return [
            self._ledger_permission(),
            allow("secretsmanager:GetSecretValue", on=self._storage.provider_key.attr_id),
        ]

    def _state_machine(self, tasks: Mapping[str, lambda_.Function]) -> sfn.StateMachine:
        """The definition as shipped; `tasks` are its placeholders' functions, and all that it may invoke."""
        log = log_group(
            self,
            self._stage,
            # The prefix spares the account's one, limited, resource policy for log delivery.
            log_group_name=f"/aws/vendedlogs/states/{cdk.Stack.of(self).stack_name}-video-generation",
        )
        machine = sfn.StateMachine(
            self,
            "VideoGeneration",
            definition_body=sfn.DefinitionBody.from_string(DEFINITION.read_text()),
            definition_substitutions={name: function.function_arn for name, function in tasks.items()},
            logs=sfn.LogOptions(destination=log, level=sfn.LogLevel.ERROR, include_execution_data=False),
            tracing_enabled=True,
        )
        machine.add_to_role_policy(
            iam.PolicyStatement(
                actions=["lambda:InvokeFunction"],
                resources=[function.function_arn for function in tasks.values()],
            )
        )
        acknowledge(
            machine,
            "AwsSolutions-SF1",
            "Step Functions keeps every event of an execution for 90 days; the log is for errors.",
        )
        acknowledge(
            machine,
            "AwsSolutions-IAM5[Resource::*]",
            "X-Ray and the set-up of log delivery know no resources.",
        )
        return machine

    def _dead_letters(self) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "DeadLetters",
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),  # SQS keeps nothing longer
        )
        acknowledge(queue, "AwsSolutions-SQS3", "It is the dead-letter queue, of a rule and a function.")
        return queue

    def _record_executions_that_could_not(self) -> None:
        """Executions aborted, timed out, or whose own RecordFailure failed are recorded from outside.

        EventBridge retries the delivery and Lambda the function; what they give up is a dead letter.
        """
        lambda_.CfnEventInvokeConfig(
            self,
            "RecordFailureRetries",
            function_name=self.record_failure.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=2,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=self.dead_letters.queue_arn)
            ),
        )
        events.Rule(
            self,
            "ExecutionEnded",
            description="Executions that did not succeed are recorded and announced.",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [self.state_machine.state_machine_arn],
                    "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                },
            ),
            targets=[
                targets.LambdaFunction(
                    self.record_failure,
                    dead_letter_queue=self.dead_letters,
                    retry_attempts=10,
                    max_event_age=cdk.Duration.hours(24),
                )
            ],
        )
