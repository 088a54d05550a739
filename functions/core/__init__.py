"""The domain logic. It imports no handler, no Powertools and no CDK.

The steps, each a frozen dataclass of its collaborators that the function of the same name builds and calls:

    submit, look_up_submission, check_status, finalize, record_failure    the states of the workflow
    sweep, reconciliation/reconcile                                       the jobs of every minute and every night

`delete`, `rescue` and `importing` contain what a user and an operator can do with a generation. All of these use:

    generation, hold, errors        the basic types
    settings                        reads the settings of a function
    owners                          who owns a file or an event
    intake/                         turns a request into a generation
    batches/                        many requests in one file: its rows, its runs, its report
    inputs/                         the files and videos that requests refer to, and links to them
    models/                         the catalogue of models, written by `make models`
    records/                        the table of generations: the ledger, the claim of the one create call, lists
    money/                          the cost of videos: prices, estimates, budgets and sums
    reconciliation/                 compares the provider's charges with the ledger
    learned/                        how long generations take and what they cost, from those that have finished
    provider/                       the provider's contract, its key, and when to call it
    slots/                          the slots at the provider, and the queue for them
    archive/                        downloads a video, verifies it and stores it in S3
    posters/                        draws the picture that pages show before a video plays
    publish/                        shows and announces a generation
    links/                          short links to videos, which work without a key
    webhooks/                       notifies a caller's URL when a generation ends
    api/                            the HTTP API: its contract, its keys, and a class for each resource
    workflow                        the executions of the state machine
    secrets, tls, public            reading secrets, trusted authorities, and public addresses
    stored                          reading what another release has written
    text, spreadsheet               characters that cannot be shown, and cells that could be run
    beginning                       finding a generation or a batch by the first digits of its id
"""
