"""Record what a function calls and how long it runs. Python loads this into every worker of the local AWS.

Each invocation of a function becomes one line of JSON with its calls to AWS, including the items that a write to
DynamoDB found and left, so that `bench/calls.py` can calculate their cost. Tests record with the same class in their
own process.
"""

import io
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

Line = dict[str, Any]
KEYS = (("generation_id",), ("pk", "sk"), ("batch_id",))  # of the three tables; a generation may belong to a batch


class Recorder:
    """The calls that this process makes, grouped by invocation."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.invocation: Line | None = None
        self._is_aside = False  # while a call runs, within which the SDK may make others
        self._is_looking = False  # while this file makes its own calls

    def begin(self, function: str, *, event: Any = None, is_cold: bool = False) -> None:
        """Start an invocation, which ends the one before. Keep everything needed to replay the first one."""
        self.end()
        began = {"wall": time.perf_counter(), "cpu": _cpu()}
        start = _cpu() if is_cold else 0.0  # of the process until now
        self.invocation = {
            "function": function,
            "at": time.time(),
            "start_cpu": start,
            "calls": [],
            "log_bytes": 0,
            **began,
        }
        if is_cold:
            self.invocation |= {"event": event, "environment": dict(os.environ), "answers": []}

    def end(self) -> None:
        """The invocation is over."""
        if self.invocation is not None:
            self.invocation["wall"] = time.perf_counter() - self.invocation["wall"]
            self.invocation["cpu"] = _cpu() - self.invocation["cpu"]
            self.lines.append(self.invocation)
            self.invocation = None

    def install(self) -> None:
        """Record every SDK call, the log output, and every response of the first invocation."""
        self._install_calls()
        self._install_answers()

    def _install_calls(self) -> None:
        import logging  # noqa: PLC0415 - this file is loaded by every Python; few of them record

        import botocore.client  # noqa: PLC0415

        client_class: Any = botocore.client.BaseClient
        handler_class: Any = logging.Handler
        call, form = client_class._make_api_call, handler_class.format
        recorder = self

        def call_and_record(client: Any, operation: str, parameters: Any) -> Any:
            invocation = recorder.invocation
            if invocation is None or recorder._is_aside:
                return call(client, operation, parameters)
            recorder._is_aside = True
            try:
                service = client.meta.service_model.service_name
                found: Line = {"service": service, "operation": operation, "error": ""}
                invocation["calls"].append(found)
                if "answers" in invocation:
                    found["parameters"] = _as_json(parameters)
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
                if is_table and operation == "BatchGetItem":
                    found["is_consistent"] = all(
                        asked.get("ConsistentRead") for asked in parameters["RequestItems"].values()
                    )
                    found["items"] = [item for items in answer["Responses"].values() for item in items]
                    found["keys"] = sum(len(asked["Keys"]) for asked in parameters["RequestItems"].values())
                elif is_table and not writes:
                    found["is_consistent"] = parameters.get("ConsistentRead", False)
                    found["items"] = answer.get("Items") or [answer[name] for name in ("Item",) if name in answer]
                return answer
            finally:
                recorder._is_aside = False

        def format_and_count(handler: Any, record: Any) -> str:
            text: str = form(handler, record)
            if recorder.invocation is not None:
                recorder.invocation["log_bytes"] += len(text.encode())
            return text

        client_class._make_api_call = call_and_record
        handler_class.format = format_and_count

    def _install_answers(self) -> None:
        import urllib3  # noqa: PLC0415

        pool_class: Any = urllib3.connectionpool.HTTPConnectionPool
        ask = pool_class.urlopen
        recorder = self

        def ask_and_keep(pool: Any, method: str, url: str, *arguments: Any, **options: Any) -> Any:
            answer = ask(pool, method, url, *arguments, **options)
            if recorder.invocation is None or recorder._is_looking or "answers" not in recorder.invocation:
                return answer
            body = answer.read(decode_content=False)
            target = {**(options.get("headers") or {})}.get("X-Amz-Target", b"")
            kept = {
                "method": method,
                "port": pool.port,
                "url": url,
                "status": answer.status,
                "body": body.decode("latin-1"),
            }
            kept["target"] = target.decode() if isinstance(target, bytes) else target
            recorder.invocation["answers"].append({**kept, "headers": dict(answer.headers)})
            again = urllib3.HTTPResponse(io.BytesIO(body), answer.headers, answer.status, preload_content=False)
            again._original_response = getattr(answer, "_original_response", None)
            return again

        pool_class.urlopen = ask_and_keep

    @staticmethod
    def _writes(operation: str, parameters: Any) -> list[Any]:
        if operation == "TransactWriteItems":
            return [next(iter(item.values())) for item in parameters["TransactItems"]]
        return [parameters] if operation in ("PutItem", "UpdateItem", "DeleteItem") else []

    def _item(self, call: Any, client: Any, write: Any) -> Any:
        item = write.get("Item") or {}
        keys = next((keys for keys in KEYS if all(name in item for name in keys)), ())
        key = write.get("Key") or {name: item[name] for name in keys}
        self._is_looking = True
        wall, cpu = time.perf_counter(), _cpu()
        try:
            return call(client, "GetItem", {"TableName": write["TableName"], "Key": key, "ConsistentRead": True}).get(
                "Item"
            )
        finally:
            self._is_looking = False
            if self.invocation is not None:  # this file's time does not count as the function's
                self.invocation["wall"] += time.perf_counter() - wall
                self.invocation["cpu"] += _cpu() - cpu


def _cpu() -> float:
    """Return the seconds of CPU of this process and of those that it ran: a poster is drawn in another one."""
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def _as_json(value: Any) -> Any:
    """Return the parameters of a call. A body becomes {"bytes": length}."""
    if isinstance(value, dict):
        return {name: _as_json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(inner) for inner in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return {"bytes": len(value)}
    if hasattr(value, "read"):
        return {"bytes": len(value) if hasattr(value, "__len__") else 1}
    return value


class Invocations:
    """Standard input of a worker, which reads first its configuration and then its events."""

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
                self._recorder.begin(self._function, event=message["event"], is_cold=self._is_cold)
                self._is_cold = False
        return text


def main() -> None:
    """Record in this process if it is a worker."""
    folder = os.environ.get("RECORD_CALLS")
    if folder is None or not sys.orig_argv[-1].endswith("_worker.py"):
        return
    recorder = Recorder()
    recorder.install()
    sys.stdin = Invocations(sys.stdin, recorder, Path(folder) / f"{os.getpid()}.jsonl")


if __name__ == "sitecustomize":
    main()
