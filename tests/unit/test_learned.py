"""What is learned of how long generations take."""

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from core.learned import records
from core.learned.kinds import kind_of
from core.learned.records import POSITIONS, Learned
from core.learned.times import FEW, Times
from core.models import known
from tests.support.generations import generation

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def learned(dynamodb: "DynamoDBClient") -> Learned:
    return Learned(dynamodb, "slots")


def note(learned: Learned, *seconds: float, start: int = 0, **request: Any) -> None:
    """Generations of this request took so long."""
    for number, second in enumerate(seconds, start):
        made = generation(f"g{number}", request={"model": "veo2", "prompt": "a boat", **request})
        learned.note(made, second, None)


def charge(learned: Learned, credits_: int, request: dict[str, Any], owner: str = "ann") -> None:
    """Five generations of this request cost so much."""
    for number in range(FEW):
        learned.note(generation(f"{owner}{number}", request=request, owner=owner), None, credits_)


def items(pk: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = boto3.client("dynamodb").scan(TableName="slots")["Items"]
    return [item for item in found if item["pk"]["S"] == pk]


def test_what_was_noted_is_known(learned: Learned) -> None:
    note(learned, 40, 42.5, 44, 41, 43)
    assert learned.times_of({"model": "veo2"}, "ann") == Times((40, 41, 42.5, 43, 44))


def test_the_same_generation_counts_once_however_often_it_is_noted(learned: Learned) -> None:
    for seconds in (40, 40, 41):
        learned.note(generation("g1"), seconds, None)
    assert learned.times_of({"model": "veo2"}, "ann").seconds == (41,)


@pytest.mark.exhaustive
def test_a_kind_remembers_so_many_and_forgets_what_was_long_ago(learned: Learned) -> None:
    note(learned, *[40.0] * 150)
    note(learned, *[90.0] * 600, start=150)
    (item,) = items(records.KINDS)
    assert len(item) - 3 <= POSITIONS
    assert set(learned.times_of({"model": "veo2"}, "ann").seconds) == {90}
    assert sum(len(name) + len(str(value)) for name, value in item.items()) < 4096


def test_the_whole_models_times_stand_in_for_a_kind_of_which_little_is_known(learned: Learned) -> None:
    note(learned, *[40.0] * FEW, duration=5)
    note(learned, 80, duration=8, start=20)
    assert learned.times_of({"model": "veo2", "duration": 5}, "ann").seconds == (40,) * FEW
    assert learned.times_of({"model": "veo2", "duration": 8}, "ann").seconds == (*(40,) * FEW, 80)
    note(learned, *[80.0] * FEW, duration=8, start=50)
    assert learned.times_of({"model": "veo2", "duration": 8}, "ann").seconds == (80,) * (FEW + 1)


def test_another_model_stands_in_for_none_though_it_has_the_same_beginning(learned: Learned) -> None:
    note(learned, *[40.0] * FEW, model="google/veo-3.1-t2v")
    assert not learned.times_of({"model": "google/veo-3.1-t2v-fast"}, "ann")
    assert not learned.times_of({"model": "google/veo-3.1"}, "ann")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("x" * 5000, id="long text"),
        {"a": []},
        [1] * 3000,
        None,
        pytest.param("a b\nc", id="spaces"),
        -1e300,
    ],
)
def test_parameters_of_any_kind_make_one_small_key(learned: Learned, value: Any) -> None:
    for _ in range(2):
        note(learned, *[40.0] * FEW, duration=value, model="m" * 3000)
    assert len(learned.times_of({"model": "m" * 3000, "duration": value}, "ann").seconds) == FEW
    assert len(items(records.KINDS)) == len(items(records.TIMES)) == 1


def test_the_models_are_shown_with_all_that_is_known_of_each(learned: Learned) -> None:
    note(learned, *range(1, 11), duration=5)
    note(learned, 100, duration=8, start=20)
    note(learned, 7.04, model="google/veo3")
    assert {model: known.shown() for model, known in learned.of_models().items()} == {
        "veo2": {"median_seconds": 6, "slowest_tenth_seconds": 10, "jobs": 11},
        "google/veo3": {"median_seconds": 7.0, "slowest_tenth_seconds": 7.0, "jobs": 1},
    }
    assert Times().shown() is None


@pytest.mark.parametrize(
    "error",
    [ClientError({"Error": {"Code": "InternalServerError"}}, "Query"), EndpointConnectionError(endpoint_url="")],
)
def test_a_table_that_fails_holds_nobody_up(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def query(self, **_: object) -> None:
            raise error

        update_item = get_item = query

    learned = Learned(Broken(), "slots")  # type: ignore[arg-type]
    learned.note(generation(), 40, None)
    assert not learned.times_of({"model": "veo2"}, "ann")
    assert learned.of_models() == {}
    assert len(caplog.records) == 4


@pytest.mark.exhaustive
def test_a_write_is_one_unit(learned: Learned) -> None:
    """DynamoDB counts a name's bytes, and of a number a byte for two digits and one more; 1 KiB is a unit."""
    note(learned, *[1799.999] * 1000, model="google/veo-3.1-first-last-image-to-video", duration=8, resolution="1080p")
    for (item,) in (items(records.TIMES), items(records.KINDS)):
        sizes = [
            len(name) + (len(value["S"]) if "S" in value else len(value["N"]) // 2 + 2) for name, value in item.items()
        ]
        assert len(item) == POSITIONS + 3
        assert sum(sizes) < 1024


def changed(schema: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of values of a parameter that may differ in their cost, as its schema describes them."""
    if "enum" in schema:
        options = [one for one in schema["enum"] if one is not None]
        yield from ((options[0], one) for one in options[1:] if str(one).lower() != str(options[0]).lower())
    kinds = {schema.get("type")} if isinstance(schema.get("type"), str) else set(schema.get("type") or ())
    if "enum" not in schema and kinds & {"integer", "number"}:
        yield from ((17, 961), (0.5, 0.25), (1, 2))
    if kinds & {"boolean"}:
        yield True, False
    if kinds & {"array"}:
        yield from (([one], [other]) for one, other in changed(schema.get("items") or {}))
        yield ["a"], ["a", "a"]
    for name, inner in (schema.get("properties") or {}).items():
        if name not in ("prompt", "negative_prompt", "seed"):
            yield from (({name: one}, {name: other}) for one, other in changed(inner))
    for inner in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from changed(inner)


def test_every_parameter_of_the_catalogue_that_bears_cost_is_in_the_kind() -> None:
    """The catalogue does not say which ones do, so all do but texts, seeds and addresses."""
    pairs = 0
    for model in known().values():
        for name, schema in (model.schema or {}).get("properties", {}).items():
            if name in ("model", "prompt", "negative_prompt", "seed"):
                continue
            for one, other in changed(schema):
                pairs += 1
                kinds = {kind_of({name: value}, "ann") for value in (one, other)}
                assert len(kinds) == 2, f"{model.name}: {name} is {one} or {other}"
            assert kind_of({name: True}, "ann") != kind_of({}, "ann")
    assert pairs > 1000


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "another boat"},
        {"negative_prompt": "no"},
        {"seed": 7},
        {"duration": 5.0},
        {"resolution": "720P"},
        {"shots": [{"prompt": "b", "duration": 5}]},
    ],
)
def test_texts_seeds_and_spellings_are_not_in_the_kind(changes: dict[str, Any]) -> None:
    request = {"prompt": "a boat", "negative_prompt": "rain", "seed": 1, "duration": 5, "resolution": "720p"}
    request["shots"] = [{"prompt": "a", "duration": 5}]
    assert kind_of(request, "ann") == kind_of({**request, **changes}, "bob")


def test_dear_requests_do_not_make_cheap_ones_dear_nor_cheap_ones_dear_ones_cheap(learned: Learned) -> None:
    cheap = {"model": "ltx", "prompt": "a boat", "num_frames": 17}
    dear = {**cheap, "num_frames": 961}
    charge(learned, 100_000, cheap)
    assert learned.costs_of(dear, "ann") == []
    charge(learned, 6_000_000, dear)
    assert set(learned.costs_of(cheap, "ann")) == {100_000}
    assert set(learned.costs_of(dear, "bob")) == {6_000_000}


@pytest.mark.parametrize("media", ["https://x/y.mp4", "upload:a1", "generation:a1", "data:x", "s3://x/y"])
@pytest.mark.parametrize(
    "form", [lambda one: one, lambda one: [one], lambda one: [{"video": one}]], ids=["value", "list", "object"]
)
def test_the_cost_of_requests_with_media_is_known_only_from_the_same_owner(
    learned: Learned, media: str, form: Any
) -> None:
    """A video as input may last a second or an hour."""
    request = {"model": "extend", "prompt": "a boat", "inputs": form(media)}
    charge(learned, 6_000_000, request)
    assert learned.costs_of(request, "bob") == []
    assert set(learned.costs_of(request, "ann")) == {6_000_000}
    charge(learned, 100_000, request, "bob")
    assert set(learned.costs_of(request, "bob")) == {100_000}


def test_a_kind_is_found_among_any_number_of_others(learned: Learned) -> None:
    for number in range(60):
        note(learned, *[40.0] * FEW, num_frames=number)
    note(learned, *[90.0] * FEW, num_frames=961)
    assert learned.times_of({"model": "veo2", "num_frames": 961}, "ann").seconds == (90,) * FEW


def test_a_kind_that_is_not_used_expires(learned: Learned) -> None:
    note(learned, 40)
    for (item,) in (items(records.TIMES), items(records.KINDS)):
        assert 0 < int(item["expires_at"]["N"]) - time.time() <= records.KEPT_SECONDS


def test_a_cost_of_zero_is_not_learned(learned: Learned) -> None:
    for number in range(3 * FEW):
        learned.note(generation(f"g{number}"), None, 0)
    assert learned.costs_of(generation().request, "ann") == [], "an estimate of 0 would hold nothing"
    for number in range(3 * FEW):
        learned.note(generation(f"g{number}"), 40, 7)
        learned.note(generation(f"g{number}"), 40, 0)
    assert set(learned.costs_of(generation().request, "ann")) == {7}
