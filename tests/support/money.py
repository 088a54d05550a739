"""Set up accounts in the table `money`, as a deployment has them."""

from typing import TYPE_CHECKING

from core.generation import Clock
from core.money.accounts import Accounts, Tables
from core.money.budgets import Limits

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

USD = 2_000_000  # credits
RESERVE = 5 * USD


def accounts(dynamodb: "DynamoDBClient", now: Clock, limits: Limits | None = None) -> Accounts:
    """Return the accounts of a deployment with these limits. A request without a known price holds 5 USD."""
    return Accounts.at(dynamodb, Tables("money", "slots"), now, limits or Limits(), RESERVE)
