"""Test the two functions of the HTTP API: the provider's contract, and who can see what."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from aws_lambda_powertools.utilities.parameters import SecretsProvider

import api
from core.api.api_keys import MOST_READS, issue
from core.api.routes import ROUTES
from core.models import known
from core.slots.table import SlotsTable, Waiting
from tests.support.events import event
from tests.support.functions import PATHS, Cloud, call
from tests.support.generations import START, archived, generation


@pytest.mark.parametrize("path", PATHS)
def test_a_request_is_accepted_and_can_be_fetched(cloud: Cloud, path: str) -> None:
    status, created = call(cloud, "POST", path, body={"model": "veo2", "prompt": "a boat"})
    assert status == 200
    assert (created["status"], created["video"], created["error"]) == ("queued", None, None)
    assert created["meta"]["request"] == {"model": "veo2", "prompt": "a boat"}
    assert created["meta"]["stage"] == "queued"
    assert call(cloud, "GET", path, query=f"generation_id={created['id']}") == (200, created)
    executions = boto3.client("stepfunctions").list_executions(stateMachineArn=cloud.environment["STATE_MACHINE_ARN"])
    assert [execution["name"] for execution in executions["executions"]] == [created["id"]]


def test_a_finished_generation_has_a_link_to_its_video(cloud: Cloud) -> None:
    _, created = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"})
    cloud.run({"generation_id": created["id"]}, "submit", "check_status", "finalize")
    _, fetched = call(cloud, "GET", PATHS[0], query=f"generation_id={created['id']}")
    assert fetched["status"] == "completed"
    video = fetched["video"]
    assert video["url"].startswith("https://")
    assert "X-Amz-Expires=3600" in video["url"]
    assert (video["content_type"], video["file_name"]) == ("video/mp4", f"{created['id']}.mp4")
    assert video["file_size"] > 1000
    facts = (video["width"], video["height"], video["duration"], video["frame_rate"], video["has_sound"])
    assert facts == (640, 360, 5.0, 12.0, False)
    assert fetched["meta"]["usage"]["credits_used"] > 0
    poster = urlsplit(video["poster_url"])
    assert poster.path.endswith(f"videos/{created['id']}/poster.jpg")
    assert "X-Amz-Expires=3600" in poster.query


def test_a_poster_is_made_after_the_announcement_and_deleted_with_the_video(cloud: Cloud) -> None:
    _, created = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"})
    cloud.run({"generation_id": created["id"]}, "admit", "submit", "check_status", "finalize")
    [message] = cloud.messages()
    cloud.invoke("make_poster", {"detail": json.loads(message["Message"])})
    _, fetched = call(cloud, "GET", PATHS[0], query=f"generation_id={created['id']}")
    found = boto3.client("s3").get_object(Bucket="videos", Key=f"videos/{created['id']}/poster.jpg")
    assert urlsplit(fetched["video"]["poster_url"]).path.endswith(f"/{created['id']}/poster.jpg")
    assert 1000 < found["ContentLength"] < 30_000
    assert call(cloud, "DELETE", PATHS[0], query=f"generation_id={created['id']}")[1]["deleted"]
    cloud.invoke("make_poster", {"detail": json.loads(message["Message"])})  # late
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket="videos", Prefix=f"videos/{created['id']}/")


@pytest.mark.parametrize(
    ("fields", "header"),
    [
        (
            {"request": {"prompt": "A paper boat, drifting down a rainy street"}},
            'filename="A-paper-boat-drifting-down-a-{id}"',
        ),
        ({"name": "shot 7", "row_number": 42, "batch_id": "b" * 32}, 'filename="00042-shot-7-{id}"'),
        ({"request": {"prompt": ""}}, 'filename="video-{id}"'),
        ({"request": {"prompt": '../"; x=1\r\n\u202e'}}, 'filename="x-1-{id}"'),
        ({"request": {"prompt": ["no text"]}}, 'filename="video-{id}"'),
        (
            {"request": {"prompt": "你好 лодка"}},
            "filename=\"{whole}\"; filename*=UTF-8''%E4%BD%A0%E5%A5%BD-%D0%BB%D0%BE%D0%B4%D0%BA%D0%B0-{id}",
        ),
        ({"request": {"prompt": "boat " + "W" * 1000}}, 'filename="boat-' + "W" * 75 + '-{id}"'),
    ],
    ids=["prompt", "row", "empty", "hostile", "no text", "scripts", "long"],
)
def test_an_owners_file_is_named_after_its_prompt(cloud: Cloud, fields: dict[str, Any], header: str) -> None:
    which = "c" * 32
    done = {"status": "completed", "video": archived(which), "ended_at": START}
    cloud.ledger.add(generation(which, **{**fields, **done}))
    _, fetched = call(cloud, "GET", PATHS[0], query=f"generation_id={which}")
    named = parse_qs(urlsplit(fetched["video"]["url"]).query)["response-content-disposition"]
    assert named == ["inline; " + header.format(id=f"{which[:8]}.mp4", whole=f"{which}.mp4")]
    assert fetched["video"]["file_name"] == f"{which}.mp4"


def test_an_older_video_has_no_facts_and_no_poster(cloud: Cloud) -> None:
    done = {"status": "completed", "video": archived("c" * 32), "ended_at": START}
    cloud.ledger.add(generation("c" * 32, **done))
    _, fetched = call(cloud, "GET", PATHS[0], query=f"generation_id={'c' * 32}")
    names = ("width", "height", "duration", "frame_rate", "has_sound", "poster_url")
    assert [fetched["video"][name] for name in names] == [None] * 6


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "valid JSON"),
        ("{", "valid JSON"),
        pytest.param("[" * 100_000, "valid JSON", id="deeply nested"),
        ('{"model": "veo2", "prompt": "x", "seed": NaN}', "NaN is not a JSON value"),
        ('{"model": "veo2", "prompt": "\\ud800"}', "not valid Unicode"),
        ("[]", "JSON object"),
        ({}, "`model` must be the name of a model"),
        ({"model": "veo2"}, "`prompt` is required"),
        ({"model": "veo2", "prompt": "x", "duration": 60}, "`duration` must be one of 5, 6, 7, 8"),
        ({"model": "veo2", "prompt": "x" * 300_000}, "too large: at most 196608 bytes of JSON"),
    ],
)
def test_bad_input_gets_400_in_the_providers_form_and_costs_nothing(cloud: Cloud, body: object, said: str) -> None:
    status, error = call(cloud, "POST", PATHS[0], body=body)
    assert status == 400
    assert said in error["message"]
    assert error["path"] == PATHS[0]
    assert error["statusCode"] == 400
    assert error["requestId"] == "J8m1_iJboAMEVYw="
    assert error["timestamp"].endswith("Z")
    assert cloud.simulator.calls() == []


def test_a_base64_body_is_read(cloud: Cloud) -> None:
    payload = event("http_api")
    payload["body"], payload["isBase64Encoded"] = "eyJtb2RlbCI6InZlbzIiLCJwcm9tcHQiOiJhIGJvYXQifQ==", True
    assert cloud.invoke("api", payload)["statusCode"] == 200


def test_the_same_idempotency_key_is_the_same_generation(cloud: Cloud) -> None:
    body = {"model": "veo2", "prompt": "a boat"}
    first = call(cloud, "POST", PATHS[0], body=body, idempotency_key="k")
    assert call(cloud, "POST", PATHS[0], body=body, idempotency_key="k") == first
    status, error = call(cloud, "POST", PATHS[0], body={**body, "seed": 1}, idempotency_key="k")
    assert (status, "another request" in error["message"]) == (409, True)
    assert call(cloud, "POST", PATHS[0], body=body, idempotency_key="x" * 256)[0] == 400


def test_nobody_sees_anothers_generation(cloud: Cloud) -> None:
    _, created = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"})
    status, foreign = call(cloud.caller("bob"), "GET", PATHS[0], query=f"generation_id={created['id']}")
    assert status == 404
    never = call(cloud.caller("bob"), "GET", PATHS[0], query="generation_id=never-was")[1]
    assert foreign["message"].replace(created["id"], "never-was") == never["message"]


def test_a_call_without_an_owner_is_rejected(cloud: Cloud) -> None:
    for method, path in (("POST", PATHS[0]), ("GET", PATHS[1]), ("GET", "/elsewhere")):
        status, error = call(cloud.caller(""), method, path, query="generation_id=x")
        assert (status, error["statusCode"]) == (401, 401)


def test_health_is_found_and_unknown_paths_are_404(cloud: Cloud) -> None:
    assert call(cloud, "GET", "/elsewhere")[0] == 404
    assert call(cloud, "GET", PATHS[1])[0] == 400
    assert call(cloud, "PUT", PATHS[0])[0] == 405
    assert call(cloud.caller(""), "GET", "/health") == (200, {"status": "ok"})


def test_an_internal_error_is_a_500_without_details(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABLE_NAME", "no-such-table")
    status, error = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"})
    assert status == 500
    assert "no-such-table" not in error["message"]


def test_the_authorizer_names_the_owner_of_a_key_and_of_no_other(cloud: Cloud) -> None:
    key, entry = issue("ann", START)
    boto3.client("secretsmanager").put_secret_value(SecretId="api-keys", SecretString=json.dumps(entry))
    payload = event("authorizer")
    for header, owner in ((f"Bearer {key}", "ann"), (f"bearer {key}", "ann"), (key, ""), ("Bearer x", ""), ("", "")):
        payload["headers"]["authorization"] = header
        answer = cloud.invoke("authorize", payload)
        rest = {"short_links": False, "repeat_window": ""}
        holder = {"key_id": key[3:11], "scope": "all", "line": key[3:11], **rest} if owner else {}
        assert answer == {"isAuthorized": True, "context": {"owner": owner, **holder}}


def finished(cloud: Cloud, prompt: str = "a boat", owner: str = "ann") -> str:
    """Return a generation that is completed and announced."""
    _, created = call(cloud.caller(owner), "POST", PATHS[0], body={"model": "veo2", "prompt": prompt})
    cloud.run({"generation_id": created["id"]}, "submit", "check_status", "finalize")
    return str(created["id"])


def test_a_list_shows_the_owners_generations_newest_first_and_pages_past_new_ones(cloud: Cloud) -> None:
    body = {"model": "veo2", "prompt": "a boat"}
    ids = [call(cloud, "POST", PATHS[0], body=body)[1]["id"] for _ in range(5)]
    call(cloud.caller("bob"), "POST", PATHS[0], body=body)
    _, first = call(cloud, "GET", PATHS[0], query="limit=2")
    call(cloud, "POST", PATHS[0], body=body)  # arrives between two pages
    _, second = call(cloud, "GET", PATHS[0], query=f"limit=2&cursor={first['next_cursor']}")
    _, third = call(cloud, "GET", PATHS[0], query=f"limit=2&cursor={second['next_cursor']}")
    seen = [one["id"] for page in (first, second, third) for one in page["data"]]
    assert sorted(seen) == sorted(ids)
    assert [one["meta"]["created_at"] for one in first["data"]] == sorted(
        (one["meta"]["created_at"] for one in first["data"]), reverse=True
    )
    assert third["next_cursor"] is None or call(cloud, "GET", PATHS[0], query=f"cursor={third['next_cursor']}")[1] == {
        "data": [],
        "next_cursor": None,
    }


def test_a_list_can_be_filtered_by_the_providers_status(cloud: Cloud) -> None:
    done = finished(cloud)
    call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"})
    _, completed = call(cloud, "GET", PATHS[0], query="status=completed")
    assert [one["id"] for one in completed["data"]] == [done]
    assert completed["data"][0]["video"]["url"].startswith("https://")
    assert len(call(cloud, "GET", PATHS[0], query="status=queued")[1]["data"]) == 1


@pytest.mark.parametrize(
    "query",
    [
        *("status=archiving", "status=", "limit=0", "limit=101", "limit=x", "limit=1.5", "cursor=x", "cursor="),
        *(
            "model=",
            "text=",
            "order=random",
            pytest.param(f"text={'x' * 201}", id="text of 201 characters"),
            "batch=",
            "batch=xyz",
            "batch=xyzt",
        ),
        *("created_after=", "created_after=yesterday", "created_after=2026-01-31", "created_after=2026-01-31T12:00:00"),
        *("created_before=2026-01-32T12:00:00Z", "created_before=2026-01-31T12:00:60Z"),
    ],
)
def test_a_bad_list_is_400(cloud: Cloud, query: str) -> None:
    status, error = call(cloud, "GET", PATHS[0], query=query)
    assert status == 400
    assert f"`{query.partition('=')[0]}`" in error["message"]


def test_another_owners_cursor_reveals_nothing(cloud: Cloud) -> None:
    for _ in range(2):
        call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"})
    _, page = call(cloud, "GET", PATHS[0], query="limit=1")
    stolen = call(cloud.caller("bob"), "GET", PATHS[0], query=f"cursor={page['next_cursor']}")
    assert stolen == (200, {"data": [], "next_cursor": None})


def test_cancelling_a_running_job_warns_about_charges(cloud: Cloud) -> None:
    _, created = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"})
    query = f"generation_id={created['id']}"
    cloud.run({"generation_id": created["id"]}, "submit")
    assert call(cloud.caller("bob"), "DELETE", PATHS[0], query=query)[0] == 404
    status, cancelled = call(cloud, "DELETE", PATHS[0], query=query)
    assert (status, cancelled["status"], cancelled["error"]["name"]) == (200, "error", "Cancelled")
    assert "may still finish and charge this job" in cancelled["error"]["message"]
    assert call(cloud, "DELETE", PATHS[0], query=query) == (200, cancelled)


def test_a_job_that_was_not_sent_is_cancelled_for_free(cloud: Cloud) -> None:
    _, created = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"})
    _, cancelled = call(cloud, "DELETE", PATHS[0], query=f"generation_id={created['id']}")
    assert cancelled["error"]["message"] == "Cancelled by its owner before it was sent to the provider."


def test_an_ended_generation_is_deleted_and_never_runs_again(cloud: Cloud) -> None:
    body = {"model": "veo2", "prompt": "a boat"}
    _, created = call(cloud, "POST", PATHS[0], body=body, idempotency_key="k")
    cloud.run({"generation_id": created["id"]}, "submit", "check_status", "finalize")
    query = f"generation_id={created['id']}"
    gone = (200, {"id": created["id"], "deleted": True})
    assert call(cloud, "DELETE", PATHS[0], query=query) == gone
    assert call(cloud, "DELETE", PATHS[0], query=query) == gone
    assert call(cloud.caller("bob"), "DELETE", PATHS[0], query=query)[0] == 404
    assert call(cloud, "GET", PATHS[0], query=query)[0] == 404
    assert call(cloud, "GET", PATHS[0])[1]["data"] == []
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket="videos")
    assert "a boat" not in json.dumps(boto3.client("dynamodb").scan(TableName="generations"))
    status, error = call(cloud, "POST", PATHS[0], body=body, idempotency_key="k")
    assert (status, "use a new key" in error["message"]) == (409, True)


def test_content_redirects_to_the_video_once_there_is_one(cloud: Cloud) -> None:
    _, created = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"})
    assert call(cloud, "GET", f"{PATHS[0]}/{created['id']}/content")[0] == 409
    assert call(cloud, "GET", f"{PATHS[0]}/never-was/content")[0] == 404
    done = finished(cloud)
    assert call(cloud.caller("bob"), "GET", f"{PATHS[0]}/{done}/content")[0] == 404
    payload = event("http_api")
    payload["rawPath"] = payload["requestContext"]["http"]["path"] = f"{PATHS[0]}/{done}/content"
    payload["requestContext"]["http"]["method"] = "GET"
    answer = cloud.invoke("api", payload)
    assert answer["statusCode"] == 302
    assert f"videos/{done}/video.mp4" in answer["headers"]["Location"]


def test_models_and_contract_show_what_the_deployment_offers(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_MODELS", "veo2,google/veo3")
    monkeypatch.setenv("PASSED_THROUGH_MODELS", "kling/v3")
    _, listed = call(cloud, "GET", "/v2/models")
    assert [model["id"] for model in listed["data"]] == ["google/veo3", "kling/v3", "veo2"]
    assert listed["data"][0] == {
        "id": "google/veo3",
        "title": "Veo 3, text to video",
        "vendor": "google",
        "kind": "text-to-video",
        "media": [],
        "takes": None,
        "seconds": 120,
        "default_usd": None,
    }
    assert call(cloud, "GET", "/v2/models", query="id=kling/v3")[1]["schema"] is None
    _, contract = call(cloud.caller(""), "GET", "/openapi.json")
    assert contract["openapi"] == "3.1.0"
    names = contract["components"]["schemas"]["Request"]["properties"]["model"]["enum"]
    assert sorted(names) == ["google/veo3", "kling/v3", "veo2"]
    assert call(cloud, "POST", PATHS[0], body={"model": "kling/v3", "prompt": "x", "cfg": 1})[0] == 200
    assert call(cloud, "POST", PATHS[0], body={"model": "google/veo-3.1-t2v", "prompt": "x"})[0] == 400


ANSWERS = {
    ("GET", PATHS[0]): "read",
    ("GET", "/v2/models"): "read",
    ("GET", "/v2/batches"): "read",
    ("POST", PATHS[0]): "create",
    ("POST", "/v2/batches"): "create",
    ("POST", f"/v2/batches/{'0' * 32}/retry"): "create",
    ("POST", f"/v2/batches/{'0' * 32}/cancel"): "all",
    ("PATCH", PATHS[0]): "create",
    ("DELETE", PATHS[0]): "all",
}


@pytest.mark.parametrize("scope", ["read", "create", "all"])
@pytest.mark.parametrize("asked", ANSWERS, ids=" ".join)
def test_a_key_is_limited_to_its_scope_and_errors_name_the_needed_one(
    cloud: Cloud, asked: tuple[str, str], scope: str
) -> None:
    """The status is not 403, which in the provider's contract means insufficient credits."""
    status, answer = call(cloud.caller(scope=scope), *asked)
    needed, order = ANSWERS[asked], ["read", "create", "all"]
    if order.index(scope) >= order.index(needed):
        assert status != 401
    else:
        assert status == 401
        assert answer["message"] == f"This API key has the scope `{scope}`, but this call needs `{needed}`."


def test_contract_and_scopes_cover_exactly_the_routes(cloud: Cloud) -> None:
    _, contract = call(cloud.caller(""), "GET", "/openapi.json")
    described = {f"{method.upper()} {path}" for path, methods in contract["paths"].items() for method in methods}
    routed = [f"{route.method} {route.openapi_path}" for route in api.app._static_routes + api.app._dynamic_routes]
    in_scopes = [route for routes in ROUTES.values() for route in routes]
    assert set(routed) == set(in_scopes), "name each in ROUTES, with its scope"
    assert described == set(routed), "describe each in functions/core/api/contract/"
    assert len(routed) == len(in_scopes) == len(described), "none is there twice"


def test_one_model_is_returned_with_its_schema_and_inputs(cloud: Cloud) -> None:
    status, model = call(cloud, "GET", "/v2/models", query="id=klingai/avatar-pro")
    assert (status, model["vendor"], model["kind"]) == (200, "kling", "audio-to-video")
    assert model["schema"]["required"] == ["model", "image_url", "audio_url"]
    assert [(one["field"], one["media"], one["max_bytes"]) for one in model["inputs"]] == [
        ("image_url", ["image"], None),
        ("audio_url", ["audio"], 5 << 20),
    ]
    status, error = call(cloud, "GET", "/v2/models", query="id=nobody/knows")
    assert (status, "There is no model nobody/knows: GET /v2/models lists" in error["message"]) == (404, True)


def test_the_models_are_listed_by_page_vendor_and_kind(cloud: Cloud) -> None:
    """The pages together list every model once, and each page is small."""
    found: list[dict[str, Any]] = []
    query = "limit=40"
    while True:
        status, page = call(cloud, "GET", "/v2/models", query=query)
        assert status == 200
        assert len(page["data"]) <= 40
        found += page["data"]
        if page["next_cursor"] is None:
            break
        query = f"limit=40&cursor={page['next_cursor']}"
    assert [one["id"] for one in found] == sorted(known())
    assert max(len(json.dumps(one)) for one in found) < 350
    _, chosen = call(cloud, "GET", "/v2/models", query="vendor=google&kind=video-to-video")
    assert [one["id"] for one in chosen["data"]] == ["google/veo3-1-extend-video", "google/veo3-1-fast-extend-video"]
    assert chosen["next_cursor"] is None


@pytest.mark.parametrize(
    "query",
    [
        "vendor=nobody",
        "kind=text",
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=",
        pytest.param("cursor=\n", id="line break as cursor"),
        "limit=\u0661",
    ],
)
def test_an_invalid_query_of_models_is_rejected(cloud: Cloud, query: str) -> None:
    status, error = call(cloud, "GET", "/v2/models", query=query)
    assert (status, error["message"].startswith(f"`{query.partition('=')[0]}` must be")) == (400, True)


LISTS = ["/v1/models", "/models", "/api/v1/models"]


@pytest.mark.parametrize("path", LISTS)
def test_the_models_are_listed_in_the_providers_shape_without_a_key(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("ALLOWED_MODELS", "veo2,google/veo-3.1-i2v")
    monkeypatch.setenv("PASSED_THROUGH_MODELS", "kling/v3")
    cloud.invoke("sweep", {})  # it reads the prices
    status, listed = call(cloud.caller(""), "GET", path)
    assert (status, listed["object"]) == (200, "list")
    image, passed_through, veo2 = listed["data"]
    assert image == {
        "id": "google/veo-3.1-i2v",
        "object": "model",
        "aliases": [],
        "type": "internal/video-generations/submit",
        "info": {"name": "Veo 3.1, image to video", "developer": "google"},
        "tags": ["playground:video"],
        "features": [],
        "endpoints": ["/v2/video/generations", "/v2/generate/video/google/generation"],
        "modalities": {"input": ["text", "image"], "output": ["video"]},
        "capabilities": ["image_to_video", "video"],
        "pricing": image["pricing"],
    }
    assert image["pricing"]["kind"] == "fixed"
    assert veo2["modalities"] == {"input": ["text"], "output": ["video"]}
    assert passed_through["pricing"] is None
    assert passed_through["endpoints"] == ["/v2/video/generations"]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("id=veo2", ["veo2"]),
        ("id=VEO2,google/veo3", ["google/veo3", "veo2"]),
        ("id=veo2&id=nobody/knows", ["veo2"]),
        ("id=nobody/knows", []),
        pytest.param(f"id={'x' * 9000}", [], id="long"),
        ("capabilities=video_to_video", []),
        ("input_modalities=image", ["google/veo-3.1-i2v"]),
        ("modalities=audio,image&output_modalities=video", ["google/veo-3.1-i2v"]),
        ("type=openai/images", []),
        ("tags=playground:video&type=internal/video-generations/submit&id=veo2", ["veo2"]),
        ("include=all&details=true&id=&limit=1", ["google/veo-3.1-i2v", "google/veo3", "veo2"]),
    ],
)
def test_the_list_in_the_providers_shape_has_the_providers_filters(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, query: str, ids: list[str]
) -> None:
    monkeypatch.setenv("ALLOWED_MODELS", "veo2,google/veo3,google/veo-3.1-i2v")
    status, listed = call(cloud, "GET", "/v1/models", query=query)
    assert (status, [one["id"] for one in listed["data"]]) == (200, ids)


def test_the_list_in_the_providers_shape_survives_a_failing_table_and_fits_into_an_answer(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONEY_TABLE_NAME", "no-such-table")
    status, listed = call(cloud.caller(""), "GET", "/v1/models")
    assert status == 200
    assert {one["pricing"] for one in listed["data"]} == {None}
    assert {one["id"] for one in listed["data"]} == set(known())
    assert len(json.dumps(listed)) < 150_000


def test_the_contract_does_not_grow_with_the_models(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The contract contains only the names of models, because each schema has its own response."""
    _, contract = call(cloud.caller(""), "GET", "/openapi.json")
    monkeypatch.setenv("ALLOWED_MODELS", "veo2")
    _, small = call(cloud.caller(""), "GET", "/openapi.json")
    names = sum(len(name) + len('"", ') for name in known())
    assert len(json.dumps(contract)) - len(json.dumps(small)) < 2 * names


def test_a_late_cancel_removes_nothing(cloud: Cloud) -> None:
    done = finished(cloud)
    status, error = call(cloud, "DELETE", PATHS[0], query=f"generation_id={done}&only_running=true")
    assert (status, "cannot be cancelled" in error["message"]) == (409, True)
    assert call(cloud, "GET", PATHS[0], query=f"generation_id={done}")[1]["status"] == "completed"


def test_a_key_works_immediately_after_its_creation(cloud: Cloud) -> None:
    secrets, payload = boto3.client("secretsmanager"), event("authorizer")
    (old, entry), (new, newer) = issue("ann", START), issue("bob", START)
    for stored, key, owner in ((entry, old, "ann"), (entry | newer, new, "bob")):
        secrets.put_secret_value(SecretId="api-keys", SecretString=json.dumps(stored))
        payload["headers"]["authorization"] = f"Bearer {key}"
        assert cloud.invoke("authorize", payload, warm=owner == "bob")["context"]["owner"] == owner


@pytest.mark.parametrize("depth", [40, 2000, 60_000])
def test_an_endlessly_nested_body_is_rejected(cloud: Cloud, depth: int) -> None:
    body = '{"model": "veo2", "prompt": "x", "a": ' + "[" * depth + "]" * depth + "}"
    assert call(cloud, "POST", PATHS[0], body=body)[0] == 400


def test_a_body_that_is_not_text_is_rejected(cloud: Cloud) -> None:
    payload = event("http_api")
    payload["rawPath"] = payload["requestContext"]["http"]["path"] = PATHS[0]
    payload["requestContext"]["http"]["method"] = "POST"
    payload["requestContext"]["authorizer"]["lambda"]["owner"] = "ann"
    payload |= {"body": "/////w==", "isBase64Encoded": True}
    assert cloud.invoke("api", payload)["statusCode"] == 400


@pytest.mark.parametrize(
    "generation_id",
    [
        "%23owner:x",
        pytest.param("x" * 3000, id="3000 characters"),
        "0" * 31 + "g",
        pytest.param("é" * 32, id="no ASCII"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_invalid_id_is_404(cloud: Cloud, method: str, generation_id: str) -> None:
    status, error = call(cloud, method, PATHS[0], query=f"generation_id={generation_id}")
    assert status == 404
    assert len(error["message"]) < 200


def test_a_base_url_may_end_in_a_slash(cloud: Cloud) -> None:
    assert call(cloud, "GET", f"/{PATHS[0]}")[0] == 200


def test_no_response_is_cached_or_sniffed(cloud: Cloud) -> None:
    payload = event("http_api")
    payload["rawPath"] = payload["requestContext"]["http"]["path"] = "/health"
    payload["requestContext"]["http"]["method"] = "GET"
    headers = cloud.invoke("api", payload)["headers"]
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


def test_a_page_of_huge_requests_fits_into_a_response(cloud: Cloud) -> None:
    for n in range(40):
        body = {"model": "veo2", "prompt": f"{n}" + "x" * 150_000}
        assert call(cloud, "POST", PATHS[0], body=body)[0] == 200
    found, cursor = 0, ""
    while True:
        _, page = call(cloud, "GET", PATHS[0], query=f"limit=100{cursor}")
        assert len(json.dumps(page)) < 6 << 20
        found += len(page["data"])
        if not page["next_cursor"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == 40


def test_guessing_keys_does_not_read_the_secret_each_time(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    real = SecretsProvider._get

    def counted(self: SecretsProvider, name: str, **options: Any) -> str | bytes:
        reads.append(name)
        return real(self, name, **options)

    monkeypatch.setattr(SecretsProvider, "_get", counted)
    for stored in ("{}", None):
        if stored is None:
            monkeypatch.setenv("API_KEYS_SECRET", boto3.client("secretsmanager").create_secret(Name="none")["ARN"])
        reads.clear()
        for n in range(50):
            guess = f"pr_{n:08x}_" + "a" * 43
            cloud.invoke("authorize", {"headers": {"authorization": f"Bearer {guess}"}}, warm=n > 0)
        assert 1 <= len(reads) <= MOST_READS + 2


def recorded(cloud: Cloud, n: int, **fields: Any) -> str:
    """Return a generation that ann's request created `n` minutes after START."""
    at = START + timedelta(minutes=n)
    made = generation(f"{n:04x}" * 8, created_at=at, updated_at=at, **fields)
    cloud.ledger.add(made)
    return made.generation_id


def ids(cloud: Cloud, query: str, owner: str = "ann") -> list[str]:
    return [one["id"] for one in call(cloud.caller(owner), "GET", PATHS[0], query=query)[1]["data"]]


def timeline(cloud: Cloud, generation_id: str) -> list[tuple[str, str]]:
    shown = call(cloud, "GET", PATHS[0], query=f"generation_id={generation_id}")[1]["meta"]["timeline"]
    return [(one["step"], one["at"]) for one in shown]


def test_a_fetch_shows_what_happened_so_far(cloud: Cloud) -> None:
    _, made = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"})
    assert timeline(cloud, made["id"]) == [("accepted", made["meta"]["created_at"])]
    assert made["meta"]["timeline"] == [{"step": "accepted", "at": made["meta"]["created_at"]}]
    state = cloud.run({"generation_id": made["id"]}, "admit", "submit")
    assert [step for step, _ in timeline(cloud, made["id"])] == ["accepted", "admitted", "sent", "submitted"]
    cloud.run(state, "check_status", "finalize")
    found = timeline(cloud, made["id"])
    assert [step for step, _ in found][3:] == ["submitted", "generated", "ended", "announced"]
    assert [at for _, at in found] == sorted(at for _, at in found)
    (listed,) = call(cloud, "GET", PATHS[0])[1]["data"]
    assert listed["meta"]["timeline"] is None


def test_a_timeline_is_in_the_order_of_its_times(cloud: Cloud) -> None:
    times = {
        name: START + timedelta(minutes=n) for n, name in enumerate(("held_since", "rejected_at", "admitted_at"), 1)
    }
    one = recorded(cloud, 0, **times, reopened_at=START + timedelta(seconds=90))
    assert [step for step, _ in timeline(cloud, one)] == ["accepted", "held_back", "reopened", "rejected", "admitted"]
    assert call(cloud.caller("bob"), "GET", PATHS[0], query=f"generation_id={one}")[0] == 404


def test_a_list_can_be_filtered_by_model_batch_or_text(cloud: Cloud) -> None:
    boat = recorded(cloud, 1, request={"model": "google/veo3", "prompt": "A Paper BOAT"})
    kite = recorded(cloud, 2, request={"model": "veo2", "prompt": "a straße kite"}, batch_id="b" * 32, row_number=1)
    assert ids(cloud, "model=google/veo3") == [boat]
    assert ids(cloud, "text=boat") == [boat]
    assert ids(cloud, "text=STRASSE") == [kite]
    assert ids(cloud, f"batch={'b' * 32}") == ids(cloud, "batch=bbbb") == [kite]
    assert ids(cloud, "batch=bbbc") == ids(cloud, "model=veo") == ids(cloud, "text=boat&model=veo2") == []
    assert ids(cloud, "text=boat", owner="bob") == []


def test_a_text_matches_words_in_any_order_in_the_prompt_the_name_and_the_tags(cloud: Cloud) -> None:
    request = {"model": "veo2", "prompt": "a small red fox"}
    fox = recorded(cloud, 1, request=request, name="Take 7", tags=["client=acme"])
    recorded(cloud, 2, request={"model": "veo2", "prompt": "a red tram"})
    for text in ("fox red", "RED  fo", "take fox", "acme red", "client=acme"):
        assert ids(cloud, f"text={text}") == [fox], text
    assert ids(cloud, "text=fox blue") == []
    assert ids(cloud, "text=foxtake") == []


def test_a_list_can_be_filtered_by_time_with_an_exclusive_end(cloud: Cloud) -> None:
    made = [recorded(cloud, n) for n in range(4)]
    assert ids(cloud, "created_after=2026-01-01T12:01:00Z&created_before=2026-01-01T12:03:00Z") == [made[2], made[1]]
    assert ids(cloud, "created_after=2026-01-01T12:02:00.0001Z") == [made[3]]
    assert ids(cloud, "created_before=2026-01-01T12:00:00.0001Z") == [made[0]]
    assert ids(cloud, "created_after=2026-01-01T14:03:00%2B02:00".replace("%2B", "+")) == [made[3]]
    assert ids(cloud, "created_after=2026-01-02T00:00:00Z&created_before=2026-01-01T00:00:00Z") == []
    assert len(ids(cloud, "created_after=0001-01-01T00:00:00Z&created_before=9999-12-31T23:59:59Z")) == 4


def test_a_list_can_begin_with_the_oldest_and_continues_from_there(cloud: Cloud) -> None:
    made = [recorded(cloud, n, request={"model": "veo2", "prompt": f"{n % 2}"}) for n in range(6)]
    query = "order=oldest&limit=2&text=1&created_after=2026-01-01T12:01:00Z"
    _, first = call(cloud, "GET", PATHS[0], query=query)
    assert [one["id"] for one in first["data"]] == [made[1], made[3]]
    assert ids(cloud, f"{query}&cursor={first['next_cursor']}") == [made[5]]
    assert ids(cloud, f"order=oldest&cursor={first['next_cursor']}&created_after=2026-01-01T12:05:00Z") == [made[5]]
    assert ids(cloud, f"order=oldest&cursor={first['next_cursor']}&created_before=2026-01-01T12:01:00Z") == []
    assert ids(cloud, "order=newest")[0] == made[5]


def test_a_filtered_list_continues_where_its_page_stopped(cloud: Cloud) -> None:
    made = [recorded(cloud, n, request={"model": "veo2", "prompt": f"{n % 2}"}) for n in range(6)]
    _, first = call(cloud, "GET", PATHS[0], query="text=1&limit=2&created_before=2026-01-01T12:06:00Z")
    query = f"text=1&created_before=2026-01-01T12:06:00Z&cursor={first['next_cursor']}"
    assert [one["id"] for one in first["data"]] + ids(cloud, query) == [made[5], made[3], made[1]]


@pytest.mark.parametrize(
    ("query", "seen"),
    [("created_after=2026-01-01T12:05:00Z", 0), ("created_before=2026-01-01T12:01:00Z", 1)],
)
def test_a_cursor_of_another_list_is_harmless(cloud: Cloud, query: str, seen: int) -> None:
    """DynamoDB rejects a start key outside the query's range."""
    for n in range(6):
        recorded(cloud, n)
    cursor = call(cloud, "GET", PATHS[0], query="limit=3")[1]["next_cursor"]
    assert len(ids(cloud, f"{query}&cursor={cursor}")) == seen


def test_a_unique_id_prefix_is_enough(cloud: Cloud) -> None:
    one = recorded(cloud, 0x1A2B)
    for beginning in (one[:1], one[:4], one[:31]):
        assert call(cloud, "GET", PATHS[0], query=f"generation_id={beginning}")[1]["id"] == one
    assert call(cloud, "GET", f"{PATHS[0]}/{one[:8]}/content")[0] == 409
    for unknown, owner in (("f", "ann"), ("ffff", "ann"), (one[:8], "bob")):
        assert call(cloud.caller(owner), "GET", PATHS[0], query=f"generation_id={unknown}")[0] == 404


def test_an_ambiguous_id_prefix_lists_the_matches(cloud: Cloud) -> None:
    cloud.ledger.add(generation("abcd" + "0" * 28))
    cloud.ledger.add(generation("abcd" + "1" * 28))
    cloud.ledger.add(generation("abcd" + "2" * 28, owner="bob"))
    status, error = call(cloud, "GET", PATHS[0], query="generation_id=abcd")
    listed = f"abcd{'0' * 28}, abcd{'1' * 28}."
    assert (status, error["message"]) == (
        400,
        f"Several of your generations begin with abcd. Send more digits: {listed}",
    )
    cloud.delete("abcd" + "1" * 28)  # its leftovers do not matter
    assert call(cloud, "GET", PATHS[0], query="generation_id=abcd")[1]["id"] == f"abcd{'0' * 28}"


def test_deleting_needs_the_whole_id(cloud: Cloud) -> None:
    one = recorded(cloud, 0x1A2B)
    status, error = call(cloud, "DELETE", PATHS[0], query=f"generation_id={one[:31]}")
    assert (status, "Send the whole id" in error["message"]) == (400, True)
    assert call(cloud, "GET", PATHS[0], query=f"generation_id={one}")[1]["status"] == "queued"


def test_a_queued_job_shows_how_many_of_the_owners_jobs_are_before_it(cloud: Cloud) -> None:
    waiting = SlotsTable(boto3.client("dynamodb"), "slots", "generations")
    seen = []
    for n in range(3):
        recorded(cloud, n)
        waiting.wait(Waiting.of(cloud.ledger.get(f"{n:04x}" * 8)))
        seen.append(call(cloud, "GET", PATHS[0], query=f"generation_id={f'{n:04x}' * 8}")[1]["meta"]["ahead"])
    assert seen == [0, 1, 2]
