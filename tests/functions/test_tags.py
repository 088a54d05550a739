"""Test tags: stored with a generation from any source, shown, announced, and searchable."""

import json
from typing import Any

import boto3
import pytest

from tests.support.events import requested
from tests.support.functions import PATHS, Cloud, Doors, call
from tests.support.states import caught

BODY = {"model": "veo2", "prompt": "a boat"}


def made(cloud: Cloud, query: str = "", **headers: Any) -> dict[str, Any]:
    status, generation = call(cloud, "POST", PATHS[0], body=BODY, query=query, **headers)
    assert status == 200, generation
    return generation


def found(cloud: Cloud, query: str, owner: str = "ann") -> list[str]:
    return [one["id"] for one in call(cloud.caller(owner), "GET", PATHS[0], query=query)[1]["data"]]


def test_a_request_gets_tags_from_its_query_and_a_header(cloud: Cloud) -> None:
    generation = made(cloud, "tag=project%3Dboats&tag=draft", promptreel_tags="team=sea, draft")
    assert generation["meta"]["tags"] == ["project=boats", "draft", "team=sea"]
    assert generation["meta"]["request"] == BODY, "the provider does not see them"
    assert made(cloud)["meta"]["tags"] == []


@pytest.mark.parametrize("query", ["tag==x", "tag=a%3D1&tag=a%3D2", "tag=" + "x" * 51])
def test_an_invalid_tag_is_rejected_with_its_request(cloud: Cloud, query: str) -> None:
    status, error = call(cloud, "POST", PATHS[0], body=BODY, query=query)
    assert (status, "`tag` " in error["message"]) == (400, True)
    assert call(cloud, "GET", PATHS[0], query=query)[0] == 400
    assert found(cloud, "limit=1") == []


def test_a_repeated_request_keeps_its_first_tags(cloud: Cloud) -> None:
    first = made(cloud, "tag=a", idempotency_key="k")
    assert made(cloud, "tag=b", idempotency_key="k") == first


def test_a_list_can_be_filtered_by_several_tags(cloud: Cloud) -> None:
    sea, lake = made(cloud, "tag=project%3Dsea&tag=draft")["id"], made(cloud, "tag=project%3Dlake&tag=draft")["id"]
    made(cloud)
    assert found(cloud, "tag=project%3Dsea") == [sea]
    assert found(cloud, "tag=draft") == found(cloud, "tag=project") == [lake, sea]
    assert found(cloud, "tag=draft&tag=project%3Dlake") == [lake]
    assert found(cloud, "tag=proj") == found(cloud, "tag=sea") == found(cloud, "tag=Draft") == []
    assert found(cloud, "tag=draft", owner="bob") == []


def test_tags_are_announced_and_subscriptions_filter_by_them(cloud: Cloud) -> None:
    topic = cloud.environment["TOPIC_ARN"]
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName="boats")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"FilterPolicy": json.dumps({"tags": ["project=boats"]})}
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=policy)
    generations = [made(cloud, query) for query in ("tag=draft&tag=project%3Dboats", "tag=project%3Dkites", "")]
    for generation in generations:
        cloud.run({"generation_id": generation["id"], **caught("RequestRefused", "no")}, "record_failure")
    announced = [json.loads(one["Message"]) for one in cloud.messages()]
    assert [one["tags"] for one in announced] == [["draft", "project=boats"], ["project=kites"], []]
    heard = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    ids = [json.loads(json.loads(one["Body"])["Message"])["generation_id"] for one in heard]
    assert ids == [generations[0]["id"]]


def test_files_and_events_can_have_tags(doors: Doors) -> None:
    assert doors.take(doors.drop("one.json", json.dumps({"prompt": "a boat", "tags": ["project=sea", "calm"]}))) == []
    assert doors.take(requested("e1", prompt="a boat", tags="project=sea", name="an event")) == []
    (file,) = doors.of("files")
    (event,) = doors.of("shop")
    assert file.tags == ["project=sea", "calm"]
    assert (event.tags, event.name, event.request) == (["project=sea"], "an event", BODY)


def test_an_event_with_invalid_tags_is_recorded_as_a_failure(doors: Doors) -> None:
    assert doors.take(requested("e1", prompt="a boat", tags="=x")) == []
    (refused,) = doors.of("shop")
    assert refused.error
    assert (refused.error.name, "`tags` must be" in refused.error.message) == ("InvalidRequest", True)
