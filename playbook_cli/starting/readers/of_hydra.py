"""Options that are the keys of a Hydra app's config, composed from its defaults list: name=value."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playbook_cli.files import regular
from playbook_cli.starting.argument import Argument, Declared, with_value
from playbook_cli.starting.configs import read_config
from playbook_cli.starting.syntax import called, calls, functions, keywords, last_name, literal

if TYPE_CHECKING:
    from playbook_cli.starting.program import Program

_DEEPEST = 8


def read(program: Program) -> Declared:
    """The keys of the config that hydra.main names, or that OmegaConf merges with the command line."""
    whole = _composed(program)
    if whole is not None:
        return Declared(
            arguments=_arguments(whole.data, _set(program)),
            style="name=value",
            unread=tuple(dict.fromkeys(whole.unread)),
        )
    if any(last_name(getattr(call.func, "value", None)) == "OmegaConf" for call in calls(program.tree, "from_cli")):
        for call in calls(program.tree, "load"):
            path = literal(call.args[0]) if call.args else None
            if isinstance(path, str):
                return Declared(
                    arguments=_arguments(read_config(program.script.parent / path), set()), style="name=value"
                )
    return Declared(arguments=[])


def composed(program: Program) -> dict[str, Any]:
    """All values of the config by their dotted names; none where it is no Hydra app."""
    whole = _composed(program)
    return {} if whole is None else whole.data


def csv_folder(program: Program) -> str | None:
    """Where Lightning's CSV logger writes below the folder of the run, if the config has one as logger=csv."""
    main = _main(program) if "hydra" in program.names else None
    config = read_config(main[0] / "logger" / "csv.yaml") if main is not None else {}
    for key, target in config.items():
        if key.endswith("._target_") and str(target).endswith("CSVLogger"):
            own = key.removesuffix("_target_")
            inside = re.search(r"output_dir\}$|hydra[.:]run", str(config.get(f"{own}save_dir")))
            return str(config.get(f"{own}name") or "lightning_logs").strip("/") if inside else None
    return None


def _composed(program: Program) -> _Composed | None:
    main = _main(program) if "hydra" in program.names else None
    if main is None:
        return None
    folder, name = main
    whole = _Composed(folder=folder)
    whole.add(f"{name.removesuffix('.yaml')}.yaml", "", _DEEPEST)
    return whole


def _main(program: Program) -> tuple[Path, str] | None:
    """The folder and the name of the config of the function that hydra.main decorates."""
    for function in functions(program.tree):
        for decorator in function.decorator_list:
            if last_name(called(decorator)) == "main" and hasattr(decorator, "keywords"):
                given = keywords(decorator)  # type: ignore[arg-type]
                path, name = literal(given.get("config_path")), literal(given.get("config_name"))
                if isinstance(name, str):
                    return program.script.parent / (path if isinstance(path, str) else "."), name
    return None


@dataclass(kw_only=True)
class _Composed:
    """A config in the making."""

    folder: Path
    data: dict[str, Any] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    def add(self, name: str, package: str, depth: int) -> None:
        """The keys of one file, and of all that its defaults list names."""
        path = self.folder / name
        own = read_config(path)
        if not path.is_file() or not depth:
            self.unread.append(f"the config {name} was not found")
            return
        if "_global_" in (package, _package(path)):
            package = ""
        before, after = self._defaults(own.pop("defaults", None), Path(name).parent)
        for file, at in before:
            whole = at == "_global_" or not package or at.startswith(package)
            self.add(file, at if whole else f"{package}.{at}".rstrip("."), depth - 1)
        prefix = f"{package}." if package and package != "." else ""
        self.data |= {f"{prefix}{key}": value for key, value in own.items() if not key.startswith("hydra.")}
        for file, at in after:
            self.add(file, at, depth - 1)

    def _defaults(self, given: object, group: Path) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Files with their packages, before and after the file's own keys."""
        parts: tuple[list[tuple[str, str]], list[tuple[str, str]]] = ([], [])
        own = 0
        for entry in given if isinstance(given, list) else ():
            if entry == "_self_":
                own = 1
            elif isinstance(entry, str):
                parts[own].append(((group / f"{entry}.yaml").as_posix(), ".".join(group.parts)))
            elif isinstance(entry, dict):
                for key, value in entry.items():
                    words = str(key).split()
                    if words[0] == "override" or value is None or words[-1].startswith(("hydra", "/hydra")):
                        continue
                    if value == "???":
                        self.unread.append(f"fill in: {words[-1]} must be chosen on the command line")
                        continue
                    place, _, at = words[-1].partition("@")
                    inner = Path(place.lstrip("/")) if place.startswith("/") else group / place
                    file = (inner / f"{value}.yaml").as_posix()
                    if words[0] == "optional" and not (self.folder / file).is_file():
                        continue
                    parts[own].append((file, at or ".".join(inner.parts)))
        return parts


def _package(path: Path) -> str:
    """What `# @package` at the head of a file says."""
    try:
        head = regular.content(path).decode("utf-8", errors="replace").partition("\n")[0]
    except OSError:
        return ""
    return head.partition("@package")[2].strip() if head.startswith("#") else ""


def _set(program: Program) -> set[str]:
    """Names of attributes that the program assigns itself, such as cfg.agent.obs_shape."""
    return {
        target.attr
        for module in program.modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute)
    }


def _arguments(data: dict[str, Any], known: set[str]) -> list[Argument]:
    """The keys as options; one whose value is ??? must be given, unless the program knows it."""
    found = []
    for name, value in data.items():
        if name.rpartition(".")[2].startswith("_") or (isinstance(value, str) and "${" in value):
            continue
        argument = Argument(name=name, option=name, kind="other")
        missing = value == "???" and name.rpartition(".")[2] not in known
        argument = argument if value == "???" else with_value(argument, value, infer=True)
        found.append(replace(argument, required=missing))
    return found
