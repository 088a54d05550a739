"""The tables of generations and batches.

The claim of the one create call is in claim.py, what happens to a generation in ledger.py, and lists are in lists.py.
"""
