"""A batch: many requests in one file, run by prompt_batch.asl.json. What it is called, and where it is.

A batch is a name, and not a content: a file that is edited and sent again under its name is a new revision of the same
batch. In it a row is known by its request, and by its position among equal ones, so a revision makes only what is new.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any

from core.generation import digest, fingerprint, replaced

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Batch:
    """The input of a run of the batch: of its execution."""

    batch_id: str
    owner: str
    source_ref: str  # s3://bucket/key of the file
    bucket: str  # of rows and results
    rows: int
    max_concurrency: int
    name: str
    revision: int  # 0 is content that came late
    run: int
    made_before: int  # rows of it that an earlier run had made, or was making
    staged: str  # the folder of its rows

    @property
    def rows_key(self) -> str:
        """What the Distributed Map reads: one row per line, in JSON."""
        return f"batches/{self.batch_id}/{self.staged}/rows.jsonl"

    @property
    def results(self) -> str:
        """Where the results are. What came late does not replace the results of what came after it."""
        results = results_of(self.batch_id)
        return results if self.revision else f"{results}/{self.staged}"

    def as_input(self) -> str:
        """The execution's input, as JSON."""
        # What the Map writes of its children holds requests: it goes as the rows go.
        map_results = f"batches/{self.batch_id}/map"
        return json.dumps(
            {**asdict(self), "rows_key": self.rows_key, "results": self.results, "map_results": map_results}
        )

    @classmethod
    def of_input(cls, given: Mapping[str, Any]) -> "Batch":
        """The batch of an execution's input."""
        return cls(**{name: given[name] for name in cls.__annotations__})


@dataclass(frozen=True)
class RowIdentity:
    """What a row is known by, in whichever batch: its request, and which one of the equal ones it is, from 1."""

    fingerprint: str
    occurrence: int

    def id_in(self, batch_id: str) -> str:
        """The id of the generation that the row is in a batch."""
        return digest("row", batch_id, self.fingerprint, str(self.occurrence))


class Identities:
    """The identities of a file's rows, asked for in their order."""

    def __init__(self) -> None:
        self._seen: Counter[bytes] = Counter()
        self._rows: list[tuple[bytes, int]] = []  # each a fingerprint, and the occurrence

    def skip(self) -> None:
        """The next row is no request."""
        self._rows.append((b"", 0))

    def next(self, request: dict[str, Any], rows: Mapping[str, int] | None = None) -> RowIdentity:
        """Of the next row, which has this request. `rows` are those above it whose videos it takes, by how the request
        names them: it is another row if one of them is."""
        names = {reference: f"row:{self.of(number)}" for reference, number in (rows or {}).items()}
        which = bytes.fromhex(fingerprint(replaced(request, names) if names else request))
        self._seen[which] += 1
        self._rows.append((which, self._seen[which]))
        return self.of(len(self._rows))

    def of(self, number: int) -> RowIdentity:
        """Of a row that came before."""
        which, occurrence = self._rows[number - 1]
        return RowIdentity(which.hex(), occurrence)


def batch_id_for(bucket: str, key: str) -> str:
    """The id of the batch that a file is, whatever it holds."""
    return digest("batch", f"{bucket}/{key}")


def file_id(what: str, bucket: str, key: str, sha256: str) -> str:
    """The id of `what` a file is ("request"): the same for the same place and content, however it came."""
    return digest(what, f"{bucket}/{key}#{sha256}")


def refused_row_id(batch_id: str, number: int, problem: str) -> str:
    """The id of the refusal of a row, which leaves the id of the row free for when it is mended."""
    return digest("refused row", batch_id, str(number), problem)


def take_id(generation_id: str) -> str:
    """The id of the next take of a row, whose generation the provider failed to make."""
    return digest("take", generation_id)


def results_of(batch_id: str) -> str:
    """Where in the videos bucket the results of a batch are."""
    return f"results/{batch_id}"


def upload(s3: "S3Client", file: IO[bytes], bucket: str, key: str, content_type: str) -> None:
    """Write all of a file to S3: in one call, which takes 5 GB."""
    file.seek(0)
    s3.put_object(Bucket=bucket, Key=key, Body=file, ContentType=content_type)
