"""Short links to videos: `/v/<token>/<any name>`, which works without a key.

`record` has the links of a generation, as its record holds them, and `token` makes and reads their tokens.
`core.api.links` makes, lists and revokes links, and `core.api.opening` opens them.
"""
