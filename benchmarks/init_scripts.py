"""What `playbook init --from` makes of public training scripts, and whether it is right: read and judged by hand.

    python -m benchmarks.init_scripts FOLDER [--markdown] [--show PART]

FOLDER holds the checkouts as OWNER+NAME, each at its commit in init_scripts.txt; nothing in them is run. `--show`
prints the studies of scripts whose path contains PART. A study that has changed since it was judged is marked `judge
again`.

A study is `right` if it runs unedited wherever the program runs with its defaults, with the right command line, length,
evaluations, seed, objective, goal and ranges. It is `marked` if the file marks everything that has to be answered or
filled in, and the rest is right; a `skeleton` if the metrics or the hyperparameters are left to be filled in; `wrong`
if anything unmarked is wrong.

Programs that do not run without arguments, such as where the data is, are judged a second time with those in
init_given.txt, as `--args` takes them: what their README gives, and no more.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from playbook_cli.errors import PlaybookError
from playbook_cli.starting.script import draft_script

VERDICTS = {"r": "right", "m": "marked", "s": "skeleton", "w": "wrong"}
SETS = {
    "tuned": "looked at while the readers were written",
    "second": "judged once, then used to fix faults",
    "third": "judged once, then used to fix faults",
    "fourth": "judged once, then used to fix faults",
    "fifth": "judged once, then used to fix faults",
    "last": "judged once; one fault fixed afterwards",
    "sixth": "judged once, then used to fix faults",
    "seventh": "judged once, then used to fix faults",
    "eighth": "judged once, then used to fix faults",
}
FIRST = {
    "second": "4 of 22",
    "third": "3 of 14",
    "fourth": "5 of 20",
    "fifth": "2 of 13",
    "last": "1 of 10",
    "sixth": "6 of 19",
    "seventh": "5 of 23",
    "eighth": "2 of 18",
}
"""Studies of each set that were wrong and did not mark it, when the set was judged for the first time."""
HERE = Path(__file__).with_name("init_scripts.txt")
"""A line a script: set, repository, commit, path, verdict, digest of the study that was judged."""
GIVEN = Path(__file__).with_name("init_given.txt")
"""A line a script that needs arguments: repository, path, verdict, digest; a bar; what it is given."""


@dataclass(frozen=True, kw_only=True)
class Script:
    part: str
    repository: str
    commit: str
    path: str
    verdict: str
    digest: str
    given: tuple[str, ...] = ()


def scripts() -> list[Script]:
    lines = [line.split() for line in HERE.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    keys = ("part", "repository", "commit", "path", "verdict", "digest")
    return [Script(**dict(zip(keys, line, strict=True))) for line in lines]


def with_arguments() -> list[Script]:
    """The scripts that need arguments, with these and the verdict on what `init` makes of both."""
    known = {(script.repository, script.path): script for script in scripts()}
    found = []
    for line in GIVEN.read_text(encoding="utf-8").splitlines():
        if line and line[0] != "#":
            what, _, given = line.partition(" | ")
            repository, path, verdict, judged = what.split()
            script = known[repository, path]
            found.append(replace(script, verdict=verdict, digest=judged, given=tuple(given.split())))
    return found


def study(folder: Path, script: Script) -> str:
    """The study file for a script, or why there is none."""
    path = folder / script.repository.replace("/", "+") / script.path
    try:
        text = draft_script(path, path.parent, given=script.given).text("study.yaml")
    except PlaybookError as error:
        return f"refused: {error}"
    return re.sub(r"\A(#.*\n|name:.*\n)+", "", text)  # where the checkout is, is no part of it


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("folder", type=Path)
    ask.add_argument("--markdown", action="store_true")
    ask.add_argument("--show", metavar="PART")
    given = ask.parse_args()
    os.chdir(given.folder)
    if given.show:
        for script in [*scripts(), *with_arguments()]:
            if given.show in f"{script.repository}/{script.path}":
                print(f"--- {script.repository}/{script.path} {' '.join(script.given)}\n{study(Path(), script)}")
        return
    rows = [(script, _verdict(script)) for script in scripts()]
    form = "| {} | {} | {} | {} | {} |" if given.markdown else "{:7} {:38} {:9} {:55} {}"
    print(form.format("set", "repository", "commit", "script", "verdict"))
    if given.markdown:
        print(form.format(*["---"] * 5))
    for script, verdict in rows:
        print(form.format(script.part, script.repository, script.commit[:8], script.path, verdict))
    print()
    for part in [*SETS, None]:
        found = Counter(verdict for script, verdict in rows if part in (None, script.part))
        said = ", ".join(f"{found[verdict]} {verdict}" for verdict in dict.fromkeys([*VERDICTS.values(), *found]))
        first = f"; at first {FIRST[part]} wrong" if part in FIRST else ""
        print(f"{part or 'all'}: {said} of {sum(found.values())}{first}")
    again = {(script.repository, script.path): _verdict(script) for script in with_arguments()}
    found = Counter(again.get((script.repository, script.path), verdict) for script, verdict in rows)
    print(f"all, {len(again)} of them with arguments: {', '.join(f'{count} {v}' for v, count in found.items())}")


def _verdict(script: Script) -> str:
    """The verdict by hand, where it is on what `init` makes today."""
    now = digest(study(Path(), script))
    return VERDICTS[script.verdict] if now == script.digest else f"judge again ({now})"


if __name__ == "__main__":
    main()
