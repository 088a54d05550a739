"""Run a command of the AWS CLI with the SDK: `python -m tests.support.aws_program events put-events --entries ...`.

The CLI needs another version of the SDK than ours. This understands what the documentation uses: an operation with
options that are text or JSON, and `s3 cp` of a file.
"""

import json
import sys
from typing import Any

import boto3
from botocore import xform_name


def run(service: str, operation: str, *arguments: str) -> dict[str, Any]:
    """Run a command and return the answer of AWS."""
    client = boto3.client(service)  # type: ignore[call-overload]  # the name is not literal
    if (service, operation) == ("s3", "cp"):
        bucket, _, key = arguments[1].removeprefix("s3://").partition("/")
        client.upload_file(arguments[0], bucket, key)
        return {}
    names = {xform_name(name, "-"): name for name in client.meta.service_model.operation_names}
    takes = client.meta.service_model.operation_model(names[operation]).input_shape.members
    options = {f"--{xform_name(name, '-')}": name for name in takes}
    given = {
        options[option]: value if takes[options[option]].type_name == "string" else json.loads(value)
        for option, value in zip(arguments[::2], arguments[1::2], strict=True)
    }
    answer: dict[str, Any] = getattr(client, xform_name(names[operation]))(**given)
    if answer.get("FailedEntryCount"):
        raise ValueError(answer)
    return answer


if __name__ == "__main__":
    run(*sys.argv[1:])
