"""Test the fast moto: the short way answers as the long way does, and a snapshot restores the earlier state."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support import mocked_aws
from tests.support.mocked_aws import Snapshot
from tests.support.tables import keyed_definition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = {"TableName": "slots"}
A: Any = {"pk": {"S": "p"}, "sk": {"S": "a"}}
B: Any = {"pk": {"S": "p"}, "sk": {"S": "b"}}
ITEM = {
    **A,
    "n": {"N": "1.50"},
    "m": {"M": {"l": {"L": [{"BOOL": True}, {"NULL": True}, {"S": ""}]}}},
    "s": {"SS": ["x"]},
}
NOT_THERE = "attribute_not_exists(pk)"
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("get_item", {**TABLE, "Key": A}),
    ("put_item", {**TABLE, "Item": ITEM, "ConditionExpression": NOT_THERE, "ReturnConsumedCapacity": "TOTAL"}),
    ("put_item", {**TABLE, "Item": {**B, "b": {"B": b"\0\xff"}}, "ReturnValues": "ALL_OLD"}),
    ("get_item", {**TABLE, "Key": A, "ConsistentRead": True}),
    ("get_item", {**TABLE, "Key": B}),
    (
        "put_item",
        {
            **TABLE,
            "Item": A,
            "ConditionExpression": NOT_THERE,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        },
    ),
    *[
        (
            "update_item",
            {
                **TABLE,
                "Key": A,
                "UpdateExpression": "SET n = n + :one, #o = :one REMOVE s",
                "ExpressionAttributeNames": {"#o": "other"},
                "ExpressionAttributeValues": {":one": {"N": "1"}},
                "ReturnValues": returned,
            },
        )
        for returned in ("NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW")
    ],
    ("update_item", {**TABLE, "Key": A, "UpdateExpression": "SET nonsense"}),
    (
        "query",
        {**TABLE, "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": "p"}}, "Limit": 1},
    ),
    (
        "scan",
        {**TABLE, "FilterExpression": "n > :n", "ExpressionAttributeValues": {":n": {"N": "2"}}, "Select": "COUNT"},
    ),
    ("scan", TABLE),
    ("scan", {"TableName": "none"}),
    ("batch_get_item", {"RequestItems": {"slots": {"Keys": [A, B]}}}),
    (
        "transact_get_items",
        {"TransactItems": [{"Get": {**TABLE, "Key": A}}, {"Get": {**TABLE, "Key": {**A, "sk": {"S": "c"}}}}]},
    ),
    (
        "transact_write_items",
        {
            "TransactItems": [
                {"Delete": {**TABLE, "Key": A}},
                {"Put": {**TABLE, "Item": B, "ConditionExpression": NOT_THERE}},
            ]
        },
    ),
    ("transact_write_items", {"TransactItems": [{"Delete": {**TABLE, "Key": A}}, {"Put": {**TABLE, "Item": B}}]}),
    ("batch_write_item", {"RequestItems": {"slots": [{"PutRequest": {"Item": ITEM}}, {"DeleteRequest": {"Key": B}}]}}),
    ("delete_item", {**TABLE, "Key": A, "ReturnValues": "ALL_OLD"}),
    ("scan", TABLE),
]


def answers(client: "DynamoDBClient") -> list[Any]:
    """Make the calls and return what each answered or raised."""
    found: list[Any] = []
    for name, parameters in CALLS:
        call: Callable[..., dict[str, Any]] = getattr(client, name)
        try:
            answer = call(**parameters)
        except ClientError as error:
            found.append((type(error).__name__, str(error), {**error.response, "ResponseMetadata": None}))
        else:
            assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
            found.append(answer)
    return found


def test_the_short_way_answers_as_the_long_way(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch) -> None:
    assert {dynamodb.meta.method_to_api_mapping[name] for name, _ in CALLS} == mocked_aws.ITEM_CALLS
    snapshot = Snapshot()
    short = answers(dynamodb)
    snapshot.restore()
    monkeypatch.setattr(mocked_aws, "ITEM_CALLS", ())
    for (name, _), found, expected in zip(CALLS, short, answers(dynamodb), strict=True):
        assert found == expected, name


def test_changing_a_calls_result_does_not_change_the_stored_item(dynamodb: "DynamoDBClient") -> None:
    dynamodb.put_item(TableName="slots", Item=ITEM)
    dynamodb.get_item(TableName="slots", Key=A)["Item"]["m"]["M"]["l"]["L"].clear()
    assert dynamodb.get_item(TableName="slots", Key=A)["Item"] == ITEM


def test_a_snapshot_can_be_restored_repeatedly(dynamodb: "DynamoDBClient") -> None:
    dynamodb.put_item(TableName="slots", Item=ITEM)
    s3, sqs = boto3.client("s3"), boto3.client("sqs")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="key", Body=b"before")
    url = sqs.create_queue(QueueName="queue")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="before")
    snapshot = Snapshot()
    for _ in range(2):
        snapshot.restore()
        assert dynamodb.scan(TableName="slots")["Items"] == [ITEM]
        assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"before"
        assert [one["Body"] for one in sqs.receive_message(QueueUrl=url)["Messages"]] == ["before"]
        dynamodb.update_item(TableName="slots", Key=A, UpdateExpression="REMOVE m")
        dynamodb.put_item(TableName="slots", Item=B)
        dynamodb.delete_table(TableName="money")
        s3.put_object(Bucket="bucket", Key="key", Body=b"after")
        sqs.send_message(QueueUrl=url, MessageBody="after")


@pytest.mark.xdist_group("isolation")
@pytest.mark.parametrize("turn", ["first", "second"])
def test_a_test_sees_nothing_of_another_test(dynamodb: "DynamoDBClient", turn: str) -> None:
    s3 = boto3.client("s3")
    assert s3.list_buckets()["Buckets"] == []
    assert sorted(dynamodb.list_tables()["TableNames"]) == ["batches", "generations", "money", "slots", "webhooks"]
    assert dynamodb.scan(TableName="slots")["Items"] == []
    s3.create_bucket(Bucket=turn)
    dynamodb.put_item(TableName="slots", Item=ITEM)
    dynamodb.delete_table(TableName="money")
    dynamodb.create_table(TableName=turn, **keyed_definition())
