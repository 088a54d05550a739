"""Track money over HTTP, in files and in batches: estimated before, reported after, and never above a budget."""

import json
from typing import Any

import boto3
import pytest

from core.api.key_uses import KeyUses
from core.api.models import Figures, answer
from core.errors import BudgetExceeded
from core.generation import Status, iso
from core.models import Model, known, offered
from core.money.budgets import ALL, Budgets, Limits, scope_of
from core.records.table import write
from tests.support.events import event
from tests.support.functions import PATHS, Cloud, Doors, call
from tests.support.money import USD
from tests.support.revisions import reported, staged
from tests.support.states import caught
from wiring import now

BODY = {"model": "veo2", "prompt": "a boat"}  # 5 s at the simulator's 0.5 USD a second


@pytest.fixture(autouse=True)
def prices(cloud: Cloud) -> None:
    """Return the prices that the first sweep finds at the provider."""
    cloud.invoke("sweep", {})


def uses() -> dict[str, str]:
    return KeyUses(boto3.client("dynamodb"), "money", now).latest()


def budgets() -> Budgets:
    return Budgets(boto3.client("dynamodb"), "money", Limits(), now)


def told(cloud: Cloud) -> list[dict[str, Any]]:
    """Return what was announced since the last call."""
    return [json.loads(one["Message"]) for one in cloud.messages()]


def create(cloud: Cloud, **more: Any) -> tuple[int, dict[str, Any]]:
    return call(cloud, "POST", PATHS[0], body={**BODY, **more})


def test_a_request_shows_its_estimated_and_then_its_actual_cost(cloud: Cloud) -> None:
    _, estimate = call(cloud, "POST", "/v2/estimates", body=BODY)
    assert (estimate["usd"], estimate["at_most_usd"], estimate["basis"], estimate["refused"]) == (
        2.5,
        2.5,
        "price",
        None,
    )
    _, made = create(cloud)
    assert made["meta"]["cost"] == {"estimated_usd": 2.5, "basis": "price", "actual_usd": None}
    cloud.run({"generation_id": made["id"]}, "submit", "check_status", "finalize")
    _, ended = call(cloud, "GET", PATHS[0], query=f"generation_id={made['id']}")
    assert ended["meta"]["cost"] == {"estimated_usd": 2.5, "basis": "price", "actual_usd": 2.5}
    [announced] = told(cloud)
    assert announced["cost"] == ended["meta"]["cost"]
    record = json.loads(
        boto3.client("s3").get_object(Bucket="videos", Key=f"videos/{made['id']}/generation.json")["Body"].read()
    )
    assert record["cost"]["estimated"] == 2.5 * USD

    _, usage = call(cloud, "GET", "/v2/usage", query="by=model")
    today = f"{now():%Y-%m-%d}"
    assert usage["data"] == [{"day": today, "model": "veo2", "completed": 1, "failed": 0, "usd": 2.5, "errors": {}}]
    assert usage["total"] == {"completed": 1, "failed": 0, "usd": 2.5, "errors": {}}
    _, days = call(cloud, "GET", "/v2/usage")
    assert days["data"] == [{"day": today, "completed": 1, "failed": 0, "usd": 2.5, "errors": {}}]
    _, others = call(cloud.caller("bob"), "GET", "/v2/usage")
    assert (others["data"], others["total"]["usd"]) == ([], 0)


def test_models_are_listed_with_the_price_of_their_default_settings(cloud: Cloud) -> None:
    listed = {one["id"]: one for one in call(cloud, "GET", "/v2/models", query="limit=100&vendor=google")[1]["data"]}
    listed |= {"veo2": call(cloud, "GET", "/v2/models", query="id=veo2")[1]}
    assert listed["veo2"]["default_usd"] == call(cloud, "POST", "/v2/estimates", body=BODY)[1]["usd"] == 2.5
    assert (listed["veo2"]["media"], listed["google/veo-3.1-i2v"]["media"]) == ([], ["image"])
    assert listed["google/veo3-1-extend-video"]["media"] == ["video"]


@pytest.mark.parametrize(
    ("settings", "price"),
    [
        ({"duration": 8}, 4.0),
        ({"duration": "8"}, 4.0),
        ({"duration": 60}, 2.5),
        ({"duration": [8]}, None),
        ({"resolution": "8K", "speed": True}, 2.5),
        ({"model": "sora-2"}, 2.5),
        ({str(number): 1 for number in range(21)}, None),
        ("{", None),
        ("[8]", None),
        ('{"duration": NaN}', None),
    ],
)
def test_models_are_priced_for_the_settings_that_they_have_and_allow(
    cloud: Cloud, settings: dict[str, Any] | str, price: float | None
) -> None:
    text = settings if isinstance(settings, str) else json.dumps(settings)
    status, answer_ = call(cloud, "GET", "/v2/models", query=f"id=veo2&settings={text}")
    if price is None:
        assert (status, answer_["message"][:32]) == (400, "`settings` must be a JSON object")
    else:
        assert answer_["default_usd"] == price


@pytest.mark.parametrize(
    ("unit", "price"),
    [("second", 0.4), ("video", 0.08), ("frame", None), ("token", None)],
)
def test_a_default_price_is_shown_only_if_it_is_exact(unit: str, price: float | None) -> None:
    """The model's default duration is five seconds."""
    pricing = {"kind": "fixed", "currency": "USD", "units": [{"name": unit, "price": 0.08}]}
    assert default_usd("veo2", pricing) == price


def test_a_price_that_depends_on_a_setting_without_a_default_is_not_shown() -> None:
    pricing = {"kind": "fixed", "units": [{"name": "second", "price": 0.08}]}
    without = next(one for one in known().values() if "default" not in of_duration(one))
    assert default_usd(without.name, pricing) is None
    assert default_usd("veo2", {"kind": "unknown"}) is None


def of_duration(model: Model) -> Any:
    return ((model.schema or {}).get("properties") or {}).get("duration", {"default": 1})


def default_usd(name: str, pricing: dict[str, Any]) -> float | None:
    found: float | None = answer(offered(), Figures({}, {name: pricing}), {"id": name})["default_usd"]
    return found


def test_a_request_over_budget_gets_the_providers_error_for_missing_credits(cloud: Cloud) -> None:
    budgets().set(scope_of("ann"), {"day": 3 * USD})
    assert create(cloud)[0] == 200
    status, refused = create(cloud)
    assert status == 403
    assert "3.00 USD a day of owner ann" in refused["message"]
    assert "renews at" in refused["message"]
    _, estimate = call(cloud, "POST", "/v2/estimates", body=BODY)
    assert estimate["refused"] == refused["message"]
    _, found = call(cloud, "GET", "/v2/budgets")
    [line] = found["data"]
    assert (line["scope"], line["period"], line["limit_usd"], line["used_usd"], line["left_usd"]) == (
        "owner/ann",
        "day",
        3,
        2.5,
        0.5,
    )
    assert call(cloud.caller("bob"), "GET", "/v2/budgets")[1]["data"] == []


def test_a_key_has_a_separate_budget(cloud: Cloud) -> None:
    budgets().set(scope_of(key_line="b7c1d2e3"), {"day": 3 * USD})
    body = call(cloud.caller(key_id="b7c1d2e3"), "POST", PATHS[0], body=BODY)
    assert body[0] == 200
    status, refused = call(cloud.caller(key_id="b7c1d2e3"), "POST", PATHS[0], body=BODY)
    assert (status, "key b7c1d2e3" in refused["message"]) == (403, True)
    assert call(cloud.caller(key_id="other"), "POST", PATHS[0], body=BODY)[0] == 200


def test_an_owner_sees_what_each_key_has_cost(doors: Doors) -> None:
    cloud = doors.cloud
    for key_id in ("k1", "k1", "k2", None):
        status, made = call(cloud.caller(key_id=key_id), "POST", PATHS[0], body=BODY)
        assert status == 200
        cloud.run({"generation_id": made["id"]}, "admit", "submit", "check_status", "finalize")
    assert call(cloud.caller("bob", key_id="k3"), "POST", PATHS[0], body=BODY)[0] == 200
    _, usage = call(cloud, "GET", "/v2/usage", query="by=key")
    assert [(one["key"], one["completed"], one["usd"]) for one in usage["data"]] == [
        (None, 1, 2.5),
        ("k1", 2, 5),
        ("k2", 1, 2.5),
    ]
    assert usage["total"] == call(cloud, "GET", "/v2/usage")[1]["total"]
    _, own = call(cloud.caller(key_id="k2", scope="read"), "GET", "/v2/usage", query="by=key")
    assert [(one["key"], own["total"]["usd"]) for one in own["data"]] == [("k2", 2.5)]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("by=prompt", "by"),
        ("from=yesterday", "from"),
    ],
)
def test_an_invalid_usage_query_is_rejected_with_a_reason(cloud: Cloud, query: str, named: str) -> None:
    status, refused = call(cloud, "GET", "/v2/usage", query=query)
    assert (status, f"`{named}`" in refused["message"]) == (400, True)


@pytest.mark.parametrize("query", ["from=0242-11-11&to=0049-02-11", "from=9999-12-31", "from=0001-01-01&to=0001-01-01"])
@pytest.mark.parametrize("by", ["day", "model", "tag", "key", "batch"])
def test_days_without_jobs_have_no_totals(cloud: Cloud, query: str, by: str) -> None:
    status, usage = call(cloud, "GET", "/v2/usage", query=f"{query}&by={by}")
    assert (status, usage["data"]) == (200, [])


def test_a_cancelled_unsent_request_releases_its_budget(cloud: Cloud) -> None:
    budgets().set(ALL, {"day": 3 * USD})
    _, made = create(cloud)
    assert create(cloud)[0] == 403
    call(cloud, "DELETE", PATHS[0], query=f"generation_id={made['id']}")
    cloud.run({"generation_id": made["id"], **caught("Cancelled", "by its owner")}, "record_failure")
    assert create(cloud)[0] == 200


def test_a_file_over_budget_is_announced_as_a_failure(cloud: Cloud, doors: Doors) -> None:
    budgets().set(ALL, {"day": 1 * USD})
    assert doors.take(doors.drop("one.json", json.dumps(BODY))) == []
    [refused] = doors.of("files")
    assert refused.error is not None
    assert refused.error.name == "BudgetExceeded"
    assert [message["error"]["name"] for message in told(cloud)] == ["BudgetExceeded"]
    budgets().set(ALL, {"day": None})
    assert doors.take(doors.drop("one.json", json.dumps(BODY))) == []
    assert sorted(one.status for one in doors.of("files")) == [Status.ERROR, Status.QUEUED]


def test_a_batch_runs_what_the_budget_allows_and_continues_when_dropped_again(cloud: Cloud, doors: Doors) -> None:
    budgets().set(ALL, {"day": 5 * USD})
    body = "".join(f'{{"prompt": "boat {number}"}}\n' for number in range(3))
    doors.take(doors.drop("boats.jsonl", body))
    [started] = doors.executions("BATCH_STATE_MACHINE_ARN")
    accepted = _accept(cloud, started["input"])
    assert [one["ended"] for one in accepted] == [False, False, True]
    assert len(doors.of("files")) == 2
    for one in accepted[:2]:
        cloud.run(one, "submit", "check_status", "finalize", execution=one["execution"])
    assert cloud.invoke("report_batch", started["input"]) == {"is_complete": False, "has_stopped": False}
    rows = reported(started["input"])
    assert [(row["status"], row["usd"]) for row in rows] == [
        ("completed", 2.5),
        ("completed", 2.5),
        ("not started", None),
    ]
    assert "5.00 USD a day of this deployment" in rows[2]["error"]
    announced = [one for one in told(cloud) if "totals" in one]
    assert (announced[0]["usd"], "5.00 USD a day" in announced[0]["held_back"]) == (5, True)

    budgets().set(ALL, {"day": 10 * USD})
    doors.take(doors.drop("boats.jsonl", body))
    again = doors.executions("BATCH_STATE_MACHINE_ARN")[-1]
    assert [one["ended"] for one in _accept(cloud, again["input"])] == [True, True, False]
    _, shown = call(cloud.caller("files"), "GET", "/v2/batches", query=f"batch_id={started['input']['batch_id']}")
    assert shown["held_back"] is None


def test_queued_jobs_are_not_sent_once_the_budget_is_exceeded(cloud: Cloud) -> None:
    """The stored price is a fifth of what the provider charges now."""
    pricing = {"kind": "fixed", "currency": "USD", "units": [{"name": "second", "price": 0.1}]}
    price = {"pk": "price", "sk": "veo2", "pricing": json.dumps(pricing), "read_at": iso(now())}
    boto3.client("dynamodb").put_item(TableName="money", Item=write(price))
    budgets().set(ALL, {"day": 1 * USD})
    first, second = (create(cloud)[1]["id"] for _ in range(2))
    cloud.run({"generation_id": first}, "submit", "check_status", "finalize")
    with pytest.raises(
        BudgetExceeded, match=r"1\.00 USD a day of this deployment no longer has room .* 3\.00 USD are spent"
    ):
        cloud.run({"generation_id": second}, "submit")
    assert cloud.simulator.counts().creates == 1


def _accept(cloud: Cloud, batch: dict[str, Any]) -> list[dict[str, Any]]:
    """Accept every row, as the Map does."""
    return [cloud.invoke("accept_row", row) for row in staged(batch)]


def test_checking_a_batch_estimates_its_cost(cloud: Cloud, doors: Doors) -> None:  # noqa: ARG001 - its bucket
    body = '{"prompt": "a"}\n{"prompt": "b", "duration": 8}\n{"prompt": "c", "duration": 99}\n'
    _, check = call(cloud, "POST", "/v2/batches", query="name=a.jsonl&dry_run=true", body=body)
    assert (check["estimated_usd"], check["at_most_usd"], check["problem_rows"]) == (6.5, 6.5, 1)


def test_the_check_of_a_batch_counts_rows_of_unknown_cost(cloud: Cloud, doors: Doors) -> None:  # noqa: ARG001
    """Otherwise the reserve looks like a price, as on a new deployment, which does not know the prices yet."""
    body = '{"prompt": "a"}\n{"prompt": "b"}\n{"prompt": "c", "duration": 99}\n'
    checked = {"query": "name=a.jsonl&dry_run=true", "body": body}
    assert call(cloud, "POST", "/v2/batches", **checked)[1]["unpriced"] == 0
    dynamodb = boto3.client("dynamodb")
    for one in dynamodb.scan(TableName="money")["Items"]:
        if one["pk"]["S"] == "price":
            dynamodb.delete_item(TableName="money", Key={"pk": one["pk"], "sk": one["sk"]})
    _, check = call(cloud, "POST", "/v2/batches", **checked)
    assert (check["estimated_usd"], check["unpriced"]) == (10, 2)


def test_jobs_wait_for_credits_without_a_slot_and_one_of_them_tries(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [create(cloud)[1]["id"] for _ in range(3)]
    cloud.simulator.script("a boat", create=[{"status": 403}])
    for one in ids[:2]:
        cloud.run({"generation_id": one}, "admit")
    first, second = (cloud.run({"generation_id": one}, "submit") for one in ids[:2])
    assert [first["status"], second["status"]] == ["held_back", "held_back"]
    assert len([one for one in cloud.simulator.calls() if one.method == "POST"]) == 1, "the second is not sent"
    assert cloud.holders == []
    for one in ids:
        cloud.run({"generation_id": one}, "admit")
    assert cloud.holders == []
    assert cloud.run({"generation_id": ids[0]}, "submit")["status"] == "held_back", "a repeated invocation"
    shown = call(cloud, "GET", PATHS[0], query=f"generation_id={ids[0]}")[1]
    assert (shown["status"], shown["meta"]["waits_for_credits"]) == ("queued", True)
    assert call(cloud, "GET", "/v2/slots")[1]["waiting"] == 3
    capsys.readouterr()
    cloud.invoke("sweep", {})
    said = capsys.readouterr().out
    assert '"ProviderOutOfCredits"' in said
    assert '"held_back":3' in said.replace(" ", "")

    boto3.client("dynamodb").update_item(
        TableName="slots",
        Key={"pk": {"S": "shortage"}, "sk": {"S": "veo2"}},
        UpdateExpression="SET try_at = :past",
        ExpressionAttributeValues={":past": {"S": "2020-01-01T00:00:00.000Z"}},
    )
    cloud.invoke("sweep", {})
    [tried] = cloud.holders
    assert tried != ids[0], "those that were not rejected come first"
    assert cloud.run({"generation_id": tried}, "submit")["status"] == "generating", "the try is the job itself"
    assert len(cloud.holders) == 2, "another one follows at once, up to the limit"
    shown = call(cloud, "GET", PATHS[0], query=f"generation_id={ids[0]}")[1]
    assert shown["meta"]["waits_for_credits"] is None
    capsys.readouterr()
    cloud.invoke("sweep", {})
    assert '"ProviderOutOfCredits"' not in capsys.readouterr().out


def test_a_budgets_alarm_metric_starts_at_80_percent(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    budgets().set(ALL, {"day": 4 * USD})
    create(cloud)
    capsys.readouterr()
    cloud.invoke("sweep", {})
    assert '"BudgetShare"' not in capsys.readouterr().out
    create(cloud, duration=8)
    cloud.invoke("sweep", {})
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "BudgetShare" in line]
    assert [one["BudgetShare"] for one in told] == [[100.0]]


def test_a_spent_key_budget_does_not_hide_the_deployments(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    budgets().set(scope_of(key_line="b7c1d2e3"), {"day": 0})
    cloud.invoke("sweep", {})
    assert "BudgetShare" not in capsys.readouterr().out, "it accepted nothing"
    assert call(cloud.caller(key_id="b7c1d2e3"), "POST", PATHS[0], body=BODY)[0] == 403
    cloud.invoke("sweep", {})
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "OwnersBudgetShare" in line]
    assert [one["OwnersBudgetShare"] for one in told] == [[100.0]]
    budgets().set(ALL, {"day": 3 * USD})
    create(cloud)
    cloud.invoke("sweep", {})
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"BudgetShare"' in line]
    assert [round(one["BudgetShare"][0]) for one in told] == [83]


def test_the_use_of_a_key_is_noted_once_an_hour(cloud: Cloud) -> None:
    assert uses() == {}
    call(cloud.caller(key_id="b7c1d2e3"), "GET", "/v2/models", query="limit=1")
    noted = uses()
    assert noted["b7c1d2e3"][:13] == f"{now():%Y-%m-%dT%H}"
    assert list(budgets().every()) == [], "the use of a key is not counted in a budget"
    cloud.invoke("api", {**_event("b7c1d2e3")}, warm=True)
    assert uses() == noted
    call(cloud.caller("", key_id="c7c1d2e3"), "GET", "/v2/models", query="limit=1")
    assert uses() == noted, "nothing is noted for an unknown key"


def _event(key_id: str) -> dict[str, Any]:
    asked = event("http_api")
    asked["rawPath"] = "/v2/budgets"
    asked["requestContext"]["http"]["method"] = "GET"
    asked["requestContext"]["authorizer"]["lambda"]["key_id"] = key_id
    return asked
