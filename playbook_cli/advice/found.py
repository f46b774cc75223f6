"""How the rules write what they found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.records import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.acts import Act
    from playbook_cli.records import Severity


def ok(rule: str, verdict: str, evidence: Mapping[str, Any], message: str, *, subject: str | None = None) -> Finding:
    """A rule that was applied and found nothing to act on."""
    return _finding(rule, "ok", verdict, evidence, message, subject=subject, act=None)


def info(
    rule: str,
    verdict: str,
    evidence: Mapping[str, Any],
    message: str,
    *,
    subject: str | None = None,
    act: Act | None = None,
) -> Finding:
    """Something to know: an answer, a hint, or that a rule cannot say."""
    return _finding(rule, "info", verdict, evidence, message, subject=subject, act=act)


def warning(
    rule: str,
    verdict: str,
    evidence: Mapping[str, Any],
    message: str,
    *,
    subject: str | None = None,
    act: Act | None = None,
) -> Finding:
    """Something to act on before the study is believed."""
    return _finding(rule, "warning", verdict, evidence, message, subject=subject, act=act)


def _finding(
    rule: str,
    severity: Severity,
    verdict: str,
    evidence: Mapping[str, Any],
    message: str,
    *,
    subject: str | None,
    act: Act | None,
) -> Finding:
    return Finding(
        rule=rule, subject=subject, severity=severity, verdict=verdict, evidence=evidence, message=message, act=act
    )
