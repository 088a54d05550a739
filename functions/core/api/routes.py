"""The routes of the HTTP API, by the scope of a key that may call them. infra/api.py gives each to the gateway."""

from core.api import LINK_PATH, MODEL_LISTS, OLDER_PATH, PATH
from core.api.api_keys import ALL, CREATE, READ

ANYONE = "anyone"  # no key is needed
LINKS = tuple(f"{method} {LINK_PATH}/{path}" for path in ("{token}", "{token}/{name}") for method in ("GET", "HEAD"))

# A key may call the routes of its scope and of the scopes before it: `create` includes `read`, and `all` includes both.
ROUTES = {
    ANYONE: (
        "GET /health",
        "GET /openapi.json",
        *(f"GET {path}" for path in MODEL_LISTS),
        *LINKS,
    ),
    READ: (
        f"GET {PATH}",
        f"GET {PATH}/{{id}}/content",
        f"GET {OLDER_PATH}",
        "GET /v2/models",
        "GET /v2/batches",
        "GET /v2/batches/{id}/report",
        "GET /v2/batches/{id}/file",
        "GET /v2/usage",
        "GET /v2/budgets",
        "GET /v2/slots",
        "GET /v2/keys",
        "GET /v2/webhooks/deliveries",
    ),
    CREATE: (
        f"POST {PATH}",
        f"POST {OLDER_PATH}",
        f"PATCH {PATH}",
        # Also the list, because it returns links that work for longer than the key may be valid.
        f"GET {PATH}/{{id}}/links",
        f"POST {PATH}/{{id}}/links",
        f"DELETE {PATH}/{{id}}/links/{{number}}",
        "POST /v2/uploads",
        "POST /v2/estimates",
        "POST /v2/batches",
        "POST /v2/batches/{id}/retry",
        "POST /v2/webhooks/deliveries/{id}/redeliver",
    ),
    ALL: (
        f"DELETE {PATH}",
        "POST /v2/batches/{id}/cancel",
        "GET /v2/webhooks/secret",
        "POST /v2/webhooks/secret/rotate",
    ),
}
