"""The models: how long they take, and a list in the provider's shape."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from core.api import MODEL_LISTS, model_list
from core.api import models as catalogue
from routes.parameters import query
from wiring import now
from wiring.accounts import make_prices
from wiring.api import api_settings, models
from wiring.learned import make_learned

router = APIGatewayHttpRouter()


@router.get("/v2/models")
def list_models() -> dict[str, Any]:
    """Return a page of models, or the model with an id."""
    figures = catalogue.Figures(make_learned(api_settings()).of_models(), _prices(_this_minute()))
    return catalogue.answer(models(), figures, query(router))


def list_in_their_shape() -> dict[str, Any]:
    """Return all models as the provider lists them. This needs no key."""
    return model_list.answer(models(), _prices(_this_minute()), query(router))


for path in MODEL_LISTS:
    router.get(path)(list_in_their_shape)


def _this_minute() -> str:
    return f"{now():%Y-%m-%dT%H:%M}"


@lru_cache(maxsize=1)
def _prices(_minute: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the prices, read at most once a minute in each process: anybody may ask."""
    return make_prices(api_settings()).all()
