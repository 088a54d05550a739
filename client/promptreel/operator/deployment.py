"""Find the deployed stack in CloudFormation."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from promptreel.configuration import Configuration, LocalAws
from promptreel.errors import ConfigurationError, PromptreelError

_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
# ClientError's codes for credentials that are wrong, expired or lack permissions.
_CREDENTIALS = ("AccessDenied", "AuthFailure", "ExpiredToken", "InvalidClientTokenId", "UnrecognizedClient")


@dataclass(frozen=True)
class Deployment:
    """The stack of a stage. `outputs` are keyed by their names in infra/stack.py."""

    stack_name: str
    status: str  # from CloudFormation, such as UPDATE_COMPLETE
    region: str
    outputs: Mapping[str, str]
    local_aws: LocalAws | None

    def client(self, service: str, **options: Any) -> Any:
        """Return an AWS client with timeouts in the stack's region. `options` are those of botocore's Config."""
        return _client(service, self.local_aws, **options)

    def output(self, name: str) -> str:
        """Return an output of the stack. Raise `PromptreelError` if it is missing."""
        try:
            return self.outputs[name]
        except KeyError:
            raise PromptreelError(f"Stack {self.stack_name} has no output {name}: deploy this version first.") from None


def find(configuration: Configuration) -> Deployment:
    """Return the stack of the configured stage. Call it within `aws_errors`."""
    name = f"promptreel-{configuration.stage}"
    cloudformation = _client("cloudformation", configuration.local_aws)
    region = cloudformation.meta.region_name
    try:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            raise PromptreelError(
                f"Stack {name} does not exist in {region}: deploy it (make deploy STAGE={configuration.stage}), or "
                "choose another stage with --stage or another region with AWS_REGION."
            ) from error
        raise
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    return Deployment(name, stack["StackStatus"], region, outputs, configuration.local_aws)


@contextmanager
def aws_errors() -> Iterator[None]:
    """Convert SDK errors in the block to `PromptreelError`, or to `ConfigurationError` if credentials are the cause."""
    try:
        yield
    except ClientError as error:
        problem = error.response["Error"]
        sentence = f"AWS rejected {error.operation_name}: {problem.get('Message') or problem['Code']}"
        if problem["Code"].startswith(_CREDENTIALS):
            raise ConfigurationError(f"{sentence.rstrip('.')}; check your AWS credentials.") from error
        raise PromptreelError(sentence) from error
    except BotoCoreError as error:
        raise ConfigurationError(f"AWS cannot be used: {str(error).rstrip('.')}; run `aws configure`.") from error


def _client(service: str, local: LocalAws | None, **config: Any) -> Any:
    # boto3 reads only AWS_DEFAULT_REGION; `aws` and `cdk` prefer AWS_REGION.
    where: dict[str, Any] = {"region_name": os.environ.get("AWS_REGION")}
    if local:
        where = {
            "endpoint_url": local.endpoint_url,
            "region_name": local.region,
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }
    return cast("Any", boto3).client(service, config=_CONFIG.merge(Config(**config)), **where)
