"""Deploy a stack, and print how to begin: `python -m infra.deploy STAGE`. ALARM_EMAIL subscribes to the alarms.

A sandbox can also be deployed to the local AWS that AWS_ENDPOINT_URL names.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.bundle import BundlingFailed, python_for
from infra.config import Stage, UnknownStage, stage_named
from sandbox.videos import store_videos


def main(name: str) -> int:
    """Check what the deployment needs, deploy, subscribe, and print the next steps. Return the exit code."""
    try:
        stage = stage_of(name)
        python_for(stage.python)  # before CDK starts, which takes a while
    except (UnknownStage, BundlingFailed) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    stack = f"promptreel-{stage.name}"
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "outputs.json"
        # A local AWS has nobody to ask about permissions.
        approval = ["--require-approval", "never"] if stage.emulator else []
        command = ["cdk", "deploy", stack, *context(stage), *approval, "--no-notices", "--outputs-file", str(file)]
        code = subprocess.run(command, check=False).returncode  # noqa: S603 - ours
        if code or not file.exists():  # without a file, the question about permissions was answered with no
            return code
        outputs: dict[str, str] = json.loads(file.read_text("utf-8"))[stack]
    if stage.simulates_provider:
        try:
            store_videos(boto3.client("s3", region_name=_region(outputs)), outputs["SandboxVideosBucketName"])
        except (BotoCoreError, ClientError) as error:
            sys.stderr.write(f"The stack is deployed, but its videos could not be stored ({error}): deploy again.\n")
            return 1
        sys.stdout.write(sandbox_steps(outputs))
        return 0
    email = os.environ.get("ALARM_EMAIL", "")
    if email:
        _subscribe(outputs, email)
    sys.stdout.write(next_steps(stage.name, outputs, email))
    return 0


def stage_of(name: str) -> Stage:
    """Return the stage with this name, for the AWS that the shell's environment leads to. Raise UnknownStage."""
    return stage_named(name, emulator=os.environ.get("AWS_ENDPOINT_URL") if name == "sandbox" else None)


def context(stage: Stage) -> list[str]:
    """Return the CDK CLI's arguments for a stage."""
    arguments = ["--context", f"stage={stage.name}"]
    if stage.emulator:
        arguments += ["--context", f"emulator={stage.emulator}"]
    return arguments


def next_steps(stage: str, outputs: dict[str, str], email: str) -> str:
    """Return what a user does after a deployment, with commands to paste."""
    alarms = f"Follow the link that AWS has sent to {email}, which confirms that you want to receive alarms.\n"
    if not email:
        alarms = f"To receive alarms, deploy with an address: make deploy STAGE={stage} ALARM_EMAIL=you@example.com\n"
    if "Domain" in outputs:
        alarms += f"Point {outputs['Domain']} to {outputs['DomainTarget']}, with a CNAME record.\n"
    return (
        f"\nDeployed. Alarms are published to {outputs['AlarmTopicArn']}.\n{alarms}\n"
        "Store the provider's key, which the command asks for:\n\n"
        f"{_activation(stage, outputs)}"
        "  promptreel secret set\n\n"
        f"{_FIRST_VIDEO}"
    )


def sandbox_steps(outputs: dict[str, str]) -> str:
    """Return what a user does with a sandbox. The provider's key is already there."""
    return (
        "\nDeployed. The provider is simulated, so no AI is involved, and AWS bills about a cent an hour.\n\n"
        f"{_activation('sandbox', outputs)}\n"
        f"{_FIRST_VIDEO}\n"
        "Test it with `make sandbox-test`, and delete it with `make sandbox-down`.\n"
    )


def _activation(stage: str, outputs: dict[str, str]) -> str:
    return f"  . .venv/bin/activate\n  export PROMPTREEL_STAGE={stage} PROMPTREEL_URL={outputs['ApiUrl']}\n"


_FIRST_VIDEO = (
    "Then create an API key, and make the first video. Keep the key, which is not stored:\n\n"
    '  export PROMPTREEL_API_KEY="$(promptreel keys create "$USER")"\n'
    "  promptreel doctor\n"
    '  promptreel create "A lighthouse in a storm" -o first.mp4\n'
    "  promptreel console\n"
)


def _region(outputs: dict[str, str]) -> str:
    return outputs["AlarmTopicArn"].split(":")[3]


def _subscribe(outputs: dict[str, str], email: str) -> None:
    sns = boto3.client("sns", region_name=_region(outputs))
    try:
        sns.subscribe(TopicArn=outputs["AlarmTopicArn"], Protocol="email", Endpoint=email)
    except (BotoCoreError, ClientError) as error:
        sys.stderr.write(f"The stack is deployed, but {email} could not be subscribed to its alarms: {error}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
