"""Simulate the video provider for the local cloud and for tests. No AI is involved.

It implements the provider's HTTP API and returns real videos that show the prompt.
`POST /_simulator/scripts`, `PUT /_simulator/logs` and `/transactions` make it misbehave (see scripts.py);
`GET /_simulator/calls` and `/counts` list its calls (see calls.py). `Simulator` runs one in the test's process,
`SimulatorControl` controls one in any process.
"""

from local.simulator.control import SimulatorControl
from local.simulator.provider import Behaviour
from local.simulator.server import Simulator

__all__ = ["Behaviour", "Simulator", "SimulatorControl"]
