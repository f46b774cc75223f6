"""The process of a trial whose study names a function: `python -m playbook_cli.launch.entry module:function`.

With `--check` before it, the function is only imported; with `--serve FD`, it is called in forked children.
"""

from __future__ import annotations

import importlib
import sys

from playbook_cli.client import current_trial
from playbook_cli.errors import ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def main(arguments: list[str]) -> None:
    """Call the function with the current trial."""
    if arguments[0] == "--serve":
        from playbook_cli.launch.serve import serve

        serve(int(arguments[1]), arguments[2], load)
    if arguments[0] == "--check":
        try:
            load(arguments[1])
        except ProtocolError as error:  # its message says everything; the traceback would only show Playbook's code
            sys.exit("\n-> ".join(filter(None, (str(error), error.hint))))
    else:
        load(arguments[0])(current_trial())


def load(target: str) -> Callable[[Any], object]:
    """The function that `module:function` names. ProtocolError if there is none."""
    module, _, name = target.partition(":")
    function = getattr(importlib.import_module(module), name, None)
    if not callable(function):
        raise ProtocolError(f"{module} has no function {name}", hint="set train: module:function in the study file")
    return function  # type: ignore[no-any-return]


if __name__ == "__main__":
    main(sys.argv[1:])
