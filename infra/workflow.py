"""Create the state machine of one job, its functions, and the sweep that repairs interrupted work."""

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from core.records.table import BY_WATCH
from infra.base import Base
from infra.dead_letters import dead_letters
from infra.functions import Size, allow
from infra.nag import acknowledge
from infra.schedule import repeat
from infra.state_machine import Definition, state_machine
from infra.storage import Storage

SUBMIT_TIMEOUT_SECONDS = 90
CHECK_SECONDS = 120  # for two polls of the provider that have to agree, including their timeouts


class Workflow(Construct):
    """The `state_machine`, the functions of its states, `sweep`, and `dead_letters`."""

    def __init__(self, scope: Construct, base: Base) -> None:
        super().__init__(scope, "Workflow")
        stage, functions, storage = base.stage, base.functions, base.storage
        announcements = base.announcements
        ledger, slots, provider = storage.ledger, storage.slots, storage.provider
        self.admit = functions.add(
            "admit",
            size=Size(timeout_seconds=60),
            environment={**slots.environment, **storage.inputs_environment},
            permissions=[
                *slots.permissions,
                *storage.inputs_permissions(),
                # The generations' copies of their inputs.
                allow("s3:GetObject", "s3:PutObject", on=storage.videos.arn_for_objects("videos/*/inputs/*")),
            ],
        )
        self.submit = functions.add(
            "submit",
            size=Size(timeout_seconds=SUBMIT_TIMEOUT_SECONDS),
            environment={
                **slots.environment,
                **provider.environment,
                "SUBMIT_DEADLINE_SECONDS": str(stage.submit_deadline_seconds),
                "SUBMIT_TIMEOUT_SECONDS": str(SUBMIT_TIMEOUT_SECONDS),
                "POLL_FIRST_SECONDS": str(stage.poll_first_seconds),
                "VIDEOS_BUCKET": storage.videos.bucket_name,
                **stage.retention_environment,
                **storage.money.environment,
            },
            permissions=[*slots.permissions, *provider.permissions, storage.money.checks_budgets],
        )
        self._let_it_sign_links(storage)
        self.look_up_submission = functions.add(
            "look_up_submission",
            size=Size(
                timeout_seconds=300,  # twenty pages of the provider's log
            ),
            environment={
                **ledger.environment,
                **provider.environment,
                "POLL_FIRST_SECONDS": str(stage.poll_first_seconds),
                "POLL_SLOW_SECONDS": str(stage.poll_slow_seconds),
                "LOOK_UP_SECONDS": str(stage.look_up_seconds),
            },
            permissions=[*ledger.permissions(), *provider.permissions],
        )
        self.check_status = functions.add(
            "check_status",
            # It mostly waits, which costs less with less memory; it uses about 80 MiB.
            size=Size(timeout_seconds=stage.stay_seconds + CHECK_SECONDS, memory_mb=192),
            environment={
                **slots.environment,
                **provider.environment,
                "POLL_FIRST_SECONDS": str(stage.poll_first_seconds),
                "POLL_EVERY_SECONDS": str(stage.poll_every_seconds),
                "POLL_STAY_SECONDS": str(stage.stay_seconds),
                "POLL_DEADLINE_SECONDS": str(stage.poll_deadline_seconds),
                "POLL_SLOW_SECONDS": str(stage.poll_slow_seconds),
                "POLL_GIVE_UP_SECONDS": str(stage.poll_give_up_seconds),
                "POLLS_PER_SECOND": str(stage.polls_per_second),
            },
            permissions=[*slots.permissions, slots.reads_learned, *provider.permissions],
        )
        self.finalize = functions.add(
            "finalize",
            size=Size(
                timeout_seconds=900,
                memory_mb=1024,  # Lambda scales network and CPU with memory. The video itself is never held in memory.
            ),
            environment={
                **slots.environment,
                **provider.environment,
                **announcements.environment,
                **storage.money.environment,
                "VIDEOS_BUCKET": storage.videos.bucket_name,
                **stage.retention_environment,
                "VIDEO_HOSTS": ",".join(stage.video_hosts),
                "ALLOW_LOCAL_VIDEO_HOSTS": str(stage.allow_local_video_hosts).lower(),
                "MAX_VIDEO_BYTES": str(stage.max_video_bytes),
            },
            permissions=[
                *slots.permissions,
                *provider.permissions,
                *announcements.permissions,
                storage.money.settles,
                allow(
                    "s3:PutObject",
                    "s3:PutObjectTagging",  # the rule that says how long the video is kept
                    "s3:GetObject",
                    "s3:DeleteObject",
                    "s3:AbortMultipartUpload",
                    "s3:ListMultipartUploadParts",
                    on=storage.videos.arn_for_objects("videos/*"),
                ),
                # Without it S3 answers 403, not 404, for an object that does not exist yet.
                allow("s3:ListBucket", on=storage.videos.bucket_arn),
            ],
        )
        self.dead_letters = dead_letters(self)
        self.record_failure = functions.add(
            "record_failure",
            size=Size(timeout_seconds=60),
            environment={**slots.environment, **announcements.environment, **storage.money.environment},
            permissions=[
                *slots.permissions,
                storage.money.settles,
                *announcements.permissions,
                allow("sqs:SendMessage", on=self.dead_letters.queue_arn),
            ],
        )
        self.state_machine = state_machine(
            self,
            stage,
            Definition(
                "video_generation",
                {
                    "admit": self.admit,
                    "submit": self.submit,
                    "look_up_submission": self.look_up_submission,
                    "check_status": self.check_status,
                    "finalize": self.finalize,
                    "record_failure": self.record_failure,
                },
            ),
        )
        self._record_executions_that_could_not()
        self.sweep = self._sweep(base)
        self._let_them_answer()
        acknowledge(
            cdk.Stack.of(self),
            "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:"
            f"<{cdk.Stack.of(self).get_logical_id(self._cfn_machine)}.Name>:*]",
            "An execution's name is its generation's id, which is unknown when the roles are created.",
        )

    @property
    def _cfn_machine(self) -> sfn.CfnStateMachine:
        return cast("sfn.CfnStateMachine", self.state_machine.node.default_child)

    @property
    def executions_arn(self) -> str:
        """Return the ARN pattern of the state machine's executions."""
        machine = self.state_machine
        return cdk.Stack.of(self).format_arn(
            service="states",
            resource="execution",
            resource_name=f"{machine.state_machine_name}:*",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )

    @property
    def task_roles(self) -> dict[str, iam.IRole]:
        """Return the roles of the functions that grant slots."""
        callers = {
            "Admit": self.admit,
            "Submit": self.submit,
            "CheckStatus": self.check_status,
            "Finalize": self.finalize,
            "RecordFailure": self.record_failure,
            "Sweep": self.sweep,
        }
        return {name: cast("iam.IRole", function.role) for name, function in callers.items()}

    def _let_it_sign_links(self, storage: Storage) -> None:
        """Let Submit sign links with a separate role, whose credentials are valid for an hour from each request."""
        role = iam.Role(
            self,
            "LinksRole",
            description="Signs the links that the provider uses to read videos and inputs.",
            assumed_by=iam.ArnPrincipal(cast("iam.IRole", self.submit.role).role_arn),
            max_session_duration=cdk.Duration.hours(1),
        )
        role.add_to_policy(allow("s3:GetObject", on=storage.videos.arn_for_objects("videos/*")))
        cast("iam.IRole", self.submit.role).add_to_principal_policy(allow("sts:AssumeRole", on=role.role_arn))
        self.submit.add_environment("LINKS_ROLE_ARN", role.role_arn)

    def _let_them_answer(self) -> None:
        """Allow the functions that grant slots to wake workflows.

        A separate policy avoids a cycle, because the state machine depends on the function `admit`.
        """
        iam.Policy(
            self,
            "AnswerTasks",
            statements=[allow("states:SendTaskSuccess", on=self.state_machine.state_machine_arn)],
            roles=list(self.task_roles.values()),
        )

    def _sweep(self, base: Base) -> lambda_.Function:
        storage, announcements = base.storage, base.announcements
        sweep = base.functions.add(
            "sweep",
            size=Size(timeout_seconds=59),  # one sweep at a time, without a lease
            environment={
                **storage.slots.environment,
                **storage.provider.environment,
                **announcements.environment,
                **storage.money.environment,
                "STATE_MACHINE_ARN": self.state_machine.state_machine_arn,
                "VIDEOS_BUCKET": storage.videos.bucket_name,
                "POLL_DEADLINE_SECONDS": str(base.stage.poll_deadline_seconds),
            },
            permissions=[
                *storage.ledger.permissions(reads=[BY_WATCH]),
                *storage.slots.permissions,
                *storage.provider.permissions,
                *announcements.permissions,
                storage.money.settles,
                storage.money.keeps_prices,
                allow("states:StartExecution", on=self.state_machine.state_machine_arn),
                allow("states:DescribeExecution", "states:StopExecution", on=self.executions_arn),
                allow("s3:DeleteObject", on=storage.videos.arn_for_objects("videos/*")),
                allow("s3:ListBucket", on=storage.videos.bucket_arn),
            ],
        )
        repeat(self, "EveryMinute", events.Schedule.rate(cdk.Duration.minutes(1)), sweep)
        return sweep

    def _record_executions_that_could_not(self) -> None:
        """Record executions that were aborted, timed out, or failed in their own RecordFailure.

        EventBridge retries the delivery and Lambda the function. When both give up, the event moves to the dead-letter
        queue.
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
