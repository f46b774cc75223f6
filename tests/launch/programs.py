"""Real programs that read their arguments by argparse, click, typer and Hydra; each answers many command lines.

    python programs.py argparse|click|typer|hydra

A line on stdin is a JSON list of arguments; the answer is a JSON object of what was read, or {"error": ...}.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from contextlib import redirect_stderr


def with_argparse():
    def switch(text):
        return {"True": True, "False": False, "true": True, "false": False}[text]

    def maybe(text):
        return None if text == "None" else float(text)

    parser = argparse.ArgumentParser()
    parser.add_argument("--f", type=float)
    parser.add_argument("--i", type=int)
    parser.add_argument("--s", type=str)
    parser.add_argument("--b", type=switch)
    parser.add_argument("--flag", action="store_true")
    parser.add_argument("--switch", action=argparse.BooleanOptionalAction)
    parser.add_argument("--optimizer.lr", type=float)
    parser.add_argument("-x", type=float)
    parser.add_argument("--maybe", type=maybe, default=0.5)
    parser.add_argument("--absent", type=float)
    parser.add_argument("--words", nargs="+", type=float)
    parser.add_argument("--repeated", action="append", type=float)
    parser.add_argument("--commas", type=lambda text: [float(item) for item in text.split(",")])
    parser.add_argument("--literal", type=__import__("ast").literal_eval)
    return lambda argv: vars(parser.parse_args(argv))


def with_click():
    import click

    @click.command()
    @click.option("--f", type=float)
    @click.option("--i", type=int)
    @click.option("--s", type=str)
    @click.option("--b", type=bool)
    @click.option("--flag", is_flag=True)
    @click.option("--switch/--no-switch", default=None)
    @click.option("--repeated", multiple=True, type=float)
    @click.option("-x", type=float)
    def program(**given):
        return given

    return lambda argv: program.main(argv, standalone_mode=False)


def with_typer():
    import typer

    app = typer.Typer(add_completion=False)

    @app.command()
    def program(f: float = 0.5, i: int = 5, s: str = "?", switch: bool = False, repeated: list[float] = []):  # noqa: B006, FBT001
        return {"f": f, "i": i, "s": s, "switch": switch, "repeated": repeated}

    return lambda argv: app(argv, standalone_mode=False)


def with_hydra():
    from hydra import compose, initialize
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf

    ConfigStore.instance().store(name="config", node={"optimizer": {"lr": 0.5}, "x": None})
    initialize(version_base=None, config_path=None)
    return lambda argv: OmegaConf.to_container(compose("config", overrides=argv), resolve=True)


def main():
    read = {"argparse": with_argparse, "click": with_click, "typer": with_typer, "hydra": with_hydra}[sys.argv[1]]()
    for line in sys.stdin:
        said = io.StringIO()
        try:
            with redirect_stderr(said):
                answer = read(json.loads(line))
        except (Exception, SystemExit) as error:  # noqa: BLE001 (a program that refuses its arguments is an answer)
            answer = {"error": f"{error!r} {said.getvalue()}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
