"""The program `playbook`, also called as `python -m playbook_cli`."""

from __future__ import annotations

import signal


def main() -> None:
    """Load the command line and run it; Ctrl-C while it is being loaded ends the program, and says nothing."""
    listening = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if listening:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from playbook_cli import cli

    if listening:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.main()


if __name__ == "__main__":
    main()
