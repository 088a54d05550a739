"""A record that a later release has written can be read: a deployment may be half done, or undone."""

from dataclasses import asdict
from typing import Any

import pytest

from core.batches.staged_row import StagedRow
from core.generation import Cost, Failure, Generation, Given, Webhook
from core.hold import Counted, Hold
from core.links.record import Link, Links
from core.records.items import as_generation, as_item
from core.stored import part
from tests.support.generations import archived, generation

LATER = "of_a_later_release"
RECORD = generation(
    "0" * 32,
    error=Failure("RequestRefused", "no"),
    video=archived("0" * 32),
    webhook=Webhook("https://example.com", ["failed"]),
    given=[Given("upload:1")],
    cost=Cost(1, 2, "price"),
    hold=Hold(["all"], 1, {"all": {"2026-01": 1}}, Counted("2026-01-01", 0, 1, 1, "RequestRefused", [])),
    links=Links(links=(Link(0), Link(1))),
)
PARTS: list[tuple[Any, ...]] = [
    (),
    *(("source",), ("error",), ("video",), ("webhook",), ("cost",), ("hold",), ("links",)),
    *(("given", 0), ("hold", "counted"), ("links", "links", 1)),
]


@pytest.mark.parametrize("path", PARTS, ids=lambda path: ".".join(map(str, path)) or "record")
def test_a_field_of_a_later_release_is_ignored(path: tuple[Any, ...]) -> None:
    item = as_item(asdict(RECORD))
    found: Any = item
    for name in path:
        found = found[name]
    found[LATER] = "x"
    assert as_generation(item) == RECORD


def test_every_part_of_a_record_is_tried() -> None:
    of_classes = {name for name, value in vars(RECORD).items() if hasattr(value, "__dataclass_fields__")}
    tried = {path[0] for path in PARTS if path}
    assert tried == of_classes | {"given"} <= Generation.__annotations__.keys()


def test_a_staged_row_with_a_field_of_a_later_release_is_read() -> None:
    line: dict[str, Any] = {"batch_id": "b", "row": 1, "generation_id": "g", "owner": "ann", "source_ref": "s3://p/a"}
    later = {**line, LATER: 1, "webhook": {"url": "https://example.com", "events": [], LATER: 1}}
    assert StagedRow.from_line(later).label.webhook == Webhook("https://example.com", [])


def test_a_missing_field_is_not_made_up() -> None:
    with pytest.raises(TypeError, match="message"):
        part(Failure, {"name": "RequestRefused", LATER: 1})
