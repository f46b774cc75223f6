"""The arguments that scripts declare."""

from __future__ import annotations

import ast

import pytest

from playbook_cli.starting.argument import Argument
from playbook_cli.starting.declared import arguments, declared
from playbook_cli.starting.program import read_program
from playbook_cli.starting.script import draft_script


def read(source):
    return {argument.name: argument for argument in arguments(ast.parse(source))}


def short(argument):
    return argument.option, argument.kind, argument.default, argument.choices, argument.switch


def test_a_path_is_quoted_for_a_program_that_evaluates_what_it_gets(tmp_path):
    (tmp_path / "adder.py").write_text(
        "from ast import literal_eval\nclass CN:\n    def merge_from_args(self, args):\n        literal_eval(args)\n"
        "def get_config():\n    C = CN()\n    C.work_dir = './out'\n    C.learning_rate = 0.1\n    C.max_iters = 9\n"
        "    return C\nconfig = get_config()\nconfig.merge_from_args(argv)\n"
    )
    words = draft_script(tmp_path / "adder.py", tmp_path).data["command"]
    assert "--work_dir='${trial_dir}'" in words
    assert "--max_iters=${max_train_steps}" in words


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


def test_dataclasses_are_options_where_something_parses_them():
    assert read(DATACLASS) == {}, "no command line reaches them"
    parsed = f"from transformers import HfArgumentParser\n{DATACLASS}\nHfArgumentParser((Config,))"
    assert {name: short(argument) for name, argument in read(parsed).items()} == {
        "lr": ("--lr", "float", 0.001, (), "python"),
        "layers": ("--layers", "int", 2, (), "python"),
        "sizes": ("--sizes", "other", None, (), "python"),
        "name": ("--name", "str", None, (), "python"),
    }
    besides = f"{DATACLASS}\nimport click\n@click.command()\n@click.option('--a', default=1)\ndef main(a): ..."
    assert list(read(besides)) == ["a"]


def test_tyro_writes_hyphens_dots_and_no_for_booleans():
    found = read("""
import tyro
from dataclasses import dataclass, field
@dataclass
class Optim:
    weight_decay: float = 0.1
@dataclass
class Args:
    total_steps: int
    use_ema: bool = True
    \"\"\"an average of the weights\"\"\"
    optim: Optim = field(default_factory=Optim)
args = tyro.cli(Args)
""")
    assert {name: short(argument) for name, argument in found.items()} == {
        "total_steps": ("--total-steps", "int", None, (), "python"),
        "use_ema": ("--use-ema", "bool", True, (), "no-flag"),
        "optim.weight_decay": ("--optim.weight-decay", "float", 0.1, (), "python"),
    }
    assert found["total_steps"].required
    assert found["use_ema"].help == "an average of the weights"


@pytest.mark.parametrize("call", ["tyro.cli(main)", "fire.Fire(main)"])
def test_the_parameters_of_a_function_are_options(call):
    found = read(f"import tyro, fire\ndef main(n_layers: int, lr: float = 1e-3, on=False): ...\n{call}")
    hyphen, switch = ("--n-layers", "no-flag") if "tyro" in call else ("--n_layers", "python")
    assert {name: short(argument) for name, argument in found.items()} == {
        "n_layers": (hyphen, "int", None, (), "python"),
        "lr": ("--lr", "float", 0.001, (), "python"),
        "on": ("--on", "bool", False, (), switch),
    }


def test_the_options_of_training_arguments_are_known():
    source = """
import transformers
from dataclasses import dataclass
@dataclass
class TrainingArguments(transformers.TrainingArguments):
    learning_rate: float = 2e-5
transformers.HfArgumentParser((TrainingArguments,))
"""
    found = read(source)
    assert (found["learning_rate"].default, found["weight_decay"].default) == (2e-5, 0.0)
    assert {"max_steps", "seed", "output_dir"} <= found.keys()


def test_absl_flags():
    found = read("""
from absl import app, flags
flags.DEFINE_float("learning_rate", 0.1, "the rate")
flags.DEFINE_enum("opt", "sgd", ["sgd", "adam"], "which one")
flags.DEFINE_string("workdir", None, "where")
flags.mark_flags_as_required(["workdir"])
""")
    assert {name: short(argument) for name, argument in found.items()} == {
        "learning_rate": ("--learning_rate", "float", 0.1, (), "python"),
        "opt": ("--opt", "str", "sgd", ("sgd", "adam"), "python"),
        "workdir": ("--workdir", "str", None, (), "python"),
    }
    assert found["workdir"].required
    assert found["opt"].help == "which one"


@pytest.fixture
def program(tmp_path):
    def write(**files):
        for name, text in files.items():
            path = tmp_path / f"{name.replace('__', '/')}"
            path = path.with_suffix(".yaml" if text.startswith(("#", "defaults", "---")) else ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return declared(read_program(tmp_path / "train.py"))

    return write


def test_fields_of_config_objects_are_options_also_those_from_other_modules(program):
    found = program(
        trainer="from cfg import CfgNode as CN\nclass Trainer:\n    @staticmethod\n    def defaults():\n"
        "        C = CN()\n        C.lr = 3e-4\n        C.iters = None\n        return C\n",
        train="import sys\nfrom trainer import Trainer\nfrom cfg import CfgNode as CN\ndef config():\n    C = CN()\n"
        "    C.system = CN()\n    C.system.seed = 1\n    C.trainer = Trainer.defaults()\n    C.trainer.lr = 5e-4\n"
        "    return C\nconfig().merge_from_args(sys.argv[1:])\n",
    )
    assert {a.option: a.default for a in found.arguments} == {
        "--system.seed": 1,
        "--trainer.lr": 5e-4,
        "--trainer.iters": None,
    }


def test_a_scripts_own_names_are_options_where_a_configurator_overrides_them(program):
    found = program(
        configurator="import sys\nfor arg in sys.argv[1:]: ...\n",
        train="lr = 6e-4\nbias = False\nbetas = (0.9, 0.95)\nexec(open('configurator.py').read())\nlater = 3\n",
    )
    assert {a.option: a.default for a in found.arguments} == {"--lr": 6e-4, "--bias": False}
    assert not [a for a in program(configurator="x = 1\n").arguments if a.given == "argument"]


def test_a_hydra_config_is_composed_of_its_defaults_list(program):
    found = program(
        train="import hydra\n@hydra.main(config_path='conf', config_name='config')\ndef main(cfg): ...\n",
        conf__config="defaults:\n  - model: small\n  - optional local: mine\n  - data: ???\n  - _self_\n"
        "model:\n  depth: 9\nseed: null\nroot: ${oc.env:HOME}\nneeded: ???\nrate: 1e-3\n",
        conf__model__small="# @package _group_\ndefaults:\n  - /act@act: relu\n"
        "_target_: my.Model\nwidth: 64\ndepth: 3\n",
        conf__act__relu="# a\nslope: 0.1\n",
    )
    assert found.style == "name=value"
    given = {a.option: a.default for a in found.arguments}
    assert given == {
        "model.act.slope": 0.1,
        "model.width": 64,
        "model.depth": 9,
        "seed": None,
        "needed": None,
        "rate": 1e-3,
    }
    assert [a.name for a in found.arguments if a.required] == ["needed"]
    assert "fill in: data must be chosen on the command line" in found.unread


def test_of_several_commands_the_one_that_trains_is_called(program):
    found = program(
        train="import typer\napp = typer.Typer()\n@app.command()\ndef infer(a: int = 1): ...\n"
        "@app.command()\ndef train(lr: float = 0.1): ...\n"
    )
    assert (found.words, [a.name for a in found.arguments]) == (("train",), ["lr"])
    found = program(train="import click\n@click.command()\n@click.option('--lr', default=0.1)\ndef run(lr): ...\n")
    assert (found.words, [a.name for a in found.arguments]) == ((), ["lr"])


def test_options_of_an_imported_module_are_read_where_the_script_has_none(program):
    found = program(
        options="import argparse\ndef parse():\n    p = argparse.ArgumentParser()\n"
        "    p.add_argument('--lr', type=float)\n",
        train="from options import parse\nargs = parse()\n",
    )
    assert [a.option for a in found.arguments] == ["--lr"]


def test_options_that_an_imported_function_adds_to_the_parser_are_read(program):
    found = program(
        more="def add_model(parser):\n    parser.add_argument('--width', type=int, default=4)\n",
        train="import argparse\nfrom more import add_model\np = argparse.ArgumentParser()\n"
        "p.add_argument('--lr', type=float)\nadd_model(p)\n",
    )
    assert [a.name for a in found.arguments] == ["lr", "width"]


def test_of_several_parsers_of_argparse_the_one_that_trains_counts(program):
    source = (
        "import argparse\np = argparse.ArgumentParser()\nsub = p.add_subparsers()\n"
        "t = sub.add_parser('train')\nt.add_argument('--lr', type=float)\n"
        "e = sub.add_parser('eval')\ne.add_argument('--image', required=True)\n"
    )
    found = program(train=source)
    assert (found.words, [a.name for a in found.arguments]) == (("train",), ["lr"])
    assert program(train=source.replace("'train'", "'one'")).unread[0].startswith("fill in: the subcommand")


def test_a_bool_of_argparse_that_nothing_turns_off_is_left_alone():
    assert read("p.add_argument('--bias', type=bool, default=True)")["bias"].kind == "other"


@pytest.mark.parametrize(("written", "value"), [("1_000 * 10", 10_000), ("int(1e5)", 100_000), ("2**10", 1024)])
def test_defaults_that_are_products_are_known(written, value):
    assert read(f"p.add_argument('--steps', type=int, default={written})")["steps"].default == value


def test_of_two_arguments_of_one_name_the_first_counts():
    source = "p.add_argument('--a', type=int, default=1)\nq.add_argument('--a', type=float, default=2.0)"
    assert list(read(source).values()) == [Argument(name="a", option="--a", kind="int", default=1, has_default=True)]


def test_a_script_without_arguments_has_none():
    assert read("import torch\nlr = 3\nprint(lr)") == {}
