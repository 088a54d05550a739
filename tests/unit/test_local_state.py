"""Test that local/state.py loses nothing of what must not be lost, with small modules instead of ministack's."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from local.inside import answer
from local.state import RESTORING, State

Item = dict[str, Any]


class Ended(BaseException):
    """What `os._exit` raises in these tests."""


@dataclass
class Table:
    """DynamoDB with one table. An UpdateItem adds one to the item's count, so repeating it would be wrong."""

    items: dict[str, Item] = field(default_factory=dict)

    def get_state(self) -> dict[str, Any]:
        return {"items": dict(self.items)}

    def load_persisted_state(self, data: dict[str, Any]) -> None:
        self.items.update(data["items"])

    async def handle_request(self, _method: str, _path: str, headers: Any, body: bytes, _query: Any) -> Any:
        action, asked = headers["x-amz-target"].rpartition(".")[2], json.loads(body)
        if action == "DescribeTable":
            return 200, {}, json.dumps({"Table": {"KeySchema": [{"AttributeName": "id"}]}})
        if action == "GetItem":
            item = self.items.get(asked["Key"]["id"])
            return 200, {}, json.dumps({"Item": item} if item else {}).encode()
        if "bad" in asked:
            return 400, {}, b"{}"
        if action == "TransactWriteItems":
            parts = [(name, part) for one in asked["TransactItems"] for name, part in one.items()]
        elif action == "BatchWriteItem":
            parts = [(name, part) for one in asked["RequestItems"]["t"] for name, part in one.items()]
        else:
            parts = [(action, asked)]
        for name, part in parts:
            self._write(name, part)
        return 200, {}, b"{}"

    def _write(self, name: str, part: Item) -> None:
        if name.startswith("Put"):
            self.items[part["Item"]["id"]] = part["Item"]
        elif name.startswith("Update"):
            count = self.items.get(part["Key"]["id"], {}).get("count", 0)
            self.items[part["Key"]["id"]] = part["Key"] | {"count": count + 1}
        elif name.startswith("Delete"):
            self.items.pop(part["Key"]["id"], None)


@dataclass
class Secrets:
    """Secrets Manager."""

    values: dict[str, str] = field(default_factory=dict)

    def get_state(self) -> dict[str, Any]:
        return {"values": dict(self.values)}

    def load_persisted_state(self, data: dict[str, Any]) -> None:
        self.values.update(data["values"])

    async def handle_request(self, _method: str, _path: str, headers: Any, body: bytes, _query: Any) -> Any:
        assert headers["x-amz-target"] == "secretsmanager.PutSecretValue"
        asked = json.loads(body)
        self.values[asked["SecretId"]] = asked["SecretString"]
        return 200, {}, b"{}"


@dataclass
class Queues:
    """SQS."""

    queues: dict[str, Any] = field(default_factory=dict)

    def get_state(self) -> dict[str, Any]:
        return {"queues": self.queues}

    def load_persisted_state(self, data: dict[str, Any]) -> None:
        self.queues = data["queues"]


@dataclass
class Executions:
    """Step Functions, which announces each status through a function that it looks up by name, as ministack does."""

    executions: dict[str, Any] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)

    def get_state(self) -> dict[str, Any]:
        return {"executions": dict(self.executions)}

    def load_persisted_state(self, data: dict[str, Any]) -> None:
        assert not [one for one in data["executions"].values() if one["status"] == "RUNNING"], "marked as failed"
        self.executions.update(data["executions"])

    def _emit_execution_status_event(self, execution: dict[str, Any]) -> None:
        self.announced.append(execution["status"])

    async def handle_request(self, _method: str, _path: str, headers: Any, body: bytes, _query: Any) -> Any:
        assert headers["x-amz-target"] == "AWSStepFunctions.StartExecution"
        asked = json.loads(body)
        self.started.append(asked["name"])
        self.change(asked["name"], "RUNNING")
        return 200, {}, b"{}"

    def change(self, name: str, status: str, **more: Any) -> None:
        execution = {"executionArn": name, "stateMachineArn": "m", "name": name, "input": "{}", "events": [1]}
        self.executions[name] = execution | {"status": status} | more
        self._emit_execution_status_event(self.executions[name])


class Process:
    """A process of ministack with the state in a folder. It ends by `stop`, or by being forgotten, like a kill -9."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.table, self.secrets, self.executions = Table(), Secrets(), Executions()
        self.queues = Queues()
        self.all: dict[str, Any] = {
            "dynamodb": self.table,
            "secretsmanager": self.secrets,
            "stepfunctions": self.executions,
            "sqs": self.queues,
            "lambda_svc": Queues(),
        }
        self.persistence = SimpleNamespace(STATE_DIR="", save_state=self._save_state)
        self.server = SimpleNamespace(save_all=None)
        modules = {f"ministack.services.{name}": one for name, one in self.all.items()}
        for name, module in (
            modules | {"ministack.app": self.server, "ministack.core.persistence": self.persistence}
        ).items():
            sys.modules[name] = module
        for name in RESTORING:
            logging.getLogger(name).handlers.clear()
        self.state = State(folder)
        self.state.keep()
        for name, one in self.all.items():  # as ministack does when it starts
            try:
                if data := self._load_state(name):
                    one.load_persisted_state(data)
            except Exception:
                logging.getLogger("ministack").exception("continuing fresh")

    def request(self) -> None:
        """Send the first request."""

        async def app(*_: Any) -> None:
            return None

        asyncio.run(self.state.serving(app)({"type": "http"}, None, None))  # type: ignore[arg-type]

    def write(self, action: str, **body: Any) -> None:
        """Send a write to DynamoDB."""
        answer(self.table.handle_request, f"DynamoDB_20120810.{action}", json.dumps({"TableName": "t"} | body).encode())

    def update(self, key: str) -> None:
        self.write("UpdateItem", Key={"id": key})

    @property
    def counts(self) -> dict[str, int]:
        return {key: item["count"] for key, item in self.table.items.items()}

    def stop(self) -> None:
        with pytest.raises(Ended):
            self.server.save_all({name: one.get_state for name, one in self.all.items()})

    def _save_state(self, name: str, state: Any) -> None:
        (Path(self.persistence.STATE_DIR) / f"{name}.json").write_text(json.dumps(state))

    def _load_state(self, name: str) -> Any:
        try:
            return json.loads((Path(self.persistence.STATE_DIR) / f"{name}.json").read_text())
        except FileNotFoundError:
            return None
        except ValueError:
            logging.getLogger("persistence").error("failed to load")
            return None


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Process]]:
    """Return a function that starts ministack again. It was stopped once."""

    def end(status: int) -> None:
        raise Ended(status)

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setitem(sys.modules, "ministack", ModuleType("ministack"))
    before = set(sys.modules)

    first = Process(tmp_path)
    first.request()
    first.stop()
    yield lambda: Process(tmp_path)
    for name in set(sys.modules) - before:
        del sys.modules[name]
    for name in RESTORING:
        logging.getLogger(name).handlers.clear()


def test_every_write_is_in_effect_once_after_kills(start: Callable[[], Process]) -> None:
    first = start()
    first.update("claim")
    secret = json.dumps({"SecretId": "key", "SecretString": "pr_1"}).encode()
    answer(first.secrets.handle_request, "secretsmanager.PutSecretValue", secret)
    for _ in range(2):  # the second kill finds the same journal
        killed = start()
        assert killed.counts == {"claim": 1}
        assert killed.secrets.values == {"key": "pr_1"}
    killed.update("claim")
    assert start().counts == {"claim": 2}


def test_each_kind_of_write_is_repeated(start: Callable[[], Process]) -> None:
    first = start()
    put, update, delete = {"Item": {"id": "a", "count": 5}}, {"Key": {"id": "b"}}, {"Key": {"id": "a"}}
    first.write("PutItem", **put)
    of_the_table = {"TableName": "t"}
    check = {"ConditionCheck": {"Key": {"id": "none"}} | of_the_table}
    first.write("TransactWriteItems", TransactItems=[{"Update": update | of_the_table}, check])
    assert start().counts == {"a": 5, "b": 1}
    first.write("DeleteItem", **delete)
    assert start().counts == {"b": 1}
    first.write("BatchWriteItem", RequestItems={"t": [{"PutRequest": put}, {"DeleteRequest": update}]})
    assert start().counts == {"a": 5}


def test_a_written_state_is_not_changed_by_the_journal_before_it(start: Callable[[], Process]) -> None:
    first = start()
    first.update("claim")
    first.request()
    first.stop()
    second = start()
    assert second.counts == {"claim": 1}
    second.update("other")
    assert start().counts == {"claim": 1, "other": 1}
    assert [path.name for path in first.folder.iterdir()] == ["2"]


def test_reads_and_rejected_writes_are_not_in_the_journal(start: Callable[[], Process]) -> None:
    first = start()
    first.write("PutItem", Item={"id": "a"}, bad=1)
    first.write("GetItem", Key={"id": "a"})
    assert not list(first.folder.glob("*/*.journal"))


def test_an_entry_that_the_kill_cut_off_does_not_damage_the_next(start: Callable[[], Process]) -> None:
    first = start()
    first.update("claim")
    (journal,) = first.folder.glob("*/dynamodb.journal")
    with journal.open("ab") as file:
        file.write(b'\n[["t", {"id": "cl')
    start().update("other")
    assert start().counts == {"claim": 1, "other": 1}


def test_interrupted_executions_start_again_with_the_first_request_and_others_keep_their_end(
    start: Callable[[], Process],
) -> None:
    first = start()
    first.executions.change("runs", "RUNNING")
    first.executions.change("done", "RUNNING")
    first.executions.change("done", "SUCCEEDED")
    for how in ("killed", "stopped", "killed", "killed"):
        restarted = start()
        assert restarted.executions.started == [], "functions need the server"
        restarted.request()
        restarted.request()
        assert restarted.executions.started == ["runs"]
        assert restarted.executions.executions["done"]["status"] == "SUCCEEDED"
        if how == "stopped":
            restarted.stop()
    restarted.executions.change("runs", "ABORTED")
    again = start()
    again.request()
    assert again.executions.started == []
    assert {one["status"] for one in again.executions.executions.values()} == {"SUCCEEDED", "ABORTED"}


def test_a_maps_children_are_started_by_their_parent(start: Callable[[], Process]) -> None:
    first = start()
    first.executions.change("child", "RUNNING", mapRunArn="map")
    first.executions.executions["child"]["status"] = "FAILED"
    first.request()
    first.stop()
    second = start()
    second.request()
    assert second.executions.started == []


def test_a_stop_before_the_first_request_changes_nothing(start: Callable[[], Process]) -> None:
    first = start()
    first.executions.change("runs", "RUNNING")
    start().stop()
    last = start()
    last.request()
    assert last.executions.started == ["runs"]


def test_a_status_is_in_the_journal_before_it_is_announced(start: Callable[[], Process]) -> None:
    first = start()
    emit = first.executions._emit_execution_status_event
    with pytest.raises(TypeError):
        emit({"executionArn": "a", "status": {1, 2}})  # cannot be written
    assert first.executions.announced == []


def test_a_state_that_could_not_be_written_leaves_the_old_one_and_its_journals(start: Callable[[], Process]) -> None:
    first = start()
    first.update("claim")
    first.request()
    first.persistence.save_state = lambda _name, _state: None
    first.stop()
    assert start().counts == {"claim": 1}


def test_a_state_that_cannot_be_read_ends_the_process(start: Callable[[], Process]) -> None:
    first = start()
    first.update("claim")
    first.request()
    first.stop()
    (file,) = first.folder.glob("*/dynamodb.json")
    kept = file.read_text()
    file.write_text(kept[:-1])
    with pytest.raises(Ended):
        start()
    file.write_text('{"others": {}}')
    with pytest.raises(Ended):
        start()
    file.write_text(kept)
    restarted = start()
    restarted.request()
    logging.getLogger("ministack").error("An error later does not end it.")
    assert start().counts == {"claim": 1}


def test_the_state_is_copied_again_if_a_thread_changes_it_meanwhile(start: Callable[[], Process]) -> None:
    first = start()
    first.update("claim")
    first.request()
    get_state, calls = first.table.get_state, []

    def changing() -> dict[str, Any]:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("dictionary changed size during iteration")
        return get_state()

    first.table.get_state = changing  # type: ignore[method-assign]
    first.stop()
    assert start().counts == {"claim": 1}


def test_received_messages_are_visible_after_a_restart(start: Callable[[], Process]) -> None:
    first = start()
    received, delayed = {"receipt_handle": "r", "visible_at": 9.0}, {"receipt_handle": None, "visible_at": 8.0}
    first.queues.queues = {"q": {"messages": [received, delayed]}}
    first.request()
    first.stop()
    messages = start().queues.queues["q"]["messages"]
    assert [message["visible_at"] for message in messages] == [0, 8.0]
