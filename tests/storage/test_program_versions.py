"""Which trials were trained by which state of the program."""

from __future__ import annotations

import pytest

from playbook_cli.files.fingerprint import Fingerprint
from playbook_cli.records import TrialRecord
from playbook_cli.storage.program_versions import since, version_notes, versions

A = Fingerprint(files={"t.py": "a"}, packages={"torch": "2.12"})
B = Fingerprint(files={"t.py": "b"}, packages={"torch": "2.12"})
C = Fingerprint(files={"t.py": "b", "new.py": "c"}, packages={"torch": "2.12"})
UPGRADED = Fingerprint(files={"t.py": "a"}, packages={"torch": "2.13"})
ADAM, SGD, OTHER_ADAM, OTHER_SGD = (
    Fingerprint(files={"t.py": "a"}, inputs={name: content})
    for name, content in (("adam.yaml", "1"), ("sgd.yaml", "2"), ("adam.yaml", "3"), ("sgd.yaml", "4"))
)
PROGRAMS = {program.code: program for program in (A, B, C, UPGRADED, ADAM, SGD, OTHER_ADAM, OTHER_SGD)}


def trials(*attempts, state="completed"):
    """A trial for each state of the program, or for all that it was resumed under."""
    return [
        TrialRecord(
            id=number,
            params={},
            arm={},
            seed=0,
            state=state,
            codes=[one.code for one in (attempt if isinstance(attempt, tuple) else (attempt,))],
        )
        for number, attempt in enumerate(attempts)
    ]


@pytest.mark.parametrize(
    ("attempts", "said"),
    [
        ([], []),
        ([A, A, A], []),
        ([()], []),
        ([(), A, A], []),
        ([A, A, A, B, B], ["t.py changed after trial 2: trials 3, 4 ran different code than trials 0-2"]),
        ([A, B, A], ["t.py changed: trial 1 ran different code than trials 0, 2"]),
        (
            [A, B, C],
            [
                "t.py changed after trial 0: trial 1 ran different code than trial 0",
                "t.py changed, new.py was added after trial 0: trial 2 ran different code than trial 0",
            ],
        ),
        ([A, (A, B)], ["trial 1 was started with one version of the program and resumed with another: t.py changed"]),
        (
            [A, (A, B, A)],
            ["trial 1 was started with one version of the program and resumed with another: t.py changed"],
        ),
        ([A, UPGRADED], ["installed packages changed between trials: torch 2.12 -> 2.13"]),
        ([(A, UPGRADED), A], ["installed packages changed between trials: torch 2.13 -> 2.12"]),
        ([ADAM, SGD, ADAM, SGD], []),
        (
            [ADAM, SGD, OTHER_SGD],
            ["sgd.yaml changed after trial 1: trial 2 ran different code than trials 0, 1"],
        ),
        (
            [ADAM, SGD, OTHER_ADAM],
            ["adam.yaml changed after trial 1: trial 2 ran different code than trials 0, 1"],
        ),
    ],
)
def test_trials_of_other_code_are_told(attempts, said):
    assert version_notes(trials(*attempts), PROGRAMS) == said


def test_what_no_journal_describes_is_no_reason_to_complain():
    assert versions(trials(A, B), {}).one
    assert versions(trials(A, B), {A.code: A}).one


def test_trials_without_a_result_do_not_count():
    assert versions([*trials(A), *trials(B, B, state="failed")[1:]], PROGRAMS).one
    assert not versions([*trials(A), *trials(B, B, state="running")[1:]], PROGRAMS).one


def test_what_changed_since_trials_were_trained_is_told_of_each_version():
    assert since(trials(A, A), PROGRAMS, A).code == []
    assert since(trials(A, B, B), PROGRAMS, B).code == ["t.py changed since trial 0 was trained"]
    assert since(trials(A), PROGRAMS, UPGRADED).code == []
    assert since(trials(A), PROGRAMS, UPGRADED).packages == ["torch 2.12 -> 2.13 since trial 0 was trained"]
    mixed = "trial 1 was started with one version of the program and resumed with another: t.py changed"
    assert since(trials(B, (A, B)), PROGRAMS, B).code == [mixed]
    assert since(trials(()), PROGRAMS, A).code == []
