"""Create tables with on-demand capacity, kept and recoverable according to the stage."""

from dataclasses import dataclass
from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from core.records.table import Index
from infra.config import Stage
from infra.nag import acknowledge

_TYPES = {"S": dynamodb.AttributeType.STRING, "N": dynamodb.AttributeType.NUMBER}


@dataclass(frozen=True)
class Keys:
    """The keys and indexes of a table, and the name of the attribute with an item's expiry time."""

    partition: str
    sort: str | None = None
    expires_at: str | None = None
    indexes: tuple[Index, ...] = ()


def table(scope: Construct, name: str, stage: Stage, removal: cdk.RemovalPolicy, keys: Keys) -> dynamodb.Table:
    """Create a table with these keys."""
    made = dynamodb.Table(
        scope,
        name,
        partition_key=_attribute(keys.partition),
        sort_key=_attribute(keys.sort) if keys.sort else None,
        # Encrypted with the key that DynamoDB owns, which is the default and free.
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=stage.recover_table
        ),
        time_to_live_attribute=keys.expires_at,
        deletion_protection=stage.keep_data,
        removal_policy=removal,
    )
    for index in keys.indexes:
        made.add_global_secondary_index(
            index_name=index.name,
            partition_key=_attribute(index.partition),
            sort_key=_attribute(index.sort, index.sort_type) if index.sort else None,
            projection_type=dynamodb.ProjectionType.INCLUDE if index.includes else dynamodb.ProjectionType.KEYS_ONLY,
            non_key_attributes=list(index.includes) or None,
        )
    if not stage.recover_table:
        acknowledge(made, "AwsSolutions-DDB3", "These records are temporary.")
    return made


def _attribute(name: str, kind: Literal["S", "N"] = "S") -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=_TYPES[kind])
