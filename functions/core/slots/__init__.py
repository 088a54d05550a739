"""Slots: never more generations at the provider than the limit, for all ways in together, and fairly between owners.

A workflow waits in its state Admit, which costs nothing while it waits, until its generation is given a slot. It keeps
the slot until the provider has said that the job ended, or until the job is so old that it must have.

    table.py        the items: a slot names its holder, and what waits is in the queue
    admission.py    who is next, and the ways in and out (core.sweep gives back what nobody did)
"""
