"""The table of generations.

claim.py has the claim of the one create call, ledger.py the changes of a generation, and lists.py the lists. The table
also holds the markers of core.intake.repeats.
"""
