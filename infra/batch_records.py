"""The table of batches, as core/records/batches.py keeps it."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from core.records import table as names
from infra.config import Stage
from infra.functions import allow
from infra.nag import acknowledge


class BatchRecords:
    """`table`, and what a function is told and allowed that uses it."""

    def __init__(self, scope: Construct, stage: Stage, removal: cdk.RemovalPolicy) -> None:
        self.table = dynamodb.Table(
            scope,
            "Batches",
            partition_key=_attribute(names.BATCH_KEY),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=stage.recover_table
            ),
            deletion_protection=stage.keep_data,
            removal_policy=removal,
        )
        index = names.BATCHES_BY_OWNER
        self.table.add_global_secondary_index(
            index_name=index.name,
            partition_key=_attribute(index.partition),
            sort_key=_attribute(str(index.sort)),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )
        if not stage.recover_table:
            acknowledge(self.table, "AwsSolutions-DDB3", "The local cloud's records are thrown away with it.")

    @property
    def environment(self) -> dict[str, str]:
        """Where the table is."""
        return {"BATCHES_TABLE_NAME": self.table.table_name}

    def permissions(self, *actions: str, lists: bool = False) -> list[iam.PolicyStatement]:
        """To read a batch by its id and to do `actions`; to list an owner's, if told."""
        listing = [allow("dynamodb:Query", on=f"{self.table.table_arn}/index/{names.BATCHES_BY_OWNER.name}")]
        asked = ("dynamodb:GetItem", *(f"dynamodb:{action}" for action in actions))
        return [allow(*asked, on=self.table.table_arn), *(listing if lists else [])]


def _attribute(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
