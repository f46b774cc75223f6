"""`playbook devices`: the GPUs of this machine, and why one of them is not used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from playbook_cli.commands.options import Json

if TYPE_CHECKING:
    from playbook_cli.launch.devices import Seen


def devices(
    gpus: Annotated[
        str | None, typer.Option("--gpus", metavar="IDS", help="GPUs to consider, by index or UUID, such as 0,1.")
    ] = None,
    json: Json = False,
) -> None:
    """Show the GPUs and cores that trials can use here.

    It also says why a GPU is unavailable.

    Example:  playbook devices --gpus 0,1
    """
    from playbook_cli.commands.output import console, print_json
    from playbook_cli.launch.devices import seen
    from playbook_cli.launch.locks import DeviceLocks
    from playbook_cli.launch.slots import usable_cores

    cores, found, locks = usable_cores(), seen(gpus), DeviceLocks()
    rows = [_row(one, taken=not locks.is_free(one.device.uuid)) for one in found]
    if json:
        print_json({"cores": len(cores), "devices": rows})
        return
    from rich.table import Table

    out = console()
    out.print(f"{len(cores)} cores available")
    if not rows:
        out.print("no GPU: neither the NVIDIA nor the AMD driver reports one")
        return
    table = Table("gpu", "name", "memory", "in use", "", "uuid", box=None, pad_edge=False, header_style="dim")
    for row in rows:
        memory, used = (_gib(row[key]) for key in ("memory_bytes", "used_bytes"))
        table.add_row(row["index"], row["name"], memory, used, row["why_not"] or "available", row["uuid"])
    out.print(table)


def _row(one: Seen, *, taken: bool) -> dict[str, Any]:
    device = one.device
    return {
        "index": device.index,
        "uuid": device.uuid,
        "name": device.name,
        "memory_bytes": device.memory_bytes,
        "used_bytes": device.used_bytes,
        "usable": one.why_not is None and not taken,
        "why_not": one.why_not or ("in use by trials of another study" if taken else None),
    }


def _gib(count: int | None) -> str:
    return "" if count is None else f"{count / 2**30:.1f} GiB"
