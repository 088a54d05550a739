"""Convert a generation to an item of the table, and an item to a generation or a tombstone."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from core.generation import (
    ArchivedVideo,
    Cost,
    Facts,
    Failure,
    Generation,
    Given,
    Source,
    Status,
    Submission,
    Tombstone,
    Webhook,
    iso,
)
from core.hold import Hold
from core.links.record import Links
from core.records.table import KEY, Item
from core.stored import part

TOMBSTONE = "deleted_at"  # an attribute that only tombstones have
_TIMES = {
    "created_at",
    "updated_at",
    "sending_since",
    "submitted_at",
    "generated_at",
    "ended_at",
    "announced_at",
    "reopened_at",
    "admitted_at",
    "held_since",
    "rejected_at",
}
JSON_FIELDS = {"request", "provider_video", "upload"}  # stored as text, because they may contain numbers of any kind


def is_tombstone(item: Item) -> bool:
    """Return whether the item is the tombstone of a deleted generation."""
    return TOMBSTONE in item


def as_item(fields: dict[str, Any]) -> Item:
    """Return fields of a generation as the table holds them, without those that are None."""
    item = {name: value for name, value in fields.items() if value is not None}
    for name in _TIMES & item.keys():
        item[name] = iso(item[name])
    for name in JSON_FIELDS & item.keys():
        item[name] = json.dumps(item[name], ensure_ascii=False)
    return item


def as_generation(item: Item) -> Generation:
    """Return the generation that an item holds."""
    fields = {name: value for name, value in item.items() if name in Generation.__annotations__}
    for name in _TIMES & fields.keys():
        fields[name] = datetime.fromisoformat(fields[name])
    for name in JSON_FIELDS & fields.keys():
        fields[name] = json.loads(fields[name])
    fields["status"] = Status(fields["status"])
    if "submission" in fields:
        fields["submission"] = Submission(fields["submission"])
    for name, form in (("source", Source), ("error", Failure), ("webhook", Webhook)):
        if name in fields:
            fields[name] = part(form, fields[name])
    if "video" in fields:
        facts = part(Facts, fields["video"].get("facts", {}))
        fields["video"] = replace(part(ArchivedVideo, fields["video"]), facts=facts)
    if "cost" in fields:
        fields["cost"] = part(Cost, fields["cost"])
    if "hold" in fields:
        fields["hold"] = Hold.of(fields["hold"])
    if "links" in fields:
        fields["links"] = Links.of(fields["links"])
    if "given" in fields:
        fields["given"] = [part(Given, one) for one in fields["given"]]
    return Generation(**fields)


def as_tombstone(item: Item) -> Tombstone:
    """Return the tombstone that an item holds."""
    times = {name: datetime.fromisoformat(item[name]) for name in ("sending_since", "submitted_at") if name in item}
    return Tombstone(
        generation_id=item[KEY],
        submission=Submission(item["submission"]) if "submission" in item else None,
        provider_id=item.get("provider_id"),
        **times,
    )
