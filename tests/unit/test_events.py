"""Test that published events match docs/events.md."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from core.generation import ArchivedVideo, Facts, Failure, Status
from core.publish import views as record
from core.stored import part
from tests.support.generations import START, generation

SCHEMAS = Path(record.__file__).parent / "events"


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))
    return loaded


@pytest.mark.parametrize("name", [file.stem for file in SCHEMAS.glob("*.json")])
def test_every_schema_is_valid_and_allows_its_example(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))
    for example in schema(name)["examples"]:
        Draft202012Validator(schema(name)).validate(example)


def test_announcements_match_the_schema() -> None:
    ended = generation("0" * 32, ended_at=START, credits_used=5)
    example = schema("generation_completed")["examples"][0]["video"]
    video = replace(part(ArchivedVideo, example), facts=Facts(1280, 720, 4000, 24_000, has_sound=True))
    assert video.as_dict() == example
    completed = replace(ended, status=Status.COMPLETED, video=video)
    failed = replace(ended, status=Status.ERROR, error=Failure("RequestRefused", "no"), request={})
    Draft202012Validator(schema("generation_completed")).validate(record.as_announcement(completed))
    Draft202012Validator(schema("generation_failed")).validate(record.as_announcement(failed))
