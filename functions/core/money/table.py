"""Name the keys of the table of money, and read its items.

pk "scope"          sk "all", "owner/NAME", "key/ID"   a budget, and the amounts that it counts (core.money.budgets)
pk "price"          sk a name of a model               the provider's price of it (core.money.prices)
pk "reading"        sk "reading"                       when the prices are read next
pk "usage/OWNER"    sk DAY/model/NAME, DAY/tag/TAG, batch/ID   the cost of an owner's generations (core.money.usage)
pk "usage"          sk DAY/OWNER                       the same of all owners
pk "key"            sk an API key's id                 when it was last used (core.api.key_uses)
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
    """Yield the items of one `pk` in the order of their `sk`, all or those from one `sk` to another."""
    condition, values = f"{PK} = :pk", {":pk": pk}
    if between:
        condition += f" AND {SK} BETWEEN :first AND :last"
        values |= {":first": between[0], ":last": between[1]}
    pages = dynamodb.get_paginator("query").paginate(
        TableName=table_name, KeyConditionExpression=condition, ExpressionAttributeValues=write(values)
    )
    for page in pages:
        yield from map(read, page["Items"])
