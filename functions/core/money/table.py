"""The table of money.

pk "scope"          sk "all", "owner/NAME", "key/ID"   a budget, and what counts against it (core.money.budgets)
pk "price"          sk a name of a model               what the provider asks for it (core.money.prices)
pk "reading"        sk "reading"                       when the prices are read next
pk "usage/OWNER"    sk DAY/model/NAME, DAY/tag/TAG, batch/ID   what an owner's generations cost (core.money.usage)
pk "usage"          sk DAY/OWNER                       the same of all owners
pk "key"            sk an API key's id                 when it was last used (core.api.key_uses)
pk "circuit"        sk "circuit"                       there if the provider is out of credits (core.money.circuit)
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from core.records.table import read, write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PK, SK = "pk", "sk"


def items_of(
    dynamodb: "DynamoDBClient", table_name: str, pk: str, between: tuple[str, str] | None = None
) -> Iterator[dict[str, Any]]:
    """The items of one `pk`, in the order of their `sk`, all or those between two, these included."""
    condition, values = f"{PK} = :pk", {":pk": pk}
    if between:
        condition += f" AND {SK} BETWEEN :first AND :last"
        values |= {":first": between[0], ":last": between[1]}
    pages = dynamodb.get_paginator("query").paginate(
        TableName=table_name, KeyConditionExpression=condition, ExpressionAttributeValues=write(values)
    )
    for page in pages:
        yield from map(read, page["Items"])
