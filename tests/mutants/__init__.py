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
    runs,
    slots,
    submission,
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
    *runs.MUTANTS,
    *slots.MUTANTS,
    *submission.MUTANTS,
    *webhooks.MUTANTS,
)
