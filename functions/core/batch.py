"""A batch: many requests in one file, run by prompt_batch.asl.json. What it is called, and where it is."""

import json
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING

from core.generation import digest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


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
        """What the Distributed Map reads: one row per line, in JSON."""
        return f"batches/{self.batch_id}/rows.jsonl"

    @property
    def results(self) -> str:
        """Where the results are."""
        return results_of(self.batch_id)

    def as_input(self) -> str:
        """The execution's input, as JSON."""
        # What the Map writes of its children holds requests: it goes as the rows go.
        map_results = f"batches/{self.batch_id}/map"
        return json.dumps(
            {**asdict(self), "rows_key": self.rows_key, "results": self.results, "map_results": map_results}
        )


def file_id(what: str, bucket: str, key: str, sha256: str) -> str:
    """The id of `what` a file is ("batch", "request"): the same for the same place and content, however it came."""
    return digest(what, f"{bucket}/{key}#{sha256}")


def row_id(batch_id: str, number: int) -> str:
    """The id of the generation that a row is."""
    return digest("row", batch_id, str(number))


def results_of(batch_id: str) -> str:
    """Where in the videos bucket the results of a batch are."""
    return f"results/{batch_id}"


def upload(s3: "S3Client", file: IO[bytes], bucket: str, key: str, content_type: str) -> None:
    """Write all of a file to S3, in parts if it is large."""
    from s3transfer.manager import TransferManager  # noqa: PLC0415 - it takes as long to load as a small file to send

    file.seek(0)
    with TransferManager(s3) as transfers:
        transfers.upload(file, bucket, key, {"ContentType": content_type}).result()
