"""Test that the picture of the state machine shows what the definition says."""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DEFINITION = json.loads((ROOT / "statemachine" / "video_generation.asl.json").read_text("utf-8"))


@pytest.fixture
def generator() -> Any:
    found = importlib.util.spec_from_file_location("generate_statemachine", ROOT / "docs" / "generate_statemachine.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_every_state_and_every_way_out_of_it_is_drawn(generator: Any) -> None:
    drawn = generator.picture(DEFINITION)
    states = {name: state for name, state in DEFINITION["States"].items() if state["Type"] != "Choice"}
    assert drawn.places.keys() == states.keys()
    assert len({*drawn.places.values()}) == len(states), "no state covers another one"
    assert [name for name, place in sorted(drawn.places.items(), key=lambda one: one[1]) if place[1] == 0] == [
        *("Admit", "Submit", "Wait", "CheckStatus", "Finalize"),
    ]
    picture = generator.document()
    shown = {*re.findall(r"<text[^>]*>([^<]+)</text>", picture)}
    assert shown >= {*states, "any error", "SubmissionUnknown", "held_back", "archiving"}


def test_a_state_outside_of_the_picture_stops_it(generator: Any, tmp_path: Path) -> None:
    changed = json.loads(json.dumps(DEFINITION))
    states = changed["States"]
    states["Review"] = {**states["CheckStatus"], "Next": "Finalize"}
    states["IsFinished?"]["Choices"][0]["Next"] = "Review"
    generator.DEFINITION = tmp_path / "changed.asl.json"
    generator.DEFINITION.write_text(json.dumps(changed))
    with pytest.raises(ValueError, match="Finalize would be outside of the picture: raise WIDTH"):
        generator.document()


def test_a_state_whose_errors_nobody_catches_stops_the_picture(generator: Any, tmp_path: Path) -> None:
    changed = json.loads(json.dumps(DEFINITION))
    del changed["States"]["CheckStatus"]["Catch"]
    generator.DEFINITION = tmp_path / "changed.asl.json"
    generator.DEFINITION.write_text(json.dumps(changed))
    with pytest.raises(ValueError, match="CheckStatus does not catch"):
        generator.document()
