"""The domain. No handler, no Powertools and no CDK is imported here.

The steps, each a frozen dataclass of its collaborators that the function of the same name builds and calls:

    submit, look_up_submission, check_status, finalize, record_failure    the states of the workflow
    sweep, reconciliation/reconcile                                       what runs every minute, and every night

What a user and an operator may do to a generation is in delete and rescue. All of these are made of:

    generation, errors, settings    the words of the domain
    owners                          whose a file or an event is
    intake/                         how a request becomes a generation: accepting, prompt files, batches
    inputs/                         the files and videos that requests name, and links to them
    models/                         what may be asked for: the catalogue of models, which `make models` writes
    records/                        the tables: the ledger, the claim of the one create call, lists, and batches
    money/                          what videos cost: prices, estimates, budgets and sums
    reconciliation/                 a comparison of the provider's charges with the ledger
    learned/                        how long generations take and what they cost, from those that have finished
    provider/                       the provider's contract, its key, and how long to wait before asking it
    slots/                          the slots at the provider, and the queue for them
    archive/                        a verified video in S3
    publish/                        how a generation is shown and announced
    webhooks/                       who asked is told of the end
    api/                            the HTTP API: its contract, its keys, and a class for each resource
    workflow                        the state machine's executions
    secrets, tls, public            secrets as core reads them; whom we trust; where we do not connect to
"""
