"""Compare the types of the API's responses in console/types.d.ts with the API's contract."""

import re
from pathlib import Path
from typing import Any

import pytest

from core.api.contract.document import document
from core.models import offered

SOURCE = (Path(__file__).parents[2] / "console" / "types.d.ts").read_text("utf-8")
CONTRACT = document(offered())
INTERFACES = {
    name: (base, body)
    for name, base, body in re.findall(r"^export interface (\w+)(?: extends (\w+))? \{\n(.*?)^\}", SOURCE, re.M | re.S)
}
ALIASES = dict(re.findall(r"^export type (\w+) = (.*);$", SOURCE, re.M))
# Parts of the contract without a separate name: the schema that contains them, and their path.
NAMED = {
    "VideoFile": "Generation.video",
    "Failure": "Generation.error",
    "Problem": "Error.problems",
    "GenerationMeta": "Generation.meta",
    "TimelineEntry": "Generation.meta.timeline",
    "Cost": "Generation.meta.cost",
    "ModelTimes": "Model.takes",
    "ModelInput": "ModelWithSchema.inputs",
    "UploadForm": "Upload.upload",
    "Sums": "Usage.total",
    "UsageSums": "Usage.data",
    "BatchCounts": "Batch.counts",
    "Revision": "Batch.revisions",
    "RowProblem": "BatchCheck.problems",
    "SlotsHour": "Slots.hours",
}
ANSWERS = [name for name in INTERFACES if name in NAMED or name in CONTRACT["components"]["schemas"]]


def schema_of(name: str) -> dict[str, Any]:
    first, *others = NAMED.get(name, name).split(".")
    found: dict[str, Any] = CONTRACT["components"]["schemas"][first]
    for other in others:
        found = found["properties"][other]
    items: dict[str, Any] = found.get("items", found)
    return items


def fields_of(name: str) -> list[tuple[str, bool, str]]:
    """Return the fields of an interface: name, whether it is optional, type."""
    base, body = INTERFACES[name]
    own = [(field, bool(optional), kind) for field, optional, kind in re.findall(r"^  (\w+)(\??): (.*);$", body, re.M)]
    return own + (fields_of(base) if base else [])


def literals_of(kind: str) -> set[str]:
    """Return the strings that a type allows, and those of the types it names."""
    whole = re.sub(r"\{.*\}|\w+<.*>", "", kind)
    named = (ALIASES[word] for word in re.findall(r"\w+", re.sub(r'"[^"]*"', "", whole)) if word in ALIASES)
    return set(re.findall(r'"([^"]+)"', whole)).union(*(literals_of(one) for one in named))


@pytest.mark.parametrize("name", ANSWERS)
def test_the_consoles_types_match_the_contract(name: str) -> None:
    schema = schema_of(name)
    fields = fields_of(name)
    assert fields
    for field, is_optional, kind in fields:
        part = schema["properties"][field]
        nullable = "null" in part.get("type", ()) or None in part.get("enum", ())
        assert is_optional == (field not in schema["required"]), f"{name}.{field}: optional"
        assert ("null" in kind.split(" | ")) == nullable, f"{name}.{field}: null"
        allowed = part.get("items", part).get("enum")
        if allowed or literals_of(kind):
            assert literals_of(kind) == {str(one) for one in allowed if one is not None}, f"{name}.{field}: values"


def test_every_response_type_of_the_console_is_compared() -> None:
    answers = SOURCE.partition("// --- answers of the API")[2].partition("// --- calls of the API")[0]
    found = set(re.findall(r"^export interface (\w+)", answers, re.M))
    assert found - set(ANSWERS) == {"Page", "VideoRequest"}, "generic, and by the model's own schema"


@pytest.mark.parametrize(("interface", "method"), [("Get", "get"), ("Post", "post")])
def test_the_console_uses_only_paths_and_parameters_of_the_contract(interface: str, method: str) -> None:
    calls = re.findall(r"^  \(path: ([^,)]+)(?:, \w+: (.*))?\): Promise", INTERFACES[interface][1], re.M)
    assert calls
    for paths, query in calls:
        for path in re.findall(r'["`](v2/[^"`]+)["`]', paths):
            operation = CONTRACT["paths"][f"/{path.replace('${string}', '{id}')}"][method]
            known = {one["name"] for one in operation.get("parameters", ())}
            if method == "get":
                assert set(re.findall(r"(\w+)\??: ", query)) <= known
