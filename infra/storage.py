"""What is kept: prompt files, videos, the five tables, and the three secrets."""

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from core.inputs.files import UPLOADS
from core.reconciliation.reports import FOLDER, WORK
from infra.batch_records import BatchRecords
from infra.config import Stage
from infra.functions import allow
from infra.ledger import Ledger
from infra.money import Money
from infra.nag import acknowledge
from infra.provider import Provider
from infra.slots import Slots
from infra.webhook_records import WebhookRecords

REPLACED_PROMPT_DAYS = 14  # as long as a message about it may wait in the dead letters


def _cfn(bucket: s3.Bucket) -> s3.CfnBucket:
    return cast("s3.CfnBucket", bucket.node.default_child)


class Storage(Construct):
    """Buckets `prompts` and `videos`; the `ledger`, the `batches`, the `slots`, the `money` and the `webhooks`; the
    `provider`'s key, and the `api_keys`."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(scope, "Storage")
        self._stage = stage
        # Nothing empties a bucket when a stack is destroyed: CDK's auto_delete_objects would add a custom resource
        # whose Lambda may delete everything. So a dev stack goes only after its buckets are emptied by hand.
        # A first deployment that fails leaves nothing behind, so that it can be repeated.
        kept = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
        self._removal = kept if stage.keep_data else cdk.RemovalPolicy.DESTROY
        # Both together are what the setting says: a deleted object stays a version for a while.
        self.prompts = self._bucket(
            "Prompts", expire_days=stage.prompt_days - REPLACED_PROMPT_DAYS, replaced_days=REPLACED_PROMPT_DAYS
        )
        self._announce_uploads(self.prompts)
        self.videos = self._bucket("Videos", replaced_days=stage.replaced_video_days)
        # What a batch reads are its prompts once more: they go as the prompt files go.
        self.videos.add_lifecycle_rule(
            prefix="batches/",
            expiration=cdk.Duration.days(stage.prompt_days - 1),
            noncurrent_version_expiration=cdk.Duration.days(1),
        )
        # What a reconciliation has read that was not ended.
        self.videos.add_lifecycle_rule(
            prefix=WORK,
            expiration=cdk.Duration.days(1),
            noncurrent_version_expiration=cdk.Duration.days(1),
        )
        # What was uploaded and not used; what is used has a copy of its own.
        self.videos.add_lifecycle_rule(
            prefix=UPLOADS,
            expiration=cdk.Duration.days(1),
            noncurrent_version_expiration=cdk.Duration.days(1),
        )
        stack = cdk.Stack.of(self)
        prompts, videos = (f"<{stack.get_logical_id(_cfn(bucket))}.Arn>" for bucket in (self.prompts, self.videos))
        for objects in (
            f"{prompts}/*",
            f"{prompts}/owners/*",
            f"{videos}/videos/*",
            f"{videos}/batches/*",
            f"{videos}/results/*",
            f"{videos}/uploads/*",
            f"{videos}/{FOLDER}*",
            f"{videos}/{WORK}*",
            f"{videos}/batches/*/rows.jsonl",
            f"{videos}/batches/*/inputs/*",
            f"{videos}/videos/*/inputs/*",
        ):
            acknowledge(
                stack,
                f"AwsSolutions-IAM5[Resource::{objects}]",
                "A key holds a generation's or a batch's id, or is an owner's, which no one knows when roles are made.",
            )
        self.ledger = Ledger(self, stage, self._removal)
        self.batches = BatchRecords(self, stage, self._removal)
        self.slots = Slots(self, stage, self._removal, self.ledger)
        self.money = Money(self, stage, self._removal, self.slots)
        self.provider_key = self._secret("ProviderKey", "The key for the provider, as plain text.")
        self.provider = Provider(stage.provider_url, self.provider_key)
        self.api_keys = self._secret("ApiKeys", "The hashed keys of this API's users, as JSON.")
        self.webhooks = WebhookRecords(self, stage, self._removal, self._webhooks_secret())

    def let_pages_in(self, origins: list[str]) -> None:
        """Pages of these origins may use the links and forms that the API signs, which need no other credentials."""
        for bucket, methods in (
            (self.videos, [s3.HttpMethods.GET, s3.HttpMethods.POST]),
            (self.prompts, [s3.HttpMethods.POST]),
        ):
            bucket.add_cors_rule(allowed_methods=methods, allowed_origins=origins, max_age=3600)

    @property
    def inputs_environment(self) -> dict[str, str]:
        """Where the files are that requests name, and whose."""
        return {
            "VIDEOS_BUCKET": self.videos.bucket_name,
            "PROMPTS_BUCKET": self.prompts.bucket_name,
            "FILE_OWNERS": ",".join(self._stage.file_owners),
        }

    def inputs_permissions(self) -> list[iam.PolicyStatement]:
        """To look at the files that requests name."""
        places = [self.prompts.arn_for_objects("*")]
        places += [self.videos.arn_for_objects(key) for key in (f"{UPLOADS}*", "batches/*/inputs/*")]
        return [
            allow("s3:GetObject", on=places),
            # Else what is not there is forbidden.
            allow("s3:ListBucket", on=[self.videos.bucket_arn, self.prompts.bucket_arn]),
        ]

    @property
    def stores_uploads(self) -> iam.PolicyStatement:
        """To store what comes within a request, and to sign forms to upload with."""
        return allow("s3:PutObject", on=self.videos.arn_for_objects(f"{UPLOADS}*"))

    def _bucket(self, name: str, *, expire_days: int | None = None, replaced_days: int | None = None) -> s3.Bucket:
        """A private bucket; `replaced_days` makes it versioned and is how long old versions stay."""
        bucket = s3.Bucket(
            self,
            name,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            versioned=replaced_days is not None,
            lifecycle_rules=[
                s3.LifecycleRule(
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
                    expiration=cdk.Duration.days(expire_days) if expire_days else None,
                    noncurrent_version_expiration=cdk.Duration.days(replaced_days) if replaced_days else None,
                )
            ],
            removal_policy=self._removal,
        )
        acknowledge(
            bucket,
            "AwsSolutions-S1",
            "Only the functions' roles and their short-lived links reach it; the API's access log and the ledger "
            "tell who asked. Who needs more turns on CloudTrail data events.",
        )
        return bucket

    @staticmethod
    def _announce_uploads(bucket: s3.Bucket) -> None:
        """EventBridge events for uploads; `event_bridge_enabled` would add a custom-resource Lambda."""
        _cfn(bucket).add_property_override(
            "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", True
        )

    def _secret(self, name: str, description: str) -> secretsmanager.CfnSecret:
        """A secret without a value: no deployment can overwrite a key, and a missing one is told as such."""
        secret = secretsmanager.CfnSecret(self, name, description=description)
        secret.apply_removal_policy(self._removal)
        acknowledge(
            secret,
            "AwsSolutions-SMG4",
            "Its issuer rotates it, not AWS: the provider has no API for that, and API keys are their users'. "
            "A new value is picked up while jobs run.",
        )
        return secret

    def _webhooks_secret(self) -> secretsmanager.CfnSecret:
        """Random, and known to no one. A deployment makes another only if these lines change: then every owner's secret
        is another, at once."""
        secret = secretsmanager.CfnSecret(
            self,
            "WebhooksSecret",
            description="Of which the secrets of webhooks are made.",
            generate_secret_string=secretsmanager.CfnSecret.GenerateSecretStringProperty(
                password_length=64, exclude_punctuation=True
            ),
        )
        secret.apply_removal_policy(self._removal)
        acknowledge(secret, "AwsSolutions-SMG4", "Owners rotate what is made of it, with a day in which both are good.")
        return secret
