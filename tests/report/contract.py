"""What every renderer must do with any study; each renderer's tests inherit it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from playbook_cli.report.build import build
from tests.report import studies

if TYPE_CHECKING:
    from playbook_cli.report.value import Report


class RendererContract:
    """Subclasses give `draw`, which returns all text that the renderer made."""

    def draw(self, report: Report) -> str:
        """The report as text."""
        raise NotImplementedError

    @pytest.mark.parametrize("name", studies.ODD)
    def test_any_study_is_drawn_with_its_answer_and_its_trials(self, name: str) -> None:
        report = build(studies.ODD[name](), studies.findings())
        drawn = _squeezed(self.draw(report))
        for word in report.answer.text.split():
            if word.isalnum():
                assert word in drawn
        if report.best is not None:
            assert str(report.best.trial) in drawn

    def test_a_study_without_findings_is_drawn(self) -> None:
        assert self.draw(build(studies.digits(4), []))

    def test_every_finding_is_shown_with_its_command(self) -> None:
        drawn = _squeezed(self.draw(build(studies.digits(), studies.findings())))
        assert "6 of the best 8 trials lie in the top 10% of the range (p = 0.0004)" in drawn
        assert "playbook next runs/digits-depth --widen learning_rate" in drawn
        assert "overfitting" in drawn


def _squeezed(text: str) -> str:
    return " ".join(text.split())
