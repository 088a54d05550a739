"""Learn how long generations take and what they cost, from those that the provider finished.

times.py      the times of similar generations, and when the next one may be done
records.py    the items that hold the times and costs of each model, in the table of slots
"""
