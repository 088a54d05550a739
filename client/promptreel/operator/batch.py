"""A file of prompts: checked here, run there, followed in the ledger, and its report and videos fetched."""

import hashlib
import json
import mimetypes
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from core import errors
from core.batch import file_id, results_of
from core.intake import files
from core.models import Model, Models, offered
from core.records.ledger import Ledger
from promptreel.client import DEFAULT_MODEL, Client
from promptreel.errors import PromptreelError
from promptreel.operator.deployment import Deployment


@dataclass(frozen=True)
class Checked:
    """What a file holds: the number of its rows, and a sentence for each row that is not allowed."""

    rows: int
    problems: tuple[str, ...]


def models_of(api: Client) -> Models:
    """The models that the API's deployment offers; what one takes is asked for when a row is of that model."""
    return Models(
        Model(one.id, one.title, one.vendor, one.kind, read=partial(_facts, api, one.id)) for one in api.models()
    )


def _facts(api: Client, model_id: str) -> Mapping[str, Any]:
    return {"schema": api.model(model_id).schema}


def check(path: Path, models: Models | None) -> Checked:
    """Validate every row against its model's schema, here; `PromptreelError` if the file as a whole cannot be read.

    `models` are those that the deployment offers; None stands for those that this version knows.
    """
    rows, problems = 0, []
    judging = offered() if models is None else models
    try:
        with path.open("rb") as stream:
            for row in files.read(path.name, stream, judging, DEFAULT_MODEL):
                rows += 1
                if row.problem:
                    problems.append(f"{path}:{row.line}: {row.problem}")
    except errors.InvalidFile as invalid:
        raise PromptreelError(f"{path}: {invalid}") from invalid
    return Checked(rows, tuple(problems))


@dataclass(frozen=True)
class RunningBatch:
    """A batch that was dropped into the prompts bucket."""

    deployment: Deployment
    batch_id: str
    rows: int
    dropped_at: datetime

    def counts(self) -> Counter[str]:
        """How many rows are in which status so far; rows that were not accepted yet are in none."""
        dynamodb, table = self.deployment.client("dynamodb"), self.deployment.output("TableName")
        ledger = Ledger(dynamodb, table, lambda: datetime.now(UTC))
        return Counter(map(str, ledger.statuses(self.batch_id)))

    def has_report(self) -> bool:
        """Whether the batch has ended: a report of before counts only if no row is left to run."""
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=f"{results_of(self.batch_id)}/report.jsonl")
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "AccessDenied"):
                return False
            raise
        if found["LastModified"] >= self.dropped_at:
            return True
        return all(json.loads(line)["status"] in ("completed", "error") for line in found["Body"].iter_lines())

    def fetch_report(self, folder: Path) -> list[Path]:
        """Save report.csv and report.jsonl."""
        folder.mkdir(parents=True, exist_ok=True)
        saved = [folder / "report.csv", folder / "report.jsonl"]
        for path in saved:
            self._s3.download_file(self._bucket, f"{results_of(self.batch_id)}/{path.name}", str(path))
        return saved

    def fetch_video(self, s3_uri: str, path: Path) -> None:
        """Save an archived video."""
        bucket, _, key = s3_uri.removeprefix("s3://").partition("/")
        self.deployment.client("s3").download_file(bucket, key, str(path))

    @property
    def _s3(self):  # type: ignore[no-untyped-def]  # boto3's clients are made at run time
        return self.deployment.client("s3")

    @property
    def _bucket(self) -> str:
        return self.deployment.output("VideosBucketName")


def drop(deployment: Deployment, path: Path, key: str, rows: int, max_concurrency: int | None) -> RunningBatch:
    """Put the file into the prompts bucket; the same key and content are the same batch, however often."""
    bucket, s3 = deployment.output("PromptsBucketName"), deployment.client("s3")
    metadata = {"max_concurrency": str(max_concurrency)} if max_concurrency else {}
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    dropped_at = datetime.now(UTC).replace(microsecond=0)  # as S3 tells times
    with path.open("rb") as body:
        sha256 = hashlib.file_digest(body, "sha256").hexdigest()
        body.seek(0)
        s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata, ContentType=kind)
    return RunningBatch(deployment, file_id("batch", bucket, key, sha256), rows, dropped_at)
