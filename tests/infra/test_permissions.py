"""Test the permissions of roles, functions and callers. Nothing is public without a key."""

import fnmatch
import json

import pytest
from aws_cdk.assertions import Template

from core.api.routes import ANYONE, ROUTES
from core.inputs.links import LINKS_LIVE, SESSION
from infra.config import Stage
from infra.state_machine import DEFINITIONS
from tests.support.templates import STAGES, functions, grants, listed, new_stack, readable, resources

TABLE = "StorageGenerations.Arn"
VIDEOS = "StorageVideos.Arn/videos/*"
BATCHES = "StorageBatches.Arn"
LEDGER = {("dynamodb:GetItem", TABLE), ("dynamodb:UpdateItem", TABLE)}
LEARNED = {("dynamodb:GetItem", "StorageSlots.Arn")}  # how long generations take, and what they cost
MONEY = "StorageMoney.Arn"
SETTLE = {("dynamodb:BatchGetItem", MONEY), ("dynamodb:UpdateItem", MONEY)}  # to count what one that has ended cost
HOLD = SETTLE | LEARNED | {("dynamodb:GetItem", MONEY)}  # to estimate the cost of a request and hold it
PROVIDER_KEY = {("secretsmanager:GetSecretValue", "StorageProviderKey.Id")}
ANNOUNCE = {("sns:Publish", "AnnouncementsTopic"), ("events:PutEvents", "AnnouncementsBus.Arn")}

SLOTS = {
    *(
        (f"dynamodb:{action}", "StorageSlots.Arn")
        for action in ("GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem")
    ),
    ("states:SendTaskSuccess", "WorkflowVideoGeneration"),
}
EXECUTIONS_OF = "arn:AWS::Partition:states:AWS::Region:AWS::AccountId:execution"
EXECUTIONS = f"{EXECUTIONS_OF}:WorkflowVideoGeneration.Name"
UPLOADS, OWN_INPUTS = "StorageVideos.Arn/uploads/*", "StorageVideos.Arn/videos/*/inputs/*"
INPUTS = {  # to read the files that a request names
    ("s3:GetObject", "StoragePrompts.Arn/*"),
    ("s3:GetObject", UPLOADS),
    ("s3:GetObject", "StorageVideos.Arn/batches/*/inputs/*"),
    ("s3:ListBucket", "StorageVideos.Arn"),
    ("s3:ListBucket", "StoragePrompts.Arn"),
}
WEBHOOKS = {  # to read and change deliveries, and to create owners' secrets
    *((f"dynamodb:{action}", "StorageWebhooks.Arn") for action in ("GetItem", "PutItem", "UpdateItem")),
    ("secretsmanager:GetSecretValue", "StorageWebhooksSecret.Id"),
}
STORE_UPLOADS = {("s3:PutObject", UPLOADS)}  # to sign upload forms
MAY = {
    "admit": LEDGER | SLOTS | INPUTS | {("s3:GetObject", OWN_INPUTS), ("s3:PutObject", OWN_INPUTS)},
    "submit": LEDGER
    | PROVIDER_KEY
    | SLOTS
    | {("sts:AssumeRole", "WorkflowLinksRole.Arn")}
    | SETTLE,  # whether a budget was exceeded
    "look_up_submission": LEDGER | PROVIDER_KEY,
    "check_status": LEDGER | PROVIDER_KEY | SLOTS | LEARNED,
    "finalize": LEDGER
    | SLOTS
    | PROVIDER_KEY
    | ANNOUNCE
    | SETTLE
    | {
        ("s3:PutObject", VIDEOS),
        ("s3:PutObjectTagging", VIDEOS),
        ("s3:GetObject", VIDEOS),
        ("s3:DeleteObject", VIDEOS),
        ("s3:AbortMultipartUpload", VIDEOS),
        ("s3:ListMultipartUploadParts", VIDEOS),
        ("s3:ListBucket", "StorageVideos.Arn"),
    },
    "sweep": LEDGER
    | SLOTS
    | PROVIDER_KEY
    | ANNOUNCE
    | SETTLE
    | {(f"dynamodb:{action}", MONEY) for action in ("GetItem", "PutItem", "Query")}  # prices; all budgets
    | {
        ("dynamodb:Query", f"{TABLE}/index/by_watch"),
        ("states:StartExecution", "WorkflowVideoGeneration"),
        ("states:DescribeExecution", f"{EXECUTIONS}:*"),
        ("states:StopExecution", f"{EXECUTIONS}:*"),
        ("s3:DeleteObject", VIDEOS),
        ("s3:ListBucket", "StorageVideos.Arn"),
    },
    "record_failure": LEDGER | ANNOUNCE | SETTLE | SLOTS | {("sqs:SendMessage", "WorkflowDeadLetters.Arn")},
    "api": HOLD
    | INPUTS
    | WEBHOOKS
    | {
        ("dynamodb:BatchGetItem", "StorageWebhooks.Arn"),
        ("dynamodb:Query", "StorageWebhooks.Arn/index/by_owner"),
        ("sqs:SendMessage", "WebhooksQueue.Arn"),
    }
    | STORE_UPLOADS
    | {
        ("dynamodb:GetItem", TABLE),
        ("dynamodb:PutItem", TABLE),
        ("dynamodb:UpdateItem", TABLE),
        ("dynamodb:BatchGetItem", TABLE),
        ("dynamodb:Query", f"{TABLE}/index/by_owner"),
        ("dynamodb:Query", f"{TABLE}/index/by_batch"),
        *((f"dynamodb:{action}", BATCHES) for action in ("GetItem", "BatchGetItem", "PutItem", "UpdateItem")),
        ("dynamodb:Query", f"{BATCHES}/index/by_owner"),
        ("s3:PutObject", "StoragePrompts.Arn/owners/*"),
        ("s3:GetObject", "StorageVideos.Arn/results/*/rows/*"),  # the ids of the rows of each revision
        ("states:StartExecution", "BatchesPromptBatch"),
        ("dynamodb:Query", f"{TABLE}/index/by_id"),
        ("dynamodb:Query", MONEY),  # sums
        ("dynamodb:Query", "StorageSlots.Arn"),  # the times of all models, the slots and the queue
        ("secretsmanager:GetSecretValue", "StorageApiKeys.Id"),  # to list an owner's
        ("states:StartExecution", "WorkflowVideoGeneration"),
        ("states:StopExecution", f"{EXECUTIONS}:*"),
        ("s3:GetObject", VIDEOS),
        ("s3:DeleteObject", VIDEOS),
    },
    "ingest": LEDGER
    | ANNOUNCE
    | HOLD
    | INPUTS
    | STORE_UPLOADS
    | {
        ("dynamodb:PutItem", TABLE),
        ("dynamodb:BatchGetItem", TABLE),
        ("dynamodb:Query", f"{TABLE}/index/by_batch"),  # the rows of a file that an earlier release has read
        *((f"dynamodb:{action}", BATCHES) for action in ("GetItem", "BatchGetItem", "PutItem", "UpdateItem")),
        ("dynamodb:Query", f"{BATCHES}/index/by_owner"),  # the batches that a file may repeat
        ("dynamodb:BatchWriteItem", BATCHES),  # the rows that were rejected while a file was read
        ("s3:GetObjectVersion", "StoragePrompts.Arn/*"),
        ("s3:PutObject", "StorageVideos.Arn/batches/*"),
        ("s3:PutObject", "StorageVideos.Arn/results/*/rows/*"),
        ("s3:GetObject", "StorageVideos.Arn/results/*/rows/*"),
        ("states:StartExecution", "WorkflowVideoGeneration"),
        ("states:StartExecution", "BatchesPromptBatch"),
        ("sqs:ReceiveMessage", "TriggersQueue.Arn"),
        ("sqs:ChangeMessageVisibility", "TriggersQueue.Arn"),
        ("sqs:GetQueueUrl", "TriggersQueue.Arn"),
        ("sqs:DeleteMessage", "TriggersQueue.Arn"),
        ("sqs:GetQueueAttributes", "TriggersQueue.Arn"),
    },
    "accept_row": LEDGER
    | HOLD
    | ANNOUNCE
    | INPUTS
    | STORE_UPLOADS
    | {("dynamodb:PutItem", TABLE)}
    | {(f"dynamodb:{action}", BATCHES) for action in ("GetItem", "BatchGetItem", "PutItem", "UpdateItem")}
    | {("s3:GetObject", "StorageVideos.Arn/batches/*/rows.jsonl")},
    "report_batch": ANNOUNCE
    | {
        ("dynamodb:BatchGetItem", TABLE),
        ("dynamodb:Query", f"{TABLE}/index/by_batch"),
        *((f"dynamodb:{action}", BATCHES) for action in ("GetItem", "BatchGetItem", "UpdateItem")),
        ("s3:GetObject", "StorageVideos.Arn/batches/*"),
        ("s3:ListBucket", "StorageVideos.Arn"),
        ("s3:PutObject", "StorageVideos.Arn/results/*"),
    },
    "make_poster": {
        ("s3:GetObject", "StorageVideos.Arn/videos/*/video.*"),
        ("s3:GetObjectTagging", "StorageVideos.Arn/videos/*/video.*"),
        ("s3:PutObject", "StorageVideos.Arn/videos/*/poster.jpg"),
        ("s3:PutObjectTagging", "StorageVideos.Arn/videos/*/poster.jpg"),
    },
    "reconcile": PROVIDER_KEY
    | {
        ("dynamodb:BatchGetItem", TABLE),
        ("dynamodb:Query", f"{TABLE}/index/by_done"),
        ("dynamodb:Query", f"{TABLE}/index/by_provider_id"),
        ("s3:GetObject", "StorageVideos.Arn/reconciliation/*"),
        ("s3:PutObject", "StorageVideos.Arn/reconciliation/*"),
        ("s3:DeleteObject", "StorageVideos.Arn/reconciliation/work/*"),
        ("s3:DeleteObject", "StorageVideos.Arn/reconciliation/due/*"),
        ("s3:ListBucket", "StorageVideos.Arn"),
    },
    "authorize": {("secretsmanager:GetSecretValue", "StorageApiKeys.Id")},
    "console": set(),
    "deliver_webhook": WEBHOOKS
    | {
        ("dynamodb:GetItem", TABLE),
        *(
            (f"sqs:{action}", "WebhooksQueue.Arn")
            for action in (
                "SendMessage",
                "ReceiveMessage",
                "ChangeMessageVisibility",
                "GetQueueUrl",
                "DeleteMessage",
                "GetQueueAttributes",
            )
        ),
    },
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", MAY)
def test_a_function_has_only_the_permissions_that_it_needs(stage: str, name: str) -> None:
    function = functions(stage)[name]
    role = readable(function["Role"]).removesuffix(".Arn")
    log = readable(function["LoggingConfig"]["LogGroup"])
    own_traces = {
        ("logs:CreateLogStream", f"{log}.Arn"),
        ("logs:PutLogEvents", f"{log}.Arn"),
        ("xray:PutTraceSegments", "*"),
        ("xray:PutTelemetryRecords", "*"),
    }
    # The stack names the executions of its batches.
    batch = {("states:DescribeExecution", f"{EXECUTIONS_OF}:promptreel-{stage}-prompt-batch:*")}
    assert grants(stage, role) == MAY[name] | own_traces | (batch if name in ("ingest", "api") else set())


def test_every_function_is_covered_and_has_a_separate_role_and_log() -> None:
    found = functions("prod")
    assert found.keys() == MAY.keys(), "name its permissions in MAY"
    assert len({readable(f["Role"]) for f in found.values()}) == len(found)
    assert len({readable(f["LoggingConfig"]["LogGroup"]) for f in found.values()}) == len(found)


@pytest.mark.parametrize("stage", STAGES)
def test_the_state_machine_can_only_invoke_its_functions(stage: str) -> None:
    allowed = grants(stage, "WorkflowVideoGenerationRole")
    states = json.loads((DEFINITIONS / "video_generation.asl.json").read_text("utf-8"))["States"]
    assert {resource for action, resource in allowed if action.startswith("lambda:")} == {
        f"Functions{name}Function.Arn" for name, state in states.items() if state["Type"] == "Task"
    }
    assert {action.split(":")[0] for action, resource in allowed if resource == "*"} == {"logs", "xray"}
    assert {action for action, _ in allowed if action.startswith("lambda:")} == {"lambda:InvokeFunction"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_batch_can_run_rows_and_write_results_but_not_stop_generations(stage: str) -> None:
    """Step Functions stops what a stopped execution waits for, if permitted, but a generation has been paid for."""
    machine = f"promptreel-{stage}-prompt-batch"
    results, a_rule = "StorageVideos.Arn/batches/*", "StepFunctionsGetEventsForStepFunctionsExecutionRule"
    managed = f"arn:AWS::Partition:events:AWS::Region:AWS::AccountId:rule/{a_rule}"
    allowed = {(action, on) for action, on in grants(stage, "BatchesPromptBatchRole") if on != "*"}
    assert allowed == {
        ("lambda:InvokeFunction", "FunctionsAcceptRowFunction.Arn"),
        ("lambda:InvokeFunction", "FunctionsReportBatchFunction.Arn"),
        ("states:StartExecution", "WorkflowVideoGeneration"),
        ("states:DescribeExecution", f"{EXECUTIONS}:*"),
        ("states:StartExecution", f"arn:AWS::Partition:states:AWS::Region:AWS::AccountId:stateMachine:{machine}"),
        *(
            (f"states:{action}", f"{EXECUTIONS_OF}:{machine}{separator}*")
            for action in ("DescribeExecution", "StopExecution", "RedriveExecution")
            for separator in "/:"
        ),
        ("events:PutTargets", managed),
        ("events:PutRule", managed),
        ("events:DescribeRule", managed),
        ("s3:PutObject", results),
        ("s3:GetObject", results),
        ("s3:ListMultipartUploadParts", results),
        ("s3:AbortMultipartUpload", results),
    }


@pytest.mark.parametrize("stage", STAGES)
def test_roles_are_assumed_by_their_service_only(stage: str) -> None:
    services = {
        readable(statement["Principal"]["Service"])
        for name, role in resources(stage, "AWS::IAM::Role").items()
        for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        if name != "WorkflowLinksRole"
    }
    assert services == {"lambda.amazonaws.com", "states.amazonaws.com"}


@pytest.mark.parametrize("stage", STAGES)
def test_links_are_signed_by_a_read_only_role_that_only_submit_assumes(stage: str) -> None:
    """A link has the permissions of its signer, and expires with its signer's credentials."""
    role = resources(stage, "AWS::IAM::Role")["WorkflowLinksRole"]["Properties"]
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
    submit = readable(functions(stage)["submit"]["Role"])
    assert {name: readable(who) for name, who in trusted["Principal"].items()} == {"AWS": submit}
    assert role["MaxSessionDuration"] == SESSION.total_seconds()
    assert grants(stage, "WorkflowLinksRole") == {("s3:GetObject", VIDEOS)}
    waits = functions(stage)["check_status"]["Environment"]["Variables"]["POLL_DEADLINE_SECONDS"]
    assert LINKS_LIVE.total_seconds() > int(waits), "longer than the provider works on a generation"


@pytest.mark.parametrize("stage", STAGES)
def test_only_health_contract_models_console_and_short_links_skip_the_authorizer(stage: str) -> None:
    routes = resources(stage, "AWS::ApiGatewayV2::Route").values()
    types = {r["Properties"]["RouteKey"]: r["Properties"]["AuthorizationType"] for r in routes}
    assert {route for route, kind in types.items() if kind == "NONE"} == {
        "GET /health",
        "GET /openapi.json",
        "GET /v1/models",
        "GET /models",
        "GET /api/v1/models",
        "GET /",
        "GET /console/{file}",
        "GET /v/{token}",
        "HEAD /v/{token}",
        "GET /v/{token}/{name}",
        "HEAD /v/{token}/{name}",
    }
    keyed = {route for scope, of_scope in ROUTES.items() if scope != ANYONE for route in of_scope}
    assert {route for route, kind in types.items() if kind == "CUSTOM"} == keyed | {"$default"}
    (authorizer,) = resources(stage, "AWS::ApiGatewayV2::Authorizer").values()
    assert authorizer["Properties"]["IdentitySource"] == ["$request.header.Authorization"]
    assert authorizer["Properties"]["AuthorizerResultTtlInSeconds"] == 240
    assert authorizer["Properties"]["EnableSimpleResponses"] is True
    assert "FunctionsAuthorizeFunction.Arn" in readable(authorizer["Properties"]["AuthorizerUri"])


@pytest.mark.parametrize("stage", STAGES)
def test_only_the_api_and_the_rule_of_this_stack_call_functions(stage: str) -> None:
    permissions = [p["Properties"] for p in resources(stage, "AWS::Lambda::Permission").values()]
    assert {(p["Principal"], readable(p["FunctionName"])) for p in permissions} == {
        ("apigateway.amazonaws.com", "FunctionsApiFunction.Arn"),
        ("apigateway.amazonaws.com", "FunctionsAuthorizeFunction.Arn"),
        ("apigateway.amazonaws.com", "FunctionsConsoleFunction.Arn"),
        ("events.amazonaws.com", "FunctionsRecordFailureFunction.Arn"),
        ("events.amazonaws.com", "FunctionsSweepFunction.Arn"),
        ("events.amazonaws.com", "FunctionsReconcileFunction.Arn"),
        ("events.amazonaws.com", "FunctionsMakePosterFunction.Arn"),
    }
    assert len(permissions) < 15, "the policy of a function has no room for one for each route"
    assert all(
        any(
            name in readable(p["SourceArn"])
            for name in ("ApiHttpApi", "ExecutionEnded", "Completed", "EveryMinute", "EveryNight")
        )
        for p in permissions
    )


SQS_QUEUES = {"WorkflowDeadLetters", "TriggersQueue", "TriggersDeadLetters", "WebhooksQueue", "WebhooksDeadLetters"}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("kind", "actions", "names"),
    [
        ("AWS::S3::BucketPolicy", "s3:*", {"StoragePrompts", "StorageVideos"}),
        ("AWS::SNS::TopicPolicy", "sns:Publish", {"AnnouncementsTopic", "MonitoringAlarms"}),
        ("AWS::SQS::QueuePolicy", "sqs:*", SQS_QUEUES),
    ],
)
def test_only_aws_services_get_access_and_only_with_tls(stage: str, kind: str, actions: str, names: set[str]) -> None:
    policies = [p["Properties"] for p in resources(stage, kind).values()]
    protected = {readable(on) for p in policies for on in listed(p.get("Bucket") or p.get("Topics") or p["Queues"])}
    assert protected == names
    for policy in policies:
        deny, *others = policy["PolicyDocument"]["Statement"]
        assert (deny["Effect"], deny["Action"]) == ("Deny", actions)
        assert deny["Principal"] in ("*", {"AWS": "*"})
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for other in others:
            assert other["Principal"].keys() == {"Service"}
            assert other["Condition"], "a service is let in for this account's or this rule's sake only"


@pytest.mark.parametrize("stage", STAGES)
def test_buckets_are_private(stage: str) -> None:
    for bucket in resources(stage, "AWS::S3::Bucket").values():
        assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket["Properties"]["PublicAccessBlockConfiguration"]) == 4
        assert not bucket["Properties"].keys() & {"AccessControl", "WebsiteConfiguration"}


@pytest.mark.parametrize("stage", STAGES)
def test_buckets_answer_only_the_deployments_pages(stage: str) -> None:
    """The console plays videos, takes pictures of them and sends files, with links and forms signed by the API."""
    asked = {}
    for name, bucket in resources(stage, "AWS::S3::Bucket").items():
        (rule,) = bucket["Properties"]["CorsConfiguration"]["CorsRules"]
        assert list(map(readable, rule["AllowedOrigins"])) == ["ApiHttpApi.ApiEndpoint"]
        asked[name] = rule["AllowedMethods"]
    assert asked == {"StoragePrompts": ["POST"], "StorageVideos": ["GET", "POST"]}
    hosts = readable(functions(stage)["console"]["Environment"]["Variables"]["BUCKET_HOSTS"]).split(",")
    assert hosts == [
        f"{name}.{kind}"
        for name in ("StorageVideos", "StoragePrompts")
        for kind in ("RegionalDomainName", "DomainName")
    ]


@pytest.mark.exhaustive
def test_web_pages_can_call_the_api_only_if_their_origin_is_configured() -> None:
    """If configured, a preflight request, which has no key, is answered without one."""
    (closed,) = resources("prod", "AWS::ApiGatewayV2::Api").values()
    assert "CorsConfiguration" not in closed["Properties"]

    opened = Template.from_stack(new_stack(Stage(name="web", cors_origins=("https://example.com",))))
    opened.has_resource_properties(
        "AWS::ApiGatewayV2::Api", {"CorsConfiguration": {"AllowOrigins": ["https://example.com"]}}
    )
    (api,) = opened.find_resources("AWS::ApiGatewayV2::Api").values()
    called = {route.partition(" ")[0] for routes in ROUTES.values() for route in routes} - {"HEAD"}
    assert set(api["Properties"]["CorsConfiguration"]["AllowMethods"]) == called
    opened.has_resource_properties(
        "AWS::ApiGatewayV2::Route", {"RouteKey": "OPTIONS /{proxy+}", "AuthorizationType": "NONE"}
    )


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.exhaustive
def test_the_access_log_contains_routes_but_no_paths_headers_and_queries(stage: str) -> None:
    (default,) = resources(stage, "AWS::ApiGatewayV2::Stage").values()
    logged = default["Properties"]["AccessLogSettings"]["Format"]
    assert "$context.requestId" in logged
    assert "$context.routeKey" in logged
    secret = ("header", "querystring", "body", "authorizer.key", "$context.path", "authorizer.line")
    assert not any(word in logged for word in secret)
    assert default["Properties"]["DefaultRouteSettings"]["ThrottlingRateLimit"] > 0


@pytest.mark.parametrize("stage", STAGES)
def test_announcing_functions_cannot_order_a_video(stage: str) -> None:
    conditions = [
        statement["Condition"]
        for policy in resources(stage, "AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "events:PutEvents"
    ]
    assert len(conditions) >= 5
    for condition in conditions:
        assert condition["StringEquals"] == {"events:source": "promptreel"}
        assert condition["StringLike"] == {"events:detail-type": ["* Completed", "* Failed"]}
        assert not any(
            fnmatch.fnmatch("Generation Requested", one) for one in condition["StringLike"]["events:detail-type"]
        )


@pytest.mark.parametrize("stage", STAGES)
def test_open_routes_have_a_separate_throttle(stage: str) -> None:
    (default,) = resources(stage, "AWS::ApiGatewayV2::Stage").values()
    routes = resources(stage, "AWS::ApiGatewayV2::Route").values()
    open_routes = {r["Properties"]["RouteKey"] for r in routes if r["Properties"]["AuthorizationType"] == "NONE"}
    assert default["Properties"]["RouteSettings"].keys() == open_routes
    for settings in default["Properties"]["RouteSettings"].values():
        assert settings["ThrottlingRateLimit"] < default["Properties"]["DefaultRouteSettings"]["ThrottlingRateLimit"]


@pytest.mark.parametrize("stage", STAGES)
def test_topics_are_encrypted_and_alarms_by_a_key_that_cloudwatch_may_use(stage: str) -> None:
    """AWS's own key, which encrypts the announcements, does not allow alarms."""
    topics = {name: topic["Properties"] for name, topic in resources(stage, "AWS::SNS::Topic").items()}
    assert topics.keys() == {"AnnouncementsTopic", "MonitoringAlarms"}
    assert readable(topics["AnnouncementsTopic"]["KmsMasterKeyId"]).endswith(":alias/aws/sns")
    assert readable(topics["MonitoringAlarms"]["KmsMasterKeyId"]) == "MonitoringAlarmsKey.Arn"
    (key,) = resources(stage, "AWS::KMS::Key").values()
    assert key["Properties"]["EnableKeyRotation"] is True
    owner, alarms = key["Properties"]["KeyPolicy"]["Statement"]
    assert owner["Principal"].keys() == {"AWS"}
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert set(alarms["Action"]) == {"kms:GenerateDataKey*", "kms:Decrypt"}
    assert alarms["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
