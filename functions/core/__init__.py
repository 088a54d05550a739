"""The domain. No handler, no Powertools and no CDK is imported here.

The steps of a generation, each called by the function of the same name:

    submit, check_status, finalize, record_failure      the states of the workflow
    delete, rescue                                      what a user and an operator may do to a generation

and what they are made of:

    generation, errors, settings    the words of the domain
    intake/                         how a request becomes a generation: accepting, prompt files, batches
    inputs/                         the files and videos that requests name, and links to them
    models/                         what may be asked for: the catalogue of models, which `make models` writes
    records/                        the table: its ledger of generations, and the places at the provider
    money/                          what videos cost: prices, estimates, budgets, sums, and what was charged
    provider/                       the provider's contract, its key, and when to ask it
    archive/                        a verified video in S3
    publish/                        how a generation is shown and announced
    webhooks/                       who asked is told of the end
    api/                            the HTTP API: its routes, contract, lists and keys
    workflow                        the state machine's executions
    secrets, tls, public            Secrets Manager; whom we trust; where we do not connect to
"""
