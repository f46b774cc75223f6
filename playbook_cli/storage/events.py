"""The events of a study's journal, checked: values of the types that a runner writes, or ValueError."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, get_args

from playbook_cli.files.fingerprint import Fingerprint
from playbook_cli.records import Recorded, State, Stopped, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TRIAL = 10_000_000
"""Trial numbers are below this, so that folder names stay short."""

MAX_SECONDS = 1e15


def whole(event: Mapping[str, Any], key: str, *, least: int = 0) -> int:
    """A count, or the number of a trial."""
    value = event[key]
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < MAX_TRIAL:
        raise ValueError(f"{key} is {_shown(value)}")
    return value


def seed(event: Mapping[str, Any]) -> int:
    """The seed of a trial."""
    value = event["seed"]
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**64:
        raise ValueError(f"seed is {_shown(value)}")
    return value


def moment(event: Mapping[str, Any]) -> float:
    """When it happened, seconds since the epoch."""
    value = event["time"]
    if not isinstance(value, int | float) or not abs(value) < MAX_SECONDS:
        raise ValueError(f"time is {_shown(value)}")
    return float(value)


def state(event: Mapping[str, Any]) -> State:
    """How an attempt ended."""
    value: State = event["state"]
    if value not in get_args(State):
        raise ValueError(f"state is {_shown(value)}")
    return value


def text(event: Mapping[str, Any], key: str) -> str | None:
    """Text, or None."""
    value = event[key]
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{key} is {_shown(value)}")
    return value


def recorded(event: Mapping[str, Any]) -> Recorded | None:
    """What a trial's metrics file held at its end; None if the event doesn't say, as in imported studies."""
    if "evaluations" not in event:
        return None
    value, step = event["value"], event["step"]
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError(f"value is {_shown(value)}")
    if step is not None and (isinstance(step, bool) or not isinstance(step, int)):
        raise ValueError(f"step is {_shown(step)}")
    last_step, evaluations = event["last_step"], event["evaluations"]
    if not all(isinstance(count, int) and count >= 0 for count in (last_step, evaluations)):
        raise ValueError(f"last_step is {_shown(last_step)}, evaluations is {_shown(evaluations)}")
    return Recorded(value=value, step=step, last_step=last_step, evaluations=evaluations)


def stopped(event: Mapping[str, Any]) -> Stopped:
    """The decision to stop a trial."""
    for key in ("chance", "expected"):
        if isinstance(event[key], bool) or not isinstance(event[key], int | float) or not math.isfinite(event[key]):
            raise ValueError(f"{key} is {_shown(event[key])}")
    step, known = event["step"], event["known"]
    if isinstance(step, bool) or not isinstance(step, int):
        raise TypeError(f"step is {_shown(step)}")
    if not isinstance(known, list):
        raise TypeError(f"known is {_shown(known)}")
    return Stopped(
        step=step,
        chance=float(event["chance"]),
        expected=float(event["expected"]),
        against=whole(event, "against"),
        known=tuple(whole({"known": number}, "known") for number in known),
    )


def settings(event: Mapping[str, Any], key: str) -> dict[str, Value]:
    """Hyperparameters by name; lists as tuples."""
    given = event[key]
    if not isinstance(given, dict):
        raise TypeError(f"{key} is {_shown(given)}")
    return {name: _value(name, tuple(value) if isinstance(value, list) else value) for name, value in given.items()}


def program(event: Mapping[str, Any]) -> Fingerprint:
    """A state of the program."""
    return Fingerprint(
        files=_texts(event, "files"),
        inputs=_texts(event, "inputs") if "inputs" in event else {},
        packages=_texts(event, "packages") if "packages" in event else {},
        partial=event.get("partial") is True,
    )


def _texts(event: Mapping[str, Any], key: str) -> dict[str, str]:
    given = event[key]
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise TypeError(f"{key} is {_shown(given)}")
    return dict(given)


def _value(name: str, value: Any) -> Value:
    for item in value if isinstance(value, tuple) else (value,):
        if item is not None and not isinstance(item, bool | int | float | str):
            raise ValueError(f"{name} is {_shown(value)}")
        if isinstance(item, int) and abs(item) > 2**1000:
            raise ValueError(f"{name} is an integer of {item.bit_length()} bits")
    result: Value = value
    return result


def _shown(value: Any) -> str:
    shown = repr(value) if not isinstance(value, int) or abs(value) < 2**64 else "a number of many digits"
    return shown if len(shown) <= 40 else f"{shown[:40]}..."
