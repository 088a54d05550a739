"""The deployed stack, as CloudFormation tells of it."""

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
# ClientError's codes for credentials that are wrong, expired or too weak.
_CREDENTIALS = ("AccessDenied", "AuthFailure", "ExpiredToken", "InvalidClientTokenId", "UnrecognizedClient")


@dataclass(frozen=True)
class Deployment:
    """One stage's stack; `outputs` by their names in infra/stack.py."""

    stack_name: str
    status: str  # CloudFormation's, such as UPDATE_COMPLETE
    region: str
    outputs: Mapping[str, str]
    local_aws: LocalAws | None

    def client(self, service: str, **options: Any) -> Any:
        """An AWS client with time-outs, in the stack's region; `options` are of botocore's Config."""
        return _client(service, self.local_aws, **options)

    def output(self, name: str) -> str:
        """One of the outputs."""
        try:
            return self.outputs[name]
        except KeyError:
            raise PromptreelError(f"Stack {self.stack_name} has no output {name}: deploy this version first.") from None


def find(configuration: Configuration) -> Deployment:
    """The stack of the configured stage; call it within `aws_errors`."""
    name = f"promptreel-{configuration.stage}"
    cloudformation = _client("cloudformation", configuration.local_aws)
    region = cloudformation.meta.region_name
    try:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            raise PromptreelError(
                f"There is no stack {name} in {region}: deploy it (make deploy STAGE={configuration.stage}), or name "
                "another stage with --stage, another region with AWS_REGION."
            ) from error
        raise
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    return Deployment(name, stack["StackStatus"], region, outputs, configuration.local_aws)


@contextmanager
def aws_errors() -> Iterator[None]:
    """The SDK's errors as `PromptreelError`, and as `ConfigurationError` where the credentials are the problem."""
    try:
        yield
    except ClientError as error:
        problem = error.response["Error"]
        sentence = f"AWS refused {error.operation_name}: {problem.get('Message') or problem['Code']}"
        if problem["Code"].startswith(_CREDENTIALS):
            raise ConfigurationError(f"{sentence.rstrip('.')}; check your AWS credentials.") from error
        raise PromptreelError(sentence) from error
    except BotoCoreError as error:
        raise ConfigurationError(
            f"AWS cannot be used: {str(error).rstrip('.')}; see `aws configure`, or name the local cloud with --local."
        ) from error


def _client(service: str, local: LocalAws | None, **config: Any) -> Any:
    # boto3 reads AWS_DEFAULT_REGION alone; `aws` and `cdk` take this one first.
    where: dict[str, Any] = {"region_name": os.environ.get("AWS_REGION")}
    if local:
        where = {
            "endpoint_url": local.endpoint_url,
            "region_name": local.region,
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }
    return cast("Any", boto3).client(service, config=_CONFIG.merge(Config(**config)), **where)
