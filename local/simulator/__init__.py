"""Simulate the video provider for the local cloud, the sandbox and tests. No AI is involved.

It implements the provider's HTTP API (provider.py) and returns real videos.
As a process (process.py, server.py) its videos show moving shapes and the prompt (scene.py, videos.py).
`POST /_simulator/scripts`, `PUT /_simulator/logs` and `/transactions` make it misbehave (see scripts.py), and
`GET /_simulator/calls` and `/counts` list its calls (see calls.py). `server.Simulator` runs one in the test's process,
`control.SimulatorControl` controls one in any process.
The function in sandbox/ answers the same API without a process.

This package imports nothing by itself, because that function has only the standard library and boto3.
"""
