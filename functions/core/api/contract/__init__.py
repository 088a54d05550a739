"""The contract of the HTTP API as OpenAPI: a file for each resource, which document.py joins."""
