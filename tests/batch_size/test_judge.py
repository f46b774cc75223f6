"""Which batch size is taken, on sizes of known speed."""

from __future__ import annotations

import pytest

from playbook_cli.batch_size.judge import judge, stalled
from playbook_cli.batch_size.sizes import Size
from playbook_cli.batch_size.timing import Timing


def size(batch_size, seconds=None, *, state="fits", error=0.0):
    timed = None
    if seconds is not None:
        timed = Timing(
            seconds=seconds,
            error=error * seconds,
            interval=1.0,
            intervals=8,
            every=8,
            evaluation=0.0,
            waited=0.0,
            precise=True,
        )
    return Size(
        batch_size=batch_size,
        state=state,
        reason=None,
        timing=timed,
        peak_bytes=None,
        gpu_peak_bytes=None,
        gpu_total_bytes=None,
        probes=1,
    )


def linear(fixed, each, up_to=10, **how):
    """Sizes 1, 2, 4, ... whose steps take `fixed` seconds and `each` a example."""
    return [size(2**n, fixed + each * 2**n, **how) for n in range(up_to + 1)]


@pytest.mark.parametrize(("fixed", "best"), [(0.0, 1), (0.001, 8), (0.016, 128)])
def test_the_largest_size_whose_doubling_pays_is_taken(fixed, best):
    # doubling B makes it 2 (a + b B) / (a + 2 b B) times as fast: 1.1 or more while b B <= 4.5 a
    found = judge(linear(fixed, 0.001), 1.1)
    assert (found.verdict, found.best.batch_size) == ("ok", best)
    assert found.likely == (best, best)


def test_a_higher_gain_asks_for_more():
    sizes = linear(0.016, 0.001)
    assert judge(sizes, 1.5).best.batch_size < judge(sizes, 1.1).best.batch_size < judge(sizes, 1.01).best.batch_size


def test_what_still_pays_at_the_largest_size_is_limited_by_it():
    found = judge(linear(1.0, 0.001, up_to=5), 1.1)
    assert (found.verdict, found.best.batch_size) == ("limit", 32)


def test_sizes_that_do_not_fit_or_crash_are_not_taken():
    sizes = [*linear(1.0, 0.001, up_to=2), size(8, state="out-of-memory")]
    assert judge(sizes, 1.1).best.batch_size == 4
    assert judge([size(1, state="failed"), *linear(1.0, 0.001, up_to=2)[1:]], 1.1).best.batch_size == 4


def test_a_single_slow_size_among_fast_ones_does_not_stop_the_search():
    seconds = [1.0, 1.0, 1.95, 1.05, 1.1]
    assert judge([size(2**n, s) for n, s in enumerate(seconds)], 1.1).best.batch_size == 16


def test_noise_widens_what_is_likely():
    exact, noisy = (judge(linear(0.016, 0.001, error=error), 1.1).likely for error in (0.0, 0.1))
    assert exact[0] == exact[1]
    assert noisy[0] < noisy[1]


def test_a_program_that_trains_the_same_with_every_size_reads_none():
    found = judge([size(1, 1.0, state="same"), size(2, 1.0, state="same")], 1.1)
    assert (found.verdict, found.best) == ("unread", None)


def test_where_nothing_could_be_timed_there_is_no_answer():
    assert judge([size(1), size(2)], 1.1).verdict == "none"
    assert judge([], 1.1).verdict == "none"


def test_two_doublings_that_do_not_pay_end_the_search():
    sizes = linear(0.001, 0.001)
    assert [stalled(sizes[: n + 1], 1.1) for n in range(6)] == [False, False, False, False, False, True]
