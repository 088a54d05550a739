"""Deploy a stack, and print how to begin: `python -m infra.deploy STAGE`. ALARM_EMAIL subscribes to the alarms."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.bundle import BundlingFailed, python_for
from infra.config import UnknownStage, stage_named


def main(name: str) -> int:
    """Check what the deployment needs, deploy, subscribe, and print the next steps. Return the exit code."""
    try:
        stage = stage_named(name)
        python_for(stage.python)  # before CDK starts, which takes a while
    except (UnknownStage, BundlingFailed) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    stack = f"promptreel-{stage.name}"
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "outputs.json"
        command = ["cdk", "deploy", stack, "--context", f"stage={stage.name}", "--no-notices"]
        code = subprocess.run([*command, "--outputs-file", str(file)], check=False).returncode  # noqa: S603 - ours
        if code or not file.exists():  # without a file, the question about permissions was answered with no
            return code
        outputs: dict[str, str] = json.loads(file.read_text("utf-8"))[stack]
    email = os.environ.get("ALARM_EMAIL", "")
    if email:
        _subscribe(outputs["AlarmTopicArn"], email)
    sys.stdout.write(next_steps(stage.name, outputs, email))
    return 0


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
        "  . .venv/bin/activate\n"
        f"  export PROMPTREEL_STAGE={stage} PROMPTREEL_URL={outputs['ApiUrl']}\n"
        "  promptreel secret set\n\n"
        "Then create an API key, and make the first video. Keep the key, which is not stored:\n\n"
        '  export PROMPTREEL_API_KEY="$(promptreel keys create "$USER")"\n'
        "  promptreel doctor\n"
        '  promptreel create "A lighthouse in a storm" --wait -o lighthouse.mp4\n'
        "  promptreel console\n"
    )


def _subscribe(topic: str, email: str) -> None:
    region = topic.split(":")[3]
    try:
        boto3.client("sns", region_name=region).subscribe(TopicArn=topic, Protocol="email", Endpoint=email)
    except (BotoCoreError, ClientError) as error:
        sys.stderr.write(f"The stack is deployed, but {email} could not be subscribed to its alarms: {error}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
