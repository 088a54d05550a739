"""Break what each alarm of the deployed stack watches, check that it is raised, and fix it with its runbook section.

The commands are those of the page, with the names filled in (both are generated from infra/runbook.py).
"""

import json
import shlex
import string
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from core.batches.identity import batch_id_for
from core.generation import Status, iso
from core.owners import own_folder
from core.records.ledger import WATCHED
from infra.runbook import SECTIONS
from promptreel.commands import app
from promptreel.operator.keys import ApiKeys
from tests.support.alarms import Alarms
from tests.support.generations import generation
from tests.support.local_cloud import STACK_FILE, LocalCloud, eventually, unique
from tests.support.walked import FUNCTION_ALARMS, SCRIPTS
from wiring import now

once = pytest.mark.xdist_group("runbook")  # one worker runs all of these tests, so the broken jobs are created once

BEGAN = time.time()

NOT_SENT = "SubmissionUnknown, not accepted"
# Events that functions cannot handle, by the function's file. The sweep ignores its event.
UNREADABLE: dict[str, Any] = {"authorize": {"headers": {"authorization": 5}}, "reconcile": {"day": "never"}}


@dataclass
class Reader:
    """An operator who follows the section of an alarm."""

    cloud: LocalCloud
    alarm: str
    home: str
    followed: list[str] = field(default_factory=list)

    def follow(self, command: str, *, code: int = 0, stdin: str = "", **values: str) -> str:
        """Run a command of the page with its names filled in, and return the output."""
        assert command in SECTIONS[self.alarm].commands
        self.followed.append(command)
        program, *arguments = shlex.split(string.Template(command).substitute(values))
        assert program == "promptreel"
        # Run it in this process: starting a process each time takes most of the time of such a test.
        environment = self.cloud.environment(HOME=self.home, PROMPTREEL_LOCAL=str(STACK_FILE))
        ended = CliRunner().invoke(app, arguments, input=stdin, env=environment)
        assert ended.exit_code == code, (command, ended.output, ended.exception)
        return str(ended.output)

    def left_out(self) -> set[str]:
        """Return the commands that work on the local cloud and were not followed."""
        ours = {command for command in SECTIONS[self.alarm].commands if command.startswith("promptreel ")}
        return ours - {*self.followed}


@pytest.fixture
def page(cloud: LocalCloud, tmp_path: Any) -> Iterator[Callable[[str], Reader]]:
    """Open the page at an alarm's section. At the end, all of its commands must have been followed."""
    readers: list[Reader] = []

    def at(alarm: str) -> Reader:
        assert alarms_of(cloud).definition(alarm)["AlarmDescription"].endswith(f"#{SECTIONS[alarm].anchor}")
        readers.append(Reader(cloud, alarm, str(tmp_path)))
        return readers[-1]

    yield at
    assert {reader.alarm: left for reader in readers if (left := reader.left_out())} == {}


def alarms_of(cloud: LocalCloud) -> Alarms:
    return Alarms(cloud, since=BEGAN)


def raised(cloud: LocalCloud, alarm: str) -> None:
    """Wait until what the alarm watches has reached its threshold."""
    alarms = alarms_of(cloud)
    eventually(lambda: alarms.is_raised(alarm) or None)


def completed(cloud: LocalCloud, generation_id: str) -> None:
    def look() -> Any:
        found = cloud.ledger.get(generation_id)
        return found.announced_at if found.status is Status.COMPLETED else None

    eventually(look)


def functions(cloud: LocalCloud) -> dict[str, dict[str, Any]]:
    """Return the deployed functions by their files."""
    pages = cloud.aws("lambda").get_paginator("list_functions").paginate()
    return {one["Handler"].removesuffix(".handler"): one for page in pages for one in page["Functions"]}


def invoke(cloud: LocalCloud, function: str, payload: Any) -> dict[str, Any]:
    name = functions(cloud)[function]["FunctionName"]
    answer: dict[str, Any] = cloud.aws("lambda").invoke(FunctionName=name, Payload=json.dumps(payload))
    return answer


@dataclass(frozen=True)
class Broken:
    """The ids and prompts, by alarm, of the jobs that were broken together at the start."""

    ids: dict[str, str]
    prompts: dict[str, str]


@pytest.fixture(scope="module")
def broken(cloud_of_the_tests: LocalCloud) -> Broken:
    cloud = cloud_of_the_tests
    scripts = {**SCRIPTS, NOT_SENT: {"create": [{"reset": True, "accept": False}], "logged": "never"}}
    prompts = {alarm: unique(f"runbook {alarm}") for alarm in scripts}
    for alarm, script in scripts.items():
        cloud.simulator.script(prompts[alarm], **script)
    ids = {alarm: cloud.create(prompt) for alarm, prompt in prompts.items()}
    prompts["InternalError"] = unique("runbook InternalError")
    cloud.simulator.script(prompts["InternalError"], seconds=0)
    # It waits for the video of a job that does not end, and the wait fails.
    taken = f"generation:{ids['WorkflowStopped']}"
    waiting = {"model": "google/veo3-1-extend-video", "prompt": prompts["InternalError"], "video_url": taken}
    answer = cloud.call("POST", json=waiting)
    assert answer.ok, answer.text
    ids["InternalError"] = answer.json()["id"]
    for alarm in ("GenerationTimedOut", "WorkflowStopped"):
        eventually(lambda which=ids[alarm]: cloud.ledger.get(which).provider_id)  # type: ignore[misc]  # bound at once
    long_ago = {":time": {"S": iso(now() - timedelta(days=2))}}
    cloud.aws("dynamodb").update_item(
        TableName=cloud.stack.table_name,
        Key={"generation_id": {"S": ids["GenerationTimedOut"]}},
        UpdateExpression="SET submitted_at = :time",
        ExpressionAttributeValues=long_ago,
    )
    threading.Thread(target=_fail_while_it_waits, args=(cloud, ids["InternalError"]), daemon=True).start()
    return Broken(ids, prompts)


def _fail_while_it_waits(cloud: LocalCloud, generation_id: str) -> None:
    """Repeat this for each retry."""
    states = cloud.aws("stepfunctions")
    while not cloud.ledger.get(generation_id).status.ended:
        with suppress(ClientError):
            if token := cloud.ledger.task_token(generation_id):
                states.send_task_failure(taskToken=token, error="Broken", cause="by the test")
        time.sleep(0.1)


@pytest.mark.long
@once
@pytest.mark.usefixtures("broken")  # jobs that fail slowly do so during these tests
@pytest.mark.parametrize("alarm", FUNCTION_ALARMS)
def test_a_function_that_keeps_failing_says_why(cloud: LocalCloud, page: Callable[[str], Reader], alarm: str) -> None:
    """Fail once. The alarm needs five errors of this function in five minutes."""
    function, reader, alarms = FUNCTION_ALARMS[alarm], page(alarm), alarms_of(cloud)
    before = alarms.value(alarm)
    lost = uuid4().hex
    table = {"TableName": cloud.stack.table_name}
    key = {"generation_id": {"S": lost}}
    if function == "sweep":  # it finds an unreadable record
        watched = {"watch": {"S": WATCHED}, "watch_at": {"S": iso(now() - timedelta(minutes=1))}}
        cloud.aws("dynamodb").put_item(**table, Item={**key, **watched})
    try:
        answer = invoke(cloud, function, UNREADABLE.get(function, {}))
    finally:
        cloud.aws("dynamodb").delete_item(**table, Key=key)
    assert "FunctionError" in answer
    assert alarms.value(alarm) >= before + 1
    said = reader.follow("promptreel logs $FUNCTION --since 1h --level error", FUNCTION=function)
    error = json.loads(answer["Payload"].read())["errorType"]
    assert error in said or (function == "sweep" and lost in said)
    reader.follow("promptreel doctor")


def test_dead_letters_are_processed_again(cloud: LocalCloud, page: Callable[[str], Reader]) -> None:
    """Send messages as SQS, EventBridge and Lambda leave them in the dead-letter queues."""
    sqs = cloud.aws("sqs")
    prompt, failed = unique("runbook event"), uuid4().hex
    cloud.simulator.script(prompt, seconds=0)
    request = {"model": "veo2", "prompt": prompt}
    cloud.ledger.add(generation(failed, request=request, created_at=now(), updated_at=now()))
    told = {"Error": "VideoInvalid", "Cause": json.dumps({"errorMessage": "It is broken."})}
    asked = uuid4().hex
    event = {"id": asked, "detail-type": "Generation Requested", "source": "my.shop", "detail": request}
    given_up = {
        "IngestDeadLetters": ("IngestDeadLetterQueueUrl", event),
        "WebhookDeadLetters": ("WebhooksDeadLetterQueueUrl", {"delivery_id": uuid4().hex}),
        "DeadLetters": (
            "DeadLetterQueueUrl",
            {"requestPayload": {"generation_id": failed, "execution": failed, "error": told}},
        ),
    }
    for alarm, (queue, body) in given_up.items():
        sqs.send_message(QueueUrl=cloud.queue_url(queue), MessageBody=json.dumps(body))
        raised(cloud, alarm)
    looks = {
        "IngestDeadLetters": "promptreel logs ingest --since 6h --level error",
        "WebhookDeadLetters": "promptreel logs deliver_webhook --since 6h",
        "DeadLetters": "promptreel logs record_failure --since 6h --level error",
    }
    readers = {alarm: page(alarm) for alarm in looks}
    readers["DeadLetters"].follow("promptreel redrive")  # for all queues
    for alarm, look in looks.items():
        reader = readers[alarm]
        reader.follow(look)
        reader.followed.append("promptreel redrive")
        if alarm == "WebhookDeadLetters":
            reader.follow("promptreel webhooks list")
            reader.followed.append("promptreel webhooks redeliver $DELIVERY")  # for the other alarm of this section
        else:
            reader.follow("promptreel doctor")
        eventually(lambda which=alarm: alarms_of(cloud).value(which) == 0 or None)  # type: ignore[misc]  # bound at once
    found = cloud.ended(failed)
    assert found.error is not None
    assert found.error.name == "VideoInvalid"
    assert cloud.of_owner(asked).status is Status.COMPLETED


def test_an_abandoned_webhook_is_sent_again(cloud: LocalCloud, page: Callable[[str], Reader]) -> None:
    statuses = [410, 204]

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(statuses.pop(0))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        prompt = unique("runbook webhook")
        cloud.simulator.script(prompt, seconds=0)
        params = {"webhook": f"http://127.0.0.1:{server.server_port}/"}
        made = cloud.call("POST", json={"model": "veo2", "prompt": prompt}, params=params)
        assert made.ok, made.text
        raised(cloud, "WebhooksGivenUp")
        reader = page("WebhooksGivenUp")
        (line,) = (
            line
            for line in reader.follow("promptreel logs deliver_webhook --since 6h").splitlines()
            if made.json()["id"] in line
        )
        delivery = next(word.partition("=")[2] for word in line.split() if word.startswith("delivery_id="))
        assert delivery in reader.follow("promptreel webhooks list")
        reader.follow("promptreel webhooks redeliver $DELIVERY", DELIVERY=delivery)
        eventually(lambda: not statuses or None)
        reader.follow("promptreel redrive")
        server.shutdown()


def test_a_stopped_or_unreadable_batch_is_resumed(cloud: LocalCloud, page: Callable[[str], Reader]) -> None:
    prompt, key = unique("runbook batch"), f"{uuid4().hex}.json"
    cloud.simulator.script(prompt, outcome="never")
    cloud.drop(key, json.dumps([{"prompt": prompt, "seed": seed} for seed in range(2)]))
    which = batch_id_for(cloud.stack.prompts_bucket, key)
    eventually(lambda: cloud.creates(prompt) == 2 or None)
    arn = cloud.stack.prompt_batch_state_machine_arn.replace(":stateMachine:", ":execution:")
    cloud.aws("stepfunctions").stop_execution(executionArn=f"{arn}:{which}-1")
    raised(cloud, "BatchesAborted")
    reader = page("BatchesAborted")
    reader.follow("promptreel logs accept_row report_batch --since 6h --level info")
    assert which in reader.follow("promptreel batch list")
    s3, bucket = cloud.aws("s3"), cloud.stack.videos_bucket
    (rows,) = s3.list_objects_v2(Bucket=bucket, Prefix=f"batches/{which}/")["Contents"]
    written = s3.get_object(Bucket=bucket, Key=rows["Key"])["Body"].read()
    s3.put_object(Bucket=bucket, Key=rows["Key"], Body=b"\xff no row\n" * 2)
    reader.follow("promptreel batch retry $BATCH", BATCH=which)
    raised(cloud, "BatchesFailed")
    reader = page("BatchesFailed")
    reader.follow("promptreel logs accept_row report_batch --since 6h --level info")
    assert which in reader.follow("promptreel batch list")
    s3.put_object(Bucket=bucket, Key=rows["Key"], Body=written)
    cloud.simulator.script(prompt, seconds=0)
    reader.follow("promptreel batch retry $BATCH", BATCH=which)
    eventually(lambda: cloud.announcements(which, "batch_id") or None)
    assert [one["totals"]["completed"] for one in cloud.announcements(which, "batch_id")] == [2]
    assert cloud.creates(prompt) == 2


def test_a_key_with_too_many_rejected_rows_is_revoked(cloud: LocalCloud, page: Callable[[str], Reader]) -> None:
    owner = f"rejected-{uuid4().hex}"
    _, key = ApiKeys(cloud.aws("secretsmanager"), cloud.stack.api_keys_secret_arn).create(owner)
    for number in range(2):
        rows = "".join(json.dumps({"prompt": "", "seed": seed}) + "\n" for seed in range(1000))
        cloud.drop(f"{own_folder(owner)}{number}.jsonl", rows, key_line=key.line)
    raised(cloud, "RejectedRows")
    reader = page("RejectedRows")
    assert owner in reader.follow("promptreel logs ingest accept_row --since 2h --level warning")
    reader.follow("promptreel batch list")
    reader.follow("promptreel keys revoke $KEY", KEY=key.key_id)


@pytest.mark.alone  # equal jobs wait during this test
def test_jobs_wait_for_credits_and_continue(cloud: LocalCloud, page: Callable[[str], Reader]) -> None:
    prompt = unique("runbook credits")
    cloud.simulator.script(prompt, create=[{"status": 402, "repeat": True}])
    generation_id = cloud.create(prompt)
    alarms = Alarms(cloud)

    def look() -> Any:
        invoke(cloud, "sweep", {})
        return alarms.is_raised("ProviderOutOfCredits") or None

    eventually(look)
    reader = page("ProviderOutOfCredits")
    said = reader.follow("promptreel logs sweep --since 15m --level info")
    assert "provider out of credits" in said
    assert "current state held=" in said
    cloud.simulator.script(prompt, seconds=0)
    eventually(lambda: (invoke(cloud, "sweep", {}), cloud.creates(prompt) > 1)[1] or None)
    completed(cloud, generation_id)
    reader.follow("promptreel doctor")


def test_an_unknown_charge_is_reported_and_the_key_replaced(cloud: LocalCloud, page: Callable[[str], Reader]) -> None:
    secrets, arn = cloud.aws("secretsmanager"), cloud.stack.provider_key_secret_arn
    key = secrets.get_secret_value(SecretId=arn)["SecretString"]
    cloud.simulator.charge_others(7)
    reader = page("DoesNotAddUp")
    said = reader.follow("promptreel reconcile --day $DAY", DAY=f"{datetime.now(UTC):%Y-%m-%d}", code=1)
    assert "\nnot ours " in said
    raised(cloud, "DoesNotAddUp")
    reader.follow("promptreel import --day $DAY", DAY=f"{datetime.now(UTC):%Y-%m-%d}", code=1)  # it has no video
    reader.follow("promptreel secret set", stdin=f"{key}\n")
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == key


@once
@pytest.mark.parametrize("alarm", [*(one for one in SCRIPTS if not one.startswith("ProviderKey")), "InternalError"])
def test_a_failed_job_is_rescued(cloud: LocalCloud, page: Callable[[str], Reader], broken: Broken, alarm: str) -> None:
    generation_id, prompt, reader = broken.ids[alarm], broken.prompts[alarm], page(alarm)
    if alarm == "WorkflowStopped":
        arn = cloud.stack.video_generation_state_machine_arn.replace(":stateMachine:", ":execution:")
        cloud.aws("stepfunctions").stop_execution(executionArn=f"{arn}:{generation_id}")
    if alarm == "InternalError":
        eventually(lambda: cloud.ledger.get(generation_id).announced_at)
        cloud.simulator.script(broken.prompts["WorkflowStopped"], seconds=0)
        source = broken.ids["WorkflowStopped"]
        if cloud.ledger.get(source).error:
            Reader(cloud, "WorkflowStopped", reader.home).follow("promptreel rescue $ID", ID=source)
        completed(cloud, source)
    assert cloud.ended(generation_id).error
    raised(cloud, alarm)
    logged = reader.follow("promptreel logs record_failure sweep --since 1h")
    assert any(generation_id in line and (alarm in line or alarm == "ExecutionsFailed") for line in logged.splitlines())
    for command in SECTIONS[alarm].commands:
        if command == "promptreel doctor":
            reader.follow(command)
        if command == "promptreel logs --generation $ID --level info":
            assert generation_id in reader.follow(command, ID=generation_id)
    cloud.simulator.script(prompt, seconds=0)
    if alarm == "SubmissionUnknown":
        calls = cloud.simulator.calls()
        (provider_id,) = {one.generation_id for one in calls if one.prompt == prompt and one.method == "POST"}
        reader.follow(
            "promptreel resolve $ID --provider-id $PROVIDER_ID", ID=generation_id, PROVIDER_ID=str(provider_id)
        )
        lost = broken.ids[NOT_SENT]
        assert cloud.ended(lost).error
        cloud.simulator.script(broken.prompts[NOT_SENT], seconds=0)
        reader.follow("promptreel resolve $ID --not-accepted", ID=lost)
        completed(cloud, lost)
        assert cloud.simulator.counts().creates_by_prompt[broken.prompts[NOT_SENT]] == 1
    else:
        reader.follow("promptreel rescue $ID", ID=generation_id)
    completed(cloud, generation_id)
    assert cloud.simulator.counts().creates_by_prompt[prompt] == 1, "nothing is paid twice"


@pytest.mark.alone
@pytest.mark.parametrize("alarm", ["ProviderKeyMissing", "ProviderKeyRejected"])
def test_a_rejected_provider_key_is_replaced(cloud: LocalCloud, page: Callable[[str], Reader], alarm: str) -> None:
    secrets, arn, prompt = cloud.aws("secretsmanager"), cloud.stack.provider_key_secret_arn, unique(f"runbook {alarm}")
    key = secrets.get_secret_value(SecretId=arn)["SecretString"]
    cloud.simulator.script(prompt, seconds=0)
    another = f"another-{uuid4().hex}"  # no function has read it yet
    cloud.simulator.rotate([another])
    if alarm == "ProviderKeyMissing":
        secrets.put_secret_value(SecretId=arn, SecretString=" ")
    try:
        generation_id = eventually(lambda: _failed_with(cloud, cloud.create(prompt), alarm))
        raised(cloud, alarm)
        reader = page(alarm)
        assert "promptreel secret set" in reader.follow("promptreel doctor", code=1)
        assert generation_id in reader.follow("promptreel logs record_failure sweep --since 1h")
        reader.follow("promptreel secret set", stdin=f"{another}\n")
        reader.follow("promptreel doctor")
        reader.follow("promptreel rescue $ID", ID=generation_id)
        completed(cloud, generation_id)
        assert cloud.simulator.counts().creates_by_prompt[prompt] == 1
    finally:
        cloud.simulator.rotate([key])
        secrets.put_secret_value(SecretId=arn, SecretString=key)


def _failed_with(cloud: LocalCloud, generation_id: str, name: str) -> str | None:
    """Return its id if it fails with this error.

    A function with the old key in memory gets the provider's rejection first.
    """
    failed = cloud.ended(generation_id).error
    return generation_id if failed and failed.name == name else None


@pytest.mark.alone
def test_a_changed_api_function_is_found_in_its_log(cloud: LocalCloud, page: Callable[[str], Reader]) -> None:
    """Check with a fake response, because the local cloud does not count how often the API answered 5xx."""
    lambdas, api, reader = cloud.aws("lambda"), functions(cloud)["api"], page("ApiErrors")
    before = api["Environment"]["Variables"]
    try:
        lambdas.update_function_configuration(
            FunctionName=api["FunctionName"], Environment={"Variables": {**before, "TABLE_NAME": "none"}}
        )
        assert eventually(lambda: status if (status := cloud.call("GET").status_code) != 200 else None) >= 500
        assert alarms_of(cloud).definition("ApiErrors")["MetricName"] == "5xx"
        said = reader.follow("promptreel logs api authorize --since 1h --level error")
        assert "AccessDenied" in said or "ResourceNotFound" in said
    finally:  # as a deployment would
        lambdas.update_function_configuration(FunctionName=api["FunctionName"], Environment={"Variables": before})
    eventually(lambda: cloud.call("GET").ok or None)
    reader.follow("promptreel doctor")


@pytest.mark.alone
@pytest.mark.parametrize(
    ("alarm", "whose", "named"),
    [
        ("BudgetNearlySpent", "", "this deployment"),
        ("BudgetSpent", "", "this deployment"),
        ("OwnersBudgetNearlySpent", " --owner demo", "owner demo"),
        ("OwnersBudgetSpent", " --owner demo", "owner demo"),
    ],
)
def test_a_spent_budget_is_found_and_raised(
    cloud: LocalCloud, page: Callable[[str], Reader], alarm: str, whose: str, named: str
) -> None:
    reader, alarms = page(alarm), Alarms(cloud)
    command = "promptreel budgets set --day $USD"
    # Today's spending is more than twice this.
    prompt = unique("runbook budget")
    cloud.simulator.script(prompt, seconds=0)
    completed(cloud, cloud.create(prompt))
    reader.follow(command, USD=f"1{whose}")
    try:
        invoke(cloud, "sweep", {})
        assert alarms.is_raised(alarm)
        assert cloud.call("POST", json={"model": "veo2", "prompt": prompt}).status_code == 403
        assert named in reader.follow("promptreel budgets list")
        reader.follow("promptreel usage --by owner")
        reader.follow("promptreel usage --by model")
        _, key = ApiKeys(cloud.aws("secretsmanager"), cloud.stack.api_keys_secret_arn).create(alarm)
        reader.follow("promptreel budgets set --day 0 --key $KEY", KEY=key.key_id)
        reader.follow("promptreel keys revoke $KEY", KEY=key.key_id)
        reader.follow(command, USD=f"1000000{whose}")
        completed(cloud, cloud.create(prompt))
    finally:
        reader.follow(command, USD=f"none{whose}")
