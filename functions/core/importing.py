"""Import a job that was sent to the provider outside Promptreel: it is recorded, archived and announced like any other.

Its id derives from the provider's id, so a job is imported once, however often and by however many operators at once.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.errors import Deleted, NotFound, NotImportable, ProviderUnavailable
from core.generation import IMPORT, Generation, Source, Status, Submission, digest
from core.hold import Hold
from core.models import known
from core.provider.client import MAX_TEXT, Provider
from core.records.ledger import Ledger
from core.records.table import BY_PROVIDER_ID, KEY
from core.workflow import Workflow

TAG = "spent=elsewhere"  # of all imported jobs: usage counts their cost, and no budget does
BEFORE = timedelta(days=2)  # how long before its import a job may have been charged, if the time is not known


@dataclass(frozen=True)
class Job:
    """A job at the provider, as far as the operator or a report of reconciliation knows it."""

    provider_id: str
    model: str | None = None
    charged_at: datetime | None = None

    @classmethod
    def of_charge(cls, provider_id: str, model: str, at: datetime) -> "Job":
        """Return the job of a charge. Charges may name a model by its vendor and its own name."""
        short = model.partition("/")[2]
        return cls(provider_id, (short if model not in known() and short in known() else model) or None, at)


@dataclass(frozen=True)
class Importing:
    """Imports jobs."""

    ledger: Ledger
    workflow: Workflow
    provider: Provider

    def bring_in(self, job: Job, owner: str) -> Generation:
        """Record a job as a generation of this owner, start its workflow, and return the generation.

        If it was imported before, continue that generation. Raise `NotImportable` if the ledger knows the job in
        another way, or if the provider does not have it.
        """
        if not re.fullmatch(rf"[!-~]{{1,{MAX_TEXT}}}", job.provider_id):
            raise NotImportable(f"The id of a job at the provider has 1 to {MAX_TEXT} ASCII characters without spaces.")
        generation = self._known(job, owner)
        if generation is None:
            self._check(job)
            generation, _ = self.ledger.add(_generation(job, owner, self.ledger.now()))
            generation = _of(generation, owner)  # another operator may have been faster
        if not generation.status.ended:
            self.workflow.start(generation.run)
        return generation

    def _known(self, job: Job, owner: str) -> Generation | None:
        """Return the generation that an earlier import made. Raise `NotImportable` if the ledger has another one."""
        own_id = _id_of(job)
        for item in self.ledger.table.query(BY_PROVIDER_ID, job.provider_id):
            if item[KEY] != own_id:
                raise NotImportable(f"The job {job.provider_id} is already known: it is generation {item[KEY]}.")
        try:
            return _of(self.ledger.get(own_id), owner)
        except Deleted:
            raise NotImportable(
                f"The job {job.provider_id} was imported as generation {own_id}, which was deleted."
            ) from None
        except NotFound:
            return None

    def _check(self, job: Job) -> None:
        """Raise `NotImportable` if the provider does not have the job, or failed to make its video."""
        try:
            answer = self.provider.poll(job.provider_id)
        except ProviderUnavailable as error:
            raise NotImportable(f"The provider does not show the job {job.provider_id}. {error}") from error
        if answer.outcome == "error":
            raise NotImportable(f"The provider failed to make the video of the job {job.provider_id}: {answer.error}")


def _id_of(job: Job) -> str:
    return digest(IMPORT, job.provider_id)


def _of(generation: Generation, owner: str) -> Generation:
    if generation.owner != owner:
        raise NotImportable(
            f"The job was already imported for the owner {generation.owner}: it is generation "
            f"{generation.generation_id}."
        )
    return generation


def _generation(job: Job, owner: str, now: datetime) -> Generation:
    """Return the record of a job whose submission is known, so its workflow begins with a check."""
    new = Generation(
        generation_id=_id_of(job),
        owner=owner,
        request={"model": job.model} if job.model else {},
        source=Source(IMPORT, job.provider_id),
        created_at=now,
        updated_at=now,
        tags=[TAG],
        hold=Hold(scopes=[]),  # no budget counts it
    )
    return replace(
        new,
        status=Status.GENERATING,
        submission=Submission.SUBMITTED,
        provider_id=job.provider_id,
        sending_since=job.charged_at or now - BEFORE,  # from then on, reconciliation searches for its charge
        submitted_at=now,
    )
