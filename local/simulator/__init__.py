"""A stand-in for the video provider, for the local cloud and for tests. No AI is involved.

It speaks the provider's HTTP contract and answers with real videos that show the prompt.
`POST /_simulator/scripts`, `PUT /_simulator/logs` and `/transactions` make it misbehave (see scripts.py);
`GET /_simulator/calls` and `/counts` tell what it was asked (see calls.py). `Simulator` runs one in a test's own
process, `SimulatorControl` controls one anywhere.
"""

from local.simulator.control import SimulatorControl
from local.simulator.provider import Behaviour
from local.simulator.server import Simulator

__all__ = ["Behaviour", "Simulator", "SimulatorControl"]
