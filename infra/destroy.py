"""Delete a stack and all of its data: `python -m infra.destroy STAGE`.

CloudFormation does not delete a bucket that contains objects or versions, and nothing in the stack has permission to
empty the buckets. This script asks for confirmation and empties them with the credentials of the shell.
"""

import subprocess
import sys

import boto3

from infra.config import UnknownStage, stage_named


def main(name: str) -> int:
    """Ask for confirmation, empty the buckets and delete the stack. Return the exit code.

    For a stage that keeps its data, only print how to delete it."""
    try:
        stage = stage_named(name)
    except UnknownStage as error:
        sys.stderr.write(f"{error}\n")
        return 1
    stack = f"promptreel-{stage.name}"
    if stage.keep_data:
        sys.stderr.write(
            f"{stack} keeps its videos and records. To delete it anyway, turn off its termination protection in "
            "CloudFormation and delete it there. Its buckets, tables and secrets remain; delete them by hand.\n"
        )
        return 1
    if input(f"This deletes {stack} with all its videos, records and keys. Type its name to continue: ") != stack:
        sys.stderr.write("Nothing was deleted.\n")
        return 1
    resources = boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    for page in resources:
        for resource in page["StackResourceSummaries"]:
            if resource["ResourceType"] == "AWS::S3::Bucket":
                boto3.resource("s3").Bucket(resource["PhysicalResourceId"]).object_versions.delete()
    command = ["cdk", "destroy", stack, "--context", f"stage={stage.name}", "--force", "--no-notices"]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - the name is one of ours


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
