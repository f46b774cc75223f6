"""What a program reads back is what the study says: the same value of the same type, in every style."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbook_cli.launch.arguments import arguments
from playbook_cli.spec.program import Arguments

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
INTEGERS = st.integers(-(10**18), 10**18)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
ODD = st.sampled_from(
    [
        "",
        " ",
        "-1",
        "--",
        "-x",
        "--f=1",
        "1e-5",
        "True",
        "null",
        "None",
        "a b",
        "'",
        '"',
        "\\",
        "\\'",
        "a,b",
        "a=b",
        "[1]",
        "{a: 1}",
        "${x}",
        "\\${x}",
        "$(ls)",
        "nan",
        "é",
        "x\ny",
        "*",
        "#",
        "~",
        "@f",
        "%s",
        "a:b",
        "\\\\",
    ]
)
STRINGS = TEXT | ODD
DASHES = ("--name=value", "--name value")
HYDRA = ("name=value", "+name=value")


class Program:
    def __init__(self, kind: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("programs.py")), kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def reads(self, argv):
        self._process.stdin.write(json.dumps(argv) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def started(kind):
    program = Program(kind)
    yield program
    program.close()


@pytest.fixture(scope="module")
def argparse():
    yield from started("argparse")


@pytest.fixture(scope="module")
def click():
    pytest.importorskip("click")
    yield from started("click")


@pytest.fixture(scope="module")
def typer():
    yield from started("typer")


@pytest.fixture(scope="module")
def hydra():
    pytest.importorskip("hydra")
    yield from started("hydra")


def assert_same(read, expected):
    for name, value in expected.items():
        assert read.get(name, read) == value
        assert type(read[name]) is type(value)


def words(params, **how):
    return arguments(params, Arguments.model_validate(how))


@pytest.mark.parametrize("style", DASHES)
@given(f=FLOATS, i=INTEGERS, s=STRINGS.filter(lambda text: text != "--"), b=st.booleans())  # argparse 3.11 drops `--`
def test_argparse_reads_scalars_as_they_are(argparse, style, f, i, s, b):
    params = {"f": f, "i": i, "s": s, "b": b}
    assert_same(argparse.reads(words(params, style=style)), params)
    assert_same(argparse.reads(words(params, style=style, booleans="lower")), params)


@pytest.mark.parametrize("style", DASHES)
@given(f=FLOATS, i=INTEGERS, s=STRINGS, b=st.booleans())
def test_click_reads_scalars_as_they_are(click, style, f, i, s, b):
    params = {"f": f, "i": i, "s": s, "b": b}
    assert_same(click.reads(words(params, style=style)), params)


@pytest.mark.parametrize("style", DASHES)
@given(f=FLOATS, i=INTEGERS, s=STRINGS, switch=st.booleans())
def test_typer_reads_scalars_as_they_are(typer, style, f, i, s, switch):
    params = {"f": f, "i": i, "s": s, "switch": switch}
    assert_same(typer.reads(words(params, style=style, booleans="no-flag")), params)


SCALARS = st.none() | st.booleans() | INTEGERS | FLOATS | STRINGS


@pytest.mark.parametrize("style", HYDRA)
@settings(max_examples=30)
@given(lr=SCALARS, new=SCALARS, listed=st.lists(SCALARS, max_size=12).map(tuple))
@pytest.mark.slow
def test_hydra_reads_scalars_lists_and_nested_names_as_they_are(hydra, style, lr, new, listed):
    plus = style == "+name=value"
    params = {"a": new, "group.b": listed} if plus else {"optimizer.lr": lr, "x": listed}
    read = hydra.reads(words(params, style=style))
    assert "error" not in read
    if plus:
        assert_same({"a": read["a"], "b": tuple(read["group"]["b"])}, {"a": new, "b": listed})
        pairs = zip(read["group"]["b"], listed, strict=True)
    else:
        assert_same({"lr": read["optimizer"]["lr"], "x": tuple(read["x"])}, {"lr": lr, "x": listed})
        pairs = zip(read["x"], listed, strict=True)
    assert all(type(a) is type(b) for a, b in pairs)


@given(flag=st.booleans())
def test_a_flag_is_there_or_not(argparse, click, flag):
    assert argparse.reads(words({"flag": flag}, booleans="flag"))["flag"] is flag
    assert click.reads(words({"flag": flag}, booleans="flag"))["flag"] is flag


@given(value=st.booleans())
def test_a_switch_has_a_name_for_each_of_its_settings(argparse, click, typer, value):
    for program in (argparse, click, typer):
        assert program.reads(words({"switch": value}, booleans="no-flag"))["switch"] is value


@given(value=FLOATS)
def test_names_are_those_of_the_program(argparse, click, value):
    params = {"learning_rate": value}
    assert_same(argparse.reads(words(params, names={"learning_rate": "optimizer.lr"})), {"optimizer.lr": value})
    assert_same(argparse.reads(words(params, names={"learning_rate": "-x"})), {"x": value})
    assert words({"a": 1.0, "b": 2}, omit=["a"]) == ["--b=2"]
    short = words({"a": abs(value)}, names={"a": "-x"}, style="--name value")
    assert_same(click.reads(short), {"x": abs(value)})


@given(values=st.lists(FLOATS, min_size=1, max_size=4).map(tuple))
def test_lists_come_in_the_form_that_the_program_takes(argparse, click, typer, values):
    read = argparse.reads(
        [
            *words({"repeated": values}, lists="repeat"),
            *words({"commas": values}, lists="commas"),
            *words({"literal": values}),
            *words({"words": tuple(abs(value) for value in values)}, lists="words"),
        ]
    )
    assert tuple(read["repeated"]) == tuple(read["commas"]) == tuple(read["literal"]) == values
    assert tuple(read["words"]) == tuple(abs(value) for value in values)
    for program in (click, typer):
        assert tuple(program.reads(words({"repeated": values}, lists="repeat"))["repeated"]) == values


@pytest.mark.slow
def test_none_is_written_or_left_to_the_programs_default(argparse):
    assert argparse.reads(words({"maybe": None}))["maybe"] is None
    assert words({"absent": None}, none="omit") == []
    assert words({"absent": None}, none="null") == ["--absent=null"]
    assert words({"x": None}, style="name=value") == ["x=null"]


@pytest.mark.slow
def test_a_real_hydra_application_takes_them(tmp_path):
    pytest.importorskip("hydra")
    script = tmp_path / "app.py"
    script.write_text(
        "import hydra, json\n"
        "from omegaconf import OmegaConf\n"
        "@hydra.main(version_base=None, config_path=None)\n"
        "def main(config): print(json.dumps(OmegaConf.to_container(config, resolve=True)))\n"
        "main()\n"
    )
    params = {"lr": 1e-05, "text": "it's ${lr}, {b}", "none": None, "on": True, "model.sizes": (1, 2), "minus": -0.0}
    argv = [
        sys.executable,
        str(script),
        *words(params, style="+name=value"),
        "hydra.run.dir=.",
        "hydra/job_logging=none",
    ]
    read = json.loads(subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True).stdout)
    expected = {**params, "model": {"sizes": [1, 2]}}
    del expected["model.sizes"]
    assert read == expected
    assert (type(read["lr"]), type(read["minus"]), read["on"]) == (float, float, True)
