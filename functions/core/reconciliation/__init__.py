"""Compare the provider's charges with the ledger, day by day.

reconcile.py    the step: reconciles the days that are due, until its time is over
day.py          judges a day: collects both sides and compares them
reading.py      reads the provider's side of a day into its book, and matches charges to generations
book.py         the SQLite file of a day's charges, kept in S3
sheet.py        the SQLite file that joins the generations of a day with their charges of all days
line.py         the kinds of findings, and a line of a report
own.py          what the ledger knows about the cost of its generations
shelf.py        the books, the work of interrupted runs, and the marks of due days in S3
reports.py      the reports in S3
"""
