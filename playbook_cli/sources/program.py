"""The current fingerprint of a program; cheap if nothing has changed since the last one."""

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
"""Files that programs read and write, and that are not part of them."""
_WRITTEN = re.compile(r"-{1,2}([\w-]*[_-])?(out|output|outfile|log|logfile|save|dump|results?)([_-][\w-]*)?")
"""Options that name files which the program writes, and which differ after every trial."""
_SYSTEM = tuple(f"{folder}/" for folder in ("/usr", "/bin", "/sbin", "/dev", "/proc", sys.prefix, sys.base_prefix))
_MACRO = re.compile(r"\$\{[^}]*\}")
_ENTRY = "playbook_cli.launch.entry"
"""The module that calls a train function; the function's name follows it in the command."""
_KEPT = 64
_known: dict[tuple[object, ...], tuple[View, Fingerprint]] = {}
"""The last look at each program, and its fingerprint."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """The program of a trial."""

    words: Sequence[str]
    """Its command in the study file, with macros that differ between trials."""
    given: Sequence[str]
    """The command of this trial."""
    folder: str
    """Folder of the study file."""
    cwd: str
    path: str
    """PYTHONPATH."""
    without: str
    """Folder of the study's trials, whose files are not part of the program."""
    ours: bool
    """Whether Playbook's Python runs it, with its installed packages."""


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
    """The program of a command, in general and in one trial; it `moves` if `cwd` differs between trials."""
    words, given = _read(words), _read(given)
    fixed = [text for word in words for text in _fixed(word, folder) if not moves or os.path.isabs(text)]
    path, ours = env.get("PYTHONPATH", ""), _is_ours(given[0], env.get("PATH"))
    return Program(words=fixed, given=given, folder=folder, cwd=cwd, path=path, without=without, ours=ours)


def _read(words: Sequence[str]) -> list[str]:
    """A command without the files that its options tell it to write."""
    return [word for before, word in zip(("", *words), words, strict=False) if not _is_written(word, before)]


def _is_written(word: str, before: str) -> bool:
    option, _, value = word.partition("=") if word.startswith("-") else (before, "", word)
    return _WRITTEN.fullmatch(option) is not None and bool(value) and not value.endswith((".py", ".sh"))


@cache
def _is_ours(name: str, path: str | None) -> bool:
    """Whether a program is in the folder of this Python, like torchrun."""
    found = shutil.which(name, path=path)
    return found is not None and os.path.dirname(found) == os.path.dirname(sys.executable)


def fingerprint(program: Program) -> Fingerprint:
    """The program's current files and packages. It raises nothing: what can't be read is not part of it."""
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
    """The fingerprint, plus the current state of `inputs` of earlier trials that this trial doesn't have."""
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
    """The files of the program in words, also after `=`; a folder means its `__main__.py`."""
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
    """The parts of a word that are the same in all trials."""
    said = word.replace("${python}", sys.executable).replace("${study_dir}", folder)
    if not _MACRO.search(said):
        return [said]
    pieces = [piece for piece in said.split() if not _MACRO.search(piece)]
    return [" ".join(pieces)] if pieces else []


def _name(path: str, folder: str) -> str:
    """A path relative to the study file's folder, so that it stays the same if both are moved."""
    near = os.path.commonpath([path, folder])
    return os.path.relpath(path, folder) if near != "/" else path
