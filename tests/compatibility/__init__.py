"""Try programs of other people that use the provider's API, unchanged, on a local cloud.

`make compatibility` installs them, runs them all and writes docs/compatibility.md. `clients.py` lists them. Each has a
driver in `drivers/`: a program that sets the base URL and the key, uses the client as its documentation says, and
prints what the client returned. Nothing of these projects is in this repository.
"""
