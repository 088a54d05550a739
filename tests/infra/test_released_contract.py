"""This version keeps the contract of the last release, and the comparison notices every way to break it."""

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from core.api.contract.document import document
from core.models import ANY, offered
from tests.support.contract import STORED, Contract, dump, load, present

Schema = dict[str, Any]
CREATE, BATCHES, UPLOADS = "/v2/video/generations", "/v2/batches", "/v2/uploads"


@cache
def released() -> Contract:
    return load(STORED.read_text("utf-8"))


@cache
def api() -> Schema:
    return document(offered(["veo2"], [ANY]))


def of(changed: Schema) -> Contract:
    contract = Contract()
    contract.add_api(changed)
    return contract


def test_this_version_keeps_the_contract_of_the_last_release() -> None:
    broken = released().broken_by(present())
    assert broken == [], "docs/upgrading.md says what a release may change"


def test_the_stored_contract_is_of_this_form() -> None:
    """Otherwise most of its promises would seem to be gone after a change of their wording."""
    assert dump(load(STORED.read_text("utf-8"))) == STORED.read_text("utf-8")
    kinds = [
        *("GET /v2/batches", "Generation.video.url", "Generation Failed.error", "command promptreel create --webhook"),
        *("webhook generation.failed.data", "webhook header webhook-id", "error BudgetExceeded", "setting log_days"),
        *("client Webhook", "output ApiUrl", "AWS::DynamoDB::Table StorageGenerations86CABCF2"),
    ]
    assert set(kinds) <= released().promises


def operation(document_: Schema, path: str, method: str = "post") -> Schema:
    found: Schema = document_["paths"][path][method]
    return found


def properties(document_: Schema, name: str) -> Schema:
    found: Schema = document_["components"]["schemas"][name]["properties"]
    return found


def body(document_: Schema, path: str) -> Schema:
    found: Schema = operation(document_, path)["requestBody"]["content"]["application/json"]["schema"]
    return found


def _rename(found: Schema) -> None:
    found["ended"] = found.pop("ended_at")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(lambda d: d["paths"].pop("/v2/slots"), "no longer: GET /v2/slots", id="a path is gone"),
        pytest.param(lambda d: d["paths"][CREATE].pop("delete"), f"no longer: DELETE {CREATE}", id="a method is gone"),
        pytest.param(
            lambda d: operation(d, BATCHES)["parameters"].pop(1),
            "no longer: POST /v2/batches query dry_run",
            id="a parameter is gone",
        ),
        pytest.param(
            lambda d: operation(d, BATCHES)["parameters"][1].update(required=True),
            "new: POST /v2/batches: query dry_run",
            id="a parameter is required",
        ),
        pytest.param(
            lambda d: operation(d, BATCHES)["parameters"].append({"name": "x", "in": "query", "required": True}),
            "new: POST /v2/batches: query x",
            id="a new parameter is required",
        ),
        pytest.param(
            lambda d: _rename(properties(d, "Batch")), "no longer: Batch.ended_at", id="a field of an answer is renamed"
        ),
        pytest.param(
            lambda d: properties(d, "Generation")["meta"]["required"].remove("stage"),
            "no longer: Generation.meta.stage is always there",
            id="a field of an answer is optional",
        ),
        pytest.param(
            lambda d: properties(d, "Generation")["id"].update(type=["string", "null"]),
            "new: Generation.id: reading null",
            id="a field of an answer may be null",
        ),
        pytest.param(
            lambda d: properties(d, "Generation")["status"]["enum"].remove("queued"),
            'no longer: Generation.status may be "queued"',
            id="a value is gone",
        ),
        pytest.param(
            lambda d: properties(d, "Generation")["meta"]["properties"]["batch"]["properties"].pop("row"),
            "no longer: Generation.meta.batch.row",
            id="a field of a field is gone",
        ),
        pytest.param(
            lambda d: body(d, UPLOADS)["required"].append("sha256"),
            "new: POST /v2/uploads body application/json: sha256",
            id="a field of a request is required",
        ),
        pytest.param(
            lambda d: body(d, UPLOADS)["properties"].pop("sha256"),
            "no longer: POST /v2/uploads body application/json.sha256",
            id="a field of a request is gone",
        ),
        pytest.param(
            lambda d: properties(d, "Request")["prompt"].update(type="array"),
            "no longer: Request.prompt may be string",
            id="a request may not use a type",
        ),
        pytest.param(
            lambda d: d["components"]["schemas"]["Request"].update(additionalProperties=False),
            "new: Request: no other fields",
            id="a request may have no other fields",
        ),
        pytest.param(
            lambda d: operation(d, "/health", "get").pop("security"), "new: GET /health: a key", id="a key is needed"
        ),
        pytest.param(
            lambda d: properties(d, "Error").pop("remedy"), "no longer: Error.remedy", id="a field of errors is gone"
        ),
        pytest.param(
            lambda d: operation(d, CREATE + "/{id}/content", "get")["responses"]["302"].pop("headers"),
            f"no longer: GET {CREATE}/{{id}}/content 302 header Location",
            id="a header is gone",
        ),
    ],
)
def test_a_break_is_noticed(change: Callable[[Schema], object], problem: str) -> None:
    changed = copy.deepcopy(api())
    change(changed)
    assert problem in of(api()).broken_by(of(changed))


def test_an_event_without_a_field_is_noticed() -> None:
    before = Contract()
    before.add_schema("Event", {"type": "object", "properties": {"id": {"type": "string"}}}, "answer", {})
    after = Contract()
    after.add_schema("Event", {"type": "object", "properties": {"ID": {"type": "string"}}}, "answer", {})
    assert before.broken_by(after) == ["no longer: Event.id"]


def test_additions_and_relaxations_are_allowed() -> None:
    changed = copy.deepcopy(api())
    new = {"type": "object", "required": ["a"], "properties": {"a": {"type": ["null"]}}}
    changed["paths"]["/v2/new"] = json.loads(json.dumps(changed["paths"][BATCHES]))
    operation(changed, BATCHES)["parameters"].append({"name": "x", "in": "query", "schema": {"type": "string"}})
    operation(changed, BATCHES)["parameters"][0]["required"] = False
    operation(changed, BATCHES)["responses"]["410"] = {"description": "Gone"}
    properties(changed, "Batch")["new"] = new
    properties(changed, "Generation")["status"]["enum"].append("paused")
    properties(changed, "Generation")["error"]["type"] = "object"
    properties(changed, "Request")["new"] = new
    body(changed, UPLOADS)["required"].clear()
    assert of(api()).broken_by(of(changed)) == []


def test_a_stored_contract_is_read_as_it_was_written() -> None:
    again = load(dump(of(api())))
    assert (again.promises, again.demands) == (of(api()).promises, of(api()).demands)
