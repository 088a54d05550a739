"""Test the deployed sandbox: `python -m tests.sandbox [--local] [pytest's options]`, which `make sandbox-test` runs.

With --local, a local AWS is started, and the sandbox is deployed, tested and deleted there.
"""

import os
import subprocess
import sys
from pathlib import Path

import boto3

from infra import deploy, destroy
from local.sandbox import local_aws
from local.settings import LocalCloudError
from tests.support.deployed_sandbox import find

HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    """Run the tests and return the exit code."""
    if "--local" not in arguments:
        return run(arguments)
    options = [argument for argument in arguments if argument != "--local"]
    with local_aws():
        os.environ["FORCE"] = "1"  # there is nothing to confirm
        before = remains()
        code = deploy.main("sandbox")
        if code == 0:
            start_secret()
            code = run(options)
        code = destroy.main("sandbox") or code
        left = remains() - before
    if left:
        sys.stderr.write(f"`make sandbox-down` left behind: {', '.join(sorted(left))}\n")
    return code or int(bool(left))


def start_secret() -> None:
    """Give the secret of the API keys a value, because the local AWS reads a secret without one as an empty text."""
    secret = find().outputs["ApiKeysSecretArn"]
    boto3.client("secretsmanager").put_secret_value(SecretId=secret, SecretString="{}")


def run(options: list[str]) -> int:
    """Run pytest without the conftest.py of the other tests, which keeps tests away from AWS."""
    command = [sys.executable, "-m", "pytest", str(HERE), "--confcutdir", str(HERE), *options]
    return subprocess.run(command, check=False).returncode


def remains() -> set[str]:
    """Return what exists in the account of the kinds that a stack creates."""
    found = {f"bucket {one['Name']}" for one in boto3.client("s3").list_buckets()["Buckets"]}
    for service, operation, field, name in (
        ("dynamodb", "list_tables", "TableNames", ""),
        ("lambda", "list_functions", "Functions", "FunctionName"),
        ("lambda", "list_layers", "Layers", "LayerName"),
        ("secretsmanager", "list_secrets", "SecretList", "ARN"),
        ("logs", "describe_log_groups", "logGroups", "logGroupName"),
        ("stepfunctions", "list_state_machines", "stateMachines", "name"),
        ("apigatewayv2", "get_apis", "Items", "ApiId"),
        ("sqs", "list_queues", "QueueUrls", ""),
        ("sns", "list_topics", "Topics", "TopicArn"),
        ("events", "list_event_buses", "EventBuses", "Name"),
        ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
        ("iam", "list_roles", "Roles", "RoleName"),
    ):
        client = boto3.client(service)  # type: ignore[call-overload]  # the name is not literal
        for one in getattr(client, operation)().get(field, []):
            found.add(f"{service} {one[name] if name else one}")
    return found


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (LocalCloudError, subprocess.CalledProcessError) as error:
        sys.exit(f"The local AWS could not be started: {error}")
