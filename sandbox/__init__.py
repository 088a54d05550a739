"""Answer the provider's API from a Lambda function, for a sandbox on real AWS without a provider's key.

The function keeps no state between invocations. A generation's id says what it is and when it started (identity.py),
its prompt says how it ends (directives.py), the requests are in a table (table.py), and the videos are objects that
were rendered at deployment (renditions.py). The API itself is that of the simulator of the local cloud
(local/simulator/). See docs/sandbox.md.
"""
