"""Test that bad requests are rejected before anything is paid, with the field and the allowed values."""

import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from core import models as module
from core.archive.containers import CONTENT_TYPES
from core.errors import InvalidRequest
from core.models import Input, closest, containers_of, hosts_of, known, offered
from core.models.validation import with_numbers
from tests.support.validation import validate

MODELS = offered()
VEO2 = {"model": "veo2", "prompt": "a boat"}
LINK = "https://example.com/a.png"
AVATAR, KLING_3 = "klingai/avatar-pro", "klingai/video-v3-pro-text-to-video"


def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema of a known model."""
    return dict(known()[name].schema or {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("name", known())
def test_every_schema_is_a_schema_and_allows_its_own_examples(name: str) -> None:
    schema = schema_of(name)
    Draft202012Validator.check_schema(schema)
    assert schema["examples"]
    for example in schema["examples"]:
        assert validate(example, MODELS) == with_numbers(example, schema)
        assert example["model"] == name


@pytest.mark.parametrize("name", known())
def test_every_model_rejects_broken_rules(name: str) -> None:
    """Break each rule of its schema separately in a valid request and expect one of our messages."""
    example = schema_of(name)["examples"][0]
    broken = 0
    for path, wrong in breaches(schema_of(name), example):
        with pytest.raises(InvalidRequest) as refused:
            validate(wrong, MODELS)
        assert path in refused.value.problems[0].fields, refused.value
        assert re.search(OUR_WORDS, str(refused.value)), refused.value
        broken += 1
    assert broken > len(schema_of(name)["required"])


def breaches(schema: dict[str, Any], example: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield requests that break one rule each, of the model's parameters or their content."""
    yield "colour", {**example, "colour": "red"}
    for name in schema["required"]:
        if name != "model":
            yield name, {key: value for key, value in example.items() if key != name}
    ways = [way["required"] for way in schema.get("oneOf", [])]
    ways += [[name] for name in schema.get("not", {}).get("required", [])]
    for name, value in schema["properties"].items():
        if name != "model":
            instead = [one for way in ways if name not in way for one in way] if name in chain(*ways) else []
            rest = {key: value for key, value in example.items() if key not in instead}
            for path, wrong in wrong_values(value, name):
                yield path, {**rest, name: wrong}


def wrong_values(schema: dict[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    kinds = schema.get("type", [])
    if "enum" in schema:
        yield path, "no such thing"
    elif "null" not in kinds:
        yield path, None
    if "minimum" in schema:
        yield path, schema["minimum"] - 1
    if "maximum" in schema:
        yield path, schema["maximum"] + 1
    if "maxLength" in schema:
        yield path, "x" * (schema["maxLength"] + 1)
    if schema.get("pattern") == r"\S":
        yield path, " \n"
    elif "pattern" in schema:
        yield path, "file:///etc/passwd"
    if "minItems" in schema:
        yield path, []
    if "items" in schema and (found := list(wrong_values(schema["items"], f"{path}.0"))):
        yield found[0][0], [found[0][1]] * schema.get("minItems", 1)
    if "properties" in schema:
        yield f"{path}.colour", {**least(schema), "colour": 1}
        for name in schema.get("required", []):
            yield f"{path}.{name}", {key: value for key, value in least(schema).items() if key != name}


def least(schema: dict[str, Any]) -> Any:
    """Return a value that the schema allows."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema["type"]:
        case "string":
            return "https://example.com/a.png"
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "array":
            return [least(schema["items"])] * schema.get("minItems", 1)
        case "boolean":
            return True
    needed = {
        *schema.get("required", []),
        *(name for rule in schema.get("allOf", []) for name in rule["then"]["required"]),
    }
    return {name: least(value) for name, value in schema["properties"].items() if name in needed}


OUR_WORDS = (
    r"must be|must have|must not be|(is|are) required by model|is not a parameter of model|cannot be used together"
)


@pytest.mark.parametrize(
    ("request_", "field", "sentence"),
    [
        ({"model": "veo2"}, "prompt", "`prompt` is required by model veo2."),
        ({"model": "google/veo-3.1-i2v"}, "prompt", "`prompt`, `image_url` are required by model google/veo-3.1-i2v."),
        ({"model": "veo2", "prompt": "  "}, "prompt", "`prompt` must not be blank."),
        ({"model": "veo2", "prompt": 7}, "prompt", "`prompt` must be of type string, not 7."),
        ({**VEO2, "duration": 9}, "duration", "`duration` must be one of 5, 6, 7, 8, not 9."),
        ({**VEO2, "duration": "five"}, "duration", '`duration` must be one of 5, 6, 7, 8, not "five".'),
        ({**VEO2, "seed": 1.5}, "seed", "`seed` must be of type integer, not 1.5."),
        ({**VEO2, "seed": True}, "seed", "`seed` must be of type integer, not true."),
        ({**VEO2, "aspect_ratio": "4:3"}, "aspect_ratio", '`aspect_ratio` must be one of 16:9, 9:16, not "4:3".'),
        ({"model": AVATAR, "audio_url": LINK}, "image_url", f"`image_url` is required by model {AVATAR}."),
        (
            {"model": AVATAR, "audio_url": LINK, "image_url": LINK, "prompt": "x" * 2501},
            "prompt",
            "`prompt` must have at most 2500 characters, not 2501.",
        ),
        (
            {"model": "kling-video/v1.6/standard/multi-image-to-video", "image_list": [LINK]},
            "image_list",
            "`image_list` must have at least 2 items, not 1.",
        ),
        (
            {"model": "klingai/v2-master-text-to-video", "prompt": "x", "cfg_scale": 1.5},
            "cfg_scale",
            "`cfg_scale` must be 1 or less, not 1.5.",
        ),
        (
            {"model": "klingai/kling-video-v1.6-pro-effects", "image_url": 5, "effect_scene": "squish"},
            "image_url",
            "`image_url` must be of type string or array, not 5.",
        ),
        (
            {"model": "luma/ray-2", "prompt": "x", "keyframes": {"frame0": {"type": "image"}}},
            "keyframes.frame0.url",
            "`keyframes.frame0.url` is required by model luma/ray-2.",
        ),
        pytest.param(
            {"model": KLING_3},
            "prompt",
            f"Either `prompt` or `multi_prompt` is required by model {KLING_3}, but not more than one.",
            id="neither of two",
        ),
        pytest.param(
            {"model": KLING_3, "prompt": "x", "multi_prompt": ["x"]},
            "prompt",
            f"Either `prompt` or `multi_prompt` is required by model {KLING_3}, but not more than one.",
            id="both of two",
        ),
        pytest.param(
            {"model": "beeble/switchx-video-to-video", "video_url": LINK},
            "prompt",
            "`prompt` or `reference_image_url` is required by model beeble/switchx-video-to-video.",
            id="one of two at least",
        ),
        (
            {"model": "x-ai/grok-imagine-video", "prompt": "x", "image_url": LINK, "reference_images": [LINK]},
            "reference_images",
            "`image_url` and `reference_images` cannot be used together.",
        ),
        (
            {"model": "bytedance/seedance-2-0", "prompt": "x", "duration": 3},
            "duration",
            "`duration` must be one of 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, not 3.",
        ),
        pytest.param(
            {"model": "veo2/image-to-video", "prompt": "x", "image_url": "file:///etc/passwd"},
            "image_url",
            "`image_url` must be a link (https://), upload:ID, generation:ID, s3://BUCKET/KEY or a data: URI, not "
            '"file:///etc/passwd".',
            id="link to a file",
        ),
    ],
)
def test_a_bad_field_is_named_with_what_is_allowed(request_: dict[str, Any], field: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        validate(request_, MODELS)
    assert str(refused.value) == sentence
    assert field in refused.value.problems[0].fields


def test_all_problems_are_reported_together() -> None:
    with pytest.raises(InvalidRequest) as refused:
        validate({"model": "veo2", "duration": 1, "colour": "red"}, MODELS)
    for field in ("`prompt`", "`duration`", "`colour`"):
        assert field in str(refused.value)


def test_an_unknown_model_is_rejected_with_the_way_to_list_known_ones() -> None:
    with pytest.raises(InvalidRequest) as refused:
        validate({"model": "%%%", "prompt": "x"}, MODELS)
    assert str(refused.value).startswith('`model` "%%%" is not offered here. GET /v2/models or `promptreel models` ')
    assert refused.value.problems[0].fields == ("model",)


@pytest.mark.parametrize("name", ["veed/fabric-1.0", AVATAR, "runway/act_two", "klingai/video-v3-motion-control"])
def test_some_models_need_no_prompt(name: str) -> None:
    example = schema_of(name)["examples"][0]
    validate({key: value for key, value in example.items() if key != "prompt"}, MODELS)


Fields = dict[str, list[Any]]

# The rules from before the catalogue: requests accepted then must still be accepted.
LONG, FORMATS, SOUND, ROUTE = (
    {"duration": [4, 6, 8]},
    {"aspect_ratio": ["16:9", "9:16"]},
    {"generate_audio": [True]},
    {"provider": ["x"]},
)
SMALL, LARGE = {"resolution": ["720p", "1080p"]}, {"resolution": ["720P", "1080P"]}
WORDS: Fields = {"negative_prompt": ["x"], "seed": [-1], "enhance_prompt": [False]}
PICTURE, LAST, TAIL = {"image_url": [LINK]}, {"last_image_url": [LINK]}, {"tail_image_url": [LINK]}
VEO_2: Fields = {"duration": [5, 6, 7, 8], **FORMATS, **WORDS}
VEO_3: Fields = {**LONG, **FORMATS, **LARGE, **SOUND, **WORDS}
VEO_31: Fields = {**LONG, **FORMATS, **SMALL, **SOUND, **ROUTE}
ADULTS = {"person_generation": ["dont_allow", "allow_adult"]}
EXTENDED: Fields = {
    "duration": [7],
    "aspect_ratio": ["auto", "16:9", "9:16"],
    "resolution": ["720p"],
    "auto_fix": [True],
    **SOUND,
    **ROUTE,
}
VEO: dict[str, tuple[Fields, Fields]] = {  # the allowed and the required parameters of each
    "veo2": (VEO_2, {}),
    "veo2/image-to-video": (VEO_2 | TAIL, PICTURE),
    "google/veo3": (VEO_3, {}),
    "google/veo-3.0-fast": (VEO_3, {}),
    "google/veo-3.0-i2v": (VEO_3, PICTURE),
    "google/veo-3.0-i2v-fast": (VEO_3, PICTURE),
    "google/veo-3.1-t2v": (VEO_31 | WORDS | {"auto_fix": [False]}, {}),
    "google/veo-3.1-t2v-fast": (VEO_31 | WORDS | {"auto_fix": [False]}, {}),
    "google/veo-3.1-i2v": (VEO_31, PICTURE),
    "google/veo-3.1-i2v-fast": (VEO_31, PICTURE),
    "google/veo-3.1-first-last-image-to-video": (VEO_31, PICTURE | LAST),
    "google/veo-3.1-first-last-image-to-video-fast": (VEO_31, PICTURE | LAST),
    "google/veo-3.1-reference-to-video": ({"duration": [8], **SMALL, **SOUND, **ROUTE}, {"image_urls": [[LINK]]}),
    "google/veo3-1-extend-video": (EXTENDED, {"video_url": [LINK]}),
    "google/veo3-1-fast-extend-video": (EXTENDED, {"video_url": [LINK]}),
    "google/veo-3-1-lite-generate-preview": (VEO_31 | PICTURE | LAST, {}),
    "veo-3.1-lite-generate-001": (LONG | FORMATS | LARGE | SOUND | PICTURE | LAST | ADULTS, {}),
}


@pytest.mark.parametrize("name", VEO)
def test_every_request_for_veo_that_was_accepted_still_is(name: str) -> None:
    optional, required = VEO[name]
    least = {"model": name, "prompt": "x", **{field: values[0] for field, values in required.items()}}
    validate(least, MODELS)
    for field, values in optional.items():
        for value in values:
            validate({**least, field: value}, MODELS)
    for field in required:
        with pytest.raises(InvalidRequest, match=f"`{field}` is required"):
            validate({key: value for key, value in least.items() if key != field}, MODELS)
    assert set(schema_of(name)["properties"]) == {"model", "prompt", *optional, *required}


@given(JSON)
def test_any_json_is_either_returned_unchanged_or_rejected(body: object) -> None:
    try:
        assert validate(body, MODELS) == body
    except InvalidRequest as refused:
        assert str(refused).endswith(".")


@given(st.dictionaries(st.sampled_from(["prompt", "duration", "seed", "aspect_ratio", "x"]), JSON))
def test_requests_are_accepted_exactly_if_the_schema_accepts_them(fields: dict[str, Any]) -> None:
    request = {**fields, "model": "veo2"}
    schema = schema_of("veo2")
    schema_says = Draft202012Validator(schema).is_valid(with_numbers(request, schema))
    try:
        validate(request, MODELS)
        accepted = True
    except InvalidRequest:
        accepted = False
    assert accepted is schema_says, json.dumps(request)


def test_a_deployment_may_offer_fewer_models() -> None:
    models = offered(allowed=["google/veo3"])
    assert [model.name for model in models] == ["google/veo3"]
    with pytest.raises(InvalidRequest, match=r"here\. Did you mean google/veo3\? Use one of google/veo3"):
        validate(VEO2, models)


def test_a_model_without_a_schema_is_passed_through_unchanged() -> None:
    models = offered(passed_through=["kling/v3"])
    request = {"model": "kling/v3", "prompt": "a boat", "anything": [1]}
    assert validate(request, models) == request
    with pytest.raises(InvalidRequest, match="`prompt` must not be blank"):
        validate({**request, "prompt": ""}, models)


def test_a_schema_applies_even_if_its_model_is_also_passed_through() -> None:
    with pytest.raises(InvalidRequest, match="duration"):
        validate({**VEO2, "duration": 1}, offered(passed_through=["veo2"]))


def test_only_the_requested_model_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    known.cache_clear()
    module._facts.cache_clear()
    read, text = [], Path.read_text

    def reading(path: Path, *given: Any) -> str:
        read.append(path.name)
        return text(path, *given)

    monkeypatch.setattr(Path, "read_text", reading)
    offered()
    validate(VEO2, offered())
    assert [name for name in read if name != "index.json"] == ["veo2.json"]


@pytest.mark.parametrize("name", known())
def test_the_index_matches_the_files(name: str) -> None:
    model = known()[name]
    facts = model.facts
    assert (facts["name"], facts["vendor"], facts["kind"], facts["title"]) == (
        *(name, model.vendor, model.kind),
        model.title,
    )
    assert model.kind in module.KINDS
    assert schema_of(name)["title"] == model.title
    assert schema_of(name)["properties"]["model"]["const"] == name


def test_every_file_of_the_catalogue_belongs_to_a_model() -> None:
    files = {file.name for file in (Path(module.__file__).parent / "catalogue").iterdir()}
    assert files == {module.file_name(name) for name in known()}


@pytest.mark.parametrize("name", known())
def test_videos_come_from_hosts_that_belong_to_one_vendor(name: str) -> None:
    hosts = hosts_of(name)
    assert module.CDN in hosts
    for host in hosts:
        assert re.fullmatch(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+", host)
        assert host.removeprefix("*.") not in SHARED
        assert not host.startswith("*.") or host in ("*.fal.media", "*.klingai.com")
    assert set(containers_of(name)) <= set(CONTENT_TYPES)


SHARED = ("amazonaws.com", "aliyuncs.com", "volces.com", "storage.googleapis.com", "googleapis.com", "cloudfront.net")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "nobody/knows",
        "../../../../etc/passwd",
        pytest.param("a\0b", id="zero"),
        pytest.param("x" * 5000, id="long"),
        "google.veo3",
    ],
)
def test_a_name_of_no_model_reads_nothing(name: str) -> None:
    assert hosts_of(name) == (module.CDN,)
    assert containers_of(name) == ("mp4",)


@pytest.mark.parametrize("name", known())
def test_every_field_that_takes_a_url_is_known_as_an_input(name: str) -> None:
    def urls(schema: dict[str, Any], path: str) -> Iterator[str]:
        for field, value in schema.get("properties", {}).items():
            for at, one in ((f"{path}{field}", value), (f"{path}{field}[]", value.get("items", {}))):
                if "http" in one.get("pattern", ""):
                    yield at
                yield from urls(one, f"{at}.")

    inputs = known()[name].inputs
    assert [one.field for one in inputs] == list(urls(schema_of(name), ""))
    for one in inputs:
        assert one.media
        assert set(one.media) <= {"image", "video", "audio"}
        assert all(kind.partition("/")[0] in one.media for kind in one.media_types)


def test_allowed_inputs_match_the_reference() -> None:
    (picture, sound) = known()["klingai/avatar-pro"].inputs
    assert picture == Input("image_url", ("image",), required=True)
    assert sound.media_types == ("audio/aac", "audio/mp4", "audio/mpeg", "audio/wav")
    assert (sound.required, sound.max_bytes) == (True, 5 << 20)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("veo3", "google/veo3"),
        ("Google/Veo3", "google/veo3"),
        ("google/veo2", "veo2"),
        ("veo2-image-to-video", "veo2/image-to-video"),
    ],
)
def test_an_unavailable_model_gets_the_most_similar_suggestion(name: str, meant: str) -> None:
    with pytest.raises(InvalidRequest, match=f"Did you mean {meant}[?]"):
        validate({"model": name, "prompt": "x"}, offered())


def test_a_model_unlike_any_other_gets_no_suggestion() -> None:
    assert closest("x" * 100_000, ["veo2"]) is None
