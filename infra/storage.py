"""Create the buckets, the five tables and the three secrets."""

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from core.archive.objects import POSTERS, VIDEOS
from core.archive.retention import LATER_DAYS, OBJECT_TAG
from core.inputs.files import UPLOADS
from core.reconciliation.shelf import BOOKS, DUE, FOLDER, WORK
from infra.batch_records import BatchRecords
from infra.config import Stage
from infra.functions import allow
from infra.ledger import Ledger
from infra.money import Money
from infra.nag import acknowledge
from infra.provider import Provider
from infra.slots import Slots
from infra.webhook_records import WebhookRecords

REPLACED_PROMPT_DAYS = 14  # as long as a message about the file can be in the dead-letter queue


def _cfn(bucket: s3.Bucket) -> s3.CfnBucket:
    return cast("s3.CfnBucket", bucket.node.default_child)


class Storage(Construct):
    """The buckets `prompts` and `videos`, the tables `ledger`, `batches`, `slots`, `money` and `webhooks`, and the
    secrets of the `provider`'s key, of the `api_keys` and of webhook signatures."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(scope, "Storage")
        self._stage = stage
        # Nothing in the stack empties its buckets: CDK's auto_delete_objects would add a custom resource whose Lambda
        # can delete everything. `make destroy` empties the buckets of a dev stack before it deletes the stack.
        # A failed first deployment leaves nothing behind, so it can be repeated.
        kept = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
        self._removal = kept if stage.keep_data else cdk.RemovalPolicy.DESTROY
        # The two periods add up to the setting, because a deleted object remains as a version for a while.
        self.prompts = self._bucket(
            "Prompts", expire_days=stage.prompt_days - REPLACED_PROMPT_DAYS, replaced_days=REPLACED_PROMPT_DAYS
        )
        self._announce_uploads(self.prompts)
        self.videos = self._bucket("Videos", replaced_days=stage.replaced_video_days)
        for rule in stage.retention.rules:
            if rule.days is not None:
                self.videos.add_lifecycle_rule(
                    prefix="videos/",
                    tag_filters={OBJECT_TAG: rule.name},
                    expiration=cdk.Duration.days(rule.days + LATER_DAYS),
                )
        # The rows of a batch contain its prompts, so they expire like the prompt files.
        self.videos.add_lifecycle_rule(
            prefix="batches/",
            expiration=cdk.Duration.days(stage.prompt_days - 1),
            noncurrent_version_expiration=cdk.Duration.days(1),
        )
        # Working files of reconciliations that were interrupted.
        self.videos.add_lifecycle_rule(
            prefix=WORK,
            expiration=cdk.Duration.days(1),
            noncurrent_version_expiration=cdk.Duration.days(1),
        )
        # The provider's charges of each day, kept longer than the tombstones of generations, which are kept for a year.
        self.videos.add_lifecycle_rule(
            prefix=BOOKS,
            expiration=cdk.Duration.days(400),
            noncurrent_version_expiration=cdk.Duration.days(1),
        )
        # Uploads that were not used. A generation copies the uploads that it uses.
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
            f"{videos}/results/*/rows/*",
            f"{videos}/uploads/*",
            f"{videos}/{FOLDER}*",
            f"{videos}/{WORK}*",
            f"{videos}/{DUE}*",
            f"{videos}/batches/*/rows.jsonl",
            f"{videos}/batches/*/inputs/*",
            f"{videos}/videos/*/inputs/*",
            f"{videos}/{VIDEOS}",
            f"{videos}/{POSTERS}",
        ):
            acknowledge(
                stack,
                f"AwsSolutions-IAM5[Resource::{objects}]",
                "Object keys contain ids or owners, which are unknown when the roles are created.",
            )
        self.ledger = Ledger(self, stage, self._removal)
        self.batches = BatchRecords(self, stage, self._removal)
        self.slots = Slots(self, stage, self._removal, self.ledger)
        self.money = Money(self, stage, self._removal, self.slots)
        self.provider_key = (
            self._generated("ProviderKey", "The key for the simulated provider, as plain text.")
            if stage.simulates_provider
            else self._secret("ProviderKey", "The key for the provider, as plain text.")
        )
        self.provider = Provider(stage.provider_url, self.provider_key)
        self.api_keys = self._secret("ApiKeys", "The hashed keys of this API's users, as JSON.")
        self.webhooks = WebhookRecords(self, stage, self._removal, self._webhooks_secret())

    def let_pages_in(self, origins: list[str]) -> None:
        """Let pages of these origins use the links and forms that the API signs. They need no other credentials."""
        for bucket, methods in (
            (self.videos, [s3.HttpMethods.GET, s3.HttpMethods.POST]),
            (self.prompts, [s3.HttpMethods.POST]),
        ):
            bucket.add_cors_rule(allowed_methods=methods, allowed_origins=origins, max_age=3600)

    @property
    def inputs_environment(self) -> dict[str, str]:
        """Return the environment variables of functions that read input files."""
        return {
            "VIDEOS_BUCKET": self.videos.bucket_name,
            "PROMPTS_BUCKET": self.prompts.bucket_name,
            "FILE_OWNERS": ",".join(self._stage.file_owners),
            **self._stage.retention_environment,
        }

    def inputs_permissions(self) -> list[iam.PolicyStatement]:
        """Allow reading the input files that requests refer to."""
        places = [self.prompts.arn_for_objects("*")]
        places += [self.videos.arn_for_objects(key) for key in (f"{UPLOADS}*", "batches/*/inputs/*")]
        return [
            allow("s3:GetObject", on=places),
            # Without it S3 answers 403 for an object that does not exist.
            allow("s3:ListBucket", on=[self.videos.bucket_arn, self.prompts.bucket_arn]),
        ]

    @property
    def ids_of_rows(self) -> str:
        """Return the ARN pattern of the files with the ids of the rows of each revision."""
        return self.videos.arn_for_objects("results/*/rows/*")

    @property
    def stores_uploads(self) -> iam.PolicyStatement:
        """Allow storing files that are part of a request, and signing upload forms."""
        return allow("s3:PutObject", on=self.videos.arn_for_objects(f"{UPLOADS}*"))

    def _bucket(self, name: str, *, expire_days: int | None = None, replaced_days: int | None = None) -> s3.Bucket:
        """Create a private bucket. `replaced_days` makes it versioned and keeps old versions for that many days."""
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
            "Only the functions' roles and their short-lived links can access it. The API's access log and the ledger "
            "show the callers. Turn on CloudTrail data events if you need more.",
        )
        return bucket

    @staticmethod
    def _announce_uploads(bucket: s3.Bucket) -> None:
        """Send EventBridge events for uploads. `event_bridge_enabled` would add a custom-resource Lambda."""
        _cfn(bucket).add_property_override(
            "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", True
        )

    def _secret(self, name: str, description: str) -> secretsmanager.CfnSecret:
        """Create a secret without a value, so that no deployment can overwrite a key and a missing key is reported."""
        secret = secretsmanager.CfnSecret(self, name, description=description)
        secret.apply_removal_policy(self._removal)
        acknowledge(
            secret,
            "AwsSolutions-SMG4",
            "Its issuer rotates it: the provider has no API for rotation, and API keys belong to their users. "
            "Running jobs pick up a new value.",
        )
        return secret

    def _generated(self, name: str, description: str) -> secretsmanager.CfnSecret:
        """Create a secret with a random value, which no deployment replaces as long as these lines do not change."""
        secret = secretsmanager.CfnSecret(
            self,
            name,
            description=description,
            generate_secret_string=secretsmanager.CfnSecret.GenerateSecretStringProperty(
                password_length=64, exclude_punctuation=True
            ),
        )
        secret.apply_removal_policy(self._removal)
        return secret

    def _webhooks_secret(self) -> secretsmanager.CfnSecret:
        """Create the random secret from which the owners' webhook secrets are derived.

        A deployment replaces it only if these lines change. All owners' secrets then change immediately."""
        secret = self._generated("WebhooksSecret", "The owners' webhook secrets are derived from this value.")
        acknowledge(
            secret,
            "AwsSolutions-SMG4",
            "Owners rotate the derived secrets; the old one stays valid for a day.",
        )
        return secret
