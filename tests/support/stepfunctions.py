"""Fake the parts of Step Functions that the domain uses."""

import boto3

from core.workflow import Ended, NotStarted, Run


class StepFunctions:
    """A Step Functions that records which workflows may continue.

    A token can be answered once and is unknown after that.
    """

    exceptions = boto3.client("stepfunctions", region_name="us-east-1").exceptions

    def __init__(self) -> None:
        self.answered: list[str] = []

    def send_task_success(self, *, taskToken: str, output: str) -> None:  # noqa: N803 - the SDK's names
        assert output == "{}"
        if taskToken in self.answered:
            raise self.exceptions.TaskDoesNotExist({"Error": {"Code": "TaskDoesNotExist"}}, "SendTaskSuccess")
        self.answered.append(taskToken)


class Workflow:
    """The executions of the workflow by name; None means running. Starting the same name twice gives one execution."""

    def __init__(self) -> None:
        self.known: dict[str, Ended | None] = {}
        self.started: list[str] = []

    def start(self, run: Run) -> None:
        if run.execution not in self.known:
            self.started.append(run.execution)
            self.known[run.execution] = None

    def stop(self, run: Run) -> None:
        if run.execution in self.known:
            self.known[run.execution] = Ended("ABORTED")

    def ended(self, run: Run) -> Ended | None:
        if run.execution not in self.known:
            raise NotStarted
        return self.known[run.execution]
