"""The table of generations.

claim.py has the claim of the one create call, ledger.py the changes of a generation, and lists.py the lists.
"""
