"""Write the models of functions/core from the provider's public reference: `make models SOURCE=<a checkout of it>`.

reference       reads the reference: its OpenAPI files, and the pages that belong to them
house           converts it to our rules: a JSON Schema per model, its inputs, and the hosts of its videos
corrections     corrects the errors of the reference
build           runs these steps, checks the result and writes it

vendors.toml        the vendor of each model name, and the hosts of each vendor's videos
corrections.toml    the corrections, with their reasons
"""
