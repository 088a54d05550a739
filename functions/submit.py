"""State Submit: send the request to the provider, at most once."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.generation import Status
from core.provider.waiting import SubmitSchedule
from core.submit import Submit
from core.workflow import Run
from wiring import logger
from wiring.accounts import UsesAccounts, UsesCircuit, make_accounts, make_circuit
from wiring.ends import or_ended
from wiring.learned import make_learned
from wiring.ledger import make_ledger
from wiring.links import UsesLinks, make_links
from wiring.provider import UsesProvider, make_provider


@dataclass(frozen=True)
class Settings(UsesLinks, UsesProvider, UsesCircuit, UsesAccounts):
    submit_deadline_seconds: int
    submit_timeout_seconds: int
    poll_first_seconds: int


@cache
def _wired() -> Submit:
    s = settings.read(Settings)
    schedule = SubmitSchedule(
        deadline=s.submit_deadline_seconds, timeout=s.submit_timeout_seconds, first=s.poll_first_seconds
    )
    return Submit(
        ledger=make_ledger(s),
        provider=make_provider(s),
        links=make_links(s),
        schedule=schedule,
        learned=make_learned(s),
        circuit=make_circuit(s),
        budgets=make_accounts(s).budgets,
    )


@logger.inject_lambda_context
@or_ended
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Submit the generation of {"generation_id", "execution"}.

    Return {"generation_id", "status", "wait_seconds", "pending_seconds"}. The status is "queued" (invoke again) or
    "generating".
    """
    submitted = _wired().submit(Run.of_state(event))
    generation_id = event["generation_id"]
    outcome = "submitted" if submitted.status is Status.GENERATING else "rejected for now"
    logger.info(outcome, generation_id=generation_id, wait_seconds=submitted.wait_seconds)
    return {
        "generation_id": generation_id,
        "status": submitted.status,
        "wait_seconds": submitted.wait_seconds,
        "pending_seconds": 0,
    }
