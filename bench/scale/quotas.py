"""List the limits that more jobs a second meet: AWS's published quotas, the rates of one partition, and our own.

AWS's quotas are for an account and a region, without an increase. A second number is for regions with lower quotas.
They were compared in November 2026 with stored copies of the linked pages.
"""

from dataclasses import dataclass

_DOCS = "https://docs.aws.amazon.com"
API_GATEWAY = f"{_DOCS}/apigateway/latest/developerguide/limits.html"
DYNAMODB = f"{_DOCS}/amazondynamodb/latest/developerguide/ServiceQuotas.html"
PARTITIONS = f"{_DOCS}/amazondynamodb/latest/developerguide/bp-partition-key-design.html"
WARM = f"{_DOCS}/amazondynamodb/latest/developerguide/warm-throughput-scenarios.html"
EVENTBRIDGE = f"{_DOCS}/eventbridge/latest/userguide/eb-quota.html"
LAMBDA = f"{_DOCS}/lambda/latest/dg/gettingstarted-limits.html"
S3 = f"{_DOCS}/AmazonS3/latest/userguide/optimizing-performance.html"
SECRETS = f"{_DOCS}/secretsmanager/latest/userguide/reference_limits.html"
SNS = f"{_DOCS}/general/latest/gr/sns.html"
SQS = f"{_DOCS}/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html"
STEP_FUNCTIONS = f"{_DOCS}/step-functions/latest/dg/service-quotas.html"
OURS = "ours"


@dataclass(frozen=True)
class Quota:
    """`rate` is a number a second, or a number at once. `use` names what a job uses of it in ceilings.py."""

    part: str
    name: str
    rate: float
    use: str
    source: str
    then: str  # what to change when it is met
    elsewhere: float | None = None  # in the regions with the lowest quota, if it differs
    burst: float = 0.0  # of the token bucket, if it is larger than the rate
    can_be_raised: bool = True
    at_once: bool = False
    doubt: str = ""  # what AWS's page does not confirm, in whole sentences


RAISE = "ask AWS for an increase"
QUOTAS = (
    Quota("API Gateway", "requests", 10_000, "requests", API_GATEWAY, RAISE, elsewhere=2_500, burst=5_000),
    Quota(
        "Lambda",
        "concurrent executions, new account",
        10,
        "functions",
        LAMBDA,
        RAISE,
        at_once=True,
        doubt="AWS says only that a new account has fewer than usual, and raises the number with use. Public reports "
        "of new accounts say 10. By default, polls do not stay in such an account (`account_concurrency`), so a job "
        "takes less.",
    ),
    Quota("Lambda", "concurrent executions", 1_000, "functions", LAMBDA, RAISE, at_once=True),
    Quota("Step Functions", "StartExecution", 300, "starts", STEP_FUNCTIONS, RAISE, elsewhere=150, burst=1_300),
    Quota(
        "Step Functions",
        "state transitions",
        5_000,
        "transitions",
        STEP_FUNCTIONS,
        RAISE,
        elsewhere=800,
        burst=5_000,
        doubt="AWS says only that a new account has fewer than usual, and raises the number with use.",
    ),
    Quota("Step Functions", "SendTaskSuccess", 500, "resumptions", STEP_FUNCTIONS, RAISE, elsewhere=300, burst=3_000),
    Quota(
        "Step Functions",
        "DescribeExecution",
        15,
        "visits",
        STEP_FUNCTIONS,
        "ask AWS for an increase; until then the sweep repairs interrupted jobs later, and nothing is lost",
        elsewhere=10,
        burst=300,
        doubt="The AWS General Reference reportedly says 50 in every region. This could not be checked, so the table "
        "has the lower number.",
    ),
    Quota("Step Functions", "open executions", 1_000_000, "executions", STEP_FUNCTIONS, RAISE, at_once=True),
    Quota("DynamoDB", "write units of a table, as if it were the only one", 40_000, "write units", DYNAMODB, RAISE),
    Quota("DynamoDB", "read units of a table, as if it were the only one", 40_000, "read units", DYNAMODB, RAISE),
    Quota(
        "DynamoDB",
        "write units of one partition: the index `by_watch`",
        1_000,
        "by_watch",
        PARTITIONS,
        "split the key `watch` into shards, which the sweep reads in turn",
        can_be_raised=False,
    ),
    Quota(
        "DynamoDB",
        "write units of one partition: the index `by_done`",
        1_000,
        "by_done",
        PARTITIONS,
        "split the day into hours",
        can_be_raised=False,
    ),
    Quota(
        "DynamoDB",
        "write units of one partition: the queue",
        1_000,
        "queue",
        PARTITIONS,
        "DynamoDB splits it by owner by itself; a single owner's part stays in one",
        can_be_raised=False,
    ),
    Quota(
        "DynamoDB",
        "write units of one partition: the learned times of a model",
        1_000,
        "learned",
        PARTITIONS,
        "learn from a sample of the jobs",
        can_be_raised=False,
    ),
    Quota(
        "S3",
        "PUT, COPY, POST and DELETE of a prefix, at least",
        3_500,
        "puts",
        S3,
        "S3 splits the prefix by itself",
        can_be_raised=False,
    ),
    Quota("SNS", "publishes of standard topics", 30_000, "announcements", SNS, RAISE, elsewhere=300),
    Quota("EventBridge", "PutEvents", 10_000, "events", EVENTBRIDGE, RAISE, elsewhere=400),
    Quota("EventBridge", "invocations of targets", 18_750, "targets", EVENTBRIDGE, RAISE, elsewhere=750),
    Quota(
        "Secrets Manager",
        "GetSecretValue, if each function has just started",
        10_000,
        "secrets",
        SECRETS,
        "keep the key longer in each function",
        can_be_raised=False,
    ),
)
