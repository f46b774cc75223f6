"""The pages of lr-sweep, batch-size and instability."""

from __future__ import annotations

from playbook_cli.acts import command
from playbook_cli.report import html
from playbook_cli.report.section import Document, Note, Section


def page(headline: str, **more: object) -> str:
    return html.document(Document(name="lr-sweep", study="s", kind="learning-rate sweep", headline=headline, **more))  # type: ignore[arg-type]


def test_a_page_says_in_which_directory_its_command_works() -> None:
    given = command("lr-sweep", "my study.yaml", min="1e-05")
    made = page("unknown", sure=False, command=given)
    assert "<code>playbook lr-sweep &#x27;my study.yaml&#x27; --min 1e-05</code>" in made
    assert "in the same directory as the command that made this page" in made
    assert "same directory" not in page("stable", sure=True)


def test_a_page_without_a_script_has_no_button() -> None:
    made = page("unknown", sure=False, command=command("lr-sweep", "study.yaml"))
    assert "<script" not in made
    assert "<button" not in made


def test_the_name_of_a_section_changes_no_looks() -> None:
    """A sweep's section is called grid, which is a class of the style, too."""
    made = page("ok", sure=True, sections=[Section(name="grid", title="Which?", parts=[Note("text")])])
    assert '<section id="grid">' in made
