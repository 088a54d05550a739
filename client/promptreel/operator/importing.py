"""Import jobs that were sent to the provider outside Promptreel."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from core import errors
from core.importing import Importing, Job
from core.publish.views import as_provider_object
from core.reconciliation.line import Kind
from core.reconciliation.shelf import FOLDER
from core.records.ledger import Ledger
from core.spreadsheet import original
from core.workflow import Workflow
from promptreel.errors import PromptreelError
from promptreel.generation import Generation
from promptreel.operator import provider_key
from promptreel.operator.deployment import Deployment

__all__ = ["Importer", "Job", "strangers"]


@dataclass(frozen=True)
class Importer:
    """Imports jobs for an owner."""

    importing: Importing
    owner: str

    @classmethod
    def of(cls, deployment: Deployment, owner: str) -> "Importer":
        """Return the importer of a deployment."""
        ledger = Ledger(deployment.client("dynamodb"), deployment.output("TableName"), lambda: datetime.now(UTC))
        workflow = Workflow(deployment.client("stepfunctions"), deployment.output("VideoGenerationStateMachineArn"))
        return cls(Importing(ledger, workflow, provider_key.provider(deployment)), owner)

    def bring_in(self, job: Job) -> Generation:
        """Import a job and return its generation. Raise `PromptreelError` if it cannot be imported."""
        try:
            return Generation.from_json(as_provider_object(self.importing.bring_in(job, self.owner), None))
        except errors.PromptreelError as error:
            raise PromptreelError(str(error)) from error


def strangers(deployment: Deployment, day: date) -> Iterator[Job]:
    """Yield the jobs that the report of a day lists as charged without a generation."""
    s3, key = deployment.client("s3"), f"{FOLDER}{day.isoformat()}.csv"
    try:
        body = s3.get_object(Bucket=deployment.output("VideosBucketName"), Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        raise PromptreelError(f"There is no report of {day}: run `promptreel reconcile --day {day}` first.") from None
    for row in csv.DictReader(io.TextIOWrapper(io.BytesIO(body), encoding="utf-8", newline="")):
        if row["kind"] == Kind.NOT_OURS and row["provider_id"]:
            at = datetime.fromisoformat(row["at"])
            yield Job.of_charge(original(row["provider_id"]), original(row["model"]), at)
