"""Give the deployed stack the provider's key, an API key, and a queue for announcements."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.api import api_keys
from local.settings import REGION
from local.stack import Stack, client

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

QUEUE = "promptreel-local-announcements"
OWNER = "demo"


def provision(
    outputs: dict[str, str],
    endpoint_url: str,
    *,
    provider_url: str,
    provider_key: str,
    known_api_key: str | None,
) -> Stack:
    """Store the keys, subscribe the queue, and return the stack's endpoints. Repeating this changes nothing.

    `known_api_key` is reused if the stack still accepts it. No key is passed on a command line.
    """
    secrets: SecretsManagerClient = client("secretsmanager", endpoint_url)
    if _secret_text(secrets, outputs["ProviderKeySecretArn"]) != provider_key:
        secrets.put_secret_value(SecretId=outputs["ProviderKeySecretArn"], SecretString=provider_key)
    return Stack(
        api_url=without_dns(outputs["ApiUrl"], endpoint_url),
        api_key=_ensure_api_key(secrets, outputs["ApiKeysSecretArn"], known_api_key),
        aws_endpoint_url=endpoint_url,
        provider_url=provider_url,
        region=REGION,
        prompts_bucket=outputs["PromptsBucketName"],
        videos_bucket=outputs["VideosBucketName"],
        topic_arn=outputs["TopicArn"],
        bus_name=outputs["BusName"],
        table_name=outputs["TableName"],
        slots_table_name=outputs["SlotsTableName"],
        money_table_name=outputs["MoneyTableName"],
        video_generation_state_machine_arn=outputs["VideoGenerationStateMachineArn"],
        prompt_batch_state_machine_arn=outputs["PromptBatchStateMachineArn"],
        queue_url=ensure_queue(outputs["TopicArn"], endpoint_url, QUEUE),
        provider_key_secret_arn=outputs["ProviderKeySecretArn"],
        api_keys_secret_arn=outputs["ApiKeysSecretArn"],
    )


def without_dns(api_url: str, endpoint_url: str) -> str:
    """Return the URL of the HTTP API on the local AWS, which works without DNS."""
    api_id = api_url.removeprefix("https://").removeprefix("http://").split(".")[0]
    return f"{endpoint_url}/_aws/execute-api/{api_id}/$default"


def _ensure_api_key(secrets: "SecretsManagerClient", arn: str, known: str | None) -> str:
    stored = _secret_text(secrets, arn)
    now = datetime.now(UTC)
    if known and (holder := api_keys.holder_of(known, stored, now)) and holder.owner == OWNER:
        return known
    key, entry = api_keys.issue(OWNER, now)
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps(json.loads(stored or "{}") | entry))
    return key


def _secret_text(secrets: "SecretsManagerClient", arn: str) -> str | None:
    """Return the current text of a secret, or None if no value is stored."""
    try:
        return secrets.get_secret_value(SecretId=arn)["SecretString"].strip() or None
    except secrets.exceptions.ResourceNotFoundException:
        return None


def ensure_queue(topic_arn: str, endpoint_url: str, name: str, only: dict[str, list[str]] | None = None) -> str:
    """Return the URL of the queue with this name, subscribed to announcements. `only` is a filter policy."""
    sqs, sns = client("sqs", endpoint_url), client("sns", endpoint_url)
    queue_url: str = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
            }
        ],
    }
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": json.dumps(policy)})
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=topic_arn)["Subscriptions"]
    if queue_arn not in [subscription["Endpoint"] for subscription in subscriptions]:
        filters = {"FilterPolicy": json.dumps(only)} if only else {}
        sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn, Attributes=filters)
    return queue_url
