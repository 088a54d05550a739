"""Test that jobs that are chosen together are those that would be chosen one by one."""

from hypothesis import given
from hypothesis import strategies as st

from core.slots.table import Waiting
from core.slots.view import View

OWNERS = st.sampled_from("abcd")
JOBS = st.lists(OWNERS, max_size=12).map(
    lambda owners: [Waiting(f"{owner}{number:02}", owner, f"{number:02}") for number, owner in enumerate(owners)]
)


def view(jobs: list[Waiting], held: list[str], served: str) -> View:
    """Return a view of the whole queue, as it is read after an owner was served."""
    found = View(held)
    for job in sorted(jobs, key=lambda one: (one.owner <= served, one.sort_key)):
        found.add(job)
    found.is_whole = True
    return found


@given(JOBS, st.lists(OWNERS, max_size=6), OWNERS, st.integers(1, 12))
def test_jobs_chosen_together_are_those_chosen_one_by_one(
    jobs: list[Waiting], held: list[str], served: str, most: int
) -> None:
    together = view(jobs, held, served).take(most)
    one_by_one = list[Waiting]()
    while len(one_by_one) < most and (chosen := view(jobs, held, served).take(1)):
        [job] = chosen
        one_by_one.append(job)
        jobs, held, served = [other for other in jobs if other is not job], [*held, job.owner], job.owner
    assert together == one_by_one


@given(JOBS, st.lists(OWNERS, max_size=6), st.integers(1, 12))
def test_of_a_part_of_the_queue_only_owners_without_slots_are_chosen(
    jobs: list[Waiting], held: list[str], most: int
) -> None:
    """An owner that was not read may hold no slot either, but none can hold fewer."""
    part = View(held)
    for job in sorted(jobs, key=lambda one: one.sort_key):
        part.add(job)
    owners = [job.owner for job in part.take(most)]
    assert not {*owners} & {*held}
    assert len({*owners}) == len(owners)
    assert not part.is_empty


def test_the_choice_ends_where_the_next_job_was_not_read() -> None:
    jobs = [Waiting("a1", "a", "1"), Waiting("b1", "b", "1"), Waiting("b2", "b", "2")]
    found = view(jobs, [], "")
    found.has_more_of("a")
    assert found.take(9) == jobs[:2], "a2 may be next"
    assert not found.is_empty
