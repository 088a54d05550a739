"""What is learned of how long generations take."""

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from core.learned import records
from core.learned.records import POSITIONS, Learned
from core.learned.times import FEW, Times
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


def items() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = boto3.client("dynamodb").scan(TableName="slots")["Items"]
    return found


def test_what_was_noted_is_known(learned: Learned) -> None:
    note(learned, 40, 42.5, 44, 41, 43)
    assert learned.times_of({"model": "veo2"}) == Times((40, 41, 42.5, 43, 44))


def test_the_same_generation_counts_once_however_often_it_is_noted(learned: Learned) -> None:
    for seconds in (40, 40, 41):
        learned.note(generation("g1"), seconds, None)
    assert learned.times_of({"model": "veo2"}).seconds == (41,)


@pytest.mark.exhaustive
def test_a_kind_remembers_so_many_and_forgets_what_was_long_ago(learned: Learned) -> None:
    note(learned, *[40.0] * 150)
    note(learned, *[90.0] * 600, start=150)
    (item,) = items()
    assert len(item) - 2 <= POSITIONS
    assert set(learned.times_of({"model": "veo2"}).seconds) == {90}
    assert sum(len(name) + len(str(value)) for name, value in item.items()) < 4096


def test_other_parameters_are_another_kind_and_stand_in_for_one_of_which_little_is_known(
    learned: Learned,
) -> None:
    note(learned, *[40.0] * FEW, duration=5)
    note(learned, 80, duration=8)
    assert learned.times_of({"model": "veo2", "duration": 5}).seconds == (40,) * FEW
    assert learned.times_of({"model": "veo2", "duration": 8}).seconds == (*(40,) * FEW, 80)
    note(learned, *[80.0] * FEW, duration=8, start=50)
    assert learned.times_of({"model": "veo2", "duration": 8}).seconds == (80,) * (FEW + 1)


def test_another_model_stands_in_for_none_though_it_has_the_same_beginning(learned: Learned) -> None:
    note(learned, *[40.0] * FEW, model="google/veo-3.1-t2v")
    assert not learned.times_of({"model": "google/veo-3.1-t2v-fast"})
    assert not learned.times_of({"model": "google/veo-3.1"})


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
    assert len(learned.times_of({"model": "m" * 3000, "duration": value}).seconds) == FEW
    assert len(items()) == 1


def test_the_models_are_shown_with_all_that_is_known_of_each(learned: Learned) -> None:
    note(learned, *range(1, 11), duration=5)
    note(learned, 100, duration=8)
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

        update_item = query

    learned = Learned(Broken(), "slots")  # type: ignore[arg-type]
    learned.note(generation(), 40, None)
    assert not learned.times_of({"model": "veo2"})
    assert learned.of_models() == {}
    assert len(caplog.records) == 3


@pytest.mark.exhaustive
def test_a_write_is_one_unit(learned: Learned) -> None:
    """DynamoDB counts a name's bytes, and of a number a byte for two digits and one more; 1 KiB is a unit."""
    note(learned, *[1799.999] * 1000, model="google/veo-3.1-first-last-image-to-video", duration=8, resolution="1080p")
    (item,) = items()
    sizes = [
        len(name) + (len(value["S"]) if "S" in value else len(value["N"]) // 2 + 2) for name, value in item.items()
    ]
    assert len(item) == POSITIONS + 2
    assert sum(sizes) < 1024
    assert records.TIMES in {value["S"] for value in item.values() if "S" in value}


def test_a_cost_of_zero_is_not_learned(learned: Learned) -> None:
    for number in range(3 * FEW):
        learned.note(generation(f"g{number}"), None, 0)
    assert learned.costs_of({"model": "veo2"}) == [], "an estimate of 0 would hold nothing"
    for number in range(3 * FEW):
        learned.note(generation(f"g{number}"), 40, 7)
        learned.note(generation(f"g{number}"), 40, 0)
    assert set(learned.costs_of({"model": "veo2"})) == {7}
