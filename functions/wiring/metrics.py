"""What the alarms count."""

from aws_lambda_powertools.metrics import MetricUnit, single_metric

from core.generation import Failure


def count_failure(failure: Failure) -> None:
    """One generation more that failed, by the name of its error."""
    with single_metric(name="GenerationFailed", unit=MetricUnit.Count, value=1) as metric:
        metric.add_dimension("error", failure.name)


def tell(name: str, value: float) -> None:
    """A measure as it is now. What is never told costs nothing, so that only what an alarm waits for is."""
    with single_metric(name=name, unit=MetricUnit.NoUnit, value=value):
        pass


def count_findings(findings: int) -> None:
    """So much that does not add up between the provider's books and the ledger."""
    with single_metric(name="DoesNotAddUp", unit=MetricUnit.Count, value=findings):
        pass


def count_dead_webhook() -> None:
    """One delivery more that was given up."""
    with single_metric(name="WebhooksGivenUp", unit=MetricUnit.Count, value=1):
        pass
