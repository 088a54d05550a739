"""The HTTP API's contract and keys."""
