"""Test retries of POSTs without an idempotency key over HTTP, as SDKs send them."""

import json
from typing import Any

import boto3
import pytest

from core.api import REPEATED
from tests.support.dying import Death, Killed, dying
from tests.support.events import event
from tests.support.functions import PATHS, Cloud, call

BOAT = {"model": "veo2", "prompt": "a boat"}


def post(cloud: Cloud, retries: str | None = None, *, window: str = "", query: str = "", **headers: str) -> Any:
    """Send the request with Ann's key k1, and return the answer."""
    payload = event("http_api")
    holder = {"owner": "ann", "key_id": "k1", "scope": "all", "line": "k1", "repeat_window": window}
    payload["requestContext"]["authorizer"]["lambda"] = holder
    payload["headers"] |= {} if retries is None else {"x-stainless-retry-count": retries}
    payload["headers"] |= {name.replace("_", "-"): text for name, text in headers.items()}
    payload["rawQueryString"] = query
    payload["queryStringParameters"] = dict(part.split("=") for part in query.split("&")) if query else {}
    return cloud.invoke("api", {**payload, "body": json.dumps(BOAT)})


def job(answer: Any) -> str:
    assert answer["statusCode"] == 200, answer
    return str(json.loads(answer["body"])["id"])


def test_a_marked_retry_is_the_same_job_and_the_answer_says_so(cloud: Cloud) -> None:
    first, again = post(cloud, "0"), post(cloud, "1")
    assert job(again) == job(first)
    assert json.loads(again["body"]) == json.loads(first["body"])
    assert (first["headers"].get(REPEATED), again["headers"].get(REPEATED)) == (None, "true")
    assert job(post(cloud, "2")) == job(first)
    started = boto3.client("stepfunctions").list_executions(stateMachineArn=cloud.environment["STATE_MACHINE_ARN"])
    assert [one["name"] for one in started["executions"]] == [job(first)]


@pytest.mark.parametrize(
    "retries",
    [None, "", "0", "-1", "one", "1.5", pytest.param("9" * 400, id="huge"), pytest.param("\u0661", id="no ASCII")],
)
def test_without_a_number_of_retries_equal_requests_are_separate_jobs(cloud: Cloud, retries: str | None) -> None:
    answers = [post(cloud, retries), post(cloud, retries)]
    assert len({job(answer) for answer in answers}) == 2
    assert [answer["headers"].get(REPEATED) for answer in answers] == [None, None]


def test_requests_with_an_idempotency_key_have_no_marker(cloud: Cloud) -> None:
    first = post(cloud, idempotency_key="a")
    assert job(post(cloud, "1")) != job(first)
    again = post(cloud, "1", idempotency_key="a")
    assert (job(again), again["headers"].get(REPEATED)) == (job(first), None)
    assert job(post(cloud, "2", idempotency_key="b")) not in {job(first)}


@pytest.mark.parametrize(
    "query", ["tag=shop", "webhook=https://example.com/w", "tag=shop&webhook=https://example.com/w"]
)
def test_other_tags_or_another_webhook_are_another_call(cloud: Cloud, query: str) -> None:
    first = post(cloud)
    labelled = post(cloud, "1", query=query)
    assert job(labelled) != job(first)
    assert job(post(cloud, "2", query=query)) == job(labelled)


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("GET", PATHS[0], "generation_id={}"),
        ("GET", PATHS[1], "generation_id={}"),
        ("GET", PATHS[0] + "/{}/content", ""),
        ("DELETE", PATHS[0], "generation_id={}"),
    ],
)
def test_a_job_that_its_key_knows_is_not_repeated(cloud: Cloud, method: str, path: str, query: str) -> None:
    for line, is_same in (("k2", True), ("k1", False)):
        first = job(post(cloud))
        call(cloud.caller(key_id=line), method, path.format(first), query=query.format(first))
        assert (job(post(cloud, "1")) == first) is is_same


def test_a_key_can_treat_equal_requests_as_one_job(cloud: Cloud) -> None:
    first, again = post(cloud, window="600"), post(cloud, window="600")
    assert (job(again), again["headers"].get(REPEATED)) == (job(first), "true")


def test_a_call_whose_function_dies_anywhere_is_one_job(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    at, points, made = 0, 1, 0
    while at <= points:
        death, answers = Death(at), []
        with dying(monkeypatch, death):
            for retries in range(3):
                try:
                    answers.append(post(cloud, str(retries), query=f"tag=at{at}"))
                    break
                except Killed:
                    continue
        assert len(answers) == 1
        points = len(death.points) if at == 0 else points
        at, made = at + 1, made + 1
    assert points > 3
    items = boto3.client("dynamodb").scan(TableName="generations")["Items"]
    assert len([item for item in items if "owner" in item]) == made
    started = boto3.client("stepfunctions").list_executions(stateMachineArn=cloud.environment["STATE_MACHINE_ARN"])
    assert len(started["executions"]) == made
