"""Accept files dropped in S3 and events on the bus as generations and batches. Both arrive through one queue."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.data_classes import (
    EventBridgeEvent,
    S3EventBridgeNotificationEvent,
    SQSEvent,
    event_source,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from core import settings
from core.batches.dropped_file import DroppedFile, FileIntake
from core.inputs.media import is_input
from core.intake.accept import Intake, Rejections
from core.intake.event import EventIntake
from core.owners import owner_of_event, owner_of_file
from wiring import client, logger
from wiring.announcer import UsesAnnouncer, make_announcer
from wiring.batch_start import UsesBatchStart, make_batch_start
from wiring.models import UsesModels, make_models
from wiring.queue import hide
from wiring.workflow import UsesWorkflow, make_workflow

RETRY_SECONDS, MOST_SECONDS = 30, 900  # how long a message is hidden, at most as long as Lambda lets this run
BYTES_PER_SECOND = 500_000  # the slowest that a file is read


@dataclass(frozen=True)
class Settings(UsesBatchStart, UsesWorkflow, UsesModels, UsesAnnouncer):
    queue_url: str
    default_model: str
    event_owners: tuple[str, ...]


@dataclass(frozen=True)
class Intakes:
    """Accepts the files and the events."""

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
        ledger=batches.staging.ledger,
        inputs=batches.staging.inputs,
        accounts=announcer.accounts,
        workflow=make_workflow(s),
    )
    rejections = Rejections(ledger=batches.staging.ledger, announcer=announcer)
    files = FileIntake(
        s3=client("s3"), default_model=s.default_model, intake=intake, rejections=rejections, batches=batches
    )
    events = EventIntake(
        intake=intake,
        rejections=rejections,
        default_model=s.default_model,
        allow_local_webhooks=s.allow_local_webhooks,
    )
    return Intakes(files=files, events=events)


class NothingAccepted(Exception):
    """Every message failed, which counts as an error of the function. The cause is that of the last one."""


@logger.inject_lambda_context
@event_source(data_class=SQSEvent)
def handler(event: SQSEvent, _context: object) -> dict[str, Any]:
    """Accept the SQS messages, each an EventBridge event. Return those that failed, to be retried or dead-lettered."""
    failed: list[str] = []
    messages = list(event.records)
    for message in messages:
        try:
            _accept(message)
        except Exception as error:
            logger.exception("message not accepted", message_id=message.message_id)
            failed.append(message.message_id)
            if len(failed) == len(messages):
                raise NothingAccepted from error
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _accept(message: SQSRecord) -> None:
    """Accept a message. If this fails, or the function dies, the message reappears, each time after a longer delay."""
    seconds = RETRY_SECONDS * int(message.attributes.approximate_receive_count)
    try:
        event = EventBridgeEvent(message.json_body)
        # The visibility timeout of the queue is for the largest file: too long if the function dies.
        _hide(message, seconds + RETRY_SECONDS + _size(event) // BYTES_PER_SECOND)
        _accept_event(event)
    except Exception:
        _hide(message, seconds)
        raise


def _size(event: EventBridgeEvent) -> int:
    """Return the bytes of the event's file. An event that an operator sends again may lack them."""
    if event.detail_type != "Object Created":
        return 0
    return S3EventBridgeNotificationEvent(event.raw_event).detail.object.size or 0


def _hide(message: SQSRecord, seconds: int) -> None:
    hide(_settings().queue_url, message, min(seconds, MOST_SECONDS))


def _accept_event(event: EventBridgeEvent) -> None:
    match event.detail_type:
        case "Object Created":
            _accept_file(S3EventBridgeNotificationEvent(event.raw_event))
        case "Generation Requested":
            _wired().events.accept(event.raw_event, owner_of_event(_settings().event_owners, event.source))


def _accept_file(event: S3EventBridgeNotificationEvent) -> None:
    created = event.detail.object
    key = created["key"]  # `created.key` would decode it, but EventBridge does not encode keys
    if is_input(key):
        logger.info("left for requests to name", key=key)
    elif not key.endswith("/"):  # the S3 console makes such an object for a folder
        file = DroppedFile(event.detail.bucket.name, key, created.etag, created.get("version-id"))
        _wired().files.accept(file, owner_of_file(_settings().file_owners, key))
        logger.info("file accepted", file=file.uri)
