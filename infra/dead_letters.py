"""Create the queues of what could not be processed."""

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.nag import acknowledge

KEPT_FOR = cdk.Duration.days(14)  # the maximum of SQS


def dead_letters(scope: Construct) -> sqs.Queue:
    """Create a queue for the messages that were retried in vain. An alarm watches each."""
    queue = sqs.Queue(scope, "DeadLetters", enforce_ssl=True, retention_period=KEPT_FOR)
    for finding in ("AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"):
        acknowledge(queue, finding, "It is the dead-letter queue.")
    return queue
