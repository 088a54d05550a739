"""Create the HTTP API: its functions, and an authorizer for all routes except the open ones."""

import json
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_certificatemanager as acm
from constructs import Construct

from core.api import REPEATED, UNCHECKED
from core.api.routes import ANYONE, LINKS, ROUTES
from core.intake.labels import HEADER
from core.owners import OWN_FOLDERS
from core.records.table import BY_BATCH, BY_ID, BY_OWNER
from infra.base import Base
from infra.batches import Batches
from infra.config import Stage
from infra.functions import Size, allow, log_group
from infra.nag import acknowledge
from infra.webhooks import Webhooks
from infra.workflow import Workflow

# The caller, the route and the result. Without headers, query and body the log contains no key and no prompt. The path
# is left out because that of a short link is a secret.
_ACCESS_LOG = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "owner": "$context.authorizer.owner",
    "method": "$context.httpMethod",
    "route": "$context.routeKey",
    "status": "$context.status",
    "milliseconds": "$context.responseLatency",
    "error": "$context.error.message",
    "integrationError": "$context.integrationErrorMessage",
}

_CONSOLE = {"GET /": 10, "GET /console/{file}": 30}
# The routes that need no key, and how many requests per second they accept.
_OPEN = {**dict.fromkeys(ROUTES[ANYONE], 5), **dict.fromkeys(LINKS, 20), **_CONSOLE}


class Api(Construct):
    """The `http_api` and its functions `api`, `authorize` and `console`."""

    def __init__(self, scope: Construct, base: Base, workflow: Workflow, batches: Batches, webhooks: Webhooks) -> None:
        super().__init__(scope, "Api")
        stage, functions, storage = base.stage, base.functions, base.storage
        keys = {"API_KEYS_SECRET": storage.api_keys.attr_id}
        reads_keys = allow("secretsmanager:GetSecretValue", on=storage.api_keys.attr_id)
        small = Size(timeout_seconds=10, reserved=stage.reserved_concurrency)
        self.authorize = functions.add("authorize", size=small, environment=keys, permissions=[reads_keys])
        self.api = functions.add(
            "api",
            size=Size(
                timeout_seconds=29,  # API Gateway gives up at 30
                memory_mb=512,
                reserved=stage.reserved_concurrency,
            ),
            environment={
                **storage.slots.shown_environment,
                **storage.batches.rejecting(stage),
                **storage.money.environment,
                **storage.inputs_environment,
                "BATCH_STATE_MACHINE_ARN": batches.state_machine.state_machine_arn,
                "BATCH_CONCURRENCY": str(stage.batch_concurrency),
                "DEFAULT_MODEL": stage.default_model,
                "STATE_MACHINE_ARN": workflow.state_machine.state_machine_arn,
                "LINK_OPENS_A_DAY": str(stage.link_opens_a_day),
                "URL_LIFETIME_SECONDS": str(stage.url_lifetime_seconds),
                **stage.model_environment,
                **webhooks.environment(stage, storage),
                **keys,
            },
            permissions=[
                *storage.webhooks.permissions(lists=True),
                allow("sqs:SendMessage", on=webhooks.queue.queue_arn),
                *storage.ledger.permissions(adds=True, finds=True, reads=[BY_OWNER, BY_ID, BY_BATCH]),
                *storage.money.holds,
                storage.money.reads,
                storage.slots.lists,
                reads_keys,  # to list an owner's keys
                *storage.batches.permissions("PutItem", "UpdateItem", lists=True),
                # Batch files sent over HTTP are stored in their owner's folder, from where ingest reads them.
                allow("s3:PutObject", on=storage.prompts.arn_for_objects(f"{OWN_FOLDERS}*")),
                *storage.inputs_permissions(),  # and whether a batch's rows exist
                allow("s3:GetObject", on=storage.ids_of_rows),
                storage.stores_uploads,
                allow("states:StartExecution", on=batches.state_machine.state_machine_arn),
                allow("states:DescribeExecution", on=batches.executions_arn),
                allow("states:StartExecution", on=workflow.state_machine.state_machine_arn),
                allow("states:StopExecution", on=workflow.executions_arn),
                # A presigned link has its signer's permissions. DeleteObject keeps the old version for a while.
                allow("s3:GetObject", "s3:DeleteObject", on=storage.videos.arn_for_objects("videos/*")),
            ],
        )
        self.console = functions.add(
            "console",
            size=small,
            environment={
                # Presigned links use the regional host name, or in us-east-1 the one without a region.
                "BUCKET_HOSTS": ",".join(
                    host
                    for bucket in (storage.videos, storage.prompts)
                    for host in (bucket.bucket_regional_domain_name, bucket.bucket_domain_name)
                )
            },
            permissions=[],
        )
        self._open_routes: list[apigateway.HttpRoute] = []
        self.http_api = self._http_api(stage)
        default = self._default_stage(stage)
        self.url = self.http_api.api_endpoint
        self.domain_outputs: dict[str, str] = {}
        if stage.domain and stage.certificate_arn:
            self._serve(stage.domain, stage.certificate_arn, default)
        # The console plays videos from their bucket, reads frames of videos, and uploads files to both buckets.
        storage.let_pages_in(list(dict.fromkeys([self.url, self.http_api.api_endpoint, *stage.cors_origins])))

    def _serve(self, name: str, certificate_arn: str, default: apigateway.HttpStage) -> None:
        """Serve the API at a domain too. Its owner points the domain to the target that the outputs name."""
        certificate = acm.Certificate.from_certificate_arn(self, "Certificate", certificate_arn)
        domain = apigateway.DomainName(self, "Domain", domain_name=name, certificate=certificate)
        apigateway.ApiMapping(self, "Mapping", api=self.http_api, domain_name=domain, stage=default)
        self.url = f"https://{name}"
        self.domain_outputs = {"Domain": name, "DomainTarget": domain.regional_domain_name}

    def _http_api(self, stage: Stage) -> apigateway.HttpApi:
        """Create the HTTP API. All routes need a key, except those in `_OPEN`."""
        # One permission for all routes, because a function's policy has no room for one each.
        integration = integrations.HttpLambdaIntegration("Integration", self.api, scope_permission_to_route=False)
        http_api = apigateway.HttpApi(
            self,
            "HttpApi",
            create_default_stage=False,
            default_integration=integration,
            default_authorizer=authorizers.HttpLambdaAuthorizer(
                "Authorizer",
                self.authorize,
                response_types=[authorizers.HttpLambdaResponseType.SIMPLE],
                identity_source=["$request.header.Authorization"],
                results_cache_ttl=cdk.Duration.seconds(240),
            ),
            cors_preflight=apigateway.CorsPreflightOptions(
                allow_origins=list(stage.cors_origins),
                allow_methods=[
                    apigateway.CorsHttpMethod.GET,
                    apigateway.CorsHttpMethod.POST,
                    apigateway.CorsHttpMethod.PATCH,
                    apigateway.CorsHttpMethod.DELETE,
                ],
                allow_headers=["authorization", "content-type", "idempotency-key", HEADER],
                expose_headers=[UNCHECKED, REPEATED],
            )
            if stage.cors_origins
            else None,
        )
        # The catch-all route would serve these as well, but the access log would not show which of them was called.
        for route in (route for scope, routes in ROUTES.items() if scope != ANYONE for route in routes):
            _add(http_api, route, integration)
        # A browser's preflight request carries no key, so the catch-all route would reject it.
        preflight = ["OPTIONS /{proxy+}"] if stage.cors_origins else []
        console = integrations.HttpLambdaIntegration("Console", self.console)
        for route in (*_OPEN, *preflight):
            made = _add(
                http_api,
                route,
                console if route in _CONSOLE else integration,
                authorizer=apigateway.HttpNoneAuthorizer(),
            )
            self._open_routes += made
            for one in made:
                acknowledge(
                    one,
                    "AwsSolutions-APIG4",
                    "Serves the health check, the contract, the models and the console, without any owner's data, and "
                    "short links, whose tokens cannot be guessed.",
                )
        return http_api

    def _default_stage(self, stage: Stage) -> apigateway.HttpStage:
        default = apigateway.HttpStage(
            self,
            "Default",
            http_api=self.http_api,
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=stage.requests_per_second, burst_limit=stage.request_burst),
        )
        log = log_group(
            self,
            stage,
            "AccessLog",
            log_group_name=f"/aws/vendedlogs/http-api/{cdk.Stack.of(self).stack_name}",
        )
        cfn = cast("apigateway.CfnStage", default.node.default_child)
        # Requests without a key must not use up the limit of those with a key.
        cfn.add_property_override(
            "RouteSettings",
            {route: {"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": rate} for route, rate in _OPEN.items()},
        )
        for route in self._open_routes:
            default.node.add_dependency(route)
        cfn.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=log.log_group_arn, format=json.dumps(_ACCESS_LOG)
        )
        return default


def _add(
    http_api: apigateway.HttpApi,
    route: str,
    integration: integrations.HttpLambdaIntegration,
    authorizer: apigateway.HttpNoneAuthorizer | None = None,
) -> list[apigateway.HttpRoute]:
    """Add a route such as `GET /health`, with the default authorizer unless there is another one."""
    method, path = route.split()
    return http_api.add_routes(
        path=path, methods=[apigateway.HttpMethod(method)], integration=integration, authorizer=authorizer
    )
