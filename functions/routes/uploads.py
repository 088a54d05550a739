"""Uploads, which requests refer to as `upload:<id>`."""

from typing import Any

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from core.api.uploads import form
from routes.access import caller
from routes.parameters import json_body
from wiring.api import api_settings
from wiring.inputs import make_inputs

router = APIGatewayHttpRouter()


@router.post("/v2/uploads")
def upload() -> dict[str, Any]:
    """Return an upload form and the reference to the file."""
    return form(make_inputs(api_settings()), caller(router).owner, json_body(router))
