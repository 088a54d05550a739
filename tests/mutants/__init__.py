"""Mutants: mistakes that a developer could make, and the tests that notice them (`make mutants`)."""

from tests.mutants import (
    archive,
    batches,
    links,
    local,
    money,
    owners,
    polling,
    rejections,
    repeats,
    runs,
    slots,
    submission,
    terminal,
    webhooks,
)

MUTANTS = (
    *archive.MUTANTS,
    *batches.MUTANTS,
    *links.MUTANTS,
    *local.MUTANTS,
    *money.MUTANTS,
    *owners.MUTANTS,
    *polling.MUTANTS,
    *rejections.MUTANTS,
    *repeats.MUTANTS,
    *runs.MUTANTS,
    *slots.MUTANTS,
    *submission.MUTANTS,
    *terminal.MUTANTS,
    *webhooks.MUTANTS,
)
