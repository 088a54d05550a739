"""Compare the provider's charges with the ledger, day by day.

reconcile.py    the step: which days are due, and how far the time reaches
day.py          reads both sides of a day and compares them
books.py        the SQLite file that both sides of a day are read into
own.py          what the ledger knows about the cost of its generations
reports.py      the reports in S3, and the work of an invocation that ran out of time
"""
