"""The routes of the HTTP API, with a file for each resource.

A route reads its parameters from the event and calls a class of core/api, which takes and returns plain values.
access.py defines which key may call which route.
"""
