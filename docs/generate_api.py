"""Write docs/api.md from the contract that the API serves: `python docs/generate_api.py [--check]`.

The examples are calls of the real handler, which tests/functions/test_api_examples.py makes and stores. Without
--check, this makes them again.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generated import write

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "functions"))

from core.api.api_keys import ALL, CREATE, READ  # noqa: E402 - found only now
from core.api.contract import batches, generations, keys, links, money, slots, uploads, webhooks  # noqa: E402
from core.api.contract import models as catalogue  # noqa: E402
from core.api.contract.document import document as contract  # noqa: E402
from core.api.routes import ANYONE, ROUTES  # noqa: E402
from core.models import ANY, offered  # noqa: E402

DOCUMENT = ROOT / "docs" / "api.md"
EXAMPLES = ROOT / "tests" / "api_examples.json"
TEST = ROOT / "tests" / "functions" / "test_api_examples.py"
ALWAYS = ("405", "429", "503")  # the errors of every call
WIDTH = 110

HEAD = """<!-- Written by docs/generate_api.py from the contract of the API. Do not edit. -->
<!-- no block is run: tests/functions/test_api_examples.py makes these calls -->

# HTTP API

This page is for programmers who call the API without the [Python client](client.md) or the [command line](cli.md).
`GET /openapi.json` returns the same contract for programs.

A call needs the header `Authorization: Bearer <key>`, unless its description says that it needs no key.
[API keys](keys.md) explains the scopes.
Bodies and answers are JSON, unless stated otherwise.

- A request repeated with the same header `Idempotency-Key` returns the same video.
  Nothing is paid twice.
- A list has pages: send its `next_cursor` as `cursor` to get the next one.
  The last page has none.
- Times are in UTC.
  Amounts are in US dollars.
- Every call may also answer 405 (wrong method), 429 (too many requests) or 503 (try again after the seconds in `Retry-After`).
  [Errors](errors.md#the-http-api) explains every status.

The examples are real answers.
Lists show their first element, and some examples show only a few fields.
`$PROMPTREEL_URL` is the address of your API.
"""
GROUPS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "Videos": (generations.PATHS, ("Generation", "Request")),
    "Short links": (links.PATHS, ("Link",)),
    "Models": (catalogue.paths(offered([], [ANY])), ("Model", "ModelWithSchema", "ListedModel")),
    "Uploads": (uploads.PATHS, ()),
    "Money": (money.PATHS, ()),
    "Batches": (batches.PATHS, ("Batch",)),
    "Webhooks": (webhooks.PATHS, ()),
    "Slots": (slots.PATHS, ()),
    "Keys": (keys.PATHS, ("Key",)),
}
NEEDS = {
    ANYONE: "This call needs no key.",
    READ: "Every key may make this call.",
    CREATE: "The key needs the scope `create` or `all`.",
    ALL: "The key needs the scope `all`.",
}
# The fields that an example shows, if it does not show all.
SHOWN = {
    "edit": ("id", "status", "meta.name", "meta.tags"),
    "createOlder": ("id", "status", "meta.stage"),
    "fetchOlder": ("id", "status", "meta.stage"),
    "delete": ("id", "status", "error"),
    "cancelBatch": ("id", "name", "status", "cancelled_at"),
    "retryBatch": ("id", "name", "status", "retried_at"),
}


@dataclass(frozen=True)
class Operation:
    """An operation of the contract, with all its calls if several are the same."""

    calls: list[str]
    details: dict[str, Any]

    @property
    def scope(self) -> str:
        """Return which key may make the call."""
        method, path = self.calls[0].split()
        route = f"{method} {path}"
        for scope, routes in ROUTES.items():
            if route in routes:
                return scope
        sys.exit(f"{route} has no scope: add it to ROUTES in functions/core/api/routes.py.")


def document(examples: dict[str, Any]) -> str:
    """Return the content of docs/api.md."""
    served = contract(offered([], [ANY]))
    schemas, left = served["components"]["schemas"], dict(served["paths"])
    parts = [HEAD]
    listed = [component for _, components in GROUPS.values() for component in components]
    for title, (paths, components) in GROUPS.items():
        operations = list(_operations({path: left.pop(path) for path in paths}))
        named = [*components, *(name for name in _named(operations, schemas) if name not in listed)]
        listed += named
        parts.append(f"\n## {title}\n")
        parts += [_route(one, examples) for one in operations]
        parts += [_component(name, schemas[name]) for name in named]
    parts.append("\n## Others\n")
    parts += [_route(one, examples) for one in _operations(left)]
    parts += ["\n## Errors\n\nThe body of every answer with a status from 400 on.\n", _table(schemas["Error"])]
    return "".join(parts)


def _named(operations: list[Operation], schemas: dict[str, Any]) -> Iterator[str]:
    """Yield the components that operations, or other components of them, name."""
    seen = {"Error"}
    todo = [reference for one in operations for reference in _references(one.details)]
    while todo:
        name = todo.pop(0)
        if name not in seen:
            seen.add(name)
            yield name
            todo += _references(schemas[name])


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield str(part["$ref"]).rpartition("/")[2]
        for inner in part.values():
            yield from _references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _references(inner)


def _operations(paths: dict[str, Any]) -> Iterator[Operation]:
    """Yield the operations of these paths. Those that differ only in path or method are one."""
    found: list[Operation] = []
    for path, item in paths.items():
        for method, details in item.items():
            call = f"{method.upper()} {path}"
            same = [one for one in found if _essence(one.details) == _essence(details)]
            if same:
                same[0].calls.append(call)
            else:
                found.append(Operation([call], details))
    yield from found


def _essence(details: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in details.items() if name != "operationId"}


def _route(operation: Operation, examples: dict[str, Any]) -> str:
    details = operation.details
    first, *others = operation.calls
    text = [f"\n### {first}\n\n{details['summary']}.\n"]
    if others:
        text.append(f"The same as {' and '.join(f'`{call}`' for call in others)}.\n")
    if "description" in details:
        text.append(f"{details['description']}\n")
    scope = operation.scope
    text.append(f"{NEEDS[scope]}\n")
    if parameters := details.get("parameters"):
        rows = "".join(
            f"| `{one['name']}`{', required' if one.get('required') else ''} | {one['in']} | {_kind(one['schema'])} "
            f"| {_cell(one.get('description') or one['schema'].get('description', ''))} |\n"
            for one in parameters
        )
        text.append(f"\n| parameter | in | type | |\n|---|---|---|---|\n{rows}")
    if body := details.get("requestBody"):
        text.append(_body("Request", body))
    success = {status: answer for status, answer in details["responses"].items() if int(status) < 400}  # noqa: PLR2004 - errors
    for status, answer in success.items():
        text.append(_body(f"Answer {status}", answer))
    errors = [status for status in sorted(details["responses"]) if int(status) >= 400 and status not in ALWAYS]  # noqa: PLR2004
    if errors:
        text.append(f"\nErrors: {', '.join(errors)}.\n")
    return "".join(text) + _example(details["operationId"], examples, with_key=scope != ANYONE)


def _body(title: str, body: dict[str, Any]) -> str:
    content = body.get("content", {})
    text = f"\n{title}"
    if not content or set(content) == {"text/html"}:
        return f"{text}: {_cell(body['description']).removesuffix('.').lower()}.\n"
    if "application/json" not in content:
        described = next(iter(content.values())).get("schema", {}).get("description") or body.get("description", "")
        return f"{text} ({', '.join(f'`{kind}`' for kind in content)}): {_cell(described)}\n"
    schema = content["application/json"]["schema"]
    if schema.get("properties"):
        return f"{text}:\n{_table(schema)}"
    alternatives = schema.get("anyOf") or schema.get("oneOf") or [schema]
    return f"{text}: {' or '.join(map(_whole, alternatives))}.\n"


def _whole(schema: dict[str, Any]) -> str:
    """Return the type of a body that has no table of its own."""
    fields = schema.get("properties", {})
    if not fields or "data" in fields:
        return _kind(schema)
    return f"an object with {', '.join(f'`{name}`' for name in fields)}"


def _component(name: str, schema: dict[str, Any]) -> str:
    described = f"\n{schema['description']}\n" if "description" in schema else ""
    return f"\n### {name}\n{described}{_table(schema)}"


def _table(schema: dict[str, Any]) -> str:
    return "\n| field | type | |\n|---|---|---|\n" + "".join(_rows(schema, ""))


def _rows(schema: dict[str, Any], prefix: str) -> Iterator[str]:
    required = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        optional = "" if name in required else ", optional"
        yield f"| `{prefix}{name}` | {_kind(field)}{optional} | {_cell(field.get('description', ''))} |\n"
        yield from _rows(field, f"{prefix}{name}.")
        if isinstance(items := field.get("items"), dict):
            yield from _rows(items, f"{prefix}{name}[].")


def _kind(schema: dict[str, Any]) -> str:
    """Return the type of a value in a few words."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(_kind(one) for one in alternatives))
    if values := [schema["const"]] if "const" in schema else schema.get("enum"):
        return ", ".join(f"`{value if isinstance(value, str) else json.dumps(value)}`" for value in values)
    if "data" in schema.get("properties", {}):
        return f"`data`, a {_kind(schema['properties']['data'])}" + (
            ", and `next_cursor`" if "next_cursor" in schema["properties"] else ""
        )
    kinds = schema.get("type", "any value")
    named = [kinds] if isinstance(kinds, str) else kinds
    text = " or ".join("list" if kind == "array" else kind for kind in named)
    if isinstance(items := schema.get("items"), dict) and (of := _kind(items)) != "any value":
        text = text.replace("list", f"list of {of}")
    if schema.get("format") == "date-time":
        text = text.replace("string", "time")
    return text + _limits(schema)


def _limits(schema: dict[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    default = f", default {json.dumps(schema['default'])}" if "default" in schema else ""
    if most is None:
        return default
    return f", {least} to {most:,}{default}" if least is not None else f", at most {most:,}{default}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _example(operation: str, examples: dict[str, Any], *, with_key: bool) -> str:
    if operation not in examples:
        sys.exit(f"{operation} has no example: call it in tests/support/api_examples.py.")
    example = examples[operation]
    url = f"$PROMPTREEL_URL{example['path']}" + (f"?{example['query']}" if example["query"] else "")
    verb = "" if example["method"] == ("GET" if example["body"] is None else "POST") else f"-X {example['method']} "
    verb = "-I " if example["method"] == "HEAD" else verb
    command = [f'curl -sS {verb}"{url}"']
    command += ['-H "Authorization: Bearer $PROMPTREEL_API_KEY"'] if with_key else []
    command += [f'-H "{name}: {value}"' for name, value in example["headers"].items()]
    if example["headers"]:
        command.append("--data-binary @week.csv")
    elif example["body"] is not None:
        command.append(f"-d '{example['body']}'")
    shell = command[0] + "".join(f" \\\n    {part}" for part in command[1:])
    text = f"\n```sh\n{shell}\n```\n"
    answer = example["answer"]
    if example["location"]:
        return text + f"\n```text\nHTTP/1.1 {example['status']}\nLocation: {example['location']}\n```\n"
    if answer is None:
        return text
    return text + f"\n```json\n{_json(_selected(operation, answer))}\n```\n"


def _selected(operation: str, answer: dict[str, Any]) -> dict[str, Any]:
    if operation not in SHOWN:
        return {name: value[:1] if name == "data" else value for name, value in answer.items()}
    found: dict[str, Any] = {}
    for name in SHOWN[operation]:
        outer, _, inner = name.partition(".")
        if inner:
            found.setdefault(outer, {})[inner] = answer[outer][inner]
        else:
            found[outer] = answer[outer]
    return found


def _json(value: Any, indent: int = 0) -> str:
    """Return JSON with a line for each field, or one for all if they are short."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + indent <= WIDTH or not isinstance(value, list | dict):
        return line
    pad = " " * (indent + 2)
    if isinstance(value, list):
        inner = [f"{pad}{_json(one, indent + 2)}" for one in value]
        return "[\n" + ",\n".join(inner) + "\n" + " " * indent + "]"
    inner = [f"{pad}{json.dumps(name)}: {_json(one, indent + 2)}" for name, one in value.items()]
    return "{\n" + ",\n".join(inner) + "\n" + " " * indent + "}"


if __name__ == "__main__":
    if "--check" not in sys.argv:
        made = [sys.executable, "-m", "pytest", str(TEST), "--quiet", "--numprocesses", "0"]
        environment = {**os.environ, "PROMPTREEL_EXAMPLES": "write"}
        done = subprocess.run(made, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)  # noqa: S603 - our own test
        if done.returncode:
            sys.exit(f"{done.stdout}{done.stderr}The examples were not made, for the reason above.")
    write({DOCUMENT: document(json.loads(EXAMPLES.read_text("utf-8")))})
