"""Submit: at most one create call that the provider may have accepted, however often this is entered."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.errors import (
    GenerationEnded,
    GenerationError,
    LedgerUnavailable,
    ProviderOutOfCredits,
    ProviderUnavailable,
    SubmissionTimedOut,
    SubmissionUnknown,
)
from core.generation import Generation, Status, Submission
from core.inputs.links import Links
from core.money.budgets import Budgets
from core.money.circuit import Circuit
from core.provider.client import Provider, Throttled
from core.provider.generation_times import GenerationTimes
from core.provider.polling import backoff, first_wait
from core.records.ledger import Ledger
from core.workflow import Run

OFTEN = 240  # turns of a job while credits are out, before they become rarer: hours, as the probes are a minute apart


@dataclass(frozen=True)
class Limits:
    """In seconds."""

    deadline: int  # since it was admitted: how long a provider that refuses for now is asked again
    timeout: int  # of the submit function: a claim older than this was left by an entry that died
    first_look: int  # since it was submitted, as long as nothing is known of its model


@dataclass(frozen=True)
class Submitted:
    status: Status  # generating: the provider has accepted it; queued: enter again, it did not take it now
    wait_seconds: int  # until then, or until the first look at it


def submit(
    run: Run,
    ledger: Ledger,
    provider: Provider,
    links: Links,
    limits: Limits,
    times: GenerationTimes,
    circuit: Circuit,
    budgets: Budgets,
) -> Submitted:
    """Send the request, unless that was done; when to look at it."""
    generation = ledger.get_for(run)
    again = _submit(generation, run, ledger, provider, links, limits, circuit, budgets)
    if again:
        return Submitted(Status.QUEUED, again)
    return Submitted(Status.GENERATING, first_wait(limits.first_look, times.of(generation.request)))


def _submit(
    generation: Generation,
    run: Run,
    ledger: Ledger,
    provider: Provider,
    links: Links,
    limits: Limits,
    circuit: Circuit,
    budgets: Budgets,
) -> int:
    """Seconds after which to enter again because the provider did not take the request now; 0 once it has accepted
    it."""
    if generation.submission is Submission.SUBMITTED:
        return 0
    if generation.status.ended:
        raise GenerationEnded(f"Generation {run.generation_id} has ended: nothing is submitted for it.")
    if generation.submission is Submission.SENDING:
        return _wait_for_the_other(generation, ledger.now(), limits)

    # It was held when it was accepted, and others may have cost more than was known then.
    budgets.check(generation.cost, generation.owner)
    # Before anything is claimed: a missing key, or a missing file, is no unknown submission.
    provider.key.get()
    request = links.request_of(generation)
    since = circuit.open_since()
    if since and not circuit.may_probe():
        return _until_there_are_credits(circuit, ledger.now() - since)
    attempt = ledger.begin_submission(run)
    if attempt is None:
        # Another entry was faster: look at what it did.
        return _submit(ledger.get_for(run), run, ledger, provider, links, limits, circuit, budgets)
    try:
        provider_id = provider.create(request, client_request_id=client_request_id(run.generation_id, attempt))
    except SubmissionUnknown:
        raise
    except ProviderOutOfCredits:
        circuit.open()
        ledger.clear_submission(run, attempt)
        return _until_there_are_credits(circuit, ledger.now() - (since or ledger.now()))
    except Throttled as refusal:
        ledger.clear_submission(run, attempt)
        return _try_later(generation, ledger.now(), limits, refusal)
    except ProviderUnavailable as error:
        ledger.clear_submission(run, attempt)
        _check_deadline(generation, ledger.now(), limits, str(error))
        raise
    except GenerationError:
        ledger.clear_submission(run, attempt)
        raise
    try:
        ledger.submitted(run, attempt, provider_id)
    except LedgerUnavailable as error:
        raise SubmissionUnknown(str(error)) from error
    if since:
        circuit.close()
    return 0


def _until_there_are_credits(circuit: Circuit, age: timedelta) -> int:
    """Seconds to wait while the provider is out of them, for so long by now: one job tries at a time, and not all come
    at once. After some hours they come ever rarer: an execution's history holds 25,000 events."""
    rarer = max(1, age.total_seconds() / (OFTEN * circuit.probe_seconds))
    return round(circuit.probe_seconds * rarer * random.uniform(1, 2))  # noqa: S311 - nothing secret


def _wait_for_the_other(generation: Generation, now: datetime, limits: Limits) -> int:
    """Another entry holds the claim: wait while it may still be running; after that it is known to have died."""
    age = now - (generation.sending_since or generation.created_at)
    if age < timedelta(seconds=limits.timeout):
        return limits.timeout - int(age.total_seconds())
    raise SubmissionUnknown("The function died after it began to send the request: the provider may have accepted it.")


def _try_later(generation: Generation, now: datetime, limits: Limits, refusal: Throttled) -> int:
    _check_deadline(generation, now, limits, str(refusal))
    age = (now - _since(generation)).total_seconds()
    # Never sooner than the back-off: an execution's history holds 25,000 events, and each turn takes fourteen.
    wait = max(refusal.retry_after or 0, backoff(age))
    return round(min(wait, limits.deadline))


def client_request_id(generation_id: str, attempt: str) -> str:
    """What names one create call in the provider's log: there may have been others, which were refused."""
    return f"{generation_id}.{attempt}"


def _since(generation: Generation) -> datetime:
    """Since when it is tried: it may have waited for its place for long."""
    return generation.admitted_at or generation.reopened_at or generation.created_at


def _check_deadline(generation: Generation, now: datetime, limits: Limits, reason: str) -> None:
    if now - _since(generation) >= timedelta(seconds=limits.deadline):
        tried = timedelta(seconds=limits.deadline)
        raise SubmissionTimedOut(f"The provider did not accept the request within {tried}; the last reason: {reason}")
