"""Measure the cold start of every function: its import and first call, next to a floor that only makes its calls.

Each function runs in a fresh process from the deployed bundles, with the event that `bench.recording` recorded. A
server on this machine replays the recorded responses. The floor makes the same calls to the same server with plain
boto3 and requests, and with none of our code.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from bench.recording import record
from bench.report import Row, Section
from infra.code import FunctionsCode
from infra.layer import Layer

ROOT = Path(__file__).parents[1]
GOALS = defaultdict(lambda: 1.3, api=1.9, ingest=1.5, accept_row=1.5)
ROOM_GOAL = 0.35
ROOMS = (  # modules that need neither an AWS client nor a connection
    "core.models",
    "core.models.validation",
    "core.api.api_keys",
    "core.publish.views",
    "core.archive.mp4",
    "core.provider.waiting",
)
BARE = ("submit", "api")  # also started without bytecode
RUNS, QUICK_RUNS = 4, 1
PATIENCE_SECONDS = 24 * 3600
CREATE = "/v2/video/generations"
DONE: dict[str, Any] = {"status": 200, "headers": {}, "body": "{}"}
CREATED: dict[str, Any] = {"status": 200, "headers": {}, "body": json.dumps({"id": "x", "status": "queued"})}

FUNCTION = """
import json, os, sys, time
invocation = json.load(open(sys.argv[1]))
class Context:
    function_name = "function"; memory_limit_in_mb = 256; aws_request_id = "id"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:function"
    def get_remaining_time_in_millis(self): return 60000
wall, cpu = time.perf_counter(), time.process_time()
handler = __import__(invocation["function"]).handler
imported = time.process_time() - cpu
try:
    handler(invocation["event"], Context())
except Exception as error:
    if type(error).__name__ not in ("SubmissionUnknown",): raise
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu, imported]))
"""
FLOOR = """
import json, sys, time
invocation = json.load(open(sys.argv[1]))
wall, cpu = time.perf_counter(), time.process_time()
import boto3
imported = time.process_time() - cpu
def value(of):
    if isinstance(of, dict) and of.keys() == {"bytes"}: return b"x" * of["bytes"]
    if isinstance(of, dict): return {name: value(one) for name, one in of.items()}
    return [value(one) for one in of] if isinstance(of, list) else of
clients = {}
for call in invocation["calls"]:
    if call["service"] not in clients: clients[call["service"]] = boto3.client(call["service"])
    operation = __import__("botocore").xform_name(call["operation"])
    try: answer = getattr(clients[call["service"]], operation)(**value(call["parameters"]))
    except Exception: continue
    if hasattr(answer.get("Body"), "read"): answer["Body"].read()
if invocation["asked"]:
    import requests
    for method, url in invocation["asked"]:
        try: requests.request(method, url, timeout=5)
        except requests.RequestException: pass
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu, imported]))
"""
IMPORT = """
import json, sys, time
wall, cpu = time.perf_counter(), time.process_time()
{}
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu, 0]))
"""


def measure(quick: bool = False) -> dict[str, Any]:
    """Return the seconds of wall and CPU time for each, over several runs in turn."""
    first = record(quick).first
    python = ".".join(map(str, sys.version_info[:2]))
    layer, code = Layer(python, None).build(), FunctionsCode(python).build()
    ours = [code, layer / "python"]
    runs: dict[str, list[list[float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        plain = [layer / "python"]
        bare = [_without_bytecode(scratch / str(number), one) for number, one in enumerate(ours)]
        for turn in range(0 if quick else -1, QUICK_RUNS if quick else RUNS):
            for name, invocation in first.items():
                ways = {"floor": (FLOOR, plain), "function": (FUNCTION, ours)}
                if name in BARE:
                    ways["bare"] = (FUNCTION, bare)
                for way, (program, packages) in ways.items():
                    with _playing(invocation) as url:
                        played = _played(invocation, url)
                        file = scratch / f"{name}.json"
                        file.write_text(json.dumps(played))
                        runs[f"{way} {name}"].append(_run(program, played, packages, file))
            runs["s3"].append(_run(IMPORT.format("import boto3; boto3.client('s3')"), {}, plain))
            for room in ROOMS:
                runs[f"room {room}"].append(_run(IMPORT.format(f"import {room}"), {}, ours))
            if turn < 0:
                runs.clear()  # the first one warms the disk's cache
    sizes = [sum(file.stat().st_size for file in one.rglob("*") if file.is_file()) for one in (layer, code)]
    return {"runs": dict(runs), "functions": sorted(first), "layer_bytes": sizes[0], "code_bytes": sizes[1]}


def section(results: dict[str, Any]) -> Section:
    """Return this part of docs/performance.md."""
    starts = {name: median(_ratio(results, f"function {name}", f"floor {name}", 0)) for name in results["functions"]}
    slowest = max(starts, key=lambda name: starts[name] / GOALS[name])
    rooms = {room: median(_ratio(results, f"room {room}", "s3", 0)) for room in ROOMS}
    worst = max(rooms, key=lambda room: rooms[room])
    because = "The rest is the time of Powertools' logger, our own code and, where requests are validated, jsonschema."
    poster = "It decodes a stranger's bytes in a process of its own, whose time and memory are limited."
    rows = (
        Row(
            f"`{slowest}`, the function that is farthest from its goal",
            starts[slowest],
            None,
            GOALS[slowest],
            poster if slowest == "make_poster" else because,
        ),
        Row("`submit`", starts["submit"], None, GOALS["submit"], because),
        Row("median of all functions", median(starts.values()), None, GOALS[""], because),
        Row(f"import of `{worst}` ÷ import of boto3 with an S3 client", rooms[worst], None, ROOM_GOAL, because),
    )
    text = (
        "The time of the import and the first call of a function in a fresh process, divided by the time of the same "
        "calls with plain boto3.",
        "So 1.00 is a function without any code of ours; nothing else can be compared.",
    )
    return Section("Cold start", text, rows)


def page(results: dict[str, Any]) -> str:
    """Return all tables."""
    lines = [
        "# Cold start",
        "",
        "The time of the import and first call of each function in a fresh process ÷ the time of its floor. The",
        "floor makes the same calls with plain boto3, and with requests if the function calls the provider. Both",
        "get recorded answers from a server on this machine. Lambda's share of a core stretches the CPU time.",
        "",
        "| function | wall ÷ floor | CPU ÷ floor | floor, CPU ms | goal |",
        "|---|---|---|---|---|",
    ]
    missed = []
    for name in results["functions"]:
        wall, cpu = (_ratio(results, f"function {name}", f"floor {name}", which) for which in (0, 1))
        lines.append(f"| {name} | {_shown(wall)} | {_shown(cpu)} | {_ms(results, f'floor {name}')} | {GOALS[name]} |")
        if median(wall) > GOALS[name]:
            missed.append(name)
    lines += ["", _missed(missed), ""]
    lines += [
        f"The import of modules that need no AWS client ÷ the import of boto3 plus an S3 client (goal: {ROOM_GOAL}):",
        "",
        "| module | wall | CPU |",
        "|---|---|---|",
    ]
    for room in ROOMS:
        wall, cpu = (_ratio(results, f"room {room}", "s3", which) for which in (0, 1))
        lines.append(f"| {room} | {_shown(wall)} | {_shown(cpu)} |")
    bare = {name: _ratio(results, f"bare {name}", f"function {name}", 1) for name in BARE}
    lines += [
        "",
        f"The layer has {results['layer_bytes'] / 2**20:.1f} MiB and the functions' own code "
        f"{results['code_bytes'] / 2**20:.1f} MiB, bytecode included. Without bytecode a start would take",
        ", ".join(f"{_shown(ratio)} times as long ({name})" for name, ratio in bare.items())
        + ", so the deployment fails if the functions' version of Python is not installed to write it.",
        "",
    ]
    return "\n".join(lines)


def plots(results: dict[str, Any], folder: Path) -> list[Path]:  # noqa: ARG001 - as every section has it
    """Draw nothing: the page has a table."""
    return []


def _missed(names: list[str]) -> str:
    if not names:
        return "All goals are met."
    return (
        f"Above the goal: {', '.join(names)}. The rest of the time is that of Powertools (its logger also imports its "
        "metrics and tracer), our own code and, in functions that validate requests, jsonschema."
    )


def _ratio(results: dict[str, Any], ours: str, floor: str, which: int) -> list[float]:
    """Return the ratio for each pair of runs: the two ran one after the other."""
    runs = results["runs"]
    return [a[which] / b[which] for a, b in zip(runs[ours], runs[floor], strict=True)]


def _shown(ratios: list[float]) -> str:
    return f"{median(ratios):.2f} [{min(ratios):.2f}..{max(ratios):.2f}]"


def _ms(results: dict[str, Any], name: str) -> str:
    return f"{1000 * median(run[1] for run in results['runs'][name]):.0f}"


def _without_bytecode(target: Path, bundle: Path) -> Path:
    """Link to every file of the bundle except bytecode."""
    for file in bundle.rglob("*"):
        if file.is_file() and file.suffix != ".pyc":
            link = target / file.relative_to(bundle)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file)
    return target


def _played(invocation: dict[str, Any], url: str) -> dict[str, Any]:
    """Return the recorded invocation with `url` in place of AWS and the provider."""
    environment = invocation["environment"]
    places = [environment[name] for name in ("AWS_ENDPOINT_URL", "PROVIDER_URL") if name in environment]
    ports = {str(answer["port"]) for answer in invocation["answers"]} | {str(urlsplit(place).port) for place in places}
    aws = str(urlsplit(environment["AWS_ENDPOINT_URL"]).port)
    asked = [(answer["method"], url + answer["url"]) for answer in invocation["answers"] if str(answer["port"]) != aws]
    text = json.dumps({name: invocation[name] for name in ("function", "event", "environment", "calls")})
    if invocation["function"] == "submit":
        asked.append(("POST", url + CREATE))
    for port in ports:
        text = text.replace(f"127.0.0.1:{port}", urlsplit(url).netloc)
    return {**json.loads(text), "asked": asked}


def _run(program: str, played: dict[str, Any], packages: list[Path], file: Path | None = None) -> list[float]:
    recorded = played.get("environment", {})
    environment = {name: value for name, value in recorded.items() if not name.startswith(("PYTHON", "RECORD"))}
    environment |= {"PYTHONPATH": os.pathsep.join(map(str, packages)), "PYTHONDONTWRITEBYTECODE": "1"}
    if "POLL_GIVE_UP_SECONDS" in environment:  # the recorded job may be minutes old by now
        environment["POLL_GIVE_UP_SECONDS"] = str(PATIENCE_SECONDS)
    environment.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    done = subprocess.run(
        [sys.executable, "-S", "-c", program, *([str(file)] if file else [])],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{played.get('function')} could not be started:\n{done.stderr}")
    took: list[float] = json.loads(done.stdout.splitlines()[-1])
    return took


@contextmanager
def _playing(invocation: dict[str, Any]) -> Iterator[str]:
    """Serve the answers that AWS and the provider gave, in recorded order.

    The last answer to a request repeats forever.
    """
    kept: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for answer in invocation["answers"]:
        kept[answer["method"], urlsplit(answer["url"]).path, answer["target"]].append(answer)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            self._read_body()
            key = (self.command, urlsplit(self.path).path, self.headers.get("X-Amz-Target", ""))
            with lock:
                answers = kept.get(key, [])
                answer = answers.pop(0) if len(answers) > 1 else next(iter(answers), None)
            # The recording does not see the create call, which is made on a connection of its own. A sweep that is
            # played later than it was recorded may find more to do: a write, or a workflow to wake.
            if (self.command, urlsplit(self.path).path) == ("POST", CREATE):
                answer = CREATED
            elif answer is None and key[2].startswith(("DynamoDB", "AWSStepFunctions")):
                answer = DONE
            self._answer(answer)

        def _read_body(self) -> None:
            if self.headers.get("Expect") == "100-continue":
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                while size := int(self.rfile.readline().partition(b";")[0], 16):
                    self.rfile.read(size + 2)
                while self.rfile.readline().strip():
                    pass
            else:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _answer(self, answer: dict[str, Any] | None) -> None:
            body = answer["body"] if answer else ""
            for port in {one["port"] for one in invocation["answers"]}:
                body = body.replace(f"127.0.0.1:{port}", f"127.0.0.1:{server.server_port}")
            data = body.encode("latin-1")
            self.send_response(answer["status"] if answer else 404)
            skipped = {"content-length", "transfer-encoding", "connection", "x-amz-crc32", "date", "server"}
            for name, value in (answer["headers"] if answer else {}).items():
                if name.lower() not in skipped:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    print(page(measure(parser.parse_args().quick)))  # noqa: T201 - what it is for
