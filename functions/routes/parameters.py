"""Read the query and the body of a call. `InvalidRequest` names the parameter and what is allowed."""

import base64
import re
from collections.abc import Mapping, Sequence

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from core.api.body import MAX_BODY_BYTES, parse_body
from core.errors import InvalidRequest


def base_url(router: APIGatewayHttpRouter) -> str:
    """Return the URL of the API, without a slash at its end, as the gateway knows it."""
    event = router.current_event
    context = event.request_context
    stage = "" if context.stage == "$default" else f"/{context.stage}"
    scheme = "http" if event.headers.get("x-forwarded-proto") == "http" else "https"  # http on the local cloud only
    return f"{scheme}://{context.domain_name}{stage}"


def query(router: APIGatewayHttpRouter) -> Mapping[str, str]:
    """Return the query parameters. The values of a repeated one are joined with commas."""
    return router.current_event.query_string_parameters


def required(router: APIGatewayHttpRouter, name: str) -> str:
    """Return a required query parameter."""
    text = query(router).get(name)
    if not text:
        raise InvalidRequest(f"The query parameter `{name}` is required.", name)
    return text


def flag(router: APIGatewayHttpRouter, name: str, default: str = "false") -> bool:
    """Return a query parameter that is true or false."""
    text = query(router).get(name, default)
    if text not in ("true", "false"):
        raise InvalidRequest(f"`{name}` must be true or false.", name)
    return text == "true"


def choice(router: APIGatewayHttpRouter, name: str, allowed: Sequence[str]) -> str | None:
    """Return a query parameter that is one of several values, or None without it."""
    text = query(router).get(name)
    if text is not None and text not in allowed:
        raise InvalidRequest(f"`{name}` must be one of {', '.join(allowed)}.", name)
    return text


def number(router: APIGatewayHttpRouter, name: str, most: int) -> int | None:
    """Return a query parameter that is a number from 1 to `most`, or None without it."""
    text = query(router).get(name)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or not 1 <= int(text) <= most:
        raise InvalidRequest(f"`{name}` must be a number from 1 to {most}.", name)
    return int(text)


def cursor(router: APIGatewayHttpRouter, pattern: str) -> str | None:
    """Return the query parameter `cursor`, or None without it."""
    text = query(router).get("cursor")
    if text is not None and not re.fullmatch(pattern, text, re.ASCII):
        raise InvalidRequest("`cursor` must be the `next_cursor` of an earlier page.", "cursor")
    return text


def content(router: APIGatewayHttpRouter) -> bytes:
    """Return the raw body. Raise ValueError if it is not valid base64 or Unicode."""
    event = router.current_event
    body = event.body or ""
    return base64.b64decode(body) if event.is_base64_encoded else body.encode()


def json_body(router: APIGatewayHttpRouter, most: int = MAX_BODY_BYTES) -> object:
    """Return the JSON value of the body, which has at most so many bytes."""
    try:
        body = content(router)
    except ValueError:
        raise InvalidRequest("The body must be JSON in UTF-8.") from None
    return parse_body(body, most)
