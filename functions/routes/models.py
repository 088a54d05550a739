"""The models, and how long they take."""

from typing import Any

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from core.api import models as catalogue
from routes.parameters import query
from wiring.api import api_settings, models
from wiring.learned import make_learned

router = APIGatewayHttpRouter()


@router.get("/v2/models")
def list_models() -> dict[str, Any]:
    """Return a page of models, or the model with an id."""
    return catalogue.answer(models(), make_learned(api_settings()).of_models(), query(router))
