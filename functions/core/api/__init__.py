"""The HTTP API: its contract, its keys, and a file for each resource. The routes are in functions/routes."""

import re

PATH = "/v2/video/generations"
OLDER_PATH = "/v2/generate/video/{vendor}/generation"  # in the provider's samples, with any model under any vendor
LINK_PATH = "/v"  # of short links, which need no key
UNCHECKED = "Promptreel-Unchecked"  # a header of answers: the fields that were passed to the provider unchecked
REPEATED = "Promptreel-Repeated"  # a header of answers: the POST repeated an earlier one and started no job
MODEL_LISTS = ("/v1/models", "/models", "/api/v1/models")  # the provider serves the same list at all of them


def shown_path(path: str) -> str:
    """Return a path for an error message, without the token of a short link, which is a secret."""
    return re.sub(f"^{LINK_PATH}/.+", f"{LINK_PATH}/...", path, flags=re.DOTALL)
