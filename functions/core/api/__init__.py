"""The HTTP API's contract and keys."""

PATH, OLDER_PATH = "/v2/video/generations", "/v2/generate/video/google/generation"
