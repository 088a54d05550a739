"""The inputs of a request other than text: references to files and videos, access rights, and links for the provider.

A request keeps its references (`references`). The files are checked when the request is accepted, and copied next to
its video when its workflow begins (`files`). The provider gets links when the request is submitted (`links`).
"""
