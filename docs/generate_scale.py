"""Write docs/scale.md from the simulation in bench/scale/ceilings.py: `python docs/generate_scale.py [--check]`."""

import sys
from pathlib import Path

from generated import write

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "functions")]

from bench.production import production  # noqa: E402 - found only now
from bench.scale import ceilings  # noqa: E402
from bench.scale.ceilings import RATES, SECONDS_A_MONTH, Ceiling  # noqa: E402
from bench.scale.quotas import LAMBDA, OURS, SQS, WARM  # noqa: E402

DOCUMENT = ROOT / "docs" / "scale.md"
STANDING_USD = 8  # a month, of a deployment without jobs: docs/deploy.md
CELL = 10  # jobs a second

HEAD = """<!-- Written by docs/generate_scale.py from bench/scale/. Do not edit. -->

# Scale

This page is for the operator of a deployment that grows.
It says which limit is met first at 1, 10, 100 and 1,000 jobs a second, what to change then, and what AWS charges.
A million videos a month are 0.4 jobs a second.

The numbers are simulated, because nobody has paid for a load test of this size.
The simulation runs with one command, also for other rates:

<!-- not run: make docs runs the same simulation -->
```sh
python -m bench.scale --rates 1 10 100 1000
```

A job here is one request of the HTTP API for a video that takes 45 seconds at the provider, whose caller polls every 15 seconds.
The simulation takes the calls and writes of a job from the shipped functions, its transitions and polls from the shipped state machine, and the calls of a grant from the shipped code for slots.
The durations of functions other than polls are assumptions (`HANDLER_SECONDS` in [bench/scale/ceilings.py](../bench/scale/ceilings.py)).
The durations of DynamoDB's calls, which limit the grants of slots and the deployment's budget, are also assumptions (`SECONDS` in [bench/scale/slots.py](../bench/scale/slots.py)).
AWS's quotas are the published ones, without an increase.

## What is met first
"""

CHANGES = f"""
## What to change

Make the changes in this order, each when the table above says so.

1. **Slots and the guard.** Set `account_concurrency`, `in_flight_limit`, `requests_per_second` and the budgets in `infra/config.py` to what your account and your provider allow.
   These limits protect a newcomer's money; none of them is technical.
2. **Quotas.** Ask AWS for more concurrent executions of Lambda, about 30 for each job a second.
   Above 50 jobs a second ask for more of DescribeExecution, and above 100 for more of StartExecution, state transitions and SendTaskSuccess.
   Choose a region with the higher quotas: us-east-1, us-west-2 or eu-west-1.
3. **Cells.** One deployment grants slots one after another, and counts every job in one budget.
   Add a deployment instead of making these two faster: it has slots and budgets of its own.
4. **Shards.** Only if a single owner needs more than a cell: count the deployment's budget in shards, and split the key of `by_watch`.
   Both change the layout of tables, so this is a release with a migration, and it is not built.

Raise the load in steps of less than 80 jobs a second, and wait half an hour between them.
A function gets at most 1,000 more environments every 10 seconds, and [AWS does not raise this]({LAMBDA}).
A new DynamoDB table accepts [4,000 write units a second]({WARM}), and then twice its highest load within half an hour.

You cannot raise the rate of one provider account: the provider publishes no limit, and answers 429 above it.
Promptreel then waits, and nothing is lost or paid twice.

## Cells

A cell is a whole deployment in an account or region of its own, with its own provider key, slots, budgets and alarms.
Each owner belongs to one cell, so no promise has to hold across two cells.
This is a design, and nothing of it is built.

```text
              a caller's key names its cell: pr_3_…
                              │
               ┌──────────────┴──────────────┐
               │ router: CloudFront function │  no state, no secrets
               └──┬───────────┬───────────┬──┘
                  │           │           │
            ┌─────┴────┐┌─────┴────┐┌─────┴────┐
            │ cell 1   ││ cell 2   ││ cell 3   │   one deployment each, at most
            │ account A││ account B││ account B│   10 jobs a second
            │ us-east-1││ us-east-1││ eu-west-1│
            │ key, slots, budgets, tables, alarms│
            └─────┬────┘└─────┬────┘└─────┬────┘
                  │           │           │
                  └───────────┴───────────┴──── announcements: one topic and bus for each cell
```

- **Routing.** A key's prefix names its cell, so the router needs no table. A caller keeps its base URL.
- **Moving an owner.** Create a key in the new cell and let the jobs of the old cell end. Old videos stay where they are, and their links continue to work.
- **Money.** Each cell has its own budgets, so an operator divides the whole budget between the cells.
- **Failure.** A cell that fails stops only its owners. Upgrade one cell first.
- **Size.** """


def document() -> str:
    """Return the content of docs/scale.md."""
    found = ceilings.ceilings()
    simulated = {rate: ceilings.simulate(rate) for rate in RATES}
    return (
        HEAD
        + _first(found)
        + _table(found)
        + _doubts(found)
        + _simulation(found, simulated)
        + CHANGES
        + _cells(found)
        + _use()
    )


def _first(found: list[Ceiling]) -> str:
    usd = ceilings.usd_of_a_job()
    rows = ""
    for rate in RATES:
        met = [one for one in found if one.rate < rate]
        technical = [one for one in met if one.quota.source != OURS or not one.quota.can_be_raised]
        first = f"{_name(met[0])} (at {_number(met[0].rate)})" if met else "none"
        hard = next((one for one in technical if "new account" not in one.quota.name), None)
        hard_text = f"{_name(hard)} (at {_number(hard.rate)})" if hard else "none"
        month = rate * SECONDS_A_MONTH * usd
        rows += f"| {rate:,} | {len(met)} | {first} | {hard_text} | {month:,.0f} |\n"
    return (
        f"\nAWS charges about {usd:.5f} USD for such a job, its poster and the polls of its caller, without storage and egress.\n"
        "The provider charges hundreds to thousands of times as much.\n\n"
        "| jobs a second | limits met | the first of them | the first if settings are raised, in an account with AWS's usual quotas"
        " | AWS, USD a month |\n|---|---|---|---|---|\n" + rows
    )


def _table(found: list[Ceiling]) -> str:
    rows = ""
    for one in found:
        quota = one.quota
        elsewhere = "" if quota.elsewhere is None else f" ({_number(quota.elsewhere)})"
        rate_elsewhere = "" if one.rate_elsewhere is None else f" ({_number(one.rate_elsewhere)})"
        source = quota.source if quota.source == OURS else f"[AWS]({quota.source})"
        kind = " at once" if quota.at_once else " a second"
        rows += (
            f"| {_name(one)} | {_number(quota.rate)}{elsewhere}{kind} | {_number(one.used)} |"
            f" **{_number(one.rate)}**{rate_elsewhere} | {quota.then} | {source} |\n"
        )
    return (
        "\n## The ceiling of each part\n\n"
        "Numbers in parentheses are for the regions with the lowest quotas, if these differ from us-east-1.\n"
        "For a limit *at once*, the third column says for how many seconds a job counts.\n\n"
        "| part | limit | one job uses | met at jobs a second | then | source |\n|---|---|---|---|---|---|\n" + rows
    )


def _doubts(found: list[Ceiling]) -> str:
    rows = "".join(f"- **{_name(one)}**: {one.quota.doubt}\n" for one in found if one.quota.doubt)
    return (
        "\nThe quotas of a DynamoDB table are compared with what a job uses of all tables and indexes, so they are met later.\n"
        "A job here sends no webhook, and is not read from a file.\n"
        f"At most {production().queue_concurrency} functions deliver webhooks at once, and as many read files.\n"
        "Other messages wait in their queue.\n"
        f"SQS limits only messages that were received and not yet deleted, to [about 120,000 a queue]({SQS}).\n\n"
        "The numbers were compared in November 2026 with stored copies of AWS's pages, which may be older.\n"
        "The copies do not confirm everything:\n\n" + rows
    )


def _simulation(found: list[Ceiling], simulated: dict[int, dict[str, float]]) -> str:
    rows = ""
    for one in found:
        name = f"{one.quota.part}, {one.quota.name}"
        cells = " | ".join(_share(simulated[rate][name]) for rate in RATES)
        if simulated[RATES[-1]][name] >= 0.1:  # noqa: PLR2004 - a tenth
            rows += f"| {_name(one)} | {cells} |\n"
    rates = " | ".join(f"{rate:,}" for rate in RATES)
    return (
        "\n## The simulation\n\n"
        "Jobs arrive at random, and each makes its calls at the times of a replayed job.\n"
        "The table shows how much of a limit is used in the busiest second of a minute, or, where a bucket of tokens "
        "absorbs peaks, over the minute.\n"
        "It leaves out limits whose use stays below a tenth at 1,000 jobs a second.\n\n"
        f"| part | {rates} |\n|---|---|---|---|---|\n" + rows
    )


def _cells(found: list[Ceiling]) -> str:
    lowest = next(one for one in found if not one.quota.can_be_raised)
    count = RATES[-1] // CELL
    return (
        f"A cell of {CELL} jobs a second uses {CELL / lowest.rate:.0%} of its lowest limit that cannot be raised "
        f"({_name(lowest)}), and {_number(CELL * ceilings.uses()['functions'])} concurrent executions of Lambda, of "
        f"the 1,000 of an account that is not new. So {RATES[-1]:,} jobs a second are {count} cells. Their fixed cost is about "
        f"{count * STANDING_USD:,} USD a month, "
        f"{count * STANDING_USD / (RATES[-1] * SECONDS_A_MONTH * ceilings.usd_of_a_job()):.2%} of what their jobs cost.\n"
    )


def _use() -> str:
    names = {
        "functions": "seconds of functions",
        "requests": "requests of the API",
        "transitions": "state transitions",
        "write units": "write units of DynamoDB",
        "read units": "read units of DynamoDB",
        "visits": "visits of the sweep",
    }
    rows = "".join(f"| {names[name]} | {ceilings.uses()[name]:.2f} |\n" for name in names)
    return (
        "\n## The use of a job\n\n| | a job |\n|---|---|\n" + rows + "\n"
        "[Performance](performance.md) has the measured cost and latency, and [decision 8](decisions/0008-capacity.md) how "
        "slots are granted.\n"
    )


def _name(one: Ceiling) -> str:
    return f"{one.quota.part}: {one.quota.name}"


def _number(number: float) -> str:
    """Return a number with two or three significant digits."""
    return f"{number:,.0f}" if number >= 100 or number == int(number) else f"{number:.2g}"  # noqa: PLR2004


def _share(share: float) -> str:
    text = "< 1 %" if share < 0.01 else f"{share:.0%}".replace("%", " %") if share < 10 else f"{share:,.0f} times"  # noqa: PLR2004
    return f"**{text}**" if share > 1 else text


if __name__ == "__main__":
    write({DOCUMENT: document()})
