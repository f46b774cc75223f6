"""What a shell makes of the commands that Playbook advises."""

from __future__ import annotations

import os
import re
import subprocess

SHELL = ["bash", "--norc", "--noprofile", "-c"]
PLAYBOOK = "playbook() { printf '%s\\0' \"$@\"; }\n"


def advised(said: str, verb: str) -> str:
    """The command of this verb, as it stands in the output: from `playbook` to the end of the line."""
    found = re.search(rf"playbook {verb} .*", said)
    assert found is not None, said
    return found[0]


def words(line: str) -> list[str]:
    """The arguments that playbook gets where this line is pasted into a shell."""
    made = subprocess.run([*SHELL, PLAYBOOK + line], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"})
    assert not made.stderr
    return [os.fsdecode(word) for word in made.stdout.split(b"\0")[:-1]]
