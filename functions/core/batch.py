"""A batch: many requests in one file, run by prompt_batch.asl.json. What it is called, and where it is."""

import json
from dataclasses import asdict, dataclass

from core.generation import digest, generation_id_for


@dataclass(frozen=True)
class Batch:
    """The input of the batch's execution."""

    batch_id: str
    owner: str
    source_ref: str  # s3://bucket/key of the file
    bucket: str  # of rows and results
    rows: int
    max_concurrency: int

    @property
    def rows_key(self) -> str:
        """What the Distributed Map reads: a row a line, in JSON."""
        return f"batches/{self.batch_id}/rows.jsonl"

    @property
    def results(self) -> str:
        """Where the results are."""
        return results_of(self.batch_id)

    def as_input(self) -> str:
        """The execution's input, as JSON."""
        return json.dumps({**asdict(self), "rows_key": self.rows_key, "results": self.results})


def batch_id_of(file: str) -> str:
    """The id of the batch that a file is (`core.intake.dropped_file.DroppedFile.identity`)."""
    return digest("batch", file)


def row_id(batch_id: str, owner: str, number: int) -> str:
    """The id of the generation that a row is."""
    return generation_id_for(owner, "s3", row_key(batch_id, number))


def row_key(batch_id: str, number: int) -> str:
    """The idempotency key that a row is accepted under."""
    return f"{batch_id}:{number}"


def results_of(batch_id: str) -> str:
    """Where in the videos bucket the results of a batch are."""
    return f"results/{batch_id}"
