"""Keep the number of generations at the provider within its limit, and share it fairly between owners.

A workflow waits in its state Admit, which costs nothing while it waits, until its generation is granted a slot. It
keeps the slot until the provider says that the job has ended, or until the job is so old that it must have.

    table.py        the items: slots, which name their holders, and the queue
    shortages.py    which jobs wait because the provider has no credits for them
    credits.py      how such jobs give their slots back, return to the queue, and end
    view.py         which of the queued jobs are next
    admission.py    how slots are granted and freed (core.sweep frees what was left)
    history.py      the numbers of held slots and queued jobs, hour by hour
"""
