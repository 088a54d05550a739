"""Test that the API in memory answers as the contract says, so that the tests of the console's pages mean something."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from core.api.contract.document import document
from core.models import offered
from tests.support.showroom import Api

CONTRACT = document(offered())


@pytest.fixture
def api() -> Api:
    served = Api()
    served.furnish()
    served.answer("POST", f"/v2/video/generations/{next(iter(served.generations))}/links", {}, {"expires_in": None})
    return served


@pytest.mark.parametrize(
    ("schema", "path", "query"),
    [
        ("Generation", "/v2/video/generations", {"limit": "100"}),
        ("Link", "/v2/video/generations/{id}/links", {}),
        ("Model", "/v2/models", {"limit": "100"}),
        ("Batch", "/v2/batches", {}),
        ("ReportRow", "/v2/batches/{batch}/report", {}),
        ("Budget", "/v2/budgets", {}),
        ("Key", "/v2/keys", {}),
        ("Usage", "/v2/usage", {"by": "model"}),
        ("Slots", "/v2/slots", {}),
    ],
)
def test_its_answers_keep_the_contract(api: Api, schema: str, path: str, query: dict[str, str]) -> None:
    path = path.replace("{id}", next(iter(api.generations))).replace("{batch}", "b" * 32)
    status, answer = api.answer("GET", path, query, None)
    assert status == 200
    shown: list[Any] = answer["data"] if "data" in answer and schema not in ("Usage",) else [answer]
    assert shown
    whole = {"$ref": f"#/components/schemas/{schema}", "components": CONTRACT["components"]}
    assert [error.message for one in shown for error in Draft202012Validator(whole).iter_errors(one)] == []
