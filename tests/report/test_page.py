"""The pages of lr-sweep, batch-size and instability."""

from __future__ import annotations

from playbook_cli.acts import command
from playbook_cli.report.page import page


def test_a_page_says_in_which_directory_its_command_works() -> None:
    given = command("lr-sweep", "my study.yaml", min="1e-05")
    made = page("s", "learning-rate sweep", "unknown", remarks=[], command=given, body="")
    assert "<pre>playbook lr-sweep &#x27;my study.yaml&#x27; --min 1e-05</pre>" in made
    assert "in the same directory as the command that made this page" in made
    assert "same directory" not in page("s", "learning-rate sweep", "stable", remarks=[], command=None, body="")
