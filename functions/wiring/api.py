"""Collaborators that several resources of the HTTP API share; each is made at its first use."""

from dataclasses import dataclass
from functools import cache

import wiring
from core import settings
from core.api.api_keys import KnownKeys
from core.api.key_uses import KeyUses
from core.api.links import Addresses
from core.archive.objects import PRESIGNING, Objects
from core.delete import Deletion
from core.links.token import Tokens
from core.models import Models
from core.money.accounts import Accounts
from core.slots.table import SlotsTable
from wiring.accounts import UsesAccounts, make_accounts
from wiring.api_keys import UsesApiKeys, make_known_keys
from wiring.batch_start import UsesBatchStart
from wiring.ledger import make_ledger
from wiring.models import UsesModels, make_models
from wiring.webhooks import UsesWebhooks, make_master
from wiring.workflow import UsesWorkflow, make_workflow


@dataclass(frozen=True)
class Settings(UsesBatchStart, UsesWorkflow, UsesModels, UsesAccounts, UsesWebhooks, UsesApiKeys):
    default_model: str
    in_flight_limit: int
    url_lifetime_seconds: int
    link_opens_a_day: int


@cache
def api_settings() -> Settings:
    """Return the settings of the API."""
    return settings.read(Settings)


def models() -> Models:
    """Return the models that this deployment offers; their files are read when one of them is needed."""
    return make_models(api_settings())


@cache
def deletion() -> Deletion:
    """Return the `Deletion`, which cancels and deletes generations."""
    s = api_settings()
    objects = Objects(wiring.client("s3", **PRESIGNING), s.videos_bucket)
    return Deletion(ledger=make_ledger(s), workflow=make_workflow(s), objects=objects)


@cache
def accounts() -> Accounts:
    """Return the estimates, budgets and sums."""
    return make_accounts(api_settings())


@cache
def tokens() -> Tokens:
    """Return the tokens of short links."""
    return Tokens(make_master(api_settings()))


def addresses(base: str) -> Addresses:
    """Return the addresses of short links under the API's URL."""
    return Addresses(tokens(), base)


@cache
def known_keys() -> KnownKeys:
    """Return the API keys, to find the holder of one."""
    return make_known_keys(api_settings())


@cache
def key_uses() -> KeyUses:
    """Return the last uses of the API keys."""
    return KeyUses(wiring.client("dynamodb"), api_settings().money_table_name, wiring.now)


@cache
def slots_table() -> SlotsTable:
    """Return the table of slots."""
    s = api_settings()
    return SlotsTable(wiring.client("dynamodb"), s.slots_table_name, s.table_name)
