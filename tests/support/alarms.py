"""Compute which alarms of the deployed stack would be raised, from what each of them watches."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from tests.support.local_cloud import LocalCloud

STACK = "promptreel-local"
# The namespace of the functions' metrics that the alarms watch (functions/wiring/metrics.py).
COUNTING = ("RecordFailure", "Sweep", "Reconcile", "DeliverWebhook", "Ingest", "AcceptRow")


@dataclass
class Alarms:
    """The deployed alarms, computed here because the local cloud makes no metrics from logs, queues or executions."""

    cloud: LocalCloud
    since: float = field(default_factory=time.time)

    def is_raised(self, name: str) -> bool:
        """Return whether the alarm's metric has reached its threshold since `since`."""
        return self.value(name) >= float(self.definition(name)["Threshold"])

    def definition(self, name: str) -> dict[str, Any]:
        """Return the deployed definition of the alarm."""
        alarms = self.cloud.aws("cloudwatch").describe_alarms(AlarmNames=[self._physical(f"Monitoring{name}")])
        found: dict[str, Any] = alarms["MetricAlarms"][0]
        return found

    def value(self, name: str) -> float:
        """Return the alarm's metric since `since`, by its namespace, name, dimensions and statistic."""
        alarm = self.definition(name)
        dimensions = {one["Name"]: one["Value"] for one in alarm.get("Dimensions", [])}
        match alarm["Namespace"]:
            case "Promptreel":
                counted = list(self._counted(alarm["MetricName"], dimensions))
                return max(counted, default=0) if alarm["Statistic"] == "Maximum" else sum(counted)
            case "AWS/States":
                return self._executions(dimensions["StateMachineArn"], alarm["MetricName"])
            case "AWS/SQS":
                return self._messages(dimensions["QueueName"])
            case "AWS/Lambda":
                return self._errors(alarm)
        raise AssertionError(f"{name} watches what is not worked out here: {alarm['Namespace']}")

    def _physical(self, logical: str) -> str:
        (found,) = (one for name, one in self._resources.items() if re.fullmatch(f"{logical}[0-9A-F]{{8}}", name))
        return found

    @cached_property
    def _resources(self) -> dict[str, str]:
        pages = self.cloud.aws("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
        return {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for page in pages
            for one in page["StackResourceSummaries"]
        }

    def _counted(self, metric: str, dimensions: dict[str, str]) -> Iterator[float]:
        """Return the values that the functions logged for CloudWatch with exactly these dimensions."""
        pages = self.cloud.aws("logs").get_paginator("filter_log_events")
        for function in COUNTING:
            group = self._physical(f"Functions{function}Logs")
            asked = {"logGroupName": group, "startTime": int(self.since * 1000), "filterPattern": f'"{metric}"'}
            for page in pages.paginate(**asked):
                for event in page["events"]:
                    said = json.loads(event["message"]) if event["message"].startswith('{"') else {}
                    for where in said.get("_aws", {}).get("CloudWatchMetrics", []):
                        named = {name: said[name] for names in where["Dimensions"] for name in names}
                        if where["Namespace"] == "Promptreel" and metric in said and named == dimensions:
                            yield from said[metric] if isinstance(said[metric], list) else [said[metric]]

    def _executions(self, machine: str, metric: str) -> float:
        status = {"ExecutionsFailed": "FAILED", "ExecutionsAborted": "ABORTED"}[metric]
        pages = self.cloud.aws("stepfunctions").get_paginator("list_executions")
        found = [
            one
            for page in pages.paginate(stateMachineArn=machine, statusFilter=status)
            for one in page["executions"]
            if one["stopDate"].timestamp() >= self.since
        ]
        return len(found)

    def _messages(self, queue: str) -> float:
        sqs = self.cloud.aws("sqs")
        asked = {"QueueUrl": sqs.get_queue_url(QueueName=queue)["QueueUrl"]}
        names = ["ApproximateNumberOfMessages"]
        return float(sqs.get_queue_attributes(**asked, AttributeNames=names)["Attributes"][names[0]])

    def _errors(self, alarm: dict[str, Any]) -> float:
        now = datetime.now(UTC)
        found = self.cloud.aws("cloudwatch").get_metric_statistics(
            Namespace=alarm["Namespace"],
            MetricName=alarm["MetricName"],
            Dimensions=alarm["Dimensions"],
            Statistics=[alarm["Statistic"]],
            Period=alarm["Period"],
            StartTime=now - timedelta(seconds=alarm["Period"]),
            EndTime=now + timedelta(minutes=1),
        )
        return float(sum(one[alarm["Statistic"]] for one in found["Datapoints"]))
