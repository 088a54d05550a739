"""Save what a run showed: the result of each test, and the history of each execution as a fixture."""

import json
import re
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployed_sandbox import Sandbox

ACCOUNT = re.compile(r"(?<=:)\d{12}(?=:)")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
MACHINES = ("VideoGenerationStateMachineArn", "PromptBatchStateMachineArn")


class Report:
    """The results of a run against `sandbox`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._began = datetime.now(UTC)
        self._results: list[tuple[str, str, str]] = []  # the test, its outcome, and what it found or why it was skipped

    def add(self, result: pytest.TestReport) -> None:
        """Add the result of a test, or of a part of it that ended the test."""
        if result.when != "call" and result.passed:
            return
        said = "; ".join(str(value) for name, value in result.user_properties if name == "fact")
        if result.skipped and isinstance(result.longrepr, tuple):
            said = str(result.longrepr[2]).removeprefix("Skipped: ")
        said = said.replace("|", "/").replace("\n", " ")  # it becomes a cell of a table
        self._results.append((result.nodeid.rpartition("::")[2], result.outcome, said))

    def save(self, folder: Path) -> None:
        """Write `report.md` and `histories/`, without the number of the account."""
        if not self._results:
            return
        histories = folder / "histories"
        shutil.rmtree(histories, ignore_errors=True)
        histories.mkdir(parents=True)
        rows = [self._saved(execution, histories) for execution in self._executions()]
        where = f"AWS, {self.sandbox.region}" if self.sandbox.emulator is None else "a local AWS, not AWS"
        counts = Counter(outcome for _, outcome, _ in self._results)
        text = [
            "# The sandbox's tests",
            "",
            f"Run on {where}, at {self._began:%Y-%m-%d %H:%M} UTC: "
            f"{', '.join(f'{count} {outcome}' for outcome, count in sorted(counts.items()))}.",
            "",
            "| test | result | |",
            "|---|---|---|",
            *(
                f"| {name.removeprefix('test_').replace('_', ' ')} | {how} | {said} |"
                for name, how, said in self._results
            ),
            "",
            "## Executions",
            "",
            "| history | status | events | seconds | states |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
        (folder / "report.md").write_text(ACCOUNT.sub("000000000000", "\n".join(text)))

    def _executions(self) -> list[dict[str, Any]]:
        """Return the executions of this run that have ended, oldest first."""
        found: list[dict[str, Any]] = []
        for machine in MACHINES:
            pages = self.sandbox.aws("stepfunctions").get_paginator("list_executions")
            for page in pages.paginate(stateMachineArn=self.sandbox.outputs[machine]):
                found += page["executions"]
        ended = [one for one in found if one["status"] != "RUNNING" and one["startDate"] >= self._began]
        return sorted(ended, key=lambda one: one["startDate"])

    def _saved(self, execution: dict[str, Any], folder: Path) -> str:
        """Save the history of an execution, and return its line of the report."""
        events = self.sandbox.history(execution["executionArn"])
        file = self._file_of(execution["name"], folder)
        text = json.dumps({"execution": execution, "events": events}, default=str, indent=1)
        file.write_text(ACCOUNT.sub("000000000000", text) + "\n")
        entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
        states = ", ".join(f"{name} x{times}" if times > 1 else name for name, times in Counter(entered).items())
        took = (execution["stopDate"] - execution["startDate"]).total_seconds()
        return f"| {file.name} | {execution['status']} | {len(events)} | {took:.1f} | {states} |"

    def _file_of(self, execution: str, folder: Path) -> Path:
        """Return a new file, named after the test that started the execution, if one did."""
        which, _, run = execution.partition("-")
        test = self.sandbox.tests.get(which)
        name = _NOT_IN_NAMES.sub("-", _readable(test).lower()).strip("-") if test else f"row-{which}"
        name = f"{name}-run-{run}" if run else name
        taken = len(list(folder.glob(f"{name}*.json")))
        return folder / (f"{name}-{taken + 1}.json" if taken else f"{name}.json")


def _readable(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")
