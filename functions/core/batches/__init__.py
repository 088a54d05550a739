"""Batches: many requests sent in one file, accepted row by row, and reported at the end.

The words are in docs/glossary.md. A file passes through these modules:

    check           a file that is sent over HTTP is checked first
    comparison      it is compared with the batch of its name and with other batches
    dropped_file    any file is accepted from the prompts bucket, as one request or as a batch
    placement       the batch that it is is decided, by the same comparison
    prompt_file     the file is read into rows, with the help of columns and chains
    start           a batch is started: its rows are staged, its run is created, the run's execution is started
    staging         the rows are written to S3, each as a line of staged_row
    executions      the execution of a run is started
    accept_row      each staged row becomes a generation
    report          the outcome of every row is reported

These describe a batch:

    identity        the ids of batches and rows
    numbered        the names of further batches of one file
    record          the record of a batch, and its state
    run             the record of a run, and where its rows and results are
    replacement     which generation or rejection a row has, and what a run does with the row
    rejection       a rejected row, which has no generation
    rejection_limit how many rows may be rejected in an hour
    table           the table that stores all of these
    api             what the HTTP API answers
"""
