"""Invoke functions by schedule."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.nag import acknowledge


def repeat(scope: Construct, name: str, schedule: events.Schedule, function: lambda_.Function) -> None:
    """Invoke the function by this schedule, which also repeats its work after an error.

    By default, Lambda would repeat a failed invocation twice, and keep a throttled one for six hours.
    """
    function.configure_async_invoke(retry_attempts=0, max_event_age=cdk.Duration.seconds(60))
    rule = events.Rule(scope, name, schedule=schedule, targets=[targets.LambdaFunction(function, retry_attempts=0)])
    acknowledge(rule, "Serverless-EventBusDLQ", "The schedule repeats what could not be delivered.")
