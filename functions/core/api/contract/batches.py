"""What the API answers about batches, as JSON Schema."""

from typing import Any

from core.generation import GENERATION_ID, Status

TIME = {"type": ["string", "null"], "format": "date-time"}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
FAILURE = {
    "type": ["object", "null"],
    "required": ["name", "message", "remedy"],
    "properties": {
        "name": {"type": "string"},
        "message": {"type": "string", "description": "What happened."},
        "remedy": {"type": ["string", "null"], "description": "What to do about it. Promptreel's own."},
    },
}
BATCH = {
    "type": "object",
    "required": ["id", "name", "status", "revision", "rows", "made_before", "counts", "error", "source", "created_at"],
    "properties": {
        "id": {"type": "string", "pattern": GENERATION_ID},
        "name": {"type": "string"},
        "status": {
            "enum": ["reading", "running", "completed", "cancelled", "stopped", "error"],
            "description": "`completed`: all rows have ended, well or badly. `stopped`: it ended before its rows "
            "did; retry goes on. `error`: the file cannot be read.",
        },
        "revision": {**COUNT, "description": "Which content of the file it is, from 1."},
        "sha256": {"type": ["string", "null"], "description": "Of the file that was read last."},
        "rows": {"type": ["integer", "null"]},
        "made_before": {
            "type": ["integer", "null"],
            "description": "Rows that an earlier run had made, or was making.",
        },
        "counts": {
            "type": ["object", "null"],
            "description": "Rows by status; null in lists.",
            "required": ["not_started", "queued", "generating", "completed", "error"],
            "properties": dict.fromkeys(("not_started", "queued", "generating", "completed", "error"), COUNT),
        },
        "error": FAILURE,
        "held_back": {
            "type": ["string", "null"],
            "description": "Why rows were not begun: which budget has no room for them, and when it renews.",
        },
        "source": {"type": "object"},
        "created_at": {"type": "string", "format": "date-time"},
        **dict.fromkeys(("updated_at", "ended_at", "cancelled_at", "retried_at"), TIME),
        "check": {"$ref": "#/components/schemas/BatchCheck"},
    },
}
CHECK = {
    "type": "object",
    "required": [
        "id",
        "name",
        "rows",
        "problem_rows",
        "problems",
        "made_before",
        "failed_before",
        "made_elsewhere",
        "estimated_usd",
        "at_most_usd",
    ],
    "properties": {
        "id": {"type": "string", "pattern": GENERATION_ID},
        "name": {"type": "string"},
        "rows": COUNT,
        "problem_rows": {**COUNT, "description": "Rows that are not allowed."},
        "problems": {
            "type": "array",
            "description": "Of them the first thousand.",
            "items": {
                "type": "object",
                "required": ["row", "line", "message"],
                "properties": {
                    "row": {"type": "integer"},
                    "line": {"type": "integer"},
                    "message": {"type": "string"},
                },
            },
        },
        "made_before": {**COUNT, "description": "Rows that the batch of this name has made, or is making."},
        "estimated_usd": {"type": "number", "description": "Of the rows that would be made."},
        "at_most_usd": {"type": "number", "description": "What budgets hold for them, until each has ended."},
        "failed_before": {**COUNT, "description": "Rows of it that failed: retry runs them again."},
        "made_elsewhere": {
            "type": ["object", "null"],
            "description": "Another batch of yours that has made most of the rows, and how many. Under its name they "
            "are not made again.",
            "required": ["id", "name", "rows"],
            "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "rows": {"type": "integer"}},
        },
    },
}
FORM = {
    "type": "object",
    "description": "Send the fields and then the file, named `file`, as multipart/form-data to the URL.",
    "required": ["url", "fields", "max_bytes", "expires_in"],
    "properties": {
        "url": {"type": "string"},
        "fields": {"type": "object"},
        "max_bytes": {"type": "integer"},
        "expires_in": {"type": "integer", "description": "Seconds."},
    },
}
UPLOAD = {
    "type": "object",
    "required": ["id", "name", "upload"],
    "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "upload": FORM},
}
REPORT_ROW = {
    "type": "object",
    "required": ["row", "name", "tags", "prompt", "generation_id", "status", "s3_uri", "credits_used", "usd", "error"],
    "properties": {
        "row": {"type": "integer", "minimum": 1},
        "name": {"type": ["string", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "prompt": {"type": ["string", "null"], "description": "Its first 2000 characters."},
        "generation_id": {"type": ["string", "null"]},
        "status": {"enum": [*(str(status) for status in Status), "not started"]},
        "s3_uri": {"type": ["string", "null"]},
        "credits_used": {"type": ["integer", "null"]},
        "usd": {"type": ["number", "null"]},
        "error": {"type": ["string", "null"]},
    },
}
