"""The metrics of the alarms."""

from aws_lambda_powertools.metrics import MetricUnit, single_metric

from core.generation import Failure


def count_failure(failure: Failure) -> None:
    """Count a failed generation under the name of its error."""
    with single_metric(name="GenerationFailed", unit=MetricUnit.Count, value=1) as metric:
        metric.add_dimension("error", failure.name)


def tell(name: str, value: float) -> None:
    """Report a value. Call it only when an alarm needs to know, because each reported metric costs money."""
    with single_metric(name=name, unit=MetricUnit.NoUnit, value=value):
        pass


def count_findings(findings: int) -> None:
    """Count the differences between the provider's books and the ledger."""
    with single_metric(name="DoesNotAddUp", unit=MetricUnit.Count, value=findings):
        pass


def count_dead_webhook() -> None:
    """Count a webhook delivery that Promptreel gave up on."""
    with single_metric(name="WebhooksGivenUp", unit=MetricUnit.Count, value=1):
        pass


def count_exceeded_rejections() -> None:
    """Count that an API key or an owner reached the limit of rejected rows in this hour."""
    with single_metric(name="RejectedRowsExceeded", unit=MetricUnit.Count, value=1):
        pass
