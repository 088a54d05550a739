"""What the API answers."""

from typing import Any

from core import errors
from tests.support.wire import http

KEY = "pr_00000000_" + "a" * 43
ID = "0123456789abcdef0123456789abcdef"


def generation(status: str = "queued", **fields: Any) -> dict[str, Any]:
    """Return a generation as the API shows it."""
    meta = {
        "usage": {"credits_used": None},
        "stage": fields.pop("stage", status),
        "request": {"model": "veo2", "prompt": fields.pop("prompt", "a boat")},
        "created_at": "2026-01-01T12:00:00.000Z",
        "submitted_at": None,
        "ended_at": None,
        "source": {"kind": "api", "ref": "r1"},
    }
    return {"id": ID, "status": status, "video": None, "error": None, "meta": meta, **fields}


def shown(status: str = "queued", **fields: Any) -> bytes:
    """Return the API's response for a generation."""
    return http(200, generation(status, **fields))


def completed(url: str, size: int | None, container: str = "mp4") -> bytes:
    """Return the response for a generation with a video."""
    video = {"url": url, "content_type": f"video/{container}", "file_name": f"{ID}.{container}", "file_size": size}
    return shown("completed", video=video)


def failed(name: str = "GenerationFailed", message: str = "no luck.") -> bytes:
    """Return the response for a failed generation."""
    return shown("error", error={"name": name, "message": message, "remedy": errors.remedy(name, ID)})


def error(status: int, message: str = "no.", *headers: str) -> bytes:
    """Return an error of the API."""
    return http(status, {"message": message}, *headers)
