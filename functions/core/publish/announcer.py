"""Announce that a generation or a batch has ended, over SNS and on the event bus.

A function that dies between publishing and recording that repeats the announcement.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import NotFound
from core.generation import Generation, Status
from core.money.accounts import Accounts
from core.publish.views import as_announcement
from core.records.ledger import Ledger

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sns import SNSClient

EVENT_SOURCE = "promptreel"


@dataclass(frozen=True)
class Announcer:
    """Publishes the ends of generations to the topic and to the bus, and closes their holds."""

    sns: "SNSClient"
    topic_arn: str
    events: "EventBridgeClient"
    bus_name: str
    accounts: Accounts

    def announce(
        self, generation_id: str, ledger: Ledger, first: Callable[[Generation], None] = lambda _: None
    ) -> None:
        """Publish how the generation ended, unless it has been announced or does not exist.

        `first` is called before the announcement, because nothing repeats it afterwards. Both are repeated if one of
        them fails.
        """
        try:
            generation = ledger.get(generation_id)
        except NotFound:
            return
        if not generation.status.ended or generation.announced_at:
            return
        first(generation)
        kind = "Completed" if generation.status is Status.COMPLETED else "Failed"
        message = json.dumps(as_announcement(generation), ensure_ascii=False)
        attributes = {
            "status": str(generation.status),
            "model": generation.model,
            "source": generation.source.kind,
            "owner": generation.owner,
        }
        self._publish(f"Generation {kind}", generation.generation_id, message, attributes, generation.tags or [])
        ledger.announced(generation, self.accounts.closing(generation))

    def announce_batch(self, announced: dict[str, Any]) -> None:
        """Publish that a batch has ended (`core.batches.report`)."""
        attributes = {"status": "completed", "source": announced["source"]["kind"], "owner": announced["owner"]}
        self._publish("Batch Completed", announced["batch_id"], json.dumps(announced, ensure_ascii=False), attributes)

    def _publish(
        self, what: str, which: str, message: str, attributes: dict[str, str], tags: Sequence[str] = ()
    ) -> None:
        attributes = {**attributes, "type": what.split(maxsplit=1)[0].lower()}
        # SNS rejects empty values.
        sent: Any = {name: {"DataType": "String", "StringValue": text} for name, text in attributes.items() if text}
        if tags:
            sent["tags"] = {"DataType": "String.Array", "StringValue": json.dumps(tags, ensure_ascii=False)}
        self.sns.publish(
            TopicArn=self.topic_arn,
            Subject=f"{what}: {which}",
            Message=message,
            MessageAttributes=sent,
        )
        answer = self.events.put_events(
            Entries=[
                {
                    "EventBusName": self.bus_name,
                    "Source": EVENT_SOURCE,
                    "DetailType": what,
                    "Detail": message,
                }
            ]
        )
        if answer["FailedEntryCount"]:
            raise RuntimeError(f"The event bus rejected the event: {answer['Entries'][0].get('ErrorCode')}.")
