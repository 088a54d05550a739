"""Mistakes with the page of performance and the simulation of scale."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "The results of the benchmark are stored only if all of it succeeds",
        "bench/__main__.py",
        "            failed.append(part)\n",
        "            raise\n",
        noticed_by="tests/unit/test_bench.py::test_a_part_that_fails_loses_no_results_of_the_others",
    ),
    Mutant(
        "The page of performance does not name what is behind",
        "bench/report.py",
        "            if row.misses:\n",
        "            if row.target is None:\n",
        noticed_by="tests/unit/test_bench.py::test_a_part_that_fails_loses_no_results_of_the_others",
    ),
    Mutant(
        "A number that should be high is good if it is low",
        "bench/report.py",
        "return ours < other if self.is_more_better else ours > other",
        "return ours > other",
        noticed_by="tests/unit/test_bench.py::test_a_number_is_behind_its_peer_or_misses_its_target",
    ),
    Mutant(
        "The simulation of scale throttles no rate for which there are tokens at first",
        "bench/scale/ceilings.py",
        "    return average if average > 1 else max(average, min(worst, 1.0))\n",
        "    return max(min(average, 1.0), min(worst, 1.0))\n",
        noticed_by="tests/unit/test_scale.py::test_a_bucket_absorbs_a_peak_but_not_a_rate",
    ),
    Mutant(
        "The page of scale asks AWS to raise a quota that it does not raise",
        "bench/scale/quotas.py",
        '        "keep the key longer in each function",\n',
        "        RAISE,\n",
        noticed_by="tests/unit/test_scale.py::"
        "test_a_quota_of_aws_links_to_its_page_and_asks_for_no_increase_that_aws_does_not_grant",
    ),
    Mutant(
        "The simulation of scale forgets what limits announcements on the bus",
        "bench/scale/ceilings.py",
        '        "events": calls["events PutEvents"],\n',
        "",
        noticed_by="tests/unit/test_scale.py::test_each_limit_has_a_counted_use_and_each_use_a_limit",
    ),
    Mutant(
        "The first deployment to the local AWS forgets the bootstrap",
        "local/deploy.py",
        "            begun = [both.submit(_cdk, checkout, ministack, checkout.state, bootstrap)]\n",
        "            begun = [both.submit(len, bootstrap)]\n",
        noticed_by="tests/unit/test_local.py::test_it_deploys_again_only_to_an_empty_ministack_or_after_a_change",
    ),
    Mutant(
        "Items that all jobs write to are those of one job",
        "bench/scale/shared.py",
        "set.intersection(",
        "set.union(",
        noticed_by="tests/functions/test_cost.py::test_jobs_of_different_owners_write_to_these_items_and_partitions_and_no_others",
    ),
)
