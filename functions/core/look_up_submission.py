"""LookUpSubmission: a create call whose answer was lost is looked for in the provider's log, and never sent again."""

from dataclasses import dataclass
from datetime import timedelta

from core.errors import GenerationEnded, GenerationFailed, ProviderUnavailable, SubmissionUnknown
from core.generation import Submission
from core.provider.client import Provider
from core.records.ledger import Ledger
from core.submit import client_request_id
from core.workflow import Run


@dataclass(frozen=True)
class Patience:
    """In seconds."""

    first: int  # between the first looks, and less often as time goes on ...
    slow: int  # ... at least this often ...
    give_up: int  # ... until so long after the call: the log lists every call by then


@dataclass(frozen=True)
class LookedUp:
    status: str  # "generating": found; "unsent": to be sent after all; "queued": look again after `wait_seconds`
    wait_seconds: int


def look_up_submission(run: Run, ledger: Ledger, provider: Provider, patience: Patience) -> LookedUp:
    """One look into the provider's log. `GenerationFailed` if it says so, `SubmissionUnknown` once it is too late.

    The log may list a call only after the generation has ended, so that nothing is said by its not being there.
    """
    generation = ledger.get_for(run)
    if generation.submission is Submission.SUBMITTED:
        return LookedUp("generating", patience.first)
    if generation.submission is None or generation.attempt is None:
        return LookedUp("unsent", 0)  # an operator knows that it was not accepted
    since = generation.sending_since or generation.created_at
    age = ledger.now() - since
    try:
        logged = provider.find(client_request_id(run.generation_id, generation.attempt), since)
    except ProviderUnavailable as error:
        logged, reason = None, str(error)
    else:
        reason = "The provider's log does not list it."
    if logged is not None and logged.has_failed:
        raise GenerationFailed("The provider's log says that the request failed. It was not charged.")
    if logged is not None:
        return _found(run, ledger, logged.provider_id, patience)
    if age >= timedelta(seconds=patience.give_up):
        raise SubmissionUnknown(
            f"The request was sent and its answer was lost: the provider may have accepted it. {reason}"
        )
    return LookedUp("queued", int(min(patience.slow, max(patience.first, age.total_seconds() / 4))))


def _found(run: Run, ledger: Ledger, provider_id: str, patience: Patience) -> LookedUp:
    try:
        ledger.found(run, provider_id)
    except GenerationEnded:
        if ledger.get_for(run).submission is not Submission.SUBMITTED:  # else another entry was faster
            raise
    return LookedUp("generating", patience.first)
