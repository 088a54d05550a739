"""Delete a stack and all of its data: `python -m infra.destroy STAGE`. FORCE=1 skips the question.

CloudFormation does not delete a bucket that contains objects or versions, and nothing in the stack has permission to
empty the buckets. This script asks for confirmation and empties them with the credentials of the shell.
"""

import os
import subprocess
import sys

import boto3
from botocore.exceptions import ClientError

from infra.config import UnknownStage
from infra.deploy import context, stage_of


def main(name: str) -> int:
    """Ask for confirmation, empty the buckets and delete the stack. Return the exit code.

    For a stage that keeps its data, only print how to delete it."""
    try:
        stage = stage_of(name)
    except UnknownStage as error:
        sys.stderr.write(f"{error}\n")
        return 1
    stack = f"promptreel-{stage.name}"
    if stage.keep_data:
        sys.stderr.write(
            f"{stack} keeps its videos and records. To delete it anyway, turn off its termination protection in "
            "CloudFormation and delete it there. Its buckets, tables and secrets remain; delete them by hand. "
            "docs/operate.md has the commands.\n"
        )
        return 1
    if os.environ.get("FORCE") != "1" and not _is_confirmed(stack):
        return 1
    try:
        resources = _resources(stack)
    except ClientError as error:
        sys.stderr.write(f"{stack} cannot be deleted: {error}\n")
        return 1
    for bucket in resources.get("AWS::S3::Bucket", []):
        boto3.resource("s3", region_name=_region()).Bucket(bucket).object_versions.delete()
    command = ["cdk", "destroy", stack, *context(stage), "--force", "--no-notices"]
    code = subprocess.run(command, check=False).returncode  # noqa: S603 - the name is one of ours
    if code == 0:
        _forget_secrets(resources.get("AWS::SecretsManager::Secret", []))
    return code


def _is_confirmed(stack: str) -> bool:
    """Ask the user to type the name of the stack, and return whether they did. If not, say so."""
    problem = "Nothing was deleted."
    try:
        if input(f"This deletes {stack} with all its videos, records and keys. Type its name to continue: ") == stack:
            return True
    except EOFError:
        problem = "\nNothing was deleted, because confirmation needs a terminal. Set FORCE=1 to delete anyway."
    sys.stderr.write(f"{problem}\n")
    return False


def _resources(stack: str) -> dict[str, list[str]]:
    """Return the names of the stack's resources, by type."""
    cloudformation = boto3.client("cloudformation", region_name=_region())
    found: dict[str, list[str]] = {}
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for resource in page["StackResourceSummaries"]:
            found.setdefault(resource["ResourceType"], []).append(resource.get("PhysicalResourceId", ""))
    return found


def _region() -> str | None:
    """Return the region that CDK uses. boto3 would read only AWS_DEFAULT_REGION."""
    return os.environ.get("AWS_REGION")


def _forget_secrets(arns: list[str]) -> None:
    """Delete secrets at once. Otherwise Secrets Manager would keep them for a month, so that they can be restored."""
    secrets = boto3.client("secretsmanager", region_name=_region())
    for arn in arns:
        try:
            secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
        except secrets.exceptions.ResourceNotFoundException:
            continue
        except ClientError as error:
            sys.stderr.write(f"The stack is deleted, but not its secret {arn}: {error}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
