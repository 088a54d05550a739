"""Test the console's forms: console/schema.js, run by Node with the schemas of all models."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidRequest
from core.models import known, offered
from tests.support.validation import validate

NODE = Path(sys.executable).with_name("node")
SCHEMA = Path(__file__).parents[2] / "console" / "schema.js"
KINDS = {
    "text",
    "long",
    "number",
    "choice",
    "switch",
    "media",
    "list",
    "group",
}  # JSON is not needed
MODEL = "klingai/video-v3-omni-720p-image-to-video"


def run(program: str, given: Any) -> Any:
    """Return the result of a JavaScript function for `given`. All of schema.js is available as `schema`."""
    whole = f"""
        import {{ readFileSync }} from "node:fs";
        import * as schema from {json.dumps(SCHEMA.as_uri())};
        console.log(JSON.stringify(({program})(JSON.parse(readFileSync(0, "utf8")))));
    """
    command = [str(NODE), "--input-type=module", "--eval", whole]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, encoding="utf-8", check=True)
    return json.loads(done.stdout)


def models() -> list[dict[str, Any]]:
    return [dict(model.facts) for model in known().values()]


def test_every_parameter_of_every_model_has_its_field() -> None:
    fields = run("(given) => given.map((one) => schema.fieldsOf(one.schema, one.inputs))", models())
    kinds = set()
    for model, found in zip(models(), fields, strict=True):
        schema = model["schema"]
        assert {field["name"] for field in found} == schema["properties"].keys() - {"model"}, model["name"]
        assert {field["name"] for field in found if field["required"]} == set(schema["required"]) - {"model"}
        for one in model["inputs"]:
            is_one_of_many = any(other["field"] == f"{one['field']}[]" for other in model["inputs"])
            assert is_one_of_many or f'"path": "{one["field"]}"' in json.dumps(found), "a place to drop a file at"
        kinds |= {field["kind"] for field in found}
    assert kinds == KINDS


def test_a_filled_in_form_becomes_the_request() -> None:
    """Convert every example of the provider's reference there and back."""
    program = """(given) => given.map(({name, schema: one, inputs}) => (one.examples ?? []).map((example) =>
        schema.requestOf(name, schema.fieldsOf(one, inputs), schema.typedOf(example).values)))"""
    found = run(program, models())
    offer = offered()
    count = 0
    for model, requests in zip(models(), found, strict=True):
        for example, request in zip(model["schema"]["examples"], requests, strict=True):
            same = {key: str(value) if key == "duration" else value for key, value in request.items()}
            assert same == {key: str(value) if key == "duration" else value for key, value in example.items()}
            validate(request, offer)
            count += 1
    assert count > len(known())


def test_empty_fields_and_fields_of_another_model_are_not_sent() -> None:
    values = {"prompt": "", "cfg_scale": "0.5", "elements": [{}], "multi_prompt": ["", "a kite"], "duration": "5"}
    values["other"] = "of another model"
    facts = dict(known()[MODEL].facts)
    program = "({values, facts}) => schema.requestOf(facts.name, schema.fieldsOf(facts.schema, facts.inputs), values)"
    request = run(program, {"values": values, "facts": facts})
    assert request == {"model": MODEL, "cfg_scale": 0.5, "multi_prompt": ["a kite"], "duration": 5}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"prompt": None}, dict.fromkeys(("prompt", "image_url"), "Required by this model.")),
        (
            {"duration": 60, "cfg_scale": 2},
            {
                "duration": "Choose 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 or 15.",
                "cfg_scale": "The highest value is 1.",
            },
        ),
        (
            {"multi_prompt": ["x"]},
            dict.fromkeys(("prompt", "multi_prompt"), "Fill in only one of these: Prompt, Multi prompt."),
        ),
        ({"unknown": 1}, {"": "Unknown: The model has no such setting."}),
        (
            {"elements": [{"reference_image_urls": [1]}]},
            {"elements": "Elements 1 > Reference images 1: Enter text."},
        ),
    ],
)
def test_problems_of_a_request_are_worded_next_to_their_fields(
    changes: dict[str, Any], expected: dict[str, str]
) -> None:
    facts = dict(known()[MODEL].facts)
    whole = {"model": MODEL, "prompt": "a kite", "image_url": "https://example.com/a.png"}
    if "prompt" in changes:
        facts, whole = dict(known()["google/veo-3.1-i2v"].facts), {"model": "google/veo-3.1-i2v"}
        changes = {}
    with pytest.raises(InvalidRequest) as refused:
        validate({**whole, **changes}, offered())
    assert problems_of(refused.value, facts) == expected


def problems_of(refused: InvalidRequest, facts: dict[str, Any]) -> Any:
    """Return what the console shows, by field."""
    program = "({problems, facts}) => schema.problemsOf(problems, schema.fieldsOf(facts.schema, facts.inputs))"
    return run(program, {"problems": [asdict(problem) for problem in refused.problems], "facts": facts})


@pytest.mark.parametrize(("seed", "count"), [(None, 8), (7, 3), (2**31 - 2, 4)])
def test_variations_have_different_valid_seeds(seed: int | None, count: int) -> None:
    field = {"kind": "number", "min": 0, "max": 2**31 - 1}
    request = {} if seed is None else {"seed": seed}
    program = "({field, request, count}) => schema.seedsFor(field, request, count)"
    seeds = run(program, {"field": field, "request": request, "count": count})
    assert len(set(seeds)) == count
    assert all(field["min"] <= one <= field["max"] for one in seeds)
    assert seed is None or seeds[0] == seed
