"""What differs between two states of a program, in words."""

from __future__ import annotations

import pytest

from playbook_cli.files.fingerprint import Fingerprint, difference

OLD = {"t.py": "a", "model.py": "b"}


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (OLD, ""),
        ({"t.py": "x", "model.py": "b"}, "t.py changed"),
        ({"t.py": "x", "model.py": "y"}, "model.py and t.py changed"),
        ({**OLD, "new.py": "c"}, "new.py was added"),
        ({"t.py": "a"}, "model.py was removed"),
        (
            {"t.py": "x", "one.py": "1", "two.py": "2"},
            "t.py changed, one.py and two.py were added, model.py was removed",
        ),
        ({"t.py": "b", "model.py": "a"}, "model.py and t.py changed"),
        ({"src/t.py": "a", "src/model.py": "b"}, ""),
    ],
)
def test_a_difference_names_the_files(new, said):
    found = difference(Fingerprint(files=OLD), Fingerprint(files=new))
    assert str(found) == said
    assert found.code is bool(said)


def test_of_many_files_the_first_are_named():
    old, new = ({f"{name}.py": hashed for name in "abcdefg"} for hashed in ("0", "1"))
    said = str(difference(Fingerprint(files=old), Fingerprint(files=new)))
    assert said == "a.py, b.py, c.py, d.py and 3 more changed"


def test_an_upgrade_is_told_and_is_no_other_code():
    old, new = (Fingerprint(files=OLD, packages={"torch": version, "numpy": "2"}) for version in ("2.12", "2.13"))
    found = difference(old, new)
    assert found
    assert not found.code
    assert str(found) == "torch 2.12 -> 2.13"


def test_a_file_that_other_hyperparameters_lead_to_is_no_difference_unless_it_changed():
    adam, sgd = (Fingerprint(files=OLD, inputs={f"{name}.yaml": name}) for name in ("adam", "sgd"))
    assert not difference(adam, sgd)
    assert str(difference(adam, Fingerprint(files=OLD, inputs={"adam.yaml": "edited"}))) == "adam.yaml changed"


def test_where_files_are_left_out_none_was_added_or_removed():
    whole, part = Fingerprint(files=OLD), Fingerprint(files={"t.py": "a", "far.py": "c"}, partial=True)
    assert not difference(whole, part)
    assert str(difference(whole, Fingerprint(files={"t.py": "x"}, partial=True))) == "t.py changed"


def test_what_stands_for_a_state_follows_from_all_of_it():
    states = [
        Fingerprint(files=OLD),
        Fingerprint(files={**OLD, "t.py": "x"}),
        Fingerprint(files=OLD, packages={"torch": "2.13"}),
        Fingerprint(files={"t.py": "a"}, inputs={"model.py": "b"}),
        Fingerprint(files=OLD, partial=True),
    ]
    assert len({state.code for state in states}) == len(states)
    assert Fingerprint(files=dict(reversed(OLD.items()))).code == states[0].code
