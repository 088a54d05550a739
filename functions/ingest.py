"""The doors beside HTTP: files dropped in S3 and events on the bus, both by way of one queue."""

import io
import json
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.exceptions import ClientError

from core import batch, files, settings
from core.accept import Workflow, accept
from core.announcement import Announcer
from core.errors import Forgotten, IdempotencyConflict, InvalidFile, InvalidRequest
from core.generation import Generation, Source, new_id
from core.ledger import Ledger
from core.models import Models
from wiring import client, logger, now

MAX_REASON = 2000  # characters: an announcement holds 256 KiB
processor = BatchProcessor(event_type=EventType.SQS)


@dataclass(frozen=True)
class Settings:
    table_name: str
    videos_bucket: str
    state_machine_arn: str
    batch_state_machine_arn: str
    batch_concurrency: int
    allowed_models: tuple[str, ...]
    passed_through_models: tuple[str, ...]
    default_model: str
    file_owners: tuple[str, ...]
    event_owners: tuple[str, ...]
    topic_arn: str
    bus_name: str


@dataclass(frozen=True)
class Wired:
    ledger: Ledger
    workflow: Workflow
    models: Models
    announcer: Announcer
    s3: Any
    settings: Settings


@cache
def _wired() -> Wired:
    s = settings.read(Settings)
    return Wired(
        Ledger(client("dynamodb"), s.table_name, now),
        Workflow(client("stepfunctions"), s.state_machine_arn),
        Models(s.allowed_models, s.passed_through_models),
        Announcer(client("sns"), s.topic_arn, client("events"), s.bus_name),
        client("s3"),
        s,
    )


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> Any:
    """SQS messages, each an EventBridge event → those that failed, which come again and then go to the dead letters."""
    return process_partial_response(event=event, record_handler=_take, processor=processor, context=context)


def _take(record: SQSRecord) -> None:
    event = json.loads(record.body)
    match event["detail-type"]:
        case "Object Created":
            _take_file(event["detail"])
        case "Generation Requested":
            _take_event(event)


def _take_event(event: dict[str, Any]) -> None:
    """A request in an event: the event's id, or a key that it brings, makes a repetition the same generation."""
    wired = _wired()
    detail = event["detail"]
    request = {name: value for name, value in detail.items() if name != "idempotency_key"}
    request = {"model": wired.settings.default_model, **request}
    owner = _owner(wired.settings.event_owners, event["source"], lambda source, known: source == known)
    source, key = Source("event", event["id"]), str(detail.get("idempotency_key") or event["id"])
    try:
        accept(request, owner, source, key, wired.models, wired.ledger, wired.workflow)
    except (InvalidRequest, IdempotencyConflict) as error:
        _refuse(owner, source, event["id"], error)  # the key stays free for the request as it should have been


def _take_file(detail: dict[str, Any]) -> None:
    """A file: its bucket, key and content make it one and the same, however often and in whatever order events come."""
    wired = _wired()
    bucket, key, etag = detail["bucket"]["name"], detail["object"]["key"], detail["object"]["etag"]
    if key.endswith("/"):
        return  # what the S3 console makes for a folder
    owner = _owner(wired.settings.file_owners, key, str.startswith)
    source, identity = Source("s3", f"s3://{bucket}/{key}"), f"{bucket}/{key}#{etag}"
    version = detail["object"].get("version-id")
    try:
        found = wired.s3.get_object(Bucket=bucket, Key=key, **({"VersionId": version} if version else {}))
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchKey", "NoSuchVersion"):
            raise
        _refuse(owner, source, identity, InvalidFile("The file was deleted before it was read: drop it again."))
        return
    with io.BufferedReader(found["Body"]) as stream:
        try:
            if files.is_batch(key, stream.peek(1024)):
                asked = found["Metadata"].get("max_concurrency", "")
                _start_batch(batch.batch_id_of(bucket, key, etag), key, stream, owner, source, asked)
            else:
                (row,) = files.read(key, stream, wired.models, wired.settings.default_model)
                if row.request is None:
                    raise InvalidRequest(str(row.problem))
                accept(row.request, owner, source, identity, wired.models, wired.ledger, wired.workflow)
        except (InvalidRequest, InvalidFile) as error:
            _refuse(owner, source, identity, error)
        except IdempotencyConflict as error:  # its generation was deleted: this version of the file is refused
            _refuse(owner, source, f"{identity}#{version}", error)


def _start_batch(batch_id: str, key: str, stream: io.BufferedReader, owner: str, source: Source, asked: str) -> None:
    """Read the whole file, so that one which breaks off starts nothing; then start one execution for all its rows."""
    wired = _wired()
    count, concurrency = 0, wired.settings.batch_concurrency
    prepared = batch.Batch(
        batch_id=batch_id,
        owner=owner,
        source_ref=source.ref,
        bucket=wired.settings.videos_bucket,
        rows=0,
        max_concurrency=min(concurrency, int(asked)) if asked.isdecimal() and int(asked) else concurrency,
    )
    with tempfile.TemporaryFile() as rows:
        found = files.read(key, stream, wired.models, wired.settings.default_model)
        for line in batch.lines(found, batch_id, owner, source.ref):
            rows.write(line)
            count += 1
        rows.seek(0)
        wired.s3.upload_fileobj(rows, prepared.bucket, prepared.rows_key)
    batch.start(replace(prepared, rows=count), wired.workflow.stepfunctions, wired.settings.batch_state_machine_arn)
    logger.info("batch", batch_id=batch_id, rows=count, owner=owner)


def _refuse(owner: str, source: Source, key: str, error: Exception) -> None:
    """What cannot be taken is a generation that has failed: in its owner's list with the reason, and announced.

    Its request is not kept: it may be anything, of any size.
    """
    wired = _wired()
    refused = Generation(
        generation_id=new_id(owner, f"{source.kind}:{key}"),
        owner=owner,
        request={},
        source=source,
        created_at=now(),
        updated_at=now(),
    )
    reason = str(error)[:MAX_REASON]
    try:
        wired.ledger.add_failed(refused, type(error).__name__, reason)
    except Forgotten:
        return  # its owner has seen and deleted it
    wired.announcer.announce(refused.generation_id, wired.ledger)
    logger.warning("refused", generation_id=refused.generation_id, reason=reason)


def _owner(owners: tuple[str, ...], given: str, fits: Any) -> str:
    """Of the settings "name=owner" the longest name that fits `given`; the empty name fits everything."""
    pairs = [setting.rpartition("=") for setting in owners]
    fitting = [(name, owner) for name, _, owner in pairs if not name or fits(given, name)]
    return max(fitting, key=lambda pair: len(pair[0]), default=("", "nobody"))[1]
