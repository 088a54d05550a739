"""Simulate 1 to 1,000 jobs a second against the quotas: `python -m bench.scale --rates 1 10 100 1000`.

The shipped code counts the use of a job. Its calls and writes are those of tests/functions/test_cost.py, which invokes
the shipped handlers and fails if they change. Its transitions, its polls and how long they stay are replayed through
the shipped state machine (bench/waiting.py). The calls of a grant of a slot are counted with the shipped code on a
DynamoDB in this process (bench/scale/slots.py).

Jobs arrive at random (Poisson), and each uses its parts at the times of a replayed job. A part with a token bucket is
throttled once its bucket is empty. No random number or clock differs between two runs.
"""

import math
import random
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from statistics import mean

from bench import waiting
from bench.calls import USD
from bench.production import production
from bench.scale import slots
from bench.scale.quotas import OURS, QUOTAS, Quota
from core.records.ledger import SOON
from core.records.table import BY_DONE, BY_WATCH
from tests.functions.test_cost import CALLS, READ_UNITS, SHARED, WRITE_UNITS

RATES = (1, 10, 100, 1000)  # jobs a second
REPLAYED = 400  # jobs, whose times the simulation draws from
SIMULATED_SECONDS, WARM_UP_SECONDS = 210, 150  # the first are not counted
FREE, QUEUED, OWNERS = 20, 200, 40  # slots that become free while one is granted, queued jobs and their owners
CLIENT_POLL_SECONDS = 15  # as in the provider's sample
HANDLER_SECONDS = {
    "api": 0.1,
    "authorize": 0.05,
    "admit": 0.3,
    "submit": 1.5,
    "check_status": 0.5,
    "finalize": 3.0,
    "make_poster": 1.5,
}
BUDGET_TRANSACTIONS = 45  # a second: with more, some fail even after retries (docs/decisions/0026-holds.md)
EVENT_TARGETS = 1  # of an announcement: make_poster; a webhook would be another
FIRST_VISIT_SECONDS = SOON.total_seconds()  # of the sweep, which looks after a job at this age, then at twice that, …
OTHERS_GIB = 0.5
POSTERS = 1  # written to a prefix of their own
TRACES = 3  # of the request, the workflow and make_poster
SECONDS_A_MONTH = 730 * 3600


@dataclass(frozen=True)
class Ceiling:
    """A quota and its use by one job: a number, or seconds if the quota limits what is used at once."""

    quota: Quota
    used: float

    @property
    def rate(self) -> float:
        """Return how many jobs a second reach the quota."""
        return self.quota.rate / self.used

    @property
    def rate_elsewhere(self) -> float | None:
        """Return the same for the regions with the lowest quota."""
        return None if self.quota.elsewhere is None else self.quota.elsewhere / self.used


@cache
def replayed() -> list[waiting.Job]:
    """Return jobs of about 45 s that the shipped state machine has run, once the times of their model are learned."""
    of = random.Random(1)
    times = waiting.lognormal(45, 0.3)
    jobs = waiting.Shipped.of(production()).replay([times(of, 0) for _ in range(REPLAYED + waiting.AT_ONCE)])
    return jobs[waiting.AT_ONCE :]


@cache
def own() -> tuple[Quota, ...]:
    """Return our own limits."""
    stage = production()
    return (
        Quota(
            "provider",
            f"concurrent jobs that we allow (`in_flight_limit`), {stage.slots} by default",
            stage.slots,
            "slots",
            OURS,
            "raise it to what the provider allows; the provider publishes no limit",
            at_once=True,
        ),
        Quota(
            "API Gateway",
            "requests of the stage (`requests_per_second`), a guard against leaked keys",
            stage.requests_per_second,
            "requests",
            OURS,
            "raise `requests_per_second` and `request_burst`",
            burst=stage.request_burst,
        ),
        Quota(
            "slots",
            "grants, one caller at a time",
            round(slots.granted_a_second(FREE, QUEUED, OWNERS), 1),
            "grants",
            OURS,
            "one deployment with its own provider key for each group of owners (a cell)",
            can_be_raised=False,
        ),
        Quota(
            "DynamoDB",
            "transactions on one item that all succeed after retries: the deployment's budget",
            BUDGET_TRANSACTIONS,
            "budget",
            OURS,
            "count in shards of the budget, each with a part of the limit",
            can_be_raised=False,
        ),
    )


@cache
def uses() -> dict[str, float]:
    """Return what one job uses, by the names in `Quota.use`: a number, or seconds for what is used at once."""
    jobs = replayed()
    seconds = mean(job.takes for job in jobs)
    polls = 1 + seconds / CLIENT_POLL_SECONDS
    calls: Counter[str] = sum((Counter(one) for one in CALLS.values()), Counter())
    stays = mean(job.check_seconds for job in jobs)
    return {
        "requests": polls,
        "functions": stays + (polls - 1) * HANDLER_SECONDS["api"] + sum(HANDLER_SECONDS.values()),
        "starts": calls["stepfunctions StartExecution"],
        "transitions": mean(job.transitions for job in jobs),
        "resumptions": calls["stepfunctions SendTaskSuccess"],
        "visits": mean(_visits(job.age) for job in jobs),
        "executions": mean(job.age for job in jobs),
        "slots": mean(job.age for job in jobs),
        "grants": 1,
        "write units": sum(WRITE_UNITS.values()),
        "read units": sum(READ_UNITS.values()),
        "by_watch": SHARED[f"index {BY_WATCH.name}"].units,
        "by_done": SHARED[f"index {BY_DONE.name}"].units,
        "learned": SHARED["slots: times"].units,
        "queue": SHARED["slots: waiting"].units,
        "budget": SHARED["money: scope/all"].transactions,
        "puts": sum(count for name, count in calls.items() if name in ("s3 PutObject", "s3 CopyObject")),
        "announcements": calls["sns Publish"],
        "events": calls["events PutEvents"],
        "targets": EVENT_TARGETS * calls["events PutEvents"],
        "secrets": calls["secretsmanager GetSecretValue"],  # by functions that have just started
    }


def _visits(age: float) -> int:
    """Return how often the sweep looks after a job in its life: after 1, 2, 4, … minutes."""
    return int(math.log2(age / FIRST_VISIT_SECONDS)) + 1 if age >= FIRST_VISIT_SECONDS else 0


def ceilings() -> list[Ceiling]:
    """Return all limits, the lowest first."""
    found = [Ceiling(quota, uses()[quota.use]) for quota in (*own(), *QUOTAS)]
    return sorted(found, key=lambda one: one.rate)


def simulate(rate: float) -> dict[str, float]:
    """Return the largest share of each quota that is used, by its part and name. Above 1, it is throttled."""
    of = random.Random(rate)
    bins = {use: [0.0] * SIMULATED_SECONDS for use in uses()}
    changes = {use: [0.0] * SIMULATED_SECONDS for use in uses()}  # of what is used at once, summed below
    events = [_events(job) for job in replayed()]
    at = 0.0
    while (at := at + of.expovariate(rate)) < SIMULATED_SECONDS:
        once, lasting = of.choice(events)
        for use, after, much in once:
            if (when := int(at + after)) < SIMULATED_SECONDS:
                bins[use][when] += much
        for use, after, seconds in lasting:
            for when, by in ((int(at + after), 1), (int(at + after + seconds), -1)):
                if when < SIMULATED_SECONDS:
                    changes[use][when] += by
    for use, each in changes.items():
        bins[use] = [one + more for one, more in zip(bins[use], accumulate(each), strict=True)]
    return {f"{quota.part}, {quota.name}": _peak(quota, bins[quota.use]) for quota in (*own(), *QUOTAS)}


Event = tuple[str, float, float]  # the use, seconds after the job's arrival, and an amount or a number of seconds


def _events(job: waiting.Job) -> tuple[list[Event], list[Event]]:
    """Return what a job uses: first what it uses once, then what it uses for some seconds."""
    end, each = job.age, uses()
    once: list[Event] = [
        *((use, 0, each[use]) for use in ("starts", "resumptions", "grants", "budget", "learned", "queue")),
        *((use, when, each[use] / 2) for use in ("write units", "read units", "by_watch") for when in (0, end)),
        *((use, end, each[use]) for use in ("by_done", "puts", "announcements", "events", "targets", "secrets")),
        *(("transitions", when, much) for when, much in ((0, 2), (end, job.transitions - 2))),
        *(("visits", FIRST_VISIT_SECONDS * 2**number, 1) for number in range(_visits(end))),
    ]
    lasting: list[Event] = [
        ("executions", 0, end),
        ("slots", 0, end),
        ("functions", end - job.check_seconds, job.check_seconds),
    ]
    for number in range(1 + int(job.takes // CLIENT_POLL_SECONDS)):
        once.append(("requests", number * CLIENT_POLL_SECONDS, 1))
        once.append(("functions", number * CLIENT_POLL_SECONDS, HANDLER_SECONDS["api"]))
    begins = HANDLER_SECONDS["authorize"] + HANDLER_SECONDS["admit"] + HANDLER_SECONDS["submit"]
    once.append(("functions", 0, begins))
    ends = HANDLER_SECONDS["check_status"] + HANDLER_SECONDS["finalize"] + HANDLER_SECONDS["make_poster"]
    once.append(("functions", end, ends))
    return once, lasting


def _peak(quota: Quota, used: list[float]) -> float:
    """Return the largest part of the quota that is used. A bucket of tokens absorbs a peak, but not a higher rate."""
    counted = used[WARM_UP_SECONDS:]
    average = mean(counted) / quota.rate
    if not quota.burst:
        return max(counted) / quota.rate
    full = max(quota.burst, quota.rate)
    tokens, worst = full, 0.0
    for one in counted:
        worst = max(worst, one / max(tokens, 1.0))
        tokens = min(full, max(0.0, tokens - one) + quota.rate)
    return average if average > 1 else max(average, min(worst, 1.0))


def usd_of_a_job() -> float:
    """Return what AWS charges for one job, without storage and egress."""
    use = uses()
    checks = mean(job.check_seconds for job in replayed())
    functions = use["functions"] - checks
    invocations = use["requests"] - 1 + len(HANDLER_SECONDS)
    return sum(
        (
            use["transitions"] * USD["state transition"],
            (checks * waiting.CHECK_GIB + functions * OTHERS_GIB) * USD["Lambda arm64 GB-second"],
            invocations * USD["Lambda request"],
            use["write units"] * USD["DynamoDB write request unit"],
            use["read units"] * USD["DynamoDB read request unit"],
            (use["puts"] + POSTERS) * USD["S3 PUT, COPY, POST or LIST"],
            USD["SNS publish"] + USD["EventBridge custom event"],
            TRACES * USD["X-Ray trace"] + use["requests"] * USD["HTTP API request"],
        )
    )
