"""The table of generations, as core/records/table.py names it."""

from collections.abc import Collection

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from core.records import table as names
from infra.config import Stage
from infra.functions import allow
from infra.nag import acknowledge

_TYPES = {"S": dynamodb.AttributeType.STRING, "N": dynamodb.AttributeType.NUMBER}


class Ledger:
    """`table`, and what a function is told and allowed that uses it."""

    def __init__(self, scope: Construct, stage: Stage, removal: cdk.RemovalPolicy) -> None:
        self.table = dynamodb.Table(
            scope,
            "Generations",
            partition_key=_attribute(names.KEY),
            # Encrypted with DynamoDB's own key, which is the default and costs nothing.
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=stage.recover_table
            ),
            time_to_live_attribute=names.EXPIRES_AT,  # only of what is left of deleted generations
            deletion_protection=stage.keep_data,
            removal_policy=removal,
        )
        for index in names.INDEXES:
            self.table.add_global_secondary_index(
                index_name=index.name,
                partition_key=_attribute(index.partition),
                sort_key=_attribute(index.sort, index.sort_type) if index.sort else None,
                projection_type=dynamodb.ProjectionType.INCLUDE
                if index.includes
                else dynamodb.ProjectionType.KEYS_ONLY,
                non_key_attributes=list(index.includes) or None,
            )
        if not stage.recover_table:
            acknowledge(self.table, "AwsSolutions-DDB3", "The local cloud's records are thrown away with it.")

    @property
    def environment(self) -> dict[str, str]:
        """Where the table is."""
        return {"TABLE_NAME": self.table.table_name}

    def permissions(
        self,
        *,
        gets: bool = True,
        changes: bool = True,
        adds: bool = False,
        finds: bool = False,
        reads: Collection[names.Index] = (),
    ) -> list[iam.PolicyStatement]:
        """To read a generation by its id and to change it, unless told; to add one, to find many by their ids, and to
        read indexes, if told."""
        actions = ["dynamodb:GetItem"] if gets else []
        actions += ["dynamodb:BatchGetItem"] if finds else []
        actions += ["dynamodb:PutItem"] if adds else []
        actions += ["dynamodb:UpdateItem"] if changes else []
        indexes = [allow("dynamodb:Query", on=f"{self.table.table_arn}/index/{index.name}") for index in reads]
        return [allow(*actions, on=self.table.table_arn), *indexes]


def _attribute(name: str, kind: str = "S") -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=_TYPES[kind])
