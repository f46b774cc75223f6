"""What users read keeps to docs/house-words.md as far as a pattern can say; troubleshooting quotes real messages."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # it parses the whole package

ROOT = Path(__file__).parent.parent
RULED_OUT = (
    r"mend(s|ed|ing)?",
    r"(?<!-)anew",
    r"told",
    r"lent",
    r"wherever",
    r"of which",
    r"(is|are) to be",
    r"is there already",
    r"held still",
    r"cannot tell",
    r"(tell|told) from",
    r"can be told",
    r"the luck of",
    r"as good as",
    r"(can|could) hardly",
    r"lies? right",
    r"goes on",
    r"Playbook's own",
    r"the playbook's (own|numbers)",
    r"is no (?!better\b|worse\b|longer\b|hint\b|room\b|further\b|reason\b|such\b|effect\b|\{)",
    r"1 (trials|steps|seeds|runs|repeats)",
)
"""Also what a look at earlier texts found: words that a native speaker would not use here."""


@cache
def _said() -> list[tuple[str, str]]:
    spec = importlib.util.spec_from_file_location("words", ROOT / "docs/words.py")
    words = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(words)
    return [
        (f"{path.relative_to(ROOT)}:{line}", " ".join(text.split()))
        for path in sorted(words.PACKAGE.rglob("*.py"))
        for line, text in words.sentences(path)
    ]


def test_no_sentence_uses_words_that_are_ruled_out():
    pattern = re.compile(rf"(?<![\w-])({'|'.join(RULED_OUT)})(?!\w)")
    assert [(where, text) for where, text in _said() if pattern.search(text)] == []


def test_troubleshooting_quotes_messages_as_they_are_printed():
    page = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    quoted = re.findall(r'\*\*"([^"]+)"\*\*', page)
    assert len(quoted) > 10
    assert [quote for quote in quoted if not any(quote in text for _, text in _said())] == []
