"""Bad requests are refused before anything is paid, naming the field and what is allowed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from core import models as module
from core.errors import InvalidRequest
from core.models import closest, known, offered
from core.models.validation import validate

MODELS = offered()
VEO2 = {"model": "veo2", "prompt": "a boat"}
VEO2_PROPERTIES = (known()["veo2"].schema or {})["properties"]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("name", known())
def test_every_schema_is_a_schema_and_allows_its_own_example(name: str) -> None:
    schema = known()[name].schema
    assert schema is not None
    Draft202012Validator.check_schema(schema)
    for example in schema["examples"]:
        assert validate(example, MODELS) == example
        assert example["model"] == name


@pytest.mark.parametrize(
    ("request_", "field", "sentence"),
    [
        ({"model": "veo2"}, "prompt", "`prompt` is required by model veo2."),
        ({"model": "veo2", "prompt": "  "}, "prompt", "`prompt` must not be blank."),
        ({"model": "veo2", "prompt": 7}, "prompt", "`prompt` must be of type string, not 7."),
        ({**VEO2, "duration": 9}, "duration", "`duration` must be one of 5, 6, 7, 8, not 9."),
        ({**VEO2, "duration": "5"}, "duration", '`duration` must be one of 5, 6, 7, 8, not "5".'),
        ({**VEO2, "seed": 1.5}, "seed", "`seed` must be of type integer, not 1.5."),
        ({**VEO2, "seed": True}, "seed", "`seed` must be of type integer, not true."),
        ({**VEO2, "aspect_ratio": "4:3"}, "aspect_ratio", '`aspect_ratio` must be one of 16:9, 9:16, not "4:3".'),
        (
            {"model": "veo2/image-to-video", "prompt": "x", "image_url": "file:///etc/passwd"},
            "image_url",
            '`image_url` must be a URL that starts with http:// or https://, not "file:///etc/passwd".',
        ),
    ],
)
def test_a_bad_field_is_named_with_what_is_allowed(request_: dict[str, Any], field: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        validate(request_, MODELS)
    assert str(refused.value) == sentence
    assert refused.value.path == field


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(InvalidRequest) as refused:
        validate({"model": "veo2", "duration": 1, "colour": "red"}, MODELS)
    for field in ("`prompt`", "`duration`", "`colour`"):
        assert field in str(refused.value)


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match=r"`model` \"horse\" is not offered here; use one of .*veo2") as refused:
        validate({"model": "horse", "prompt": "x"}, MODELS)
    assert refused.value.path == "model"


@given(JSON)
def test_any_json_is_either_returned_unchanged_or_refused(body: object) -> None:
    try:
        assert validate(body, MODELS) is body
    except InvalidRequest as refused:
        assert str(refused).endswith(".")


@given(st.dictionaries(st.sampled_from(["prompt", "duration", "seed", "aspect_ratio", "x"]), JSON))
def test_what_is_accepted_is_what_the_schema_accepts(fields: dict[str, Any]) -> None:
    request = {**fields, "model": "veo2"}
    schema = known()["veo2"].schema
    assert schema is not None
    schema_says = Draft202012Validator(schema).is_valid(request)
    try:
        validate(request, MODELS)
        accepted = True
    except InvalidRequest:
        accepted = False
    assert accepted is schema_says, json.dumps(request)


def test_a_deployment_may_offer_fewer_models() -> None:
    models = offered(allowed=["google/veo3"])
    assert [model.name for model in models] == ["google/veo3"]
    with pytest.raises(InvalidRequest, match=r"here; did you mean google/veo3\? Else use one of google/veo3"):
        validate(VEO2, models)


def test_a_model_without_a_schema_is_passed_through_as_it_comes() -> None:
    models = offered(passed_through=["kling/v3"])
    request = {"model": "kling/v3", "prompt": "a boat", "anything": [1]}
    assert validate(request, models) == request
    with pytest.raises(InvalidRequest, match="`prompt` must not be blank"):
        validate({**request, "prompt": ""}, models)


def test_a_schema_decides_even_where_its_model_is_also_passed_through() -> None:
    with pytest.raises(InvalidRequest, match="duration"):
        validate({**VEO2, "duration": 1}, offered(passed_through=["veo2"]))


def test_a_model_is_added_by_adding_one_file(tmp_path: Path) -> None:
    """A copy of the domain with one file more validates, lists and documents the new model."""
    core = tmp_path / "core"
    shutil.copytree(Path(module.__file__).parents[1], core)
    schema = {
        **(known()["veo2"].schema or {}),
        "title": "New",
        "properties": {**VEO2_PROPERTIES, "model": {"const": "new"}},
    }
    (core / "models" / "any-name.json").write_text(json.dumps(schema))
    script = (
        "from core.models import offered; from core.models.validation import validate;"
        "from core.api.openapi import document;"
        "validate({'model': 'new', 'prompt': 'x'}, offered());"
        "assert 'New' in str(document(offered())); print([m.title for m in offered()])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "New" in done.stdout


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("veo3", "google/veo3"),
        ("Google/Veo3", "google/veo3"),
        ("google/veo2", "veo2"),
        ("veo2-image-to-video", "veo2/image-to-video"),
    ],
)
def test_a_model_that_is_not_offered_is_answered_with_the_likeliest_one(name: str, meant: str) -> None:
    with pytest.raises(InvalidRequest, match=f"did you mean {meant}[?]"):
        validate({"model": name, "prompt": "x"}, offered())


def test_a_model_that_is_like_none_is_answered_with_no_guess() -> None:
    assert closest("x" * 100_000, ["veo2"]) is None
