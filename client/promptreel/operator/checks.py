"""The checks of `doctor` that need AWS credentials."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from core import errors
from promptreel._http import address
from promptreel.findings import Finding, Verdict
from promptreel.operator import provider_key
from promptreel.operator.deployment import Deployment
from promptreel.operator.keys import ApiKeys


def findings(deployment: Deployment, url: str | None) -> Iterator[Finding]:
    """Yield the result of each check. `url` is the configured URL of the API."""
    yield _stack(deployment)
    if not deployment.local_aws:  # the local cloud's functions know another address than its users
        yield _url(deployment, url)
    yield _permissions(deployment)
    yield _concurrency(deployment)
    yield _provider_key(deployment)
    yield _api_keys(deployment)
    yield _alarms(deployment)


def _stack(deployment: Deployment) -> Finding:
    detail = f"{deployment.stack_name} in {deployment.region}: {deployment.status}"
    if deployment.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        return Finding("stack", Verdict.OK, detail)
    return Finding("stack", Verdict.PROBLEM, detail, "see the stack's events in CloudFormation, then deploy again")


def _url(deployment: Deployment, url: str | None) -> Finding:
    deployed = deployment.output("ApiUrl")
    if not url:
        detail = f"the API of {deployment.stack_name} is {deployed}"
        return Finding("URL", Verdict.WARNING, detail, f"export PROMPTREEL_URL={deployed}")
    if address(url) == address(deployed):
        return Finding("URL", Verdict.OK, f"it is the URL of {deployment.stack_name}")
    detail = f"you use {url}, but the API of {deployment.stack_name} is {deployed}"
    return Finding("URL", Verdict.WARNING, detail, f"export PROMPTREEL_URL={deployed}")


def _permissions(deployment: Deployment) -> Finding:
    """Check that the functions that grant slots may wake workflows. A local cloud cannot test these permissions."""
    machine = deployment.output("VideoGenerationStateMachineArn")
    asked = {"ActionNames": ["states:SendTaskSuccess"], "ResourceArns": [machine]}
    iam, denied = deployment.client("iam"), []
    try:
        for name in ("Admit", "Submit", "CheckStatus", "Finalize", "RecordFailure", "Sweep"):
            role = deployment.output(f"{name}RoleArn")
            answer = iam.simulate_principal_policy(PolicySourceArn=role, **asked)
            denied += [name for result in answer["EvaluationResults"] if result["EvalDecision"] != "allowed"]
    except ClientError as error:
        detail = f"not checked: {error.response['Error']['Code']}"
        return Finding("permissions", Verdict.WARNING, detail, "allow yourself iam:SimulatePrincipalPolicy")
    if denied:
        detail = f"{', '.join(denied)} have no permission to wake workflows: jobs wait until the next sweep, or forever"
        return Finding(
            "permissions", Verdict.PROBLEM, detail, "deploy again, or find the policy that denies it, such as an SCP"
        )
    return Finding("permissions", Verdict.OK, "the functions that grant slots may wake waiting workflows")


def _concurrency(deployment: Deployment) -> Finding:
    """Compare the number of functions that the account can run at once with the number that the stage expects."""
    name, expected = "concurrency", int(deployment.output("AccountConcurrency"))
    try:
        limit = deployment.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    except ClientError as error:
        detail = f"not checked: {error.response['Error']['Code']}"
        return Finding(name, Verdict.WARNING, detail, "allow yourself lambda:GetAccountSettings")
    remedy = f"set account_concurrency = {limit} in infra/config.py, and deploy"
    if limit < expected:
        detail = f"the account can run {limit} functions at once, not {expected}: they are throttled under load"
        return Finding(name, Verdict.PROBLEM, detail, f"{remedy}, or request a higher quota")
    if limit > expected:
        detail = f"the account can run {limit} functions at once, and the stage uses {expected}"
        return Finding(name, Verdict.WARNING, detail, remedy)
    return Finding(name, Verdict.OK, f"the account can run {limit} functions at once, as the stage expects")


def _provider_key(deployment: Deployment) -> Finding:
    name, url = "provider's key", deployment.output("ProviderUrl")
    try:
        provider_key.try_it(deployment)
    except errors.ProviderKeyMissing:
        return Finding(name, Verdict.PROBLEM, "not stored, so every job fails", "run promptreel secret set")
    except errors.ProviderKeyRejected:
        return Finding(name, Verdict.PROBLEM, f"{url} rejects it, so every job fails", "run promptreel secret set")
    except errors.ProviderOutOfCredits as error:
        return Finding(name, Verdict.PROBLEM, str(error), "add credits to the provider account")
    except errors.ProviderUnavailable as error:
        return Finding(
            name, Verdict.WARNING, f"stored, but not tested: {error}", f"check that {url} works, and try again"
        )
    return Finding(name, Verdict.OK, f"accepted by {url}")


def _api_keys(deployment: Deployment) -> Finding:
    count = len(ApiKeys(deployment.client("secretsmanager"), deployment.output("ApiKeysSecretArn")).list())
    if count:
        return Finding("API keys", Verdict.OK, f"{count} issued")
    return Finding("API keys", Verdict.PROBLEM, "none, so the API cannot be used", "run promptreel keys create OWNER")


def _alarms(deployment: Deployment) -> Finding:
    topic = deployment.output("AlarmTopicArn")
    pages = deployment.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    subscriptions = [subscription["SubscriptionArn"] for page in pages for subscription in page["Subscriptions"]]
    count = sum(arn.startswith("arn:") for arn in subscriptions)  # else "PendingConfirmation"
    if count:
        return Finding("alarms", Verdict.OK, f"{count} subscribed")
    unheard = f"{len(subscriptions)} not confirmed yet" if subscriptions else "no one is subscribed to the alarms"
    subscribe = f"aws sns subscribe --region {deployment.region} --topic-arn {topic} --protocol email"
    return Finding("alarms", Verdict.WARNING, unheard, f"{subscribe} --notification-endpoint you@example.com")
