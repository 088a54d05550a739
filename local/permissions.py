"""Correct ministack's checks of IAM policies, for when it enforces them (`Settings.is_strict`).

It uses `*` as the resource of SendTaskSuccess, where AWS uses the state machine of the task. It also ignores the events
of a PutEvents call, which a policy's conditions may check.
"""

import json
from importlib import import_module
from typing import Any

from local.inside import ask_states


def know_tasks_and_events() -> None:
    """Give ministack both facts before it decides."""
    actions: Any = import_module("ministack.core.iam_actions")
    resource, context = actions.extract_resource_arn, actions.request_tag_context

    def resource_or_state_machine(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any) -> str:
        if service == "states" and str(headers.get("x-amz-target", "")).endswith(".SendTaskSuccess"):
            return _machine_with_tokens()
        return str(resource(service, method, path, headers, body, *rest))

    def context_with_events(service: str, action: str, body: bytes, *rest: Any) -> dict[str, Any]:
        found = dict(context(service, action, body, *rest))
        if action == "events:PutEvents":
            entries = json.loads(body)["Entries"]
            found["events:source"] = entries[0]["Source"]
            found["events:detail-type"] = entries[0]["DetailType"]
        return found

    actions.extract_resource_arn = resource_or_state_machine
    actions.request_tag_context = context_with_events


def _machine_with_tokens() -> str:
    """Return the only state machine that creates tokens. ministack does not record which one created a token."""
    for machine in ask_states("ListStateMachines")[1]["stateMachines"]:
        arn = str(machine["stateMachineArn"])
        if "waitForTaskToken" in ask_states("DescribeStateMachine", stateMachineArn=arn)[1]["definition"]:
            return arn
    return "*"
