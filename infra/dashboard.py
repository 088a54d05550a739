"""Create the operator's dashboard, one page in CloudWatch.

It shows AWS's own metrics and queries of the functions' logs. A custom metric would cost a tenth of the dashboard's
price each month; a log query costs only the data that it reads when someone opens the page.
"""

from collections.abc import Callable, Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.base import Base
from infra.capabilities import Capabilities
from infra.config import Stage

_PERIOD = cdk.Duration.minutes(5)
_WIDTH = 24  # of the page, in CloudWatch's grid units

_Metrics = list[cloudwatch.IMetric]


class Dashboard(Construct):
    """The dashboard. `url` opens it."""

    def __init__(
        self, scope: Construct, base: Base, capabilities: Capabilities, alarms: Sequence[cloudwatch.IAlarm]
    ) -> None:
        super().__init__(scope, "Dashboard")
        self._functions = base.functions.made
        storage, workflow, api, triggers = base.storage, capabilities.workflow, capabilities.api, capabilities.triggers
        stack = cdk.Stack.of(self)
        name = f"{stack.stack_name}-{stack.region}"  # dashboards of all regions of an account share their names
        dashboard = cloudwatch.Dashboard(self, "Page", dashboard_name=name, default_interval=cdk.Duration.hours(3))
        self.url = f"https://console.aws.amazon.com/cloudwatch/home?region={stack.region}#dashboards/dashboard/{name}"
        machine = workflow.state_machine
        rows: list[list[cloudwatch.IWidget]] = [
            [
                cloudwatch.AlarmStatusWidget(
                    title="Alarms (explained in docs/runbook.md)",
                    alarms=[*alarms],
                    width=_WIDTH,
                    height=4,
                )
            ],
            [
                _graph(
                    "Finished jobs",
                    [
                        machine.metric_succeeded(period=_PERIOD, label="completed"),
                        machine.metric_failed(period=_PERIOD, label="error"),
                        machine.metric_aborted(period=_PERIOD, label="stopped"),
                        machine.metric_timed_out(period=_PERIOD, label="timed out"),
                    ],
                ),
                _graph("Job errors", [_errors(base.stage)]),
                _graph(
                    "Batches that did not finish",
                    [
                        capabilities.batches.state_machine.metric_failed(period=_PERIOD, label="error"),
                        capabilities.batches.state_machine.metric_aborted(period=_PERIOD, label="stopped"),
                    ],
                ),
            ],
            [
                self._drawn(
                    "Jobs at the provider",
                    "max(held) as at_provider, max(slots) as at_most, max(waiting) as wait, "
                    "max(held_back) as wait_for_credits",
                ),
                self._drawn("Age of the oldest queued job, s", "max(oldest_seconds) as seconds"),
                self._drawn("Spent or held today (UTC), USD", "max(day_usd) as today, max(day_limit_usd) as budget"),
            ],
            [
                self._table(
                    "Videos by model: seconds and USD",
                    "filter message = 'archived' and ispresent(model)",
                    "stats count_distinct(generation_id) as videos, pct(waited_seconds, 50) as waited, "
                    "pct(generating_seconds, 50) as made, pct(generating_seconds, 90) as slowest_tenth, "
                    "pct(archiving_seconds, 50) as archived, sum(usd) as spent by model",
                    "sort videos desc",
                    functions=["Finalize"],
                    width=16,
                ),
                self._table(
                    "Failed by model and error",
                    "filter message in ['failed', 'found to have failed']",
                    "stats count_distinct(generation_id) as jobs by model, error",
                    "sort jobs desc",
                    functions=["RecordFailure", "Sweep"],
                ),
            ],
            [
                _graph(
                    "API calls",
                    [
                        api.http_api.metric_count(period=_PERIOD, statistic="Sum", label="calls"),
                        api.http_api.metric_client_error(period=_PERIOD, statistic="Sum", label="4xx"),
                        api.http_api.metric_server_error(period=_PERIOD, statistic="Sum", label="5xx"),
                    ],
                    [api.http_api.metric_latency(period=_PERIOD, statistic="p95", label="slowest twentieth, ms")],
                ),
                _graph(
                    "Queued files, queued events and dead letters",
                    [
                        _most(triggers.queue.metric_approximate_number_of_messages_visible, "wait"),
                        _most(triggers.dead_letters.metric_approximate_number_of_messages_visible, "given up"),
                        _most(
                            workflow.dead_letters.metric_approximate_number_of_messages_visible, "failures not recorded"
                        ),
                        _most(
                            capabilities.webhooks.dead_letters.metric_approximate_number_of_messages_visible,
                            "webhooks given up",
                        ),
                    ],
                    [_most(triggers.queue.metric_approximate_age_of_oldest_message, "oldest, s")],
                ),
                _graph(
                    "Throttled functions and tables",
                    [
                        lambda_.Function.metric_all_throttles(period=_PERIOD, label="functions of this account"),
                        *(
                            table.metric(event, period=_PERIOD, statistic="Sum", label=f"{what}: {event[:-14]}")
                            for what, table in (
                                ("generations", storage.ledger.table),
                                ("slots", storage.slots.table),
                                ("money", storage.money.table),
                            )
                            for event in ("ReadThrottleEvents", "WriteThrottleEvents")
                        ),
                    ],
                    [lambda_.Function.metric_all_concurrent_executions(period=_PERIOD, label="concurrent functions")],
                ),
            ],
            [
                _graph(
                    "Function errors",
                    [one.metric_errors(period=_PERIOD, label=name) for name, one in self._functions.items()],
                ),
                self._table(
                    "Latest warnings and errors (promptreel logs)",
                    "filter level in ['WARNING', 'ERROR', 'CRITICAL']",
                    "fields @timestamp, level, message, error, reason, generation_id",
                    "sort @timestamp desc",
                    "limit 50",
                    functions=[*self._functions],
                    width=16,
                ),
            ],
        ]
        for row in rows:
            dashboard.add_widgets(*row)

    def _drawn(self, title: str, stats: str) -> cloudwatch.LogQueryWidget:
        """Return a graph of the values that the sweep logs each minute (functions/sweep.py)."""
        return self._query(
            title,
            ["filter message = 'current state'", f"stats {stats} by bin(5m)"],
            ["Sweep"],
            8,
            cloudwatch.LogQueryVisualizationType.LINE,
        )

    def _table(self, title: str, *lines: str, functions: list[str], width: int = 8) -> cloudwatch.LogQueryWidget:
        return self._query(title, [*lines], functions, width, cloudwatch.LogQueryVisualizationType.TABLE)

    def _query(
        self, title: str, lines: list[str], functions: list[str], width: int, view: cloudwatch.LogQueryVisualizationType
    ) -> cloudwatch.LogQueryWidget:
        return cloudwatch.LogQueryWidget(
            title=title,
            log_group_names=[self._functions[name].log_group.log_group_name for name in functions],
            query_lines=lines,
            view=view,
            width=width,
            height=6,
        )


def _graph(title: str, left: _Metrics, right: _Metrics | None = None) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=left, right=right or [], width=8, height=6)


def _most(metric: Callable[..., cloudwatch.Metric], label: str) -> cloudwatch.IMetric:
    """Return a metric of a queue with its highest value."""
    return metric(period=_PERIOD, statistic="Maximum", label=label)


def _errors(stage: Stage) -> cloudwatch.IMetric:
    """Return one line per error that has occurred (functions/wiring/metrics.py)."""
    where = f'{{Promptreel,error,service}} MetricName="GenerationFailed" service="promptreel-{stage.name}"'
    return cloudwatch.MathExpression(
        expression=f"SEARCH('{where}', 'Sum', 300)", using_metrics={}, label="", period=_PERIOD
    )
