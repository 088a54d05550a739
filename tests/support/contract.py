"""State the contract as single promises and demands: `python -m tests.support.contract` stores those of a release.

A promise is a path, a field, a name or a value that callers may use. A demand is something that a request must have, or
that callers must be prepared for, such as a null. A later version keeps the contract if it still makes every promise,
and demands nothing new of what was promised before. Additions are therefore allowed.
"""

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import typer.main

import promptreel
from core.api.contract.document import document
from core.errors import names
from core.models import ANY, offered
from core.publish import views
from core.webhooks.message import body_of, headers
from infra.config import Stage
from promptreel.commands import app
from tests.support.generations import START
from tests.support.templates import template

STORED = Path(__file__).parents[1] / "released_contract.json"
EVENTS = Path(views.__file__).parent / "events"
ACCEPTED = {"generation_requested"}  # the events that are sent to Promptreel
# Replacing one of these loses data, or ends what is running.
KEPT = {
    *("AWS::ApiGatewayV2::Api", "AWS::DynamoDB::Table", "AWS::Events::EventBus", "AWS::Lambda::Function"),
    *("AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::SecretsManager::Secret"),
    "AWS::StepFunctions::StateMachine",
}
METHODS = ("get", "head", "post", "put", "patch", "delete")
NEVER_PROMISED = 400  # the statuses from this one on: a release may reject for other reasons, or for fewer

Direction = Literal["request", "answer"]
Schema = Mapping[str, Any]


@dataclass
class Contract:
    """The promises of a version to its callers, and its demands."""

    promises: set[str] = field(default_factory=set)
    demands: set[str] = field(default_factory=set)  # each is a promise, a colon, and what it demands
    _added: set[tuple[Direction, str]] = field(default_factory=set, repr=False)  # components

    def broken_by(self, later: "Contract") -> list[str]:
        """Return how a later version breaks this contract, one sentence each."""
        gone = [f"no longer: {promise}" for promise in sorted(self.promises - later.promises)]
        new = sorted(later.demands - self.demands)
        return gone + [f"new: {demand}" for demand in new if demand.rpartition(": ")[0] in self.promises]

    def add_api(self, api: Schema) -> None:
        """Add an OpenAPI document."""
        components = api["components"]["schemas"]
        for path, item in api["paths"].items():
            for method in METHODS:
                if operation := item.get(method):
                    self._add_operation(f"{method.upper()} {path}", operation, components)

    def _add_operation(self, name: str, operation: Schema, components: Schema) -> None:
        self.promises |= {name, f"{name} is {operation['operationId']}"}
        if operation.get("security") != []:
            self.demands.add(f"{name}: a key")
        for parameter in operation.get("parameters", []):
            short = f"{parameter['in']} {parameter['name']}"
            called = f"{name} {short}"
            self.promises.add(called)
            if parameter.get("required"):
                self.demands.add(f"{name}: {short}")
            self.add_schema(called, parameter.get("schema", {}), "request", components)
        body = operation.get("requestBody", {})
        if body.get("required"):
            self.demands.add(f"{name}: a body")
        self._add_content(f"{name} body", body, "request", components)
        for status, answer in operation["responses"].items():
            called = f"{name} {status}"
            if int(status) < NEVER_PROMISED:
                self.promises |= {called, *(f"{called} header {header}" for header in answer.get("headers", {}))}
                self._add_content(called, answer, "answer", components)
            else:
                self._add_content("an error", answer, "answer", components)

    def _add_content(self, name: str, described: Schema, direction: Direction, components: Schema) -> None:
        for kind, content in described.get("content", {}).items():
            self.promises.add(f"{name} {kind}")
            self.add_schema(f"{name} {kind}", content.get("schema", {}), direction, components)

    def add_schema(self, name: str, schema: Schema, direction: Direction, components: Schema) -> None:
        """Add what a schema says about `name` and its fields. Alternatives count as one schema."""
        if reference := schema.get("$ref"):
            component = str(reference).rpartition("/")[2]
            self.promises |= {component, f"{name} is {component}"}
            if (direction, component) not in self._added:
                self._added.add((direction, component))
                self.add_schema(component, components[component], direction, components)
            return
        for alternative in (*schema.get("anyOf", []), *schema.get("oneOf", [])):
            self.add_schema(name, alternative, direction, components)
        kinds = schema.get("type", [])
        types = [kinds] if isinstance(kinds, str) else kinds
        values = {f"{name} may be {json.dumps(value)}" for value in _values_of(schema)}
        self.promises |= values
        if direction == "request":
            self.promises |= {f"{name} may be {kind}" for kind in types}
            self.demands |= {f"{name}: {one}" for one in schema.get("required", [])}
            if schema.get("additionalProperties") is False:
                self.demands.add(f"{name}: no other fields")
        else:
            self.demands |= {f"{name}: reading {kind}" for kind in types}
            self.promises |= {f"{name}.{one} is always there" for one in schema.get("required", [])}
        for one, inner in schema.get("properties", {}).items():
            self.promises.add(f"{name}.{one}")
            self.add_schema(f"{name}.{one}", inner, direction, components)
        if isinstance(items := schema.get("items"), Mapping):
            self.promises.add(f"{name}[]")
            self.add_schema(f"{name}[]", items, direction, components)


def _values_of(schema: Schema) -> list[Any]:
    return [schema["const"]] if "const" in schema else schema.get("enum", [])


def present() -> Contract:
    """Return the contract of this checkout: HTTP, events, webhooks, and the names that people and programs use."""
    contract = Contract()
    # One model and any other name: the provider decides which models exist.
    contract.add_api(document(offered(["veo2"], [ANY])))
    for file in sorted(EVENTS.glob("*.json")):
        schema = json.loads(file.read_text("utf-8"))
        direction: Direction = "request" if file.stem in ACCEPTED else "answer"
        contract.promises.add(schema["title"])
        contract.add_schema(schema["title"], schema, direction, {})
        if file.stem in ("generation_completed", "generation_failed"):
            contract.promises |= set(_webhook(schema["examples"][0]))
    contract.promises |= set(_names())
    return contract


def _webhook(announced: dict[str, Any]) -> Iterator[str]:
    body = body_of(announced)
    message = json.loads(body)
    yield from (f"webhook {message['type']}.{name}" for name in message)
    yield from (f"webhook header {name}" for name in headers(["whsec_c2VjcmV0"], "msg_1", START, body))


def _names() -> Iterator[str]:
    yield from (f"error {name}" for name in names())
    yield from (f"setting {one.name}" for one in fields(Stage))
    for name in promptreel.__all__:
        yield f"client {name}"
        yield from (f"client {name}.{member}" for member in _members(getattr(promptreel, name)))
    yield from _commands("promptreel", typer.main.get_command(app))
    yield from (f"output {name}" for name in template("dev")["Outputs"])
    made = template("dev")["Resources"].items()
    yield from (f"{one['Type']} {name}" for name, one in made if one["Type"] in KEPT)


def _members(found: Any) -> set[str]:
    """Return the public methods and fields of a class of the client, also those that it inherits from another one."""
    ours = [one for one in getattr(found, "__mro__", ()) if one.__module__.startswith("promptreel")]
    members = {name for one in ours for name in (*vars(one), *inspect.get_annotations(one))}
    return {name for name in members if not name.startswith("_")}


def _commands(path: str, command: Any) -> Iterator[str]:
    yield f"command {path}"
    for parameter in command.params:
        yield from (f"command {path} {name}" for name in (*parameter.opts, *parameter.secondary_opts))
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from _commands(f"{path} {name}", inner)


def load(text: str) -> Contract:
    """Return the contract that `dump` wrote."""
    stored = json.loads(text)
    return Contract(set(stored["promises"]), set(stored["demands"]))


def dump(contract: Contract) -> str:
    """Return a contract as JSON, with a line for each promise and demand."""
    lists: dict[str, Iterable[str]] = {"promises": contract.promises, "demands": contract.demands}
    return json.dumps({name: sorted(lines) for name, lines in lists.items()}, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    STORED.write_text(dump(present()), "utf-8")
