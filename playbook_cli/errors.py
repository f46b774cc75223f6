"""Everything that a user can cause, as exceptions that say where, what, and what to do.

    PlaybookError            exit code 2 unless a subclass says otherwise
    ├── SpecError            the study file is wrong
    ├── StudyError           a study's folder cannot be used as asked
    ├── JournalError         a line of a journal is damaged
    ├── ProtocolError        a training script uses the trial protocol wrongly
    └── WorkError            the work itself failed: exit code 1

Only `playbook_cli.cli` turns them into exit codes.
"""

from __future__ import annotations

BROKEN_EXPECTATION = 3
"""What `playbook check` exits with."""
EXIT_CODES = {
    0: ("done", "continue"),
    1: (
        "the work failed, for example because every trial crashed",
        "read the message and the log that it names; fix the program",
    ),
    2: ("the input is wrong: a study file, an option, a folder", "follow the line that starts with ->"),
    BROKEN_EXPECTATION: ("an expectation of `check` failed", "don't merge; look at playbook report"),
    130: ("interrupted: Ctrl-C, or SIGTERM", "run the same command again to resume"),
}
"""By code: what it means, and what it asks for."""


class PlaybookError(Exception):
    """A problem that the user can fix: `where` it is, `what` is wrong, and a `hint` what to do."""

    exit_code = 2

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class SpecError(PlaybookError):
    """The study file cannot be read, or asks for something that makes no sense."""


class StudyError(PlaybookError):
    """A study's folder cannot be used as asked."""


class JournalError(PlaybookError):
    """A line of a journal is damaged; a torn last line is not an error."""


class ProtocolError(PlaybookError):
    """A training script uses the trial protocol wrongly."""


class WorkError(PlaybookError):
    """The input was fine, but the work failed."""

    exit_code = 1
