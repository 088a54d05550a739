"""Batches in the contract."""

from core.api.contract.parts import COUNT, FAILURE, FORM, ID_IN_PATH, TEXT, TIME, WHOLE_ID, answers, page, query, ref
from core.batches.api import MAX_REPORT
from core.batches.check import MAX_SENT_BYTES, MAX_SENT_ROWS, MAX_UNCHECKED
from core.batches.encoding import ENCODINGS
from core.batches.numbered import MAX_NAME
from core.batches.record import NOT_STARTED, BatchStatus, Existing
from core.batches.rejection import MAX_PROMPT
from core.batches.report import COLUMNS
from core.generation import GENERATION_ID, Status
from core.records.lists import CURSOR, MAX_LIMIT

_CHOICES = [str(one) for one in Existing if one is not Existing.ASK]
_BATCH = {
    "type": "object",
    "required": [
        "id",
        "name",
        "status",
        "revision",
        "rows",
        "made_before",
        "counts",
        "revisions",
        "error",
        "source",
        "created_at",
    ],
    "properties": {
        "id": {"type": "string", "pattern": GENERATION_ID},
        "name": {"type": "string"},
        "status": {
            "enum": list(map(str, BatchStatus)),
            "description": "`cancelling`: the batch was cancelled, and some rows are still running. `completed`: all "
            "rows have ended, successfully or not. `stopped`: the batch ended before its rows did; a retry continues "
            "it. `error`: the file cannot be read.",
        },
        "revision": {**COUNT, "description": "Number of the file's current version, from 1."},
        "sha256": {"type": ["string", "null"], "description": "SHA-256 of the file that was read last."},
        "rows": {"type": ["integer", "null"]},
        "made_before": {
            "type": ["integer", "null"],
            "description": "Rows that an earlier run had completed or started.",
        },
        "rejected": {
            "type": ["integer", "null"],
            "description": "Rows that were rejected, at no cost. They count as `error`, and the report says why.",
        },
        "counts": {
            "type": ["object", "null"],
            "description": "Number of rows by status. Null in lists.",
            "required": ["not_started", "queued", "generating", "completed", "error"],
            "properties": dict.fromkeys(("not_started", "queued", "generating", "completed", "error"), COUNT),
        },
        "revisions": {
            "type": "array",
            "description": "The latest revisions of the file, newest first. Each keeps its report.",
            "items": {
                "type": "object",
                "required": ["revision", "rows", "made_before", "rejected", "started_at", "ended_at"],
                "properties": {
                    **dict.fromkeys(("revision", "rows", "made_before", "rejected"), COUNT),
                    "started_at": {"type": "string", "format": "date-time"},
                    "ended_at": TIME,
                },
            },
        },
        "error": FAILURE,
        "held_back": {
            "type": ["string", "null"],
            "description": "Why some rows were not started: the budget that is used up, and when it renews, or too "
            "many rejected rows.",
        },
        "source": {"type": "object"},
        "created_at": {"type": "string", "format": "date-time"},
        **dict.fromkeys(("updated_at", "ended_at", "cancelled_at", "retried_at"), TIME),
        "check": {"$ref": "#/components/schemas/BatchCheck"},
    },
}
_CHECK = {
    "type": "object",
    "required": [
        "id",
        "name",
        "rows",
        "problem_rows",
        "problems",
        "unchecked",
        "made_before",
        "failed_before",
        "new",
        "rows_before",
        "dropped",
        "choices",
        "made_elsewhere",
        "estimated_usd",
        "at_most_usd",
        "unpriced",
    ],
    "properties": {
        "id": {"type": "string", "pattern": GENERATION_ID},
        "name": {"type": "string"},
        "rows": COUNT,
        "problem_rows": {**COUNT, "description": "Number of rows that are not valid."},
        "problems": {
            "type": "array",
            "description": "At most the first thousand.",
            "items": {
                "type": "object",
                "required": ["row", "line", "fields", "message"],
                "properties": {
                    "row": {"type": "integer"},
                    "line": {"type": "integer"},
                    "fields": {"type": "array", "items": {"type": "string"}},
                    "message": {"type": "string"},
                },
            },
        },
        "unchecked": {
            "type": "array",
            "items": TEXT,
            "maxItems": MAX_UNCHECKED,
            "description": "Paths of fields that the models' schemas do not have. The provider gets them unchecked. "
            "Empty unless `strict` is false, or a model has no schema.",
        },
        "made_before": {**COUNT, "description": "Rows that the batch of this name has completed or started."},
        "new": {**COUNT, "description": "Valid rows that would be run."},
        "rows_before": {**COUNT, "description": "Rows of the latest revision of the batch of this name."},
        "dropped": {**COUNT, "description": "Rows of that revision that the file does not have."},
        "choices": {
            "type": "array",
            "items": {"enum": _CHOICES},
            "description": "Values of `existing` to choose from, because the file drops most rows of the batch of its "
            "name or repeats most rows of another batch. Empty if the file can be sent as it is.",
        },
        "estimated_usd": {"type": "number", "description": "Estimated cost of the rows that would be run."},
        "at_most_usd": {"type": "number", "description": "The amount that budgets reserve until each row has ended."},
        "unpriced": {
            **COUNT,
            "description": "Rows of unknown cost. Both amounts count the reserve for unknown costs for each of them.",
        },
        "failed_before": {**COUNT, "description": "Rows that failed before. Retry runs them again."},
        "made_elsewhere": {
            "type": ["object", "null"],
            "description": "Another batch of yours that has completed or started most of these rows. "
            "`existing=reuse` adds only the new rows to that batch.",
            "required": ["id", "name", "rows"],
            "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "rows": {"type": "integer"}},
        },
    },
}
_UPLOAD = {
    "type": "object",
    "required": ["id", "name", "upload"],
    "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "upload": FORM},
}
_REPORT_ROW = {
    "type": "object",
    "required": list(COLUMNS),
    "properties": {
        "row": {"type": "integer", "minimum": 1},
        "name": {"type": ["string", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "prompt": {"type": ["string", "null"], "description": f"The first {MAX_PROMPT} characters."},
        "generation_id": {"type": ["string", "null"], "description": "Null for a row that was rejected."},
        "status": {"enum": [*map(str, Status), NOT_STARTED]},
        "s3_uri": {"type": ["string", "null"]},
        "credits_used": {"type": ["integer", "null"]},
        "usd": {"type": ["number", "null"]},
        "error": {"type": ["string", "null"]},
    },
}
_NAME = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_NAME,
    "description": "Name of the file, which is also the name of the batch.",
}
_FLAG = {"enum": ["true", "false"], "default": "false"}
_SEND = {
    "operationId": "sendBatch",
    "summary": "Send a file of requests as a new batch, or as a new revision of the batch of this name",
    "description": "Rows that the batch has already completed or started are not run again.",
    "parameters": [
        query("name", _NAME, required=True),
        query("dry_run", {**_FLAG, "description": "Only check the file."}),
        query("force", {**_FLAG, "description": "Run the valid rows even if others are not valid."}),
        query(
            "strict",
            {
                "enum": ["true", "false"],
                "default": "true",
                "description": "Whether rows must not have fields that are not in their model's schema. If false, such "
                "fields are passed to the provider unchecked.",
            },
        ),
        query(
            "encoding",
            {
                "enum": list(ENCODINGS),
                "description": "Encoding of the file, if it is not UTF-8. Send it as `application/octet-stream`.",
            },
        ),
        query(
            "existing",
            {
                "enum": _CHOICES,
                "description": "What to do with rows that exist, if the file drops or repeats most rows of a batch. "
                "`reuse`: add only the new rows to the batch that has most of them. `again`: run every row, in a batch "
                "with a new name, which the response says. `replace`: make the file the next revision of the batch of "
                "its name. Without it, such a file is rejected with 409. `reuse` cannot be used with `upload`.",
            },
        ),
        query("upload", {**_FLAG, "description": "Return a form to upload a larger file with."}),
        query("max_concurrency", {"type": "integer", "minimum": 1, "maximum": 10000}),
    ],
    "requestBody": {
        "description": "CSV, JSON Lines or a JSON list (see docs/files.md), with at most "
        f"{MAX_SENT_BYTES >> 20} MiB and {MAX_SENT_ROWS} rows.",
        "content": {
            kind: {"schema": {"type": "string", "contentMediaType": kind}}
            for kind in ("text/csv", "application/jsonl", "application/octet-stream")
        },
    },
    "responses": answers("400", "401", "403", "409", "413", ok={"anyOf": [ref("Batch"), ref("BatchCheck"), _UPLOAD]}),
}
_FETCH_OR_LIST = {
    "operationId": "fetchOrListBatches",
    "summary": "Fetch one batch with its progress, or list your own, newest first",
    "parameters": [
        query("batch_id", TEXT),
        query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 20}),
        query("cursor", {"type": "string", "pattern": CURSOR}),
    ],
    "responses": answers("400", "401", "404", ok={"anyOf": [ref("Batch"), page(ref("Batch"))]}),
}
_REPORT_ANSWERS = answers("400", "401", "404", ok=page(ref("ReportRow")))
_REPORT_ANSWERS["200"]["content"]["text/csv"] = {"schema": {"type": "string"}}
_REPORT = {
    "operationId": "reportBatch",
    "summary": "List the rows of a batch with their current results",
    "parameters": [
        ID_IN_PATH,
        query("format", {"enum": ["json", "csv"], "default": "json"}),
        query(
            "revision",
            {"type": "integer", "minimum": 1, "maximum": 99999, "description": "By default, the latest."},
        ),
        query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_REPORT, "default": MAX_REPORT}),
        query("cursor", {"type": "string", "pattern": "^[0-9]{1,6}$"}),
    ],
    "responses": _REPORT_ANSWERS,
}
_FILE = {
    "operationId": "fetchBatchFile",
    "summary": "Get a link to the file of a batch",
    "description": "Compare its SHA-256: other content that has arrived since, and is not read yet or cannot be read, "
    "may have replaced the file.",
    "parameters": [ID_IN_PATH],
    "responses": answers("400", "401", "404", "409", ok=ref("BatchFile")),
}
_FILE_LINK = {
    "type": "object",
    "required": ["name", "revision", "sha256", "encoding", "can_resend", "size", "url", "expires_in"],
    "properties": {
        "name": TEXT,
        "revision": COUNT,
        "sha256": {"type": "string", "description": "SHA-256 of the content of this revision."},
        "encoding": {"type": ["string", "null"], "description": "The encoding that its sender named. Null for UTF-8."},
        "can_resend": {
            "type": "boolean",
            "description": "Whether a file that you send under this name is a new revision of this batch. It is not if "
            "the batch's file was put into another folder in S3.",
        },
        "size": {"type": "integer", "description": "In bytes."},
        "url": {"type": "string"},
        "expires_in": {"type": "integer", "description": "In seconds."},
    },
}
_CANCEL, _RETRY = (
    {
        "operationId": operation,
        "summary": summary,
        "parameters": [{**ID_IN_PATH, "schema": WHOLE_ID}],
        "responses": answers("400", "401", *errors, "404", "409", ok=ref("Batch")),
    }
    for operation, summary, errors in (
        ("cancelBatch", "Start no more rows of a batch, and cancel the running ones", ()),
        ("retryBatch", "Run the rows of a batch that failed, were cancelled or were not started", ("403",)),
    )
)
PATHS = {
    "/v2/batches": {"post": _SEND, "get": _FETCH_OR_LIST},
    "/v2/batches/{id}/report": {"get": _REPORT},
    "/v2/batches/{id}/file": {"get": _FILE},
    "/v2/batches/{id}/cancel": {"post": _CANCEL},
    "/v2/batches/{id}/retry": {"post": _RETRY},
}
SCHEMAS = {
    "Batch": _BATCH,
    "BatchCheck": _CHECK,
    "BatchUpload": _UPLOAD,
    "BatchFile": _FILE_LINK,
    "ReportRow": _REPORT_ROW,
}
