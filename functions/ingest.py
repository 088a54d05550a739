"""Files dropped in S3 and events on the bus, both by way of one queue: they become generations and batches."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.inputs.media import is_input
from core.intake.accept import Intake, Refusals
from core.intake.dropped_file import DroppedFile, FileIntake
from core.intake.event import EventIntake
from core.intake.owners import owner_of_event, owner_of_file
from wiring import client, logger
from wiring.announcer import UsesAnnouncer, make_announcer
from wiring.batch_start import UsesBatchStart, make_batch_start
from wiring.models import UsesModels, make_models
from wiring.queue import hide
from wiring.workflow import UsesWorkflow, make_workflow

RETRY_SECONDS, MOST_SECONDS = 30, 900  # how long a message is hidden, at most as long as Lambda lets this run
BYTES_PER_SECOND = 500_000  # of a file, at the least


@dataclass(frozen=True)
class Settings(UsesBatchStart, UsesWorkflow, UsesModels, UsesAnnouncer):
    queue_url: str
    default_model: str
    event_owners: tuple[str, ...]


@dataclass(frozen=True)
class Intakes:
    """What takes the files and the events."""

    files: FileIntake
    events: EventIntake


@cache
def _settings() -> Settings:
    return settings.read(Settings)


@cache
def _wired() -> Intakes:
    s = _settings()
    batches, announcer = make_batch_start(s), make_announcer(s)
    intake = Intake(
        models=make_models(s),
        ledger=batches.ledger,
        inputs=batches.inputs,
        accounts=announcer.accounts,
        workflow=make_workflow(s),
    )
    refusals = Refusals(ledger=batches.ledger, announcer=announcer)
    files = FileIntake(
        s3=client("s3"), default_model=s.default_model, intake=intake, refusals=refusals, batches=batches
    )
    events = EventIntake(
        intake=intake,
        refusals=refusals,
        default_model=s.default_model,
        allow_local_webhooks=s.allow_local_webhooks,
    )
    return Intakes(files=files, events=events)


class NothingTaken(Exception):
    """Every message failed, which counts as an error of the function; the cause is that of the last."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """SQS messages, each an EventBridge event → those that failed, which come again and then go to the dead letters."""
    failed = []
    for message in event["Records"]:
        try:
            _take(message)
        except Exception as error:
            logger.exception("message not taken", message_id=message["messageId"])
            failed.append(message["messageId"])
            if len(failed) == len(event["Records"]):
                raise NothingTaken from error
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _take(message: dict[str, Any]) -> None:
    """Take it; after an error or this function's death it comes again soon, and less often each time."""
    seconds = RETRY_SECONDS * int(message["attributes"]["ApproximateReceiveCount"])
    try:
        event = json.loads(message["body"])
        # The queue's own time is for the largest file: too long to wait after a death.
        _hide(message, seconds + RETRY_SECONDS + _size(event) // BYTES_PER_SECOND)
        _take_event(event)
    except Exception:
        _hide(message, seconds)
        raise


def _size(event: dict[str, Any]) -> int:
    """Bytes of the file that the event is about. Who sends an old event again may leave them out."""
    return int(event["detail"]["object"].get("size", 0)) if event["detail-type"] == "Object Created" else 0


def _hide(message: dict[str, Any], seconds: int) -> None:
    hide(_settings().queue_url, message, min(seconds, MOST_SECONDS))


def _take_event(event: dict[str, Any]) -> None:
    s, intakes = _settings(), _wired()
    detail = event["detail"]
    match event["detail-type"]:
        case "Object Created" if is_input(detail["object"]["key"]):
            logger.info("left for requests to name", key=detail["object"]["key"])
        case "Object Created" if not detail["object"]["key"].endswith("/"):  # which the S3 console makes for a folder
            file = DroppedFile(
                bucket=detail["bucket"]["name"],
                key=detail["object"]["key"],
                etag=detail["object"]["etag"],
                version=detail["object"].get("version-id"),
            )
            intakes.files.take(file, owner_of_file(s.file_owners, file.key))
            logger.info("file taken", file=file.uri)
        case "Generation Requested":
            intakes.events.take(event, owner_of_event(s.event_owners, event["source"]))
