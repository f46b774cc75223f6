"""Repeats of trials: the same point, a fresh seed."""

from __future__ import annotations

from playbook_cli.records import TrialRecord
from playbook_cli.sampling.repeats import repeats


def trial(number: int, seed: int | None = None) -> TrialRecord:
    params = {"learning_rate": number / 10, "layers": 2}
    return TrialRecord(id=number, params=params, arm={"layers": 2}, seed=number if seed is None else seed)


def test_a_repeat_trains_the_same_point_on_another_seed() -> None:
    study = [trial(0), trial(1), trial(2)]
    made = repeats(study, [1], 3)
    assert [(t.id, t.repeat_of, t.params, t.arm) for t in made] == [
        (number, 1, study[1].params, {"layers": 2}) for number in (3, 4, 5)
    ]
    assert len({t.seed for t in [*study, *made]}) == 6


def test_the_seeds_pair_points_and_studies() -> None:
    one = repeats([trial(0), trial(1), trial(2)], [2, 0], 4)
    other = repeats([trial(0, 17)], [0], 4)
    assert [t.seed for t in one if t.repeat_of == 2] == [t.seed for t in one if t.repeat_of == 0]
    assert [t.seed for t in one if t.repeat_of == 2] == [t.seed for t in other]


def test_only_what_is_missing_is_added() -> None:
    study = [trial(0), trial(1)]
    first = repeats(study, [0], 2)
    assert repeats([*study, *first], [0], 2) == []
    more = repeats([*study, *first], [0, 1], 3)
    assert [(t.id, t.repeat_of) for t in more] == [(4, 1), (5, 1), (6, 0), (7, 1)]
    assert {t.seed for t in more if t.repeat_of == 0}.isdisjoint(t.seed for t in first)


def test_a_seed_that_the_search_used_is_left_out() -> None:
    used = repeats([trial(0)], [0], 1)[0].seed
    assert used not in {t.seed for t in repeats([trial(0), trial(1, used)], [0], 5)}
