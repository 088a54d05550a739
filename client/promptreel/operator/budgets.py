"""Read and set the budgets in a deployment's money table."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

from core.money import CREDITS_PER_USD
from core.money.budgets import ALL, Budget, Budgets, Limits, scope_of
from core.money.usage import Sum, Usage
from promptreel.operator.deployment import Deployment
from promptreel.operator.keys import ApiKeys


def budgets_of(deployed: Deployment) -> Budgets:
    """Return the deployment's budgets. Read the stage's default limits from an output of the stack."""
    named = (one.split("=") for one in deployed.output("Budgets").split(",") if "=" in one)
    stage = Limits(**{name: int(limit) for name, limit in named})
    return Budgets(deployed.client("dynamodb"), deployed.output("MoneyTableName"), stage, lambda: datetime.now(UTC))


def every(deployed: Deployment) -> list[Budget]:
    """Return the budget of the deployment and all other budgets that have a limit."""
    found = {budget.scope: budget for budget in budgets_of(deployed).every()}
    deployment = found.pop(ALL, None) or budgets_of(deployed).of_all()
    return [deployment, *(budget for budget in found.values() if budget.limits != Limits())]


def set_limits(
    deployed: Deployment,
    owner: str | None,
    key_id: str | None,
    usd: Mapping[str, float | None],
    jobs: Mapping[str, int | None],
) -> Budget:
    """Set limits for the deployment, an owner or a key: `usd` per day and month, `jobs` per hour. None is unlimited.

    The limits of a key are those of its line: the key, the keys that it replaced, and its replacements. Raise
    `PromptreelError` if the key never existed, because a limit with a mistyped key would limit nobody.
    """
    scope = scope_of(owner, key_id and _line_of(deployed, key_id))
    credits_ = {name: None if amount is None else round(amount * CREDITS_PER_USD) for name, amount in usd.items()}
    return budgets_of(deployed).set(scope, {**credits_, **jobs})


def _line_of(deployed: Deployment, key_id: str) -> str:
    keys = ApiKeys(deployed.client("secretsmanager"), deployed.output("ApiKeysSecretArn"))
    if line := keys.line_of(key_id):
        return line
    # All keys of the line are revoked, but its jobs may still be queued.
    if scope_of(key_line=key_id) not in {budget.scope for budget in budgets_of(deployed).every()}:
        keys.find(key_id)
    return key_id


def usage_by_owner(deployed: Deployment, first: date, last: date) -> list[Sum]:
    """Return the cost of each owner's generations that ended in a date range (UTC, inclusive)."""
    usage = Usage(deployed.client("dynamodb"), deployed.output("MoneyTableName"))
    return list(usage.of_owners(first, last))
