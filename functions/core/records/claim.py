"""The claim of the one create call: no generation is sent to the provider twice.

Submit writes the claim conditionally before the call, so only one invocation can hold it:

    nothing ──begin──▶ sending ──submitted──▶ submitted (with the provider's id)
       ▲                  │
       └──────clear───────┘

An invocation that dies in between leaves `sending`, and no later one sends. The outcome is then found in the provider's
log or recorded by an operator: `found` makes it submitted, `not_accepted` clears it.
"""

from dataclasses import dataclass
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from core.errors import Contention, GenerationEnded, LedgerUnavailable
from core.generation import Generation, Status, Submission, iso
from core.records.items import as_item
from core.records.ledger import Ledger
from core.records.table import Condition, ConditionFailed
from core.workflow import Run

CLAIM = ("submission", "sending_since", "attempt")  # its attributes in the item of the generation


@dataclass(frozen=True)
class Claim:
    """The claim of a run's create call. `attempt` distinguishes it from earlier ones that the provider rejected."""

    ledger: Ledger
    run: Run
    attempt: str

    @classmethod
    def begin(cls, ledger: Ledger, run: Run) -> "Claim | None":
        """Claim the create call, or return None if another invocation holds the claim or held it."""
        claim = cls(ledger, run, uuid4().hex)
        try:
            ledger.change(
                run,
                {"submission": Submission.SENDING, "sending_since": ledger.now(), "attempt": claim.attempt},
                only_if=Condition(
                    # Another invocation may have given the slot back since the generation was read.
                    "attribute_not_exists(#submission) AND #status = :queued"
                    " AND (attribute_exists(#slot) OR attribute_not_exists(#held_since))",
                    {":queued": Status.QUEUED},
                ),
                remove=("task_token",),  # it was answered and would make every later write more expensive
            )
        except ConditionFailed:
            return None
        return claim

    @property
    def client_request_id(self) -> str:
        """Return the name of the create call in the provider's log."""
        return client_request_id(self.run.generation_id, self.attempt)

    def clear(self) -> None:
        """Give up the claim after the provider rejected the call or was not reached. Another invocation may send.

        If the generation was cancelled during the call, its end counts what the provider might have charged. The end is
        then counted again.
        """
        held = self._is_held
        is_queued = Condition(f"{held.text} AND #status = :queued", {**held.values, ":queued": Status.QUEUED})
        try:
            self.ledger.change(self.run, {}, only_if=is_queued, remove=CLAIM)
        except ConditionFailed:
            self.ledger.end_again(self.run, only_if=held, remove=CLAIM)

    def submitted(self, provider_id: str) -> None:
        """Record the provider's id, even if the generation has ended or was deleted, because it is paid for.

        Raise `GenerationEnded` if it has ended, and `LedgerUnavailable` if the id could not be written.
        """
        held, which = self._is_held, self.run.generation_id
        going_on = Condition(f"{held.text} AND #status = :queued", {**held.values, ":queued": Status.QUEUED})
        known = {"submission": Submission.SUBMITTED, "provider_id": provider_id, "submitted_at": self.ledger.now()}
        try:
            try:
                self.ledger.change(self.run, {**known, "status": Status.GENERATING}, only_if=going_on)
            except ConditionFailed:
                # In any run, and even in a tombstone, because only this call has the attempt.
                late = as_item({**known, "updated_at": self.ledger.now()})
                self.ledger.table.update(which, late, only_if=held)
                raise GenerationEnded(f"Generation {which} ended while it was being submitted.") from None
        except (BotoCoreError, ClientError, Contention, ConditionFailed) as error:
            raise LedgerUnavailable(
                f"The provider accepted the request as {provider_id}, but this could not be recorded."
            ) from error

    @property
    def _is_held(self) -> Condition:
        return Condition("#attempt = :attempt", {":attempt": self.attempt})


def found(ledger: Ledger, run: Run, provider_id: str) -> None:
    """Record that the provider accepted a request whose answer was lost. Raise `GenerationEnded` if it has ended."""
    generation = ledger.get_for(run)
    ledger.advance(
        run,
        {
            "status": Status.GENERATING,
            "submission": Submission.SUBMITTED,
            "provider_id": provider_id,
            "submitted_at": generation.sending_since or ledger.now(),
        },
        before=(Status.QUEUED,),
    )


def not_accepted(ledger: Ledger, generation: Generation) -> None:
    """Clear the claim of a call that the provider is known not to have accepted. It may be sent again."""
    since = iso(generation.sending_since or ledger.now())
    ledger.change(
        generation.run,
        {},
        only_if=Condition(
            "#submission = :sending AND #sending_since = :since", {":sending": Submission.SENDING, ":since": since}
        ),
        remove=CLAIM,
    )


def client_request_id(generation_id: str, attempt: str) -> str:
    """Return the name of a create call in the provider's log: each attempt has its own."""
    return f"{generation_id}.{attempt}"
