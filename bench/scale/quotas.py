"""Calculate which limit a rate of jobs reaches first: AWS's published quotas and our own, given what a job needs.

AWS's limits are from the quota pages of Step Functions, Lambda and DynamoDB, for the regions with the lower values and
without an increase. New accounts start with lower limits for Lambda and transitions. One job needs 7 transitions, about
30 s of functions (most of it a check that keeps polling, see the section on waiting), one write of its keys in the
index by_owner, and 4 of its watch.
"""

from dataclasses import dataclass

RATES = (10, 100, 1000)  # jobs a minute
FUNCTION_SECONDS = 30
BUDGET_A_SECOND = 40  # creates, as bench/creates.py measures with 100 callers
PROVIDER_SECONDS = 45  # veo2, 5 seconds of video


@dataclass(frozen=True)
class Limit:
    """`allowed` jobs per second, or concurrent jobs if `seconds` says how long a job counts."""

    name: str
    allowed: float
    needed: float  # of one job: per job, or at the same time
    then: str  # what to change when it is reached
    seconds: float = 1.0

    @property
    def jobs_a_minute(self) -> float:
        """Return the rate that reaches the limit."""
        return 60 * self.allowed / (self.needed * self.seconds)


def limits(*, in_flight: int, granted_a_second: float) -> list[Limit]:
    """Return the limits, lowest first.

    A job's transitions and Lambda seconds are from bench's sections on waiting and costs.
    """
    found = [
        Limit(
            f"`in_flight_limit` = {in_flight}, ours",
            in_flight,
            1,
            "raise it to what the provider allows: 0.75 slots for each job a minute",
            PROVIDER_SECONDS,
        ),
        Limit(
            "Lambda, concurrent executions of a new account: 10",
            10,
            1,
            "ask for an increase, and set `account_concurrency`, as `promptreel doctor` says",
            FUNCTION_SECONDS,
        ),
        Limit("Lambda, concurrent executions: 1,000", 1000, 1, "ask for an increase", FUNCTION_SECONDS),
        Limit(
            f"slots granted, by one caller at a time: {granted_a_second:.0f} a second, ours",
            granted_a_second,
            1,
            "a second stack with a key of its own, or slots split into shards",
        ),
        Limit(
            f"creates, each a transaction on the deployment's budget: {BUDGET_A_SECOND} a second, ours",
            BUDGET_A_SECOND,
            1,
            "a second stack, or the budget split into shards",
        ),
        Limit("Step Functions, StateTransition: 800 a second", 800, 7, "ask for an increase"),
        Limit("Step Functions, StartExecution: 150 a second", 150, 1, "ask for an increase"),
        Limit("Step Functions, SendTaskSuccess: 300 a second", 300, 1, "ask for an increase"),
        Limit(
            "DynamoDB, one partition of the index by_owner, all jobs one owner's: 1,000 write units a second",
            1000,
            1,
            "several owners; else shard the index by day",
        ),
        Limit(
            "DynamoDB, the one partition of the index by_watch: 1,000 write units a second",
            1000,
            4,
            "shard the index",
        ),
    ]
    return sorted(found, key=lambda one: one.jobs_a_minute)
