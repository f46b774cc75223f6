"""What to do next, as values, and as lines that a shell takes as they are."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
import typer
from hypothesis import example, given, settings
from hypothesis import strategies as st

from playbook_cli import acts
from playbook_cli.acts import CompareArms, MeasureHorizon, Next, ProbeInstability, Repeat, command, holding, run
from playbook_cli.cli import app
from playbook_cli.commands.growing import as_given
from tests.pasting import words

if TYPE_CHECKING:
    from playbook_cli.acts import Act, Command

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
FOLDERS = (
    TEXT
    | st.binary(min_size=1).filter(lambda raw: b"\0" not in raw).map(os.fsdecode)
    | st.sampled_from(
        [
            "runs/digits",
            "my runs/a'b",
            "-odd",
            "--runs",
            "$HOME/`x`",
            "~",
            "a\nb",
            "été/日本",
            "\u202egnp",
            ".",
            "..",
            "/",
        ]
    )
)
FEW = settings(max_examples=40)
"""Each example starts a shell."""
COUNTS = st.integers(2, 10**9)
NEXT = st.builds(
    Next,
    widen=st.lists(TEXT, max_size=2).map(tuple),
    narrow=st.booleans(),
    regularize=st.booleans(),
    fix=st.booleans(),
    round=st.none() | COUNTS,
    max_train_steps=st.none() | COUNTS,
    eval_every=st.none() | COUNTS,
    trials=st.none() | COUNTS,
    seed=st.none() | st.integers(0, 2**40),
    top=st.none() | COUNTS,
)
ARMS = st.dictionaries(TEXT, TEXT | COUNTS | st.booleans(), min_size=1, max_size=2)
OTHERS = (
    st.builds(Repeat, top=COUNTS)
    | st.builds(CompareArms, baseline=ARMS, candidate=ARMS)
    | st.just(ProbeInstability())
    | st.builds(MeasureHorizon, seeds=st.none() | st.integers(2, 64))
)
WRITTEN: list[tuple[Act, str]] = [
    (Next(), "playbook next runs/digits"),
    (Next(widen=("lr (adam)",)), "playbook next runs/digits --widen 'lr (adam)'"),
    (Next(widen=("a", "b")), "playbook next runs/digits --widen a --widen b"),
    (Next(narrow=True), "playbook next runs/digits --narrow"),
    (Next(regularize=True), "playbook next runs/digits --regularize"),
    (Next(max_train_steps=2000), "playbook next runs/digits --max-train-steps 2000"),
    (Next(eval_every=50), "playbook next runs/digits --eval-every 50"),
    (Next(trials=48), "playbook next runs/digits --trials 48"),
    (
        Next(round=2, max_train_steps=1000, top=20, of="short"),
        "playbook next runs/short --round 2 --max-train-steps 1000 --top 20",
    ),
    (Next(of="/other/short"), "playbook next /other/short"),
    (Repeat(top=1), "playbook repeat runs/digits --top 1"),
    (
        CompareArms(baseline={"depth": 1}, candidate={"depth": 2}),
        "playbook compare runs/digits --arms depth=1 depth=2",
    ),
    (ProbeInstability(), "playbook instability runs/digits"),
    (MeasureHorizon(), "playbook horizon runs/digits"),
    (MeasureHorizon(seeds=5), "playbook horizon runs/digits --seeds 5"),
]


def understood(arguments: list[str]) -> typer.Context:
    """What the command line makes of arguments, with the verb in its `info_name`; nothing is done."""
    verb = typer.main.get_command(app).commands[arguments[0]]  # type: ignore[attr-defined]
    return verb.make_context(arguments[0], arguments[1:])


def pasted(given: Command) -> tuple[str, dict[str, Any]]:
    context = understood(words(str(given)))
    return str(context.info_name), context.params


@pytest.mark.slow
@FEW
@given(NEXT, FOLDERS)
@example(Next(widen=("--narrow", "lr (adam)")), "-x")
def test_a_pasted_next_asks_for_the_same_study(act: Next, folder: str) -> None:
    verb, params = pasted(act.on(folder))
    assert (verb, params["study"]) == ("next", Path(folder))
    names = ("narrow", "regularize", "fix", "max_train_steps", "eval_every", "trials", "seed", "top")
    same = {name: params[name] for name in names}
    assert Next(widen=tuple(params["widen"] or ()), round=params["number"], **same) == act


@pytest.mark.slow
@FEW
@given(OTHERS, FOLDERS)
def test_a_pasted_act_is_understood_as_it_was_meant(act: Act, folder: str) -> None:
    verb, params = pasted(act.on(folder))
    assert params["baseline" if verb == "compare" else "study"] == Path(folder)
    if isinstance(act, Repeat):
        assert (verb, params["top"]) == ("repeat", act.top)
    elif isinstance(act, CompareArms):
        written = [",".join(f"{name}={value}" for name, value in arm.items()) for arm in (act.baseline, act.candidate)]
        assert (verb, list(params["arms"])) == ("compare", written)
    elif isinstance(act, MeasureHorizon):
        assert (verb, params["seeds"]) == ("horizon", act.seeds or 1)
    else:
        assert verb == "instability"


@pytest.mark.slow
@FEW
@given(FOLDERS, FOLDERS)
def test_a_pasted_run_runs_the_file_in_its_folder(file: str, runs: str) -> None:
    verb, params = pasted(run(file, Path(runs)))
    assert (verb, params["study"], params["runs"]) == ("run", Path(file), Path(runs))


@pytest.mark.slow
@FEW
@given(FOLDERS, FOLDERS, st.lists(TEXT, max_size=2), st.none() | COUNTS, st.booleans(), st.booleans())
def test_a_command_as_it_was_given_is_understood_as_before(
    file: str,
    runs: str,
    off: list[str],
    steps: int | None,
    find: bool,  # noqa: FBT001
    race: bool,  # noqa: FBT001
) -> None:
    asked = command("lr-sweep", file, runs=runs, off=off, steps=steps, find=find, no_race=not race, min="-0.5")
    first = understood(words(str(asked)))
    again = understood(words(str(as_given(first))))
    assert again.params == first.params
    written = understood(words(str(as_given(first).adding(steps=7, write=True))))
    assert written.params == {**first.params, "steps": 7, "write": True}


@pytest.mark.parametrize(("act", "line"), WRITTEN)
def test_an_act_is_written_as_a_person_would(act: Act, line: str) -> None:
    assert str(act.on("runs/digits")) == line


def test_the_usual_folder_is_left_out() -> None:
    assert str(run("study.yaml", Path("runs"))) == "playbook run study.yaml"
    assert str(run("study.yaml", Path("my runs"))) == "playbook run study.yaml --runs 'my runs'"


@pytest.mark.parametrize(
    ("folder", "above"), [("runs/a", "runs"), ("a", "."), (".", ".."), ("..", "../.."), ("/", "/")]
)
def test_the_folder_above_is_seen_from_where_the_user_is(folder: str, above: str) -> None:
    assert os.path.normpath(holding(Path(folder))) == above


def test_every_kind_of_act_is_tried_here() -> None:
    assert {type(act) for act, _ in WRITTEN} == set(get_args(acts.Act))


def test_no_other_part_writes_a_command_by_hand() -> None:
    package = Path(acts.__file__).parent
    by_hand = re.compile(r"playbook [a-z-]+ \{")
    files = [path for path in package.rglob("*.py") if path.name != "acts.py"]
    assert [path.name for path in files if by_hand.search(path.read_text(encoding="utf-8"))] == []
