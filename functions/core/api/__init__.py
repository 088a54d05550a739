"""The HTTP API: its contract, its keys, and a file for each resource. The routes are in functions/routes."""

PATH, OLDER_PATH = "/v2/video/generations", "/v2/generate/video/google/generation"
