"""Track money on the deployed stack: prices are read automatically, budgets hold under load, and totals are right."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, cast
from uuid import uuid4

import pytest

from core.errors import BudgetExceeded
from core.generation import Source, generation_id_for
from core.intake.accept import Envelope, Intake
from core.models import offered
from core.money.accounts import Accounts, Tables
from core.money.budgets import Limits, scope_of
from core.records.ledger import Ledger
from promptreel import ApiError, Client
from promptreel.money import Sum
from tests.support.local_cloud import LocalCloud, Run, eventually, unique
from tests.support.money import USD

AT_ONCE = 40
PRICE = 2.5  # USD for five seconds at the simulator's price


def accounts(cloud: LocalCloud) -> Accounts:
    dynamodb, now = cloud.aws("dynamodb"), lambda: datetime.now(UTC)
    stack = cloud.stack
    tables = Tables(money=stack.money_table_name, slots=stack.slots_table_name)
    return Accounts.at(dynamodb, tables, now, Limits(), 5 * USD)


def prices_of(cloud: LocalCloud) -> Accounts:
    """Return the accounts once the first sweep has read the prices."""
    money = accounts(cloud)
    eventually(lambda: money.estimates.prices.of("veo2"))
    return money


@pytest.mark.parametrize(("crowd", "room"), [(300, 30), pytest.param(2000, 100, marks=pytest.mark.nightly)])
def test_concurrent_requests_do_not_exceed_a_budget_by_a_cent(cloud: LocalCloud, crowd: int, room: int) -> None:
    """The owner's budget has room for some of the requests and a little more."""
    money, owner = accounts(cloud), f"crowd-{uuid4().hex[:8]}"
    ledger = Ledger(cloud.aws("dynamodb"), cloud.stack.table_name, lambda: datetime.now(UTC))
    models, no_inputs = offered(), cast("Any", None)
    intake = Intake(models, ledger, no_inputs, money, None)
    request = {"model": "veo2", "prompt": "a crowd"}
    most = prices_of(cloud).estimates.of(request, models, owner).most
    money.budgets.set(scope_of(owner), {"day": room * most + USD})

    def ask(number: int) -> str:
        which, source = generation_id_for(owner, "api", str(number)), Source("api", "r")
        try:
            intake.accept(request, Envelope(which, owner, source))
        except BudgetExceeded:
            return "refused"
        return "accepted"

    with ThreadPoolExecutor(AT_ONCE) as threads:
        became = Counter(threads.map(ask, range(crowd)))
    budget = next(one for one in money.budgets.of(owner, None) if one.scope == scope_of(owner))
    assert became == {"accepted": room, "refused": crowd - room}
    assert budget.used.day_credits == room * most


def test_costs_are_estimated_reported_and_limited(cloud: LocalCloud, run: Run) -> None:
    prices_of(cloud)
    owner = f"money-{uuid4().hex[:8]}"
    made = json.loads(run("keys", "create", owner, "--json").stdout)
    key_id = made["key_id"]
    prompt = unique("a boat")
    cloud.simulator.script(prompt, seconds=0)
    with Client(cloud.stack.api_url, made["api_key"]) as api:
        assert (api.estimate(prompt).usd, api.estimate(prompt).basis) == (PRICE, "price")
        ended = api.wait(api.create(prompt))
        assert ended.raw["meta"]["cost"] == {"estimated_usd": PRICE, "basis": "price", "actual_usd": PRICE}
        eventually(lambda: api.usage("model").sums or None)  # the cost is counted after completion
        usage = api.usage("model")
        assert usage.total == Sum(1, 0, PRICE)
        assert [(one.which, one.completed, one.usd) for one in usage.sums] == [("veo2", 1, PRICE)]

        assert "3.00 USD" in run("budgets", "set", "--day", "3", "--key", key_id).stdout
        with pytest.raises(ApiError, match=rf"3\.00 USD a day of key {key_id}") as refused:
            api.create("another")
        assert refused.value.status == HTTPStatus.FORBIDDEN
    replacement = json.loads(run("keys", "rotate", key_id, "--json").stdout)
    with Client(cloud.stack.api_url, replacement["api_key"]) as api:
        [left] = [budget for budget in api.budgets() if budget.scope == f"key/{key_id}"]
        assert (left.limit, left.used) == (3, PRICE)
    listed = [line["scope"] for line in json.loads(run("budgets", "list", "--json").stdout)]
    assert f"key/{key_id}" in listed
    assert run("budgets", "set", "--day", "none", "--key", key_id).stdout.split("\t")[1] == "any"
    by_owner = json.loads(run("usage", "--by", "owner", "--json").stdout)
    assert [(one["completed"], one["usd"]) for one in by_owner if one["owner"] == owner] == [(1, PRICE)]


@pytest.mark.alone  # equal jobs wait during this test
def test_a_job_waits_until_the_provider_has_credits_again(cloud: LocalCloud) -> None:
    prompt = unique("a boat")
    cloud.simulator.script(prompt, seconds=0, create=[{"status": 403}, {"status": 402}])
    generation_id = cloud.create(prompt)
    eventually(lambda: (cloud.invoke("sweep", {}), cloud.creates(prompt) == 3)[1] or None)
    generation = cloud.ended(generation_id)
    accepted = cloud.simulator.counts().creates_by_prompt[prompt]
    assert (generation.status, cloud.creates(prompt), accepted) == ("completed", 3, 1)
