"""Read the provider's reference: OpenAPI files of one or more models, and pages with examples.

Some files are broken. Some models are described in several files, some only under the path of an older API, and some
only in the list of all requests. A model is read from the file that describes it under the current path, and of two
such files, from the one that a page links to. A page whose link is broken belongs to the model of its examples.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path("docs", "api-references", "video-models")
PATH = "/v2/video/generations"
_PAYLOAD = "Video.v2.SubmitVideoPayload"  # the list of all requests, among the schemas of a file

_LINK = re.compile(r"video-models/([^)\s]+\.json)\)")
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
_PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
_DATA = re.compile(r"--data(?:-raw)? '(.*)'", re.DOTALL)
_TOOK = re.compile(r"\*\*Processing time\*\*:?(.*)")
_TIME = re.compile(r"(\d+(?:\.\d+)?) ?(min|s)")
_TAKES = re.compile(r"[Gg]eneration (?:may take|takes) (?:about|around) (?:\d+[-\u2013])?(\d+) (second|minute)")
_VIDEO = re.compile(r"""['"]?video['"]?\s*:\s*\[?\s*(?:\{\s*['"]?url['"]?\s*:\s*)?['"]https://([^/'"]+)/""")


@dataclass
class Page:
    """The facts of a page that are not in its OpenAPI file."""

    title: str
    seconds: list[int] = field(default_factory=list)  # how long its examples took, or a video usually takes
    hosts: set[str] = field(default_factory=set)  # of the videos in the responses of its examples
    examples: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Documented:
    """A model in the reference. `schema` and `examples` are unchanged."""

    name: str
    file: str  # below the reference's folder
    schema: dict[str, Any]
    examples: list[dict[str, Any]]
    pages: list[Page] = field(default_factory=list)


def read(source: Path, renamed: Mapping[str, str | None]) -> tuple[list[Documented], list[str]]:
    """Return the models by name, and a sentence for each file that cannot be read.

    `renamed` maps a file that names a wrong model to the right name, or to None to leave the file out.
    """
    folder = source / FOLDER
    texts = [path.read_text("utf-8") for path in sorted(folder.rglob("*.md"))]
    pages = [(set(_LINK.findall(text)), _page(text)) for text in texts]
    linked = {file for files, _ in pages for file in files}
    found: dict[str, tuple[tuple[bool, bool, bool, str], Documented]] = {}
    problems = []
    for path in sorted(folder.rglob("*.json")):
        file = path.relative_to(folder).as_posix()
        try:
            models = list(_models(path, file, renamed))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            problems.append(
                f"{file} is left out: it is not an OpenAPI file of a model ({type(error).__name__}: {error})."
            )
            continue
        for where, model in models:
            rank = (where == _PAYLOAD, where != PATH, file not in linked, file)
            if model.name not in found or rank < found[model.name][0]:
                found[model.name] = rank, model
    described = {model.file for _, model in found.values()}
    adrift = [page for files, page in pages if not files & described]
    for (is_of_the_list, *_), model in found.values():
        if not is_of_the_list:
            model.pages = [page for files, page in pages if model.file in files] or [
                page for page in adrift if any(example["model"] == model.name for example in page.examples)
            ]
    return [found[name][1] for name in sorted(found)], problems


def _models(path: Path, file: str, renamed: Mapping[str, str | None]) -> Iterator[tuple[str, Documented]]:
    """Yield the models of a file, each with the API path under which it is described."""
    document = json.loads(path.read_text("utf-8"))
    posts = {where: item["post"] for where, item in document["paths"].items() if "post" in item}
    for where, post in posts.items():
        schema = _resolved(post["requestBody"]["content"]["application/json"]["schema"], document)
        for name in _names(schema, file, renamed):
            yield where, Documented(name, file, schema, list(_samples(post)))
    payload = document.get("components", {}).get("schemas", {}).get(_PAYLOAD, {})
    for schema in _resolved(payload.get("anyOf", []), document):
        for name in _names(schema, file, {}):
            yield _PAYLOAD, Documented(name, file, schema, [])


def _names(schema: dict[str, Any], file: str, renamed: Mapping[str, str | None]) -> list[str]:
    if file in renamed:
        name = renamed[file]
        return [name] if name else []
    model = schema["properties"].get("model", {})
    return [str(model["const"])] if "const" in model else [str(name) for name in model.get("enum", [])]


def _resolved(schema: Any, document: Mapping[str, Any]) -> Any:
    """Return the schema with its `$ref`s replaced by their targets."""
    if isinstance(schema, list):
        return [_resolved(one, document) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return _resolved(target, document)
    return {key: _resolved(value, document) for key, value in schema.items()}


def _samples(operation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for sample in operation.get("x-codeSamples", []):
        data = _DATA.search(sample["source"]) if sample.get("lang") == "cURL" else None
        if data:
            try:
                yield json.loads(data[1].replace("'\\''", "'").replace("\\'", "'"))
            except ValueError:
                continue  # it is cut off or not JSON; a page may have a better example


def _page(text: str) -> Page:
    title = _TITLE.search(text)
    page = Page(title[1].strip() if title else "")
    for took in _TOOK.findall(text):
        seconds = sum(
            float(number) * (60 if unit == "min" else 1) for number, unit in _TIME.findall(took.split("(")[0])
        )
        if seconds:
            page.seconds.append(round(seconds))
    if (told := _TAKES.search(text)) and not page.seconds:
        page.seconds.append(int(told[1]) * (60 if told[2] == "minute" else 1))
    page.hosts = set(_VIDEO.findall(text))
    for code in _PYTHON.findall(text):
        page.examples += _requests(code)
    return page


def _requests(code: str) -> Iterator[dict[str, Any]]:
    """Yield the request bodies in a Python program."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        keys = [key.value for key in node.keys if isinstance(key, ast.Constant)] if isinstance(node, ast.Dict) else []
        if "model" in keys:
            try:
                yield ast.literal_eval(node)
            except ValueError:
                continue  # it contains a variable
