"""What a request takes beside words: the files that it names, who may name them, and how the provider gets to see them.

A request keeps references (`references`). When it is accepted, what they name is looked at, and when its workflow
begins, it is copied beside its video (`files`). The provider is given links when the request is submitted (`links`).
"""
