"""Test fields and models that are not in the catalogue: clients send them, and the provider gets them unchanged."""

import json
from typing import Any

import boto3
import pytest

from core.api import UNCHECKED
from core.learned.records import Learned
from core.models.unchecked import MAX_BYTES, MAX_DEPTH, MAX_FIELDS, MAX_NAME
from core.money.prices import Prices
from core.provider.client import Provider
from tests.support.functions import PATHS, Cloud, ask, call
from tests.support.generations import START
from tests.support.money import USD

POST = ("POST", PATHS[0])
BOAT: dict[str, Any] = {"model": "veo2", "prompt": "a boat"}
ESTIMATES = ("POST", "/v2/estimates")


def test_an_unknown_field_is_sent_unchanged_named_and_recorded(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {**BOAT, "n": 1, "response_format": "url", "extra": {"deep": [1.50, "5", None, True, {"é": "ü"}]}}
    answer = ask(cloud, *POST, body=json.dumps(body), isBase64Encoded=False)
    created = json.loads(answer["body"])
    assert (answer["statusCode"], answer["headers"][UNCHECKED]) == (200, "n, response_format, extra")
    assert created["meta"]["unchecked"] == ["n", "response_format", "extra"]
    assert created["meta"]["request"] == body
    assert call(cloud, "GET", PATHS[0], query=f"generation_id={created['id']}")[1] == created
    assert cloud.ledger.get(created["id"]).unchecked == ["n", "response_format", "extra"]
    sent, post = list[bytes](), Provider._post

    def posting(provider: Provider, body: bytes, client_request_id: str) -> Any:
        sent.append(body)
        return post(provider, body, client_request_id)

    monkeypatch.setattr(Provider, "_post", posting)
    cloud.run({"generation_id": created["id"]}, "submit")
    assert [json.loads(one) for one in sent] == [body]
    assert cloud.simulator.counts().creates == 1


def test_a_request_without_unknown_fields_has_no_such_header(cloud: Cloud) -> None:
    answer = ask(cloud, *POST, body=json.dumps(BOAT), isBase64Encoded=False)
    assert UNCHECKED not in answer["headers"]
    assert json.loads(answer["body"])["meta"]["unchecked"] == []


@pytest.mark.parametrize(
    "field",
    [
        *("n", "N", "num", "num_videos", "numVideos", "NUM-VIDEOS", "n_videos", "nvideos", "number_of_videos"),
        *("samples", "sample_count", "video_count", "num_outputs", "numberResults", "num_return_sequences", "count"),
        *("batch_size", "batch", "quantity", "variations", "num_images_per_prompt", "best_of", "copies", "repeat"),
        *("candidateCount", "generations", "n1"),
    ],
)
def test_a_field_that_may_multiply_the_videos_must_be_one(cloud: Cloud, field: str) -> None:
    for value in (2, "2", True, None, [1]):
        status, error = call(cloud, *POST, body={**BOAT, field: value})
        assert (status, f"`{field}` must be 1" in error["message"]) == (400, True), value
        status, error = call(cloud, *POST, body={**BOAT, "extra": [{"inner": {field: value}}]})
        assert (status, f"`extra.0.inner.{field}` must be 1" in error["message"]) == (400, True), value
    for one in (1, 1.0, "1"):
        assert call(cloud, *POST, body={**BOAT, field: one})[0] == 200
    assert cloud.simulator.calls() == []


def test_a_number_of_videos_is_one_or_rejected(cloud: Cloud) -> None:
    wrong: tuple[Any, ...] = (0, -1, 1.5, "01", "1 ", "", False, [], {}, {"a": 1}, 1e99, 2**70)
    for value in wrong:
        assert call(cloud, *POST, body={**BOAT, "n": value})[0] == 400, value


@pytest.mark.parametrize("field", ["size", "num_frames", "response_format", "sampler", "user", "quality", "n_frames"])
def test_a_field_that_only_looks_like_a_number_of_videos_is_passed_on(cloud: Cloud, field: str) -> None:
    assert call(cloud, *POST, body={**BOAT, field: 24})[0] == 200


REFERENCES = [
    *(f"{kind}:{'0' * 32}" for kind in ("upload", "generation", "UPLOAD", " generation")),
    *("s3://prompts/ann/cat.png", "S3://videos/x", "data:image/png;base64,iVBORw0=", "DATA:,x", "data:;base64,eA=="),
]


@pytest.mark.parametrize("reference", REFERENCES)
def test_no_file_may_be_named_in_an_unknown_field(cloud: Cloud, reference: str) -> None:
    for value in (reference, [reference], {"a": [{"b": reference}]}, {reference: 1}):
        status, error = call(cloud, *POST, body={**BOAT, "image_url": value})
        assert (status, "is not a parameter of model veo2 for a file" in error["message"]) == (400, True)


def test_links_and_words_in_an_unknown_field_are_passed_on(cloud: Cloud) -> None:
    for value in ("https://example.com/cat.png", "data: a story", "generation: one", "uploads", "about s3://x"):
        status, created = call(cloud, *POST, body={**BOAT, "image_url": value})
        assert (status, created["meta"]["unchecked"]) == (200, ["image_url"])


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        pytest.param({"x" * (MAX_NAME + 1): 1}, "its name is not plain", id="long name"),
        pytest.param({"": 1}, "its name is not plain", id="empty name"),
        pytest.param({"a\r\nSet-Cookie: x": 1}, "its name is not plain", id="line break"),
        pytest.param({"größe": 1}, "its name is not plain", id="no ASCII"),
        pytest.param({"a, b": 1}, "its name is not plain", id="comma"),
        pytest.param({f"x{n}": 1 for n in range(MAX_FIELDS + 1)}, f"{MAX_FIELDS} such fields", id="many"),
        pytest.param({"x": "x" * MAX_BYTES}, f"{MAX_BYTES} bytes", id="large"),
        pytest.param({"x": nested(MAX_DEPTH)}, "nested too deeply", id="deep"),
        pytest.param({"x": nested(31)}, "nested too deeply", id="deeper"),
        pytest.param({"x": nested(60)}, "nested too deeply", id="far too deep"),
    ],
)
def test_unknown_fields_are_bounded(cloud: Cloud, extra: dict[str, Any], said: str) -> None:
    status, error = call(cloud, *POST, body={**BOAT, **extra})
    assert (status, said in error["message"]) == (400, True), error["message"]


def test_the_most_that_is_allowed_is_accepted(cloud: Cloud) -> None:
    many = {f"x{'y' * (MAX_NAME - 3)}{n:02}": n for n in range(MAX_FIELDS - 1)}
    status, created = call(cloud, *POST, body={**BOAT, **many, "deep": nested(MAX_DEPTH - 1)})
    assert (status, len(created["meta"]["unchecked"])) == (200, MAX_FIELDS)


@pytest.mark.parametrize(
    ("field", "meant"),
    [
        ("duratoin", "duration"),
        ("Duration", "duration"),
        ("aspectRatio", "aspect_ratio"),
        ("aspect-ratio", "aspect_ratio"),
        ("seed_", "seed"),
        ("negative_promt", "negative_prompt"),
        ("enhance_prompts", "enhance_prompt"),
    ],
)
def test_a_misspelt_parameter_is_rejected_with_the_right_name(cloud: Cloud, field: str, meant: str) -> None:
    status, error = call(cloud, *POST, body={**BOAT, field: 5})
    assert (status, error["message"].endswith(f"Did you mean `{meant}`?")) == (400, True)
    assert error["problems"][0]["fields"] == [field]


@pytest.mark.parametrize(
    "field", ["ratio", "image_url", "tail_image_url", "first_frame_image", "last_image_url", "resolution", "mode"]
)
def test_a_parameter_of_a_sibling_model_is_passed_on(cloud: Cloud, field: str) -> None:
    body = {**BOAT, field: "https://example.com/cat.png"}
    assert call(cloud, *POST, body=body)[1]["meta"]["unchecked"] == [field]


def test_a_known_parameter_with_a_forbidden_value_is_rejected(cloud: Cloud) -> None:
    status, error = call(cloud, *POST, body={**BOAT, "duration": 60, "n": 1})
    assert (status, error["message"]) == (400, "`duration` must be one of 5, 6, 7, 8, not 60.")


def test_an_unknown_field_inside_a_parameter_is_passed_on_with_its_path(cloud: Cloud) -> None:
    body = {"model": "luma/ray-1-6", "prompt": "a boat", "keyframes": {"frame0": {"type": "image"}}}
    frame = {"type": "image", "url": "https://example.com/cat.png", "weight": 0.5}
    body["keyframes"] = {"frame0": frame}
    status, created = call(cloud, *POST, body=body)
    assert (status, created.get("message"), created["meta"]["unchecked"]) == (200, None, ["keyframes.frame0.weight"])
    body["keyframes"] = {"frame0": {**frame, "weight": f"upload:{'0' * 32}"}}
    assert call(cloud, *POST, body=body)[0] == 400


@pytest.mark.parametrize("path", [PATHS[0], PATHS[2], "/v2/estimates"])
def test_strict_rejects_unknown_fields(cloud: Cloud, path: str) -> None:
    body = {**BOAT, "response_format": "url"}
    status, error = call(cloud, "POST", path, body=body, query="strict=true")
    assert (status, "`response_format` is not a parameter of model veo2" in error["message"]) == (400, True)
    assert call(cloud, "POST", path, body=body, query="strict=false")[0] == 200
    status, error = call(cloud, "POST", path, body=body, query="strict=1")
    assert (status, error["message"]) == (400, "`strict` must be true or false.")


def test_numbers_as_text_are_the_same_request(cloud: Cloud) -> None:
    forms = ({"duration": 5, "seed": 7}, {"duration": "5", "seed": "7"}, {"duration": 5.0, "seed": 7.0})
    ids = {call(cloud, *POST, body={**BOAT, **form, "n": 1}, idempotency_key="k")[1]["id"] for form in forms}
    assert len(ids) == 1
    request = cloud.ledger.get(ids.pop()).request
    assert (type(request["duration"]), request) == (int, {**BOAT, "duration": 5, "seed": 7, "n": 1})
    assert call(cloud, *POST, body={**BOAT, "duration": "05"})[0] == 400
    assert call(cloud, *POST, body={**BOAT, "n": 1, "duration": 5, "seed": 7, "x": 1}, idempotency_key="k")[0] == 409


def price(usd: float) -> None:
    class List:
        def prices(self, _etag: str | None) -> tuple[str | None, list[dict[str, Any]]]:
            unit = {"name": "video", "measure": "output", "per": 1, "price": usd}
            return None, [{"id": "veo2", "pricing": {"kind": "fixed", "currency": "USD", "units": [unit]}}]

    Prices(boto3.client("dynamodb"), "money", lambda: START).keep_fresh(List())


@pytest.mark.parametrize(("usd", "held"), [(0.5, 5.0), (20.0, 20.0)])
def test_an_unknown_field_holds_the_larger_of_reserve_and_estimate(cloud: Cloud, usd: float, held: float) -> None:
    price(usd)
    _, estimate = call(cloud, *ESTIMATES, body=BOAT)
    assert (estimate["usd"], estimate["at_most_usd"], estimate["unchecked"]) == (usd, usd, [])
    _, estimate = call(cloud, *ESTIMATES, body={**BOAT, "quality": "high"})
    assert (estimate["usd"], estimate["at_most_usd"], estimate["basis"]) == (usd, held, "price")
    assert estimate["unchecked"] == ["quality"]
    _, created = call(cloud, *POST, body={**BOAT, "quality": "high"})
    recorded = cloud.ledger.get(created["id"])
    assert recorded.cost
    assert recorded.hold
    assert (recorded.cost.estimated, recorded.hold.credits, recorded.cost.most) == (usd * USD, held * USD, held * USD)


def test_a_budget_without_room_for_the_reserve_rejects_an_unknown_field(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    price(0.5)
    monkeypatch.setenv("BUDGETS", f"day={2 * USD}")
    status, error = call(cloud, *POST, body={**BOAT, "quality": "high"})
    assert (status, "may cost 5.00 USD" in error["message"]) == (403, True)
    assert call(cloud, *POST, body=BOAT)[0] == 200


@pytest.mark.parametrize(("extra", "learns"), [({}, True), ({"quality": "high"}, False)])
def test_nothing_is_learned_from_a_job_with_an_unknown_field(cloud: Cloud, extra: dict[str, Any], learns: bool) -> None:
    _, created = call(cloud, *POST, body={**BOAT, **extra})
    cloud.run({"generation_id": created["id"]}, "submit", "check_status", "finalize")
    (done,) = [cloud.ledger.get(created["id"])]
    assert done.charged == done.credits_used
    items = Learned(boto3.client("dynamodb"), "slots").of_models()
    costs = boto3.client("dynamodb").scan(TableName="slots")["Items"]
    assert (bool(items), any("veo2" in str(item) for item in costs)) == (learns, learns)


def test_a_model_without_a_schema_has_the_same_limits(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSED_THROUGH_MODELS", "kling/v9")
    body = {"model": "kling/v9", "prompt": "a boat"}
    assert call(cloud, *POST, body=body)[1]["meta"]["unchecked"] == []
    for query in ("strict=true", "strict=false"):
        _, created = call(cloud, *POST, body={**body, "duration": 5, "n": 1}, query=query)
        assert created["meta"]["unchecked"] == ["duration", "n"]
        for name, value in (("n", 2), ("seeds", [1, 2]), ("prompts", ["a", "b"])):
            assert call(cloud, *POST, body={**body, name: value}, query=query)[0] == 400
        assert call(cloud, *POST, body={**body, "image_url": f"upload:{'0' * 32}"}, query=query)[0] == 400


def test_a_setting_passes_any_unknown_model_through_with_the_reserve(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"model": "google/veo-9", "prompt": "a boat", "duration": 5}
    assert call(cloud, *POST, body=body)[0] == 400
    monkeypatch.setenv("PASSED_THROUGH_MODELS", "*")
    monkeypatch.setenv("ALLOWED_MODELS", "veo2")
    _, created = call(cloud, *POST, body=body)
    assert created["meta"]["unchecked"] == ["model", "duration"]
    hold = cloud.ledger.get(created["id"]).hold
    assert hold
    assert hold.credits == 5 * USD
    assert call(cloud, *ESTIMATES, body=body)[1]["unchecked"] == ["model", "duration"]
    assert call(cloud, *POST, body=body, query="strict=true")[0] == 400, "strict"
    assert call(cloud, *POST, body={**body, "model": "google/veo3"})[0] == 400, "known, and not allowed"
    assert call(cloud, *POST, body={**body, "n": 2})[0] == 400
    for name in ("x" * 101, "a b", "ü", "", "x\n"):
        assert call(cloud, *POST, body={**body, "model": name})[0] == 400
    assert [one["id"] for one in call(cloud, "GET", "/v2/models")[1]["data"]] == ["veo2"]
    schema = call(cloud.caller(""), "GET", "/openapi.json")[1]["components"]["schemas"]["Request"]
    assert schema["properties"]["model"]["type"] == "string"
