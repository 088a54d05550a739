"""Show a generation to its owner over HTTP, to subscribers, and in the archive."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from core.errors import remedy
from core.generation import Failure, Generation, Status, iso
from core.money import usd

# The provider's four statuses, and ours that each of them includes. `meta.stage` has the exact one.
PROVIDER_STATUSES = {
    "queued": {Status.QUEUED},
    "generating": {Status.GENERATING, Status.ARCHIVING},
    "completed": {Status.COMPLETED},
    "error": {Status.ERROR},
}


def as_provider_object(generation: Generation, video_url: str | None) -> dict[str, Any]:
    """Return the generation as the provider's own response object, for code written for the provider.

    `video_url` is a fresh link.
    """
    video = generation.video
    return {
        "id": generation.generation_id,
        "status": next(name for name, ours in PROVIDER_STATUSES.items() if generation.status in ours),
        "video": video
        and {
            "url": video_url,
            "content_type": video.content_type,
            "file_name": video.file_name,
            "file_size": video.size,
            **video.facts.as_dict(),
        },
        "error": as_error(generation.error, generation.generation_id),
        "meta": {
            "usage": {"credits_used": generation.credits_used},
            "stage": str(generation.status),
            "request": generation.request,
            "unchecked": generation.unchecked or [],
            "ahead": None,  # set when this generation is requested: core.api.generations
            "waits_for": None,  # set there as well
            "timeline": None,  # set there as well
            "waits_for_credits": None,  # set there as well
            "video_expires_at": None,  # set there as well
            "video_sha256": (video and video.sha256) or None,
            "created_at": iso(generation.created_at),
            "submitted_at": generation.submitted_at and iso(generation.submitted_at),
            "generated_at": generation.generated_at and iso(generation.generated_at),
            "ended_at": generation.ended_at and iso(generation.ended_at),
            "source": asdict(generation.source),
            "batch": _batch(generation),
            "name": generation.name,
            "tags": generation.tags or [],
            "cost": as_cost(generation),
            "webhook": generation.webhook and asdict(generation.webhook),
        },
    }


# The steps of a generation, in their usual order, and the time of each in the record.
STEPS = {
    "accepted": "created_at",
    "held_back": "held_since",
    "rejected": "rejected_at",
    "admitted": "admitted_at",
    "sent": "sending_since",
    "submitted": "submitted_at",
    "generated": "generated_at",
    "ended": "ended_at",
    "announced": "announced_at",
    "reopened": "reopened_at",
}


def as_timeline(generation: Generation) -> list[dict[str, str]]:
    """Return the steps that the record has times of, earliest first. A repeated step has the time of its latest."""
    times = ((step, getattr(generation, name)) for step, name in STEPS.items())
    happened = sorted(((step, at) for step, at in times if at), key=lambda one: one[1])
    return [{"step": step, "at": iso(at)} for step, at in happened]


def as_announcement(generation: Generation) -> dict[str, Any]:
    """Return the announcement of an ended generation, without its prompt or any link that works without credentials."""
    return {
        "version": "1",
        "generation_id": generation.generation_id,
        "owner": generation.owner,
        "status": str(generation.status),
        "model": generation.model,
        "source": asdict(generation.source),
        "batch": (batch := _batch(generation)) and {**batch, "name": generation.name},
        "tags": generation.tags or [],
        # Not the URL itself, because it may contain a secret.
        "webhook": bool(generation.webhook and generation.webhook.hears_of(generation.status)),
        "video": generation.video and generation.video.as_dict(),
        "error": as_error(generation.error, generation.generation_id),
        "credits_used": generation.credits_used,
        "cost": as_cost(generation),
        "created_at": iso(generation.created_at),
        "ended_at": generation.ended_at and iso(generation.ended_at),
    }


def as_error(failure: Failure | None, which: str) -> dict[str, Any] | None:
    """Return why a generation or a batch failed, and what to do about it; None if it did not fail."""
    return {**asdict(failure), "remedy": remedy(failure.name, which)} if failure else None


def as_cost(generation: Generation) -> dict[str, Any]:
    """Return the cost in USD: the estimate, its basis, and the charge once that is known."""
    cost = generation.cost
    is_known = generation.credits_used is not None or (generation.status.ended and not generation.charged)
    return {
        "estimated_usd": cost and usd(cost.estimated),
        "basis": (cost and cost.basis) or None,
        "actual_usd": usd(generation.charged) if is_known else None,
    }


def as_log(generation: Generation) -> dict[str, Any]:
    """Return the seconds of each stage and the cost of a completed generation, for the log and the dashboard."""
    stages = {
        "waited": (generation.created_at, generation.submitted_at),
        "generating": (generation.submitted_at, generation.generated_at),
        "archiving": (generation.generated_at, generation.ended_at),
    }
    took = {
        f"{name}_seconds": round((end - begin).total_seconds(), 1)
        for name, (begin, end) in stages.items()
        if begin and end
    }
    return {"model": generation.model, **took, "usd": usd(generation.charged)}


def _batch(generation: Generation) -> dict[str, Any] | None:
    """Return the batch of a generation, and the number of its row."""
    return {"id": generation.batch_id, "row": generation.row_number} if generation.batch_id else None


def as_archived_record(generation: Generation) -> dict[str, Any]:
    """Return the record that is stored next to the video as `generation.json`, without temporary and secret fields."""
    record = {name: iso(value) if isinstance(value, datetime) else value for name, value in asdict(generation).items()}
    del record["provider_video"], record["upload"], record["webhook"], record["hold"], record["links"]
    return record
