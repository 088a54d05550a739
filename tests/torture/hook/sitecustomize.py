"""Apply faults at the points that a deployed function passes. Python loads this into every worker of the local AWS.

There is a point before and after each call of a function to AWS and the provider. A plan lists the faults: a file named
after a token (32 hexadecimal digits, such as a generation's id) that occurs in the function's event.
`tests/torture/faults.py` writes the plans.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TOKEN = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")


class Worker:
    """The function that this process runs, and the faults planned for its event."""

    def __init__(self, plans: Path) -> None:
        self.plans = plans
        self.function = ""
        self.invocation = ""
        self.tokens: set[str] = set()
        self.passed: Counter[str] = Counter()
        self.is_aside = False  # while this file makes its own calls

    def hear(self, line: str) -> None:
        """Read a line sent to the worker: its configuration first, then each event."""
        message = json.loads(line)
        if "module" in message:
            self.function = message["module"]
            return
        self.invocation, self.passed = line, Counter()
        self.tokens = {token for token in TOKEN.findall(line) if (self.plans / token).exists()}
        if self.tokens:
            self.point("invoked")

    def point(self, name: str) -> str | None:
        """Apply the faults planned for this point. The caller simulates "throttled", "failing" and "lost"."""
        if not self.tokens or self.is_aside:
            return None
        self.passed[name] += 1
        point = f"{name} {self.passed[name]}"
        for token in self.tokens:
            plan = json.loads((self.plans / token).read_text())
            with (self.plans / f"{token}.points").open("a") as file:
                file.write(f"{self.function}\t{point}\n")
            for number, fault in enumerate(plan):
                is_here = fault["function"] == self.function and fault["at"] in (point, name)
                if is_here and self._take(f"{token}.{number}", fault["times"]):
                    return self._strike(fault)
        return None

    def _take(self, which: str, times: int) -> bool:
        """Return whether this fault may strike again. The process that creates the file may strike."""
        for time_ in range(times):
            try:
                os.close(os.open(self.plans / f"{which}.{time_}", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            return True
        return False

    def _strike(self, fault: dict[str, Any]) -> str | None:
        what = fault["do"]
        with self._aside():
            if what == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)  # until the signal arrives
            if what == "thaw":
                self._thaw(fault["seconds"])
            if what == "run":
                subprocess.run(fault["command"], env={**os.environ, **fault["env"]}, check=False, timeout=60)
            if what == "twice":
                self._invoke_again()
        return what if what in ("throttled", "failing", "lost") else None

    @contextmanager
    def _aside(self) -> Any:
        self.is_aside = True
        try:
            yield
        finally:
            self.is_aside = False

    def _thaw(self, seconds: float) -> None:
        """Appear dead but continue here after some time, like a sandbox that was frozen when its time was over."""
        if os.fork():
            os.kill(os.getpid(), signal.SIGKILL)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(nowhere, descriptor)
        self.tokens = set()
        time.sleep(seconds)

    def _invoke_again(self) -> None:
        import boto3

        boto3.client("lambda").invoke(
            FunctionName=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
            InvocationType="Event",
            Payload=json.dumps(json.loads(self.invocation)["event"]),
        )


class Invocations:
    """Standard input of the worker, from which it reads its events."""

    def __init__(self, stream: Any, heard: Callable[[str], None]) -> None:
        self._stream = stream
        self._heard = heard

    def readline(self) -> str:
        line: str = self._stream.readline()
        if line.strip():
            self._heard(line)
        return line


def strike_calls_to_aws(worker: Worker) -> None:
    """Add points before and after every SDK call, including each retry."""
    import botocore.awsrequest
    import botocore.exceptions
    import botocore.handlers
    import botocore.httpsession

    send = botocore.httpsession.URLLib3Session.send
    local = threading.local()  # several threads upload the parts of a video

    def refuse(request: Any, event_name: str, **_: Any) -> Any:
        calling = local.calling = " ".join(event_name.split(".")[1:3])
        fault = worker.point(f"before {calling}")
        if fault is None:
            return None
        throttled = fault == "throttled"
        status = 400 if throttled else 500
        code = "ThrottlingException" if throttled else "InternalServerError"
        if calling.startswith("s3 "):
            status, code = (503, "SlowDown") if throttled else (500, "InternalError")
            body = f"<Error><Code>{code}</Code><Message>torture</Message></Error>"
        elif calling.startswith("sns "):
            body = f"<ErrorResponse><Error><Code>{code}</Code><Message>torture</Message></Error></ErrorResponse>"
        else:
            body = json.dumps({"__type": code, "message": "torture"})
        headers: Any = {"x-amzn-errortype": code}
        answer: Any = botocore.awsrequest.AWSResponse(request.url, status, headers, None)
        answer._content = body.encode()
        return answer

    def send_and_strike(self: Any, request: Any) -> Any:
        answer = send(self, request)
        if not worker.is_aside and worker.point(f"after {local.calling}") == "lost":
            raise botocore.exceptions.ReadTimeoutError(endpoint_url=request.url)
        return answer

    botocore.handlers.BUILTIN_HANDLERS.append(("before-send", refuse))
    botocore.httpsession.URLLib3Session.send = send_and_strike  # type: ignore[method-assign]


def strike_calls_to_provider(worker: Worker) -> None:
    """Add points before and after every request that does not go to AWS."""
    import http.client

    aws = os.environ.get("AWS_ENDPOINT_URL", "").rpartition(":")[2]
    put, get = http.client.HTTPConnection.putrequest, http.client.HTTPConnection.getresponse

    def is_aws(connection: Any) -> bool:
        return str(connection.port) == aws

    def put_and_strike(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        self.asked = f"provider {method} {'/files' if url.startswith('/files') else url.split('?', maxsplit=1)[0]}"
        if not is_aws(self):
            worker.point(f"before {self.asked}")
        put(self, method, url, *args, **kwargs)

    def get_and_strike(self: Any) -> Any:
        answer = get(self)
        if not is_aws(self) and worker.point(f"after {self.asked}") == "lost":
            raise ConnectionResetError("torture")
        return answer

    http.client.HTTPConnection.putrequest = put_and_strike  # type: ignore[method-assign]
    http.client.HTTPConnection.getresponse = get_and_strike  # type: ignore[method-assign]


def main() -> None:
    """Apply faults in this process if it is a worker."""
    plans = os.environ.get("TORTURE_PLANS")
    if plans is None or not sys.orig_argv[-1].endswith("_worker.py"):
        return
    worker = Worker(Path(plans))
    sys.stdin = Invocations(sys.stdin, worker.hear)
    strike_calls_to_aws(worker)
    strike_calls_to_provider(worker)


main()
