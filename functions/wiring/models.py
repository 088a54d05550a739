"""The models that this deployment offers."""

from dataclasses import dataclass

from core.models import Models, offered


@dataclass(frozen=True)
class UsesModels:
    allowed_models: tuple[str, ...]
    passed_through_models: tuple[str, ...]


def make_models(settings: UsesModels) -> Models:
    """Return the models."""
    return offered(settings.allowed_models, settings.passed_through_models)
