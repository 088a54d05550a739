"""Step Functions, as far as the domain uses it."""

import boto3

from core.workflow import Ended, NotStarted, Run


class StepFunctions:
    """Hears which workflows may go on: a token is answered once, and unknown after that."""

    exceptions = boto3.client("stepfunctions", region_name="us-east-1").exceptions

    def __init__(self) -> None:
        self.answered: list[str] = []

    def send_task_success(self, *, taskToken: str, output: str) -> None:  # noqa: N803 - the SDK's names
        assert output == "{}"
        if taskToken in self.answered:
            raise self.exceptions.TaskDoesNotExist({"Error": {"Code": "TaskDoesNotExist"}}, "SendTaskSuccess")
        self.answered.append(taskToken)


class Workflow:
    """The workflow's executions, by their names; None is one that runs. The same name twice is one execution."""

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
