"""Mutants: mistakes that a developer could make, and the tests that notice them (`make mutants`)."""

from tests.mutants import archive, money, owners, polling, rejections, runs, slots, submission, webhooks

MUTANTS = (
    *archive.MUTANTS,
    *money.MUTANTS,
    *owners.MUTANTS,
    *polling.MUTANTS,
    *rejections.MUTANTS,
    *runs.MUTANTS,
    *slots.MUTANTS,
    *submission.MUTANTS,
    *webhooks.MUTANTS,
)
