"""Send every sample request of the provider's reference to the API, at the sample's own path.

The samples are in the pages, as Python and JavaScript, and in the OpenAPI files, also as cURL and HTTP. They are read
from a checkout of the reference and are not in this repository.
"""

import ast
import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from catalogue import reference
from core.models.validation import with_numbers
from tests.compatibility.clients import HERE
from tests.support.local_cloud import LocalCloud

VERSION = "/v2"  # part of the base URL in most samples
_BLOCK = re.compile(r"```(python|javascript)\n(.*?)```", re.DOTALL)
_PATH = re.compile(r"(?:https://api\.aimlapi\.com)?(?:/v2)?(/video/generations|/generate/video/\w+/generation)")
_JSON = re.compile(r"\{.*\}", re.DOTALL)
_PLACEHOLDER = re.compile(r"<YOUR_\w+_URL>")


@dataclass(frozen=True)
class Sample:
    """A request in the reference: its path, its body as JSON, and the first file that contains it."""

    path: str
    body: str
    file: str


@dataclass
class Samples:
    """All different sample requests of the reference."""

    found: list[Sample]
    programs: int
    unreadable: list[str]  # files with a program or a document that has an error
    empty: list[str]  # files with a program that has no whole request: it only fetches a video, or uses a variable
    schemas: dict[str, dict[str, Any]]  # by model, as in the reference


@dataclass
class Sent:
    """The answers of the API. The rejected samples have its message."""

    samples: Samples
    accepted: int = 0
    forbidden: list[tuple[Sample, str]] = field(default_factory=list)  # by the reference itself
    ours: list[tuple[Sample, str]] = field(default_factory=list)


def read(source: Path) -> Samples:
    """Return the samples of a checkout of the reference."""
    folder = source / reference.FOLDER
    programs = [
        (path.relative_to(folder).as_posix(), language, text)
        for path in sorted(folder.rglob("*"))
        for language, text in _programs(path)
    ]
    scripts = [text for _, language, text in programs if language == "javascript"]
    parsed = iter(_javascript(scripts))
    found: dict[tuple[str, str], Sample] = {}
    unreadable, empty = list[str](), list[str]()
    for file, language, text in programs:
        try:
            paths, bodies = _of_javascript(next(parsed)) if language == "javascript" else _READERS[language](text)
        except ValueError:
            unreadable.append(file)
            continue
        if not (paths and bodies):
            empty.append(file)
        for body in bodies:
            for path in paths[:1]:  # a program sends one request and then polls the same path
                filled = _PLACEHOLDER.sub("https://example.com/input", json.dumps(body, sort_keys=True))
                sample = Sample(path, filled, file)
                found.setdefault((sample.path, sample.body), sample)
    models, _ = reference.read(source, {})
    schemas = {one.name: one.schema for one in models}
    return Samples(list(found.values()), len(programs), unreadable, empty, schemas)


def send(cloud: LocalCloud, samples: Samples) -> Sent:
    """Send the samples. Each accepted job is cancelled at once."""
    sent = Sent(samples)
    for sample in samples.found:
        answer = cloud.call("POST", sample.path, data=sample.body, headers={"Content-Type": "application/json"})
        if answer.ok:
            sent.accepted += 1
            cloud.call("DELETE", params={"generation_id": answer.json()["id"]})
        else:
            message = str(answer.json().get("message"))
            (sent.forbidden if is_forbidden(sample, samples) else sent.ours).append((sample, message))
    return sent


def is_forbidden(sample: Sample, samples: Samples) -> bool:
    """Return whether the reference's own schema forbids a value of the sample, or does not describe its model.

    A field that the schema does not have is not forbidden.
    """
    schema = samples.schemas.get(json.loads(sample.body)["model"])
    if schema is None:
        return True
    body = with_numbers(json.loads(sample.body), schema)
    return any(error.validator != "additionalProperties" for error in Draft202012Validator(schema).iter_errors(body))


def _programs(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the programs of a file, each with its language."""
    if path.suffix == ".md":
        yield from _BLOCK.findall(path.read_text("utf-8"))
    if path.suffix == ".json":
        try:
            document = json.loads(path.read_text("utf-8"))
        except ValueError:
            yield _BROKEN, ""
            return
        for item in document.get("paths", {}).values():
            for operation in item.values():
                for sample in operation.get("x-codeSamples", []):
                    yield sample["lang"].lower(), sample["source"]


def _of_python(text: str) -> tuple[list[str], list[Any]]:
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except SyntaxError as error:
        raise ValueError from error
    strings = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return _paths(strings), [body for node in nodes if isinstance(node, ast.Dict) for body in _literal(node)]


def _literal(node: ast.Dict) -> Iterator[Any]:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return  # it contains a variable
    if "model" in value:
        yield value


def _of_javascript(parsed: dict[str, list[Any]] | None) -> tuple[list[str], list[Any]]:
    if parsed is None:
        raise ValueError
    return _paths(parsed["strings"]), [body for body in parsed["objects"] if "model" in body]


def _of_text(text: str) -> tuple[list[str], list[Any]]:
    """Return the path and the body of a request as cURL or HTTP."""
    body = _JSON.search(text)
    return _paths(text.split()), [json.loads(body[0].replace("'\\''", "'"))] if body else []


def _paths(strings: Iterable[str]) -> list[str]:
    return [VERSION + found[1] for text in strings if (found := _PATH.search(text))]


def _javascript(programs: list[str]) -> list[Any]:
    command: list[str | Path] = ["node", HERE / "drivers" / "samples.mjs"]
    done = subprocess.run(command, input=json.dumps(programs), capture_output=True, text=True, check=True)
    parsed: list[Any] = json.loads(done.stdout)
    return parsed


def _of_broken(_: str) -> tuple[list[str], list[Any]]:
    raise ValueError


_BROKEN = "none"  # the language of a file that is not a document
_READERS = {"python": _of_python, "curl": _of_text, "http": _of_text, _BROKEN: _of_broken}
