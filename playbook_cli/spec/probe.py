"""Probes: studies that a verb makes to answer a question about another study."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from playbook_cli.spec.program import STRICT

ProbeKind = Literal["lr-sweep", "lr-find", "batch-size", "steps-to-target", "instability", "horizon"]


class Probe(BaseModel):
    """The question, and the study that it is about. Trials of a probe end once they have answered it.

    Code that treats probes differently uses this value, which is in the probe's own study file.
    """

    model_config = STRICT

    kind: Annotated[ProbeKind, Field(description="kind of question")]
    study: Annotated[str, Field(description="name of the study that it is about")]

    @property
    def name(self) -> str:
        """Name of the probe and its folder, beside the study's; with several lengths, the prefix of their names."""
        return f"{self.study}-{self.kind}"

    @property
    def command(self) -> str:
        """The command that makes such a probe."""
        made_by = {"lr-find": "lr-sweep --find", "steps-to-target": "batch-size --steps-to-target"}
        return f"playbook {made_by.get(self.kind, self.kind)}"

    @property
    def page(self) -> str | None:
        """The page with its answer, in the folder of its report; None if it has none."""
        return f"{self.kind}.html" if self.kind in ("lr-sweep", "batch-size", "instability") else None


def written_out(data: Any) -> Any:
    """A study file's data, with `probe: KIND` of earlier versions expanded; those probes were called STUDY-KIND."""
    if not isinstance(data, dict) or not isinstance(data.get("probe"), str):
        return data
    kind = data["probe"]
    return data | {"probe": {"kind": kind, "study": str(data.get("name", "")).removesuffix(f"-{kind}")}}
