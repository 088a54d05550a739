"""Facts about AWS on which Promptreel relies, and which no emulator shows. The report quotes what AWS answered."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
import requests
from botocore.exceptions import ClientError

from core.records.table import KEY
from promptreel._http import RETRIED
from promptreel.operator.keys import ApiKeys
from sandbox.table import FAILED
from tests.support.deployed_sandbox import OWNER, Sandbox, eventually, unique

pytestmark = pytest.mark.aws

Fact = Callable[[str, object], None]
PICTURE = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9cc``\xf8\x0f\0\x01\x03\x01"
    b"\0\x86\xd9\x8f\xc5\0\0\0\0IEND\xaeB`\x82"
)

FIRST_RETRY_SECONDS = 90  # Lambda's first asynchronous retry comes after a minute


def handler_named(sandbox: Sandbox, name: str) -> str:
    """Return the name of the sandbox's function with this handler."""
    pages = sandbox.aws("lambda").get_paginator("list_functions").paginate()
    found = [function for page in pages for function in page["Functions"]]
    ours = [one for one in found if one["FunctionName"].startswith("promptreel-sandbox-")]
    return next(str(one["FunctionName"]) for one in ours if one["Handler"] == f"{name}.handler")


def role_that_may(sandbox: Sandbox, policy: dict[str, Any], name: str) -> None:
    """Create a role with this policy that the operator can assume."""
    caller = sandbox.aws("sts").get_caller_identity()["Account"]
    trust = {"Effect": "Allow", "Principal": {"AWS": caller}, "Action": "sts:AssumeRole"}
    iam, version = sandbox.aws("iam"), {"Version": "2012-10-17"}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(version | {"Statement": [trust]}))
    iam.put_role_policy(RoleName=name, PolicyName="only", PolicyDocument=json.dumps(version | {"Statement": [policy]}))


@contextmanager
def as_role(sandbox: Sandbox, policy: dict[str, Any]) -> Iterator[Any]:
    """Yield a client of Step Functions that may do only what the policy says."""
    import boto3  # noqa: PLC0415 - the only client that is not the operator's

    name = f"promptreel-sandbox-{uuid4().hex[:8]}"
    iam, sts = sandbox.aws("iam"), sandbox.aws("sts")
    role_that_may(sandbox, policy, name)
    try:
        arn = iam.get_role(RoleName=name)["Role"]["Arn"]

        def assume() -> Any:
            try:
                return sts.assume_role(RoleArn=arn, RoleSessionName="sandbox")["Credentials"]
            except ClientError:  # a new role can be assumed after some seconds
                return None

        credentials = eventually(assume)
        yield boto3.client(
            "stepfunctions",
            region_name=sandbox.region,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
        )
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="only")
        iam.delete_role(RoleName=name)


def test_the_functions_may_answer_their_tasks(sandbox: Sandbox, record_property: Fact) -> None:
    """Their roles name the state machine as the resource of SendTaskSuccess."""
    generation_id = sandbox.create(unique("A gate"))
    sandbox.completed(generation_id)
    events = sandbox.history(sandbox.execution(generation_id)["executionArn"])
    answered = [one["taskSucceededEventDetails"]["resource"] for one in events if one["type"] == "TaskSucceeded"]
    assert any(resource.endswith("invoke.waitForTaskToken") for resource in answered)
    record_property("fact", "a role with SendTaskSuccess on the state machine's ARN answers its tasks")


def test_a_role_for_another_state_machine_may_not_answer(sandbox: Sandbox, record_property: Fact) -> None:
    """A job that waits for a slot has a token in its record. A foreign role tries to use it."""
    slots = int(sandbox.call("GET", "/v2/slots").json()["limit"])
    jobs = [sandbox.create(unique("A queue [sandbox: 60 s]")) for _ in range(slots + 1)]
    table = {"TableName": sandbox.outputs["TableName"]}
    policy = {
        "Effect": "Allow",
        "Action": "states:SendTaskSuccess",
        "Resource": sandbox.outputs["PromptBatchStateMachineArn"],
    }

    def token() -> str | None:
        for job in jobs:
            item = sandbox.aws("dynamodb").get_item(**table, Key={KEY: {"S": job}}, ConsistentRead=True)["Item"]
            if "task_token" in item:
                return str(item["task_token"]["S"])
        return None

    with as_role(sandbox, policy) as stepfunctions, pytest.raises(ClientError) as refused:
        stepfunctions.send_task_success(taskToken=eventually(token), output="{}")
    record_property("fact", str(refused.value))
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    for job in jobs:
        sandbox.call("DELETE", params={"generation_id": job})


def test_a_copy_of_an_input_has_no_tags_of_its_source(sandbox: Sandbox, record_property: Fact) -> None:
    """Admit copies it with replaced tags, and its role may neither read nor write tags."""
    bucket, key = sandbox.outputs["PromptsBucketName"], f"{uuid4().hex}.png"
    s3 = sandbox.aws("s3")
    s3.put_object(Bucket=bucket, Key=key, Body=PICTURE, ContentType="image/png", Tagging="team=films")
    prompt = unique("A tagged sea")
    model, link = "google/veo-3.1-i2v-fast", f"s3://{bucket}/{key}"
    generation_id = sandbox.create(prompt, model=model, image_url=link)
    sandbox.completed(generation_id)
    videos = sandbox.outputs["VideosBucketName"]
    (copy,) = s3.list_objects_v2(Bucket=videos, Prefix=f"videos/{generation_id}/inputs/")["Contents"]
    assert s3.get_object_tagging(Bucket=videos, Key=copy["Key"])["TagSet"] == []
    record_property("fact", "CopyObject with TaggingDirective REPLACE needs no permission for tags")


def test_the_name_of_a_closed_execution_cannot_be_used_again(sandbox: Sandbox, record_property: Fact) -> None:
    generation_id = sandbox.create(unique("A door"))
    sandbox.completed(generation_id)
    ended = sandbox.execution(generation_id)
    machine = sandbox.outputs["VideoGenerationStateMachineArn"]
    for text in (ended["input"], '{"another": "input"}'):
        with pytest.raises(ClientError) as refused:
            sandbox.aws("stepfunctions").start_execution(stateMachineArn=machine, name=generation_id, input=text)
        record_property("fact", str(refused.value))
        assert refused.value.response["Error"]["Code"] == "ExecutionAlreadyExists"


@pytest.mark.parametrize("function", ["api", "authorize"])
def test_callers_retry_when_lambda_is_throttled(sandbox: Sandbox, function: str, record_property: Fact) -> None:
    lambdas, name = sandbox.aws("lambda"), handler_named(sandbox, function)
    # A new key, because the gateway remembers the authorizer's answers.
    keys = ApiKeys(sandbox.aws("secretsmanager"), sandbox.outputs["ApiKeysSecretArn"])
    headers = {"Authorization": f"Bearer {keys.create(OWNER)[0]}"}
    lambdas.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:

        def throttled() -> requests.Response | None:
            answer = requests.get(f"{sandbox.url}/v2/keys", headers=headers, timeout=60)
            return None if answer.ok else answer

        answer = eventually(throttled)
    finally:
        lambdas.delete_function_concurrency(FunctionName=name)
    record_property("fact", f"{answer.status_code} {answer.headers.get('Retry-After', 'without Retry-After')}")
    record_property("fact", answer.text[:200])
    assert answer.status_code in RETRIED
    eventually(lambda: requests.get(f"{sandbox.url}/v2/keys", headers=headers, timeout=60).ok or None)


def test_lambda_retries_asynchronous_invocations_as_configured(sandbox: Sandbox, record_property: Fact) -> None:
    lambdas, function = sandbox.aws("lambda"), sandbox.outputs["SandboxFunctionName"]

    def invoke() -> str:
        name = uuid4().hex
        lambdas.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps({"name": name}))
        eventually(lambda: attempts(name) or None)
        return name

    def attempts(name: str) -> int:
        return sum(name in one for one in sandbox.noted(FAILED))

    lambdas.put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=0)
    try:
        never_again = invoke()
        time.sleep(FIRST_RETRY_SECONDS)  # no condition can show that a retry does not come
        assert attempts(never_again) == 1
    finally:
        lambdas.delete_function_event_invoke_config(FunctionName=function)
    usual = invoke()
    eventually(lambda: attempts(usual) == 3 or None)
    record_property("fact", "1 attempt with MaximumRetryAttempts 0, and 3 without a configuration")


def test_the_scheduled_functions_are_not_retried(sandbox: Sandbox, record_property: Fact) -> None:
    for name in ("sweep", "reconcile"):
        function = handler_named(sandbox, name)
        config = sandbox.aws("lambda").get_function_event_invoke_config(FunctionName=function)
        assert config["MaximumRetryAttempts"] == 0
    record_property("fact", "sweep and reconcile: MaximumRetryAttempts 0")
