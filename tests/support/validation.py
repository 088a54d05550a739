"""Validate requests as strict interfaces do."""

from typing import Any

from core.models import Models
from core.models.validation import check


def validate(request: object, models: Models) -> dict[str, Any]:
    """Return the request if its model allows it, and all its fields are the model's."""
    return check(request, models, strict=True).request
