"""What a function calls and how long it runs, written down: Python loads this into every worker of the local AWS.

A line of JSON an entry into a function: its calls to AWS, with the items that a write to DynamoDB found and left, so
that `bench/calls.py` can tell what they cost. Tests record with the same class in their own process.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

Line = dict[str, Any]


class Recorder:
    """The calls that this process makes, entry by entry."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.entry: Line | None = None
        self._is_aside = False

    def begin(self, function: str, *, is_cold: bool = False) -> None:
        """A function is entered; the entry before is over."""
        self.end()
        began = {"wall": time.perf_counter(), "cpu": time.process_time()}
        start = time.process_time() if is_cold else 0.0  # of the process, up to here
        self.entry = {"function": function, "start_cpu": start, "calls": [], "log_bytes": 0, **began}

    def end(self) -> None:
        """The entry is over."""
        if self.entry is not None:
            self.entry["wall"] = time.perf_counter() - self.entry["wall"]
            self.entry["cpu"] = time.process_time() - self.entry["cpu"]
            self.lines.append(self.entry)
            self.entry = None

    def install(self) -> None:
        """Record every call of the SDK, and what is logged."""
        import logging  # noqa: PLC0415 - this file is loaded by every Python; few of them record

        import botocore.client  # noqa: PLC0415

        client_class: Any = botocore.client.BaseClient
        handler_class: Any = logging.Handler
        call, form = client_class._make_api_call, handler_class.format
        recorder = self

        def call_and_record(client: Any, operation: str, parameters: Any) -> Any:
            entry = recorder.entry
            if entry is None or recorder._is_aside:
                return call(client, operation, parameters)
            recorder._is_aside = True
            try:
                service = client.meta.service_model.service_name
                found: Line = {"service": service, "operation": operation, "error": ""}
                entry["calls"].append(found)
                is_table = service == "dynamodb"
                writes = recorder._writes(operation, parameters) if is_table else []
                before = [recorder._item(call, client, write) for write in writes]
                try:
                    answer = call(client, operation, parameters)
                except Exception as error:
                    found["error"] = type(error).__name__
                    raise
                finally:
                    after = [recorder._item(call, client, write) for write in writes]
                    found["writes"] = [
                        {"table": write["TableName"], "old": old, "new": new}
                        for write, old, new in zip(writes, before, after, strict=True)
                    ]
                if is_table and not writes:
                    found["is_consistent"] = parameters.get("ConsistentRead", False)
                    found["items"] = answer.get("Items") or [answer[name] for name in ("Item",) if name in answer]
                return answer
            finally:
                recorder._is_aside = False

        def format_and_count(handler: Any, record: Any) -> str:
            text: str = form(handler, record)
            if recorder.entry is not None:
                recorder.entry["log_bytes"] += len(text.encode())
            return text

        client_class._make_api_call = call_and_record
        handler_class.format = format_and_count

    @staticmethod
    def _writes(operation: str, parameters: Any) -> list[Any]:
        if operation == "TransactWriteItems":
            return [next(iter(item.values())) for item in parameters["TransactItems"]]
        return [parameters] if operation in ("PutItem", "UpdateItem", "DeleteItem") else []

    @staticmethod
    def _item(call: Any, client: Any, write: Any) -> Any:
        item = write.get("Item") or {}
        key = write.get("Key") or {name: item[name] for name in ("generation_id", "pk", "sk") if name in item}
        table = write["TableName"]
        if "pk" in key:
            key = {name: key[name] for name in ("pk", "sk")}
        return call(client, "GetItem", {"TableName": table, "Key": key, "ConsistentRead": True}).get("Item")


class Entries:
    """Standard input, of which a worker reads first what it is and then its events."""

    def __init__(self, stream: Any, recorder: Recorder, file: Path) -> None:
        self._stream = stream
        self._recorder = recorder
        self._file = file
        self._function = ""
        self._is_cold = True

    def readline(self) -> str:
        self._recorder.end()
        with self._file.open("a") as file:
            for line in self._recorder.lines:
                file.write(json.dumps(line) + "\n")
        self._recorder.lines.clear()
        text: str = self._stream.readline()
        if text.strip():
            message = json.loads(text)
            if "module" in message:
                self._function = message["module"]
            else:
                self._recorder.begin(self._function, is_cold=self._is_cold)
                self._is_cold = False
        return text


def main() -> None:
    """Record in this process, if it is a worker."""
    folder = os.environ.get("RECORD_CALLS")
    if folder is None or not sys.orig_argv[-1].endswith("_worker.py"):
        return
    recorder = Recorder()
    recorder.install()
    sys.stdin = Entries(sys.stdin, recorder, Path(folder) / f"{os.getpid()}.jsonl")


if __name__ == "sitecustomize":
    main()
