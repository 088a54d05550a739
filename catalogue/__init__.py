"""Writes the models of functions/core from the provider's public reference: `make models SOURCE=<a checkout of it>`.

reference       what the reference says: its OpenAPI files, and the pages that go with them
house           the same by our rules: a JSON Schema a model, what it takes as input, where its videos are
corrections     what the reference gets wrong, put right
build           all of it together, checked and written

vendors.toml        whose model a name is, and on which hosts that vendor's videos are
corrections.toml    each correction, with the reason
"""
