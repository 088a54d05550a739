"""Create the provider of the sandbox: a function that simulates it, with its API, its table and its videos."""

import json
from dataclasses import replace
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.config import Stage
from infra.functions import Functions, Size, allow, log_group
from infra.nag import acknowledge
from infra.sandbox_code import SIMULATOR
from infra.storage import Storage
from infra.table import Keys, table
from sandbox.table import EXPIRES_AT, KEY, SORT

# A sandbox has one user. This is enough for a batch, and limits what strangers can cost.
_REQUESTS_PER_SECOND = 50
_ACCESS_LOG = {"requestId": "$context.requestId", "method": "$context.httpMethod", "status": "$context.status"}


class Sandbox(Construct):
    """The simulated provider. `serve` adds its function, which needs the key in the storage."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(scope, "Sandbox")
        self._emulator = stage.emulator
        self._http_api = apigateway.HttpApi(self, "HttpApi", create_default_stage=False)
        self._default_stage(stage)
        self._videos = s3.Bucket(
            self,
            "Videos",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(abort_incomplete_multipart_upload_after=cdk.Duration.days(1))],
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        acknowledge(self._videos, "AwsSolutions-S1", "It contains a few rendered videos and nothing of any owner.")
        keys = Keys(partition=KEY, sort=SORT, expires_at=EXPIRES_AT)
        self._table = table(self, "Table", stage, cdk.RemovalPolicy.DESTROY, keys)

    def as_provider_of(self, stage: Stage) -> Stage:
        """Return the stage with this provider's address and the hosts of its videos."""
        return replace(stage, provider_url=self._url, video_hosts=self._hosts_of(self._videos))

    @property
    def _url(self) -> str:
        if self._emulator:
            return f"{self._emulator}/_aws/execute-api/{self._http_api.api_id}/$default"
        return self._http_api.api_endpoint

    def _hosts_of(self, bucket: s3.Bucket) -> tuple[str, ...]:
        """Return the hosts of presigned links to a bucket."""
        if self._emulator:
            return ("127.0.0.1",)
        return bucket.bucket_regional_domain_name, bucket.bucket_domain_name

    def serve(self, functions: Functions, storage: Storage) -> None:
        """Answer requests. The function checks the same key that the other functions send."""
        function = functions.add(
            SIMULATOR,
            size=Size(timeout_seconds=29, memory_mb=512),
            environment={
                "SANDBOX_KEY_SECRET": storage.provider_key.attr_id,
                "SANDBOX_TABLE": self._table.table_name,
                "SANDBOX_BUCKET": self._videos.bucket_name,
                # The provider downloads the inputs of generations from here.
                "INPUT_HOSTS": ",".join(self._hosts_of(storage.videos)),
            },
            permissions=[
                allow("secretsmanager:GetSecretValue", on=storage.provider_key.attr_id),
                allow("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query", on=self._table.table_arn),
                allow("s3:GetObject", on=self._videos.arn_for_objects("*")),
            ],
        )
        acknowledge(
            cdk.Stack.of(self),
            f"AwsSolutions-IAM5[Resource::<{self._logical_id(self._videos)}.Arn>/*]",
            "The function signs links to all rendered videos.",
        )
        acknowledge(storage.provider_key, "AwsSolutions-SMG4", "The key is as old as the sandbox, which is deleted.")
        (route,) = self._http_api.add_routes(
            path="/{proxy+}",
            methods=[apigateway.HttpMethod.ANY],
            integration=integrations.HttpLambdaIntegration("Integration", function),
            authorizer=apigateway.HttpNoneAuthorizer(),
        )
        acknowledge(route, "AwsSolutions-APIG4", "The function checks the key, as the provider does.")
        self.outputs = {
            "SandboxVideosBucketName": self._videos.bucket_name,
            "SandboxTableName": self._table.table_name,
            "SandboxFunctionName": function.function_name,
        }

    def _logical_id(self, bucket: s3.Bucket) -> str:
        return cdk.Stack.of(self).get_logical_id(cast("s3.CfnBucket", bucket.node.default_child))

    def _default_stage(self, stage: Stage) -> None:
        default = apigateway.HttpStage(
            self,
            "Default",
            http_api=self._http_api,
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=_REQUESTS_PER_SECOND, burst_limit=2 * _REQUESTS_PER_SECOND),
        )
        name = f"/aws/vendedlogs/http-api/{cdk.Stack.of(self).stack_name}-provider"
        log = log_group(self, stage, "AccessLog", log_group_name=name)
        cast(
            "apigateway.CfnStage", default.node.default_child
        ).access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=log.log_group_arn, format=json.dumps(_ACCESS_LOG)
        )
