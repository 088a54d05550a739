"""Create generations for tests, with a clock that a test controls."""

from datetime import UTC, datetime, timedelta
from typing import Any

from core.generation import ArchivedVideo, Failure, Generation, Source
from core.records.claim import Claim
from core.records.ledger import Ledger
from core.workflow import Run

START = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


class Clock:
    """A clock that moves only when a test moves it."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def generation(generation_id: str = "g1", **fields: Any) -> Generation:
    """Return a generation that was accepted at START."""
    return Generation(
        **{
            "generation_id": generation_id,
            "owner": "ann",
            "request": {"model": "veo2", "prompt": "a boat", "seed": 7},
            "source": Source("api", "r1"),
            "created_at": START,
            "updated_at": START,
            **fields,
        }
    )


def claimed(ledger: Ledger, run: Run) -> Claim:
    """Claim the create call of a run that nobody has claimed yet."""
    claim = Claim.begin(ledger, run)
    assert claim is not None
    return claim


def failed(ledger: Ledger, run: Run, error: str, message: str = "no") -> None:
    """End a run as failed and announce that, without money."""
    ledger.fail(run, Failure(error, message))
    ledger.announced(ledger.get(run.generation_id))


def archived(generation_id: str, **fields: Any) -> ArchivedVideo:
    """Return the archived video of a generation."""
    key = f"videos/{generation_id}/video.mp4"
    return ArchivedVideo(
        **{
            "bucket": "videos",
            "key": key,
            "s3_uri": f"s3://videos/{key}",
            "content_type": "video/mp4",
            "file_name": f"{generation_id}.mp4",
            "size": 7,
            "sha256": "0" * 64,
            **fields,
        }
    )
