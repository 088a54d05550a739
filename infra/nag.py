"""Findings of cdk-nag that are as they should be."""

import aws_cdk as cdk
from constructs import IConstruct


def acknowledge(construct: IConstruct, finding: str, reason: str) -> None:
    """Accept `finding`, as in `AwsSolutions-IAM5[Resource::*]`, for `construct` and all within."""
    cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=finding, reason=reason))
