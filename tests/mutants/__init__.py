"""Mutants: mistakes that a developer could make, and the tests that notice them (`make mutants`)."""

from tests.mutants import (
    archive,
    batches,
    keeping,
    links,
    local,
    money,
    owners,
    polling,
    rejections,
    repeats,
    runs,
    sandbox,
    slots,
    submission,
    upgrades,
    webhooks,
)

MUTANTS = (
    *archive.MUTANTS,
    *batches.MUTANTS,
    *keeping.MUTANTS,
    *links.MUTANTS,
    *local.MUTANTS,
    *money.MUTANTS,
    *owners.MUTANTS,
    *polling.MUTANTS,
    *rejections.MUTANTS,
    *repeats.MUTANTS,
    *runs.MUTANTS,
    *sandbox.MUTANTS,
    *slots.MUTANTS,
    *submission.MUTANTS,
    *upgrades.MUTANTS,
    *webhooks.MUTANTS,
)
