"""Test that the catalogue is written reproducibly from the provider's reference, even if parts of that are broken."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from catalogue import build, reference
from catalogue.build import write
from catalogue.corrections import Stale
from catalogue.house import NOT_BLANK, URL, Unreadable
from core import models

URI = {"type": "string", "format": "uri"}
PROMPT = {"type": "string", "description": "What to\n  show."}
VENDORS = '[acme]\nbegins = ["acme/", "old/"]\nhosts = ["*.acme.example"]\n[acmeplus]\nbegins = ["acme/plus-"]\n'
LINK = "https://example.com/a.png"


class Reference:
    """A made-up checkout with files of corrections."""

    def __init__(self, folder: Path) -> None:
        self.source, self.target, self.here = folder / "source", folder / "models", folder / "here"
        self.here.mkdir()
        (self.here / "vendors.toml").write_text(VENDORS)
        self.correct("")

    def correct(self, text: str) -> None:
        (self.here / "corrections.toml").write_text(text)

    def file(self, name: str, text: str) -> None:
        path = self.source / reference.FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def model(
        self,
        name: str,
        file: str,
        *,
        required: tuple[str, ...] = ("prompt",),
        path: str = reference.PATH,
        example: dict[str, Any] | None = None,
        **properties: Any,
    ) -> None:
        """An OpenAPI file with one model, and a cURL example."""
        schema = {
            "type": "object",
            "title": name,
            "required": ["model", *required],
            "properties": {"model": {"type": "string", "enum": [name]}, "prompt": PROMPT, **properties},
        }
        data = json.dumps(example or {"model": name, "prompt": "It's a boat."}).replace("'", "\\'")
        operation = {
            "requestBody": {"content": {"application/json": {"schema": schema}}},
            "x-codeSamples": [{"lang": "cURL", "source": f"curl --url 'https://x' \\\n  --data '{data}'"}],
        }
        self.file(file, json.dumps({"openapi": "3.0.0", "paths": {path: {"post": operation}}}))

    def page(self, name: str, file: str, *lines: str, example: dict[str, Any] | None = None) -> None:
        link = f"[OpenAPI](https://raw.example.com/docs/api-references/video-models/{file})"
        code = f"```python\ndata = {example!r}\n```" if example else "```python\nthis is no Python\n```"
        self.file(name, "\n\n".join([*lines, link, code]))

    def write(self) -> dict[str, dict[str, Any]]:
        """Write the catalogue and return its entries by name."""
        self.problems = write(self.source, self.target, self.here)
        entries = [json.loads(file.read_text("utf-8")) for file in (self.target / "catalogue").iterdir()]
        index = json.loads((self.target / "index.json").read_text("utf-8"))
        assert index == {one["name"]: {key: one[key] for key in ("vendor", "kind", "title")} for one in entries}
        return {entry["name"]: entry for entry in entries}

    def files(self) -> dict[str, bytes]:
        return {str(file): file.read_bytes() for file in sorted(self.target.rglob("*.json"))}


@pytest.fixture
def made_up(tmp_path: Path) -> Reference:
    return Reference(tmp_path)


def test_an_entry_combines_the_file_and_its_page(made_up: Reference) -> None:
    made_up.model(
        "acme/one",
        "Acme/one.json",
        required=("prompt", "image_url"),
        example={"model": "acme/one", "prompt": "It's a boat.", "image_url": LINK},
        image_url={**URI, "description": "Supported formats: JPG, PNG. Maximum file size: 5 MB."},
        duration={"type": "integer", "enum": [5, 10], "default": "5"},
        strength={"type": "number", "minimum": 0, "maximum": 1, "default": "0.5"},
    )
    run = {"model": "acme/one", "prompt": "A boat.", "image_url": LINK, "duration": "10"}
    answer = "{'id': '1', 'status': 'completed', 'video': {'url': 'https://v1.acme.example/x.mp4?Expires=1'}}"
    title, took = "# Acme One Image to Video Fast", "**Processing time**: \\~ 1 min 20 sec."
    made_up.page("acme/one.md", "Acme/one.json", title, answer, took, example=run)
    entry = made_up.write()["acme/one"]
    assert (entry["vendor"], entry["kind"]) == ("acme", "image-to-video")
    assert entry["title"] == "Acme One Fast, image to video"
    assert entry["hosts"] == ["*.acme.example", "cdn.aimlapi.com"]
    assert entry["seconds"] == 80
    assert entry["inputs"] == [
        {
            "field": "image_url",
            "media": ["image"],
            "required": True,
            "media_types": ["image/jpeg", "image/png"],
            "max_bytes": 5 << 20,
        }
    ]
    schema = entry["schema"]
    assert schema["examples"] == [run, {"model": "acme/one", "prompt": "It's a boat.", "image_url": LINK}]
    assert schema["additionalProperties"] is False
    properties = schema["properties"]
    assert properties["prompt"] == {"type": "string", "pattern": "\\S", "description": "What to show."}
    assert properties["duration"] == {"enum": [5, 10, "5", "10"], "default": 5}  # the example was run successfully
    assert properties["strength"]["default"] == 0.5
    assert properties["image_url"]["pattern"] == URL


def test_a_video_on_an_unreviewed_host_is_an_error(made_up: Reference) -> None:
    made_up.model("acme/one", "one.json")
    made_up.page("one.md", "one.json", "# One", '"video": {"url": "https://storage.googleapis.com/x.mp4"}')
    with pytest.raises(
        Unreadable, match=r"is on storage\.googleapis\.com: if this is the vendor's host, add it to vendors\.toml"
    ):
        made_up.write()


def test_fal_hosts_its_own_videos(made_up: Reference) -> None:
    made_up.model("acme/one", "one.json", provider={"type": "string", "description": "`fal` runs the fal.ai mirror."})
    made_up.model("acme/two", "two.json")
    made_up.page("two.md", "two.json", "# Two", "{'video': {'url': 'https://v3b.fal.media/x.mp4'}}")
    for entry in made_up.write().values():
        assert entry["hosts"] == ["*.acme.example", "*.fal.media", "cdn.aimlapi.com"]


def test_a_model_may_generate_other_containers_than_mp4(made_up: Reference) -> None:
    kinds = ["X264 (.mp4)", "VP9 (.webm)", "PRORES4444 (.mov)", "GIF (.gif)"]
    made_up.model("acme/one", "one.json", container={"type": "string", "enum": kinds})
    made_up.model("acme/two", "two.json", container={"type": "string", "enum": ["a (.zip)", "b.webm"]})
    entries = made_up.write()
    assert entries["acme/one"]["containers"] == ["mp4", "webm", "mov", "gif"]
    assert entries["acme/two"]["containers"] == ["mp4"]


def test_a_model_that_only_the_list_describes_is_read_from_there(made_up: Reference) -> None:
    """Other models are read from their own descriptions, whatever the list says."""
    made_up.model("acme/one", "one.json")
    made_up.model("old/one", "old.json", path="/v2/generate/video/old/generation")
    schemas = {
        name: {
            "type": "object",
            "required": ["model"],
            "properties": {"model": {"enum": [name]}, "of_the_list": PROMPT},
        }
        for name in ("acme/one", "old/one", "acme/lost")
    }
    payload = {"anyOf": [{"$ref": f"#/components/schemas/{name.replace('/', '-')}"} for name in schemas]}
    components = {name.replace("/", "-"): schema for name, schema in schemas.items()}
    made_up.file(
        "a.json",
        json.dumps({"paths": {}, "components": {"schemas": {**components, "Video.v2.SubmitVideoPayload": payload}}}),
    )
    made_up.page("a.md", "a.json", "# Another's page", example={"model": "acme/lost", "of_the_list": "x"})
    with pytest.raises(Unreadable, match="acme/lost has no example"):
        made_up.write()
    made_up.correct(
        '[[correction]]\nmodels = ["acme/lost"]\nreason = "It has none."\n'
        'set = { "schema.examples" = [{ model = "acme/lost" }] }\n'
    )
    entries = made_up.write()
    assert {name for name, entry in entries.items() if "of_the_list" in entry["schema"]["properties"]} == {"acme/lost"}
    assert entries["acme/lost"]["title"] == "acme lost"


def test_an_invalid_file_is_skipped_and_reported(made_up: Reference) -> None:
    made_up.model("acme/one", "one.json")
    made_up.file("cut-off.json", '{"paths": {"/v2/video/generations": {"post": ')
    made_up.file("list.json", "[]")
    made_up.file("empty.json", '{"paths": {"/v2/video/generations": {"post": {}}}}')
    made_up.file("fetch.json", '{"paths": {"/v2/video/generations": {"get": {}}}}')
    assert list(made_up.write()) == ["acme/one"]
    assert [problem.split()[0] for problem in made_up.problems] == ["cut-off.json", "empty.json", "list.json"]


@pytest.mark.parametrize("right", ["a.json", "z.json"])
def test_of_several_files_the_current_path_wins_then_the_one_with_a_page(made_up: Reference, right: str) -> None:
    other = "z.json" if right == "a.json" else "a.json"
    made_up.model("acme/one", right, seed={"type": "integer"})
    made_up.model("acme/one", "0-older.json", path="/v2/generate/video/acme/generation", older=PROMPT)
    made_up.model("acme/one", other, other=PROMPT)
    made_up.page("one.md", right, "# One")
    made_up.page("older.md", "0-older.json", "# Older")
    assert list(made_up.write()["acme/one"]["schema"]["properties"]) == ["model", "prompt", "seed"]


def test_a_model_missing_under_the_current_path_is_read_from_an_older_one(made_up: Reference) -> None:
    made_up.model("old/one", "older.json", path="/v2/generate/video/acme/generation")
    assert made_up.write()["old/one"]["kind"] == "text-to-video"


def test_the_longest_prefix_determines_the_vendor(made_up: Reference) -> None:
    made_up.model("acme/plus-one", "plus.json")
    assert made_up.write()["acme/plus-one"]["vendor"] == "acmeplus"
    made_up.model("nobody/one", "nobody.json")
    with pytest.raises(Unreadable, match=r"No vendor in vendors\.toml has the model nobody/one"):
        made_up.write()


def test_alternatives_become_one_flat_schema(made_up: Reference) -> None:
    picture = {
        "type": "object",
        "properties": {"type": {"type": "string", "enum": ["image"]}, "url": URI},
        "required": ["type", "url"],
    }
    earlier = {
        "type": "object",
        "properties": {"type": {"type": "string", "enum": ["generation"]}, "id": {"type": "string", "format": "uuid"}},
        "required": ["type", "id"],
    }
    made_up.model(
        "acme/one",
        "one.json",
        frame={"anyOf": [picture, earlier, {"nullable": True}]},
        image_url={"anyOf": [URI, {"type": "array", "items": URI}]},
    )
    entry = made_up.write()["acme/one"]
    fields = [(one["field"], one["media"]) for one in entry["inputs"]]
    assert fields == [("frame.url", ["image"]), ("image_url", ["image"]), ("image_url[]", ["image"])]
    validator = Draft202012Validator(entry["schema"])
    good: list[dict[str, Any]] = [
        *({"frame": frame} for frame in (None, {"type": "image", "url": LINK}, {"type": "generation", "id": "1"})),
        *({"image_url": one} for one in (LINK, [LINK])),
    ]
    bad: list[dict[str, Any]] = [
        *({"frame": frame} for frame in ({"type": "image"}, {"type": "generation", "url": LINK}, {"url": LINK}, {}, 1)),
        *({"image_url": one} for one in ("ftp://x", ["ftp://x"], [1], 1, None)),
    ]
    for fields_, allowed in [*((one, True) for one in good), *((one, False) for one in bad)]:
        assert validator.is_valid({"model": "acme/one", "prompt": "x", **fields_}) is allowed, fields_


def test_the_oldest_way_to_require_a_parameter_works(made_up: Reference) -> None:
    example = {"model": "acme/one", "prompt": "x", "image_url": LINK}
    made_up.model("acme/one", "one.json", example=example, image_url={**URI, "required": True})
    assert made_up.write()["acme/one"]["schema"]["required"] == ["model", "prompt", "image_url"]


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"x": {"type": "string", "pattern": "^a$"}}, "has pattern, which no rule covers"),
        ({"x": {"type": "string", "format": "date"}}, "has format date, which no rule covers"),
        ({"x": {"type": "string", "enum": ["a"], "default": "b"}}, "has a default that is not an allowed value"),
        ({"thing": URI}, "has the input thing, whose media type is unknown"),
        ({"prompt": {"type": "integer"}}, "does not allow its own example"),
    ],
)
def test_an_unknown_schema_keyword_is_an_error_and_nothing_is_written(
    made_up: Reference, properties: dict[str, Any], reason: str
) -> None:
    made_up.model("acme/one", "one.json")
    made_up.write()
    before = made_up.files()
    made_up.model("acme/two", "two.json", **properties)
    with pytest.raises(Unreadable, match=reason):
        made_up.write()
    assert made_up.files() == before


def test_a_required_name_that_is_not_a_parameter_is_an_error(made_up: Reference) -> None:
    made_up.model("acme/one", "one.json", required=("nothing",))
    with pytest.raises(Unreadable, match="requires nothing but does not define it"):
        made_up.write()


def test_placeholders_and_examples_of_other_models_are_ignored(made_up: Reference) -> None:
    made_up.model("acme/one", "one.json", example={"model": "acme/two", "prompt": "x"})
    made_up.page("one.md", "one.json", "# One", example={"model": "acme/one", "prompt": "<YOUR_PROMPT>"})
    with pytest.raises(Unreadable, match="has no example"):
        made_up.write()


CORRECTIONS = """
[[file]]
file = "wrong.json"
model = "acme/right"
reason = "r"

[[file]]
file = "copy.json"
reason = "r"

[[example]]
models = ["acme/right"]
field = "ratio"
reason = "r"

[[also]]
model = "acme/right"
names = ["acme/other"]
reason = "r"

[[correction]]
models = ["acme/*"]
reason = "r"
[correction.set]
title = "Right"
"schema.properties.prompt.maxLength" = 9
"""


def test_corrections_are_applied(made_up: Reference) -> None:
    made_up.correct(CORRECTIONS)
    made_up.model("acme/one", "wrong.json", example={"model": "acme/right", "prompt": "x"})
    made_up.page("one.md", "wrong.json", "# One", example={"model": "acme/right", "prompt": "x", "ratio": "1:1"})
    made_up.model("acme/copy", "copy.json")
    entries = made_up.write()
    assert sorted(entries) == ["acme/other", "acme/right"]
    for name, entry in entries.items():
        assert entry["title"] == entry["schema"]["title"] == "Right"
        assert entry["schema"]["properties"]["prompt"]["maxLength"] == 9
        assert entry["schema"]["properties"]["model"]["const"] == name
        assert entry["schema"]["examples"] == [{"model": name, "prompt": "x"}]


@pytest.mark.parametrize(
    "correction",
    [
        '[[example]]\nmodels = ["acme/one"]\nfield = "ratio"\nreason = "r"',
        '[[example]]\nmodels = ["acme/gone"]\nfield = "ratio"\nreason = "r"',
        '[[also]]\nmodel = "acme/gone"\nnames = ["acme/two"]\nreason = "r"',
        '[[also]]\nmodel = "acme/one"\nnames = ["acme/one"]\nreason = "r"',
        '[[correction]]\nmodels = ["acme/one"]\nreason = "r"\nset = {kind = "text-to-video"}',
        '[[correction]]\nmodels = ["acme/gone"]\nreason = "r"\nset = {kind = "x"}',
    ],
    ids=[
        "example that is right",
        "example of no model",
        "other name of no model",
        "name that it has",
        "kind that it has",
        "kind of no model",
    ],
)
def test_a_correction_without_effect_is_an_error(made_up: Reference, correction: str) -> None:
    made_up.model("acme/one", "one.json")
    made_up.correct(correction)
    with pytest.raises(Stale):
        made_up.write()


def test_writing_again_changes_nothing_and_removes_obsolete_files(made_up: Reference) -> None:
    for name in ("acme/b", "acme/a", "old/c"):
        made_up.model(name, f"{name[-1]}.json")
    made_up.write()
    before = made_up.files()
    assert sorted(made_up.write()) == ["acme/a", "acme/b", "old/c"]
    assert made_up.files() == before
    (made_up.source / reference.FOLDER / "a.json").unlink()
    assert sorted(made_up.write()) == ["acme/b", "old/c"]
    assert set(made_up.files()) < set(before)


def test_a_page_without_a_file_belongs_to_the_model_of_its_example(made_up: Reference) -> None:
    for name in ("acme/one", "acme/two"):
        made_up.model(name, f"{name[-3:]}.json", duration={"type": "integer", "enum": [5]})
    run = {"model": "acme/one", "prompt": "A boat.", "duration": "5"}
    answer = "{'video': {'url': 'https://v3.fal.media/x.mp4'}}"
    made_up.page("misspelt.md", "oone.json", "# Acme One", answer, "**Processing time**: 80 s.", example=run)
    made_up.page("copied.md", "two.json", "# Acme Two", "**Processing time**: 100 s.", example=run)
    made_up.page("linked.md", "one.json", "# Linked")
    assert made_up.write()["acme/one"]["title"] == "Linked"
    (made_up.source / reference.FOLDER / "linked.md").unlink()
    one, two = [made_up.write()[name] for name in ("acme/one", "acme/two")]
    assert one["hosts"] == ["*.acme.example", "*.fal.media", "cdn.aimlapi.com"]
    assert (one["seconds"], two["seconds"]) == (80, 100)
    assert one["schema"]["properties"]["duration"] == {"enum": [5, "5"]}


def test_a_folder_that_is_not_a_checkout_changes_nothing(made_up: Reference) -> None:
    made_up.model("acme/one", "one.json")
    made_up.write()
    before = made_up.files()
    with pytest.raises(Unreadable, match="is not a checkout"):
        write(made_up.here, made_up.target, made_up.here)
    assert made_up.files() == before


def test_a_model_is_added_by_data_alone(made_up: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model added to the reference is offered and validated without a change of code."""
    from tests.support.validation import validate  # noqa: PLC0415 - its data is another here

    made_up.model("acme/new", "new.json")
    made_up.write()
    monkeypatch.setattr(models, "_HERE", made_up.target)
    for cached in (models.known, models._facts):
        cached.cache_clear()
    try:
        assert [model.title for model in models.offered()] == ["acme new"]
        assert validate({"model": "acme/new", "prompt": "x"}, models.offered())
        assert models.hosts_of("acme/new") == ("*.acme.example", "cdn.aimlapi.com")
    finally:
        for cached in (models.known, models._facts):
            cached.cache_clear()


def test_every_correction_of_ours_has_a_reason() -> None:
    text = (build.HERE / "corrections.toml").read_text("utf-8")
    assert text.count("\n[[") == text.count("\nreason = ")


def test_the_shipped_catalogue_matches_the_script() -> None:
    """A manually changed file would be overwritten, or the script was changed without running it."""
    patterns = set()
    for file in (Path(models.__file__).parent / "catalogue").iterdir():
        written = file.read_text("utf-8")
        assert written == build.text(json.loads(written)) + "\n", file.name
        patterns |= set(re.findall(r'"pattern": (".*?[^\\]")', written))
    assert {json.loads(pattern) for pattern in patterns} == {URL, NOT_BLANK}
