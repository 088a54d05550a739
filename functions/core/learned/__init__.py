"""Learn how long generations take and what they cost, from those that the provider finished.

times.py      the times of similar generations, and when the next one may be done
kinds.py      which requests are alike
records.py    the items that hold the times and costs of models and kinds, in the table of slots
"""
