"""That a study is a probe: a verb made it to answer a question about another study."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from playbook_cli.spec.program import STRICT

ProbeKind = Literal["lr-sweep", "lr-find", "batch-size", "steps-to-target", "instability", "horizon"]


class Probe(BaseModel):
    """The question, and the study that it is about. Trials of a probe end once they have answered it.

    Everything that treats probes otherwise than studies asks this value, which stands in the probe's own study file.
    """

    model_config = STRICT

    kind: Annotated[ProbeKind, Field(description="which question")]
    study: Annotated[str, Field(description="the name of the study that it is about")]

    @property
    def name(self) -> str:
        """The probe's own name, and its folder's, beside the study's; on a ladder, what each length's begins with."""
        return f"{self.study}-{self.kind}"

    @property
    def command(self) -> str:
        """What makes such a probe."""
        made_by = {"lr-find": "lr-sweep --find", "steps-to-target": "batch-size --steps-to-target"}
        return f"playbook {made_by.get(self.kind, self.kind)}"

    @property
    def page(self) -> str | None:
        """The page that shows its answer, in the folder of its report; None where it has none of its own."""
        return f"{self.kind}.html" if self.kind in ("lr-sweep", "batch-size", "instability") else None


def written_out(data: Any) -> Any:
    """A study file's data, with the `probe: KIND` of earlier versions, whose probes were called STUDY-KIND."""
    if not isinstance(data, dict) or not isinstance(data.get("probe"), str):
        return data
    kind = data["probe"]
    return data | {"probe": {"kind": kind, "study": str(data.get("name", "")).removesuffix(f"-{kind}")}}
