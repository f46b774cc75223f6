"""The arguments that scripts declare."""

from __future__ import annotations

import ast

from playbook_cli.starting.declared import Argument, arguments


def read(source):
    return {argument.name: argument for argument in arguments(ast.parse(source))}


def short(argument):
    return argument.option, argument.kind, argument.default, argument.choices, argument.switch


def test_argparse():
    found = read("""
import argparse
p = argparse.ArgumentParser()
g = p.add_argument_group("training")
g.add_argument("-l", "--learning-rate", type=float, default=1e-3, help="...")
p.add_argument("--batch-size", dest="bs", type=int, default=64)
p.add_argument("--opt", choices=["sgd", "adam"], default="sgd")
p.add_argument("--compile", action="store_true")
p.add_argument("--no-cuda", action="store_false", dest="cuda")
p.add_argument("--amp", action=argparse.BooleanOptionalAction, default=True)
p.add_argument("--bias", type=str2bool, default=False)
p.add_argument("--betas", nargs=2, type=float, default=[0.9, 0.99])
p.add_argument("--width", type=int, default=4 * SIZE)
p.add_argument("-k", type=int, default=2)
p.add_argument("--steps", type=int, required=True)
p.add_argument("--version", action="version", version="1")
p.add_argument("data")
p.add_argument(*names)
""")
    assert {name: short(argument) for name, argument in found.items()} == {
        "learning_rate": ("--learning-rate", "float", 0.001, (), "python"),
        "bs": ("--batch-size", "int", 64, (), "python"),
        "opt": ("--opt", "str", "sgd", ("sgd", "adam"), "python"),
        "compile": ("--compile", "bool", False, (), "flag"),
        "no_cuda": ("--no-cuda", "bool", False, (), "flag"),
        "amp": ("--amp", "bool", True, (), "no-flag"),
        "bias": ("--bias", "bool", False, (), "python"),
        "betas": ("--betas", "other", None, (), "python"),
        "width": ("--width", "int", None, (), "python"),
        "k": ("-k", "int", 2, (), "python"),
        "steps": ("--steps", "int", None, (), "python"),
        "data": (None, "str", None, (), "python"),
    }
    assert not found["width"].has_default


def test_click():
    found = read("""
import click
@click.command()
@click.argument("data")
@click.option("--lr", "-l", default=0.1)
@click.option("--width", "hidden", type=click.IntRange(1, 9), default=4)
@click.option("--act", type=click.Choice(["relu", "gelu"]), default="relu")
@click.option("--amp/--no-amp", default=True)
@click.option("--fast", is_flag=True)
@click.option("--layer", multiple=True, type=int)
def main(**given): ...
""")
    assert {name: short(argument) for name, argument in found.items()} == {
        "data": (None, "other", None, (), "python"),
        "lr": ("--lr", "float", 0.1, (), "python"),
        "hidden": ("--width", "int", 4, (), "python"),
        "act": ("--act", "str", "relu", ("relu", "gelu"), "python"),
        "amp": ("--amp", "bool", True, (), "no-flag"),
        "fast": ("--fast", "bool", False, (), "flag"),
        "layer": ("--layer", "other", None, (), "python"),
    }


TYPER = """
import typer
from typing import Annotated, Literal, Optional
app = typer.Typer()
@app.command()
def main(
    data: str,
    lr: float = 1,
    weight_decay: Annotated[float, typer.Option("--wd", help="...")] = 0.0,
    width: int = typer.Option(64, help="..."),
    out: Annotated[str, typer.Argument()] = "x",
    act: Literal["relu", "gelu"] = "relu",
    clip: float | None = None,
    amp: bool = False,
    fast: Annotated[bool, typer.Option("--fast")] = False,
    *,
    seed: Optional[int] = 0,
): ...
def helper(notme: int = 3): ...
"""


def test_typer():
    assert {name: short(argument) for name, argument in read(TYPER).items()} == {
        "data": (None, "str", None, (), "python"),
        "lr": ("--lr", "float", 1.0, (), "python"),
        "weight_decay": ("--wd", "float", 0.0, (), "python"),
        "width": ("--width", "int", 64, (), "python"),
        "out": (None, "str", "x", (), "python"),
        "act": ("--act", "str", "relu", ("relu", "gelu"), "python"),
        "clip": ("--clip", "float", None, (), "python"),
        "amp": ("--amp", "bool", False, (), "no-flag"),
        "fast": ("--fast", "bool", False, (), "flag"),
        "seed": ("--seed", "int", 0, (), "python"),
    }
    run = "import typer\ndef main(lr: float = 0.1): ...\ntyper.run(main)\n"
    assert list(read(run)) == ["lr"]


DATACLASS = """
from dataclasses import dataclass, field
@dataclass(frozen=True)
class Config:
    lr: float = 1e-3
    layers: int = field(default=2, metadata={})
    sizes: list[int] = field(default_factory=list)
    name: "str | None" = None
    not_a_field = 3
class Other:
    x: int = 3
"""


def test_dataclasses_where_nothing_else_declares_arguments():
    assert {name: short(argument) for name, argument in read(DATACLASS).items()} == {
        "lr": ("--lr", "float", 0.001, (), "python"),
        "layers": ("--layers", "int", 2, (), "python"),
        "sizes": ("--sizes", "other", None, (), "python"),
        "name": ("--name", "str", None, (), "python"),
    }
    besides = read(f"{DATACLASS}\nimport click\n@click.option('--a', default=1)\ndef main(a): ...")
    assert list(besides) == ["a"]
    parsed = read(f"{DATACLASS}\nfrom transformers import HfArgumentParser\np.add_argument('--a', type=int)")
    assert list(parsed) == ["lr", "layers", "sizes", "name", "a"]


def test_of_two_arguments_of_one_name_the_first_counts():
    source = "p.add_argument('--a', type=int, default=1)\nq.add_argument('--a', type=float, default=2.0)"
    assert list(read(source).values()) == [Argument(name="a", option="--a", kind="int", default=1, has_default=True)]


def test_a_script_without_arguments_has_none():
    assert read("import torch\nlr = 3\nprint(lr)") == {}
