"""Accept findings of cdk-nag that are intended."""

import aws_cdk as cdk
from constructs import IConstruct

MAPPING = "Serverless-LambdaEventSourceMappingDestination"


def acknowledge(construct: IConstruct, finding: str, reason: str) -> None:
    """Accept `finding`, as in `AwsSolutions-IAM5[Resource::*]`, for `construct` and its children."""
    cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=finding, reason=reason))
