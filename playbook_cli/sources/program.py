"""The fingerprint of a program, as it is now: cheap where nothing has changed since the last one."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from playbook_cli.files.fingerprint import Fingerprint
from playbook_cli.sources.files import View
from playbook_cli.sources.imports import imports, of_shell
from playbook_cli.sources.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_DATA = re.compile(
    r"\.(log|out|err|csv|tsv|jsonl|ndjson|parquet|arrow|feather|npy|npz|pkl|pickle|h5|hdf5|db|sqlite3?|lmdb|pt|pth|ckpt|"
    r"safetensors|onnx|bin|gz|xz|bz2|zst|tar|tgz|zip|png|jpe?g|wav|mp4|pdf|html)\Z",
    re.IGNORECASE,
)
"""What programs read and write, and what is no part of them."""
_WRITTEN = re.compile(r"-{1,2}([\w-]*[_-])?(out|output|outfile|log|logfile|save|dump|results?)([_-][\w-]*)?")
"""Options that name what the program writes, and what differs after every trial."""
_SYSTEM = tuple(f"{folder}/" for folder in ("/usr", "/bin", "/sbin", "/dev", "/proc", sys.prefix, sys.base_prefix))
_MACRO = re.compile(r"\$\{[^}]*\}")
_ENTRY = "playbook_cli.launch.entry"
"""What calls a train function; its name follows, also within a command that watches over it."""
_KEPT = 64
_known: dict[tuple[object, ...], tuple[View, Fingerprint]] = {}
"""The last look at each program, and what it came to."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is started for a trial."""

    words: Sequence[str]
    """Its command in the study file, whose macros are different in each trial."""
    given: Sequence[str]
    """The command as this trial has it."""
    folder: str
    """The study file's own."""
    cwd: str
    path: str
    """PYTHONPATH."""
    without: str
    """The folder of the study's trials: what lies there is no part of the program."""
    ours: bool
    """Whether this Python runs it, with its installed packages."""


def of_function(target: str, *, folder: str, cwd: str, env: Mapping[str, str], without: str) -> Program:
    """The program of `train: module:function`."""
    words = ("-m", _ENTRY, target)
    path = env.get("PYTHONPATH", "")
    return Program(words=words, given=words, folder=folder, cwd=cwd, path=path, without=without, ours=True)


def of_command(
    words: Sequence[str],
    given: Sequence[str],
    *,
    folder: str,
    cwd: str,
    env: Mapping[str, str],
    without: str,
    moves: bool,
) -> Program:
    """The program of a command, and what it is in one trial; where `cwd` is another in each, it `moves`."""
    words, given = _read(words), _read(given)
    fixed = [text for word in words for text in _fixed(word, folder) if not moves or os.path.isabs(text)]
    path, ours = env.get("PYTHONPATH", ""), _is_ours(given[0], env.get("PATH"))
    return Program(words=fixed, given=given, folder=folder, cwd=cwd, path=path, without=without, ours=ours)


def _read(words: Sequence[str]) -> list[str]:
    """A command without the files that its options have it write."""
    return [word for before, word in zip(("", *words), words, strict=False) if not _is_written(word, before)]


def _is_written(word: str, before: str) -> bool:
    option, _, value = word.partition("=") if word.startswith("-") else (before, "", word)
    return _WRITTEN.fullmatch(option) is not None and bool(value) and not value.endswith((".py", ".sh"))


@cache
def _is_ours(name: str, path: str | None) -> bool:
    """Whether a program lies beside this Python, as it does itself, and torchrun."""
    found = shutil.which(name, path=path)
    return found is not None and os.path.dirname(found) == os.path.dirname(sys.executable)


def fingerprint(program: Program) -> Fingerprint:
    """What the program is made of now. It raises nothing: what can't be read is no part of it."""
    words = tuple(program.words)
    shared = _closure(program, words)
    known = {*words, *(piece for word in words for piece in word.split())}
    pieces = (piece for word in program.given for piece in (word.split() if " " in word else [word]))
    own = _files(program, [piece for piece in pieces if piece not in known], View())
    if not own:
        return shared
    whole = _closure(program, (*words, *own))
    return Fingerprint(
        files=shared.files,
        inputs={path: digest for path, digest in whole.files.items() if path not in shared.files},
        packages=whole.packages,
        partial=shared.partial or whole.partial,
    )


def with_inputs(now: Fingerprint, recorded: Iterable[str], folder: str) -> Fingerprint:
    """The fingerprint, with those `inputs` of earlier trials as they are now that this trial does not have."""
    view = View()
    files = {path: view.read(os.path.normpath(os.path.join(folder, path))) for path in recorded}
    return replace(now, inputs={**{path: file.digest for path, file in files.items() if file}, **now.inputs})


def _closure(program: Program, words: tuple[str, ...]) -> Fingerprint:
    key = (words, program.folder, program.cwd, program.path, program.without, program.ours)
    known = _known.get(key)
    if known is not None and known[0].unchanged():
        return known[1]
    view = View()
    found = _walked(program, words, view)
    if len(_known) >= _KEPT:
        _known.clear()
    _known[key] = (view, found)
    return found


def _walked(program: Program, words: Sequence[str], view: View) -> Fingerprint:
    cwd = program.cwd
    path = [os.path.normpath(os.path.join(cwd, entry)) for entry in program.path.split(os.pathsep) if entry]
    walk = Walk(view, cwd, path, [cwd, program.folder], program.without)
    files = _files(program, words, view)
    for file in files:
        walk.begin(file)
    if "-m" in words or not files:
        walk.begin(f"{cwd}/.")
    for before, word in zip(("", *words), words, strict=False):
        if before == "-m":
            walk.begin_module(word)
        elif before == _ENTRY:
            walk.begin_module(word.partition(":")[0])
        elif " " in word or "\n" in word:
            for needs in (of_shell(word), imports("-c.py", word.encode(errors="replace"))):
                walk.take(needs, f"{cwd}/-c")
    walk.run()
    packages = dict(sorted(walk.packages.items())) if program.ours else {}
    if program.ours:
        packages = {"Python": ".".join(map(str, sys.version_info[:3])), **packages}
    return Fingerprint(
        files={_name(path, program.folder): digest for path, digest in sorted(walk.files.items())},
        packages=packages,
        partial=walk.partial,
    )


def _files(program: Program, words: Sequence[str], view: View) -> list[str]:
    """The words that name a file of the program, or have one behind `=`; a folder stands for its `__main__.py`."""
    found = []
    for word in words:
        for said in dict.fromkeys((word, word.partition("=")[2])):
            path = os.path.normpath(os.path.join(program.cwd, said)) if said else ""
            foreign = path.startswith(_SYSTEM) and not path.startswith((f"{program.folder}/", f"{program.cwd}/"))
            if not path or foreign or path.startswith(f"{program.without}/") or _DATA.search(path):
                continue
            for candidate in (path, f"{path}/__main__.py"):
                if view.is_file(candidate) and not os.path.basename(path).startswith("python"):
                    found.append(candidate)
                    break
    return list(dict.fromkeys(found))


def _fixed(word: str, folder: str) -> list[str]:
    """What of a word is the same in all trials."""
    said = word.replace("${python}", sys.executable).replace("${study_dir}", folder)
    if not _MACRO.search(said):
        return [said]
    pieces = [piece for piece in said.split() if not _MACRO.search(piece)]
    return [" ".join(pieces)] if pieces else []


def _name(path: str, folder: str) -> str:
    """A path from the study file's folder, so that it stays the same where both are moved."""
    near = os.path.commonpath([path, folder])
    return os.path.relpath(path, folder) if near != "/" else path
