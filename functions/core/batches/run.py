"""A run of a batch: the input of its execution, and where its rows and results are in S3.

`prompt_batch.asl.json` executes a run. Each revision of a batch has one run, and each retry adds one.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class BatchRun:
    """A run, as its execution receives it."""

    batch_id: str
    owner: str
    source_ref: str  # s3://bucket/key of the file
    bucket: str  # of rows and results
    rows: int
    max_concurrency: int
    name: str
    revision: int  # 0 for content that arrived late
    run: int
    made_before: int  # rows that an earlier run had made, or was making
    staged: str  # the folder of the staged rows

    @property
    def execution(self) -> str:
        """Return the name of the execution. Content that arrived late has no run number, so its folder is the name."""
        return execution_of(self.batch_id, self.run) if self.revision else f"{self.batch_id}-{self.staged}"

    @property
    def rows_key(self) -> str:
        """Return the key of the staged rows, which the Distributed Map reads: JSON, one row per line."""
        return rows_key(self.batch_id, self.staged)

    @property
    def results(self) -> str:
        """Return the folder of the results. Content that arrived late does not overwrite newer results."""
        return results_of(self.batch_id) if self.revision else self.results_apart

    @property
    def results_apart(self) -> str:
        """Return the folder of results that must not overwrite those of a newer revision."""
        return f"{results_of(self.batch_id)}/{self.staged}"

    def to_input(self) -> str:
        """Return the input of the execution, as JSON."""
        # The Map's own results contain requests. In this folder they expire as the staged rows do.
        map_results = f"batches/{self.batch_id}/map"
        return json.dumps(
            {**asdict(self), "rows_key": self.rows_key, "results": self.results, "map_results": map_results}
        )

    @classmethod
    def from_input(cls, given: Mapping[str, Any]) -> "BatchRun":
        """Return the run that an execution's input describes."""
        return cls(**{name: given[name] for name in cls.__annotations__})


def execution_of(batch_id: str, run: int) -> str:
    """Return the name of the execution of a batch's run."""
    return f"{batch_id}-{run}"


def rows_key(batch_id: str, staged: str | None) -> str:
    """Return the key of a batch's rows in a staged folder."""
    return f"batches/{batch_id}/{staged}/rows.jsonl"


def results_of(batch_id: str) -> str:
    """Return the folder of a batch's results in the videos bucket."""
    return f"results/{batch_id}"


def upload(s3: "S3Client", file: IO[bytes], bucket: str, key: str, content_type: str) -> None:
    """Write a whole file to S3 in one call, which accepts up to 5 GB."""
    file.seek(0)
    s3.put_object(Bucket=bucket, Key=key, Body=file, ContentType=content_type)
