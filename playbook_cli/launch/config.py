"""The config file of one trial: the program's own, with the trial's hyperparameters filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.errors import SpecError
from playbook_cli.files import atomic, regular
from playbook_cli.formats.configs import SUFFIXES, ConfigError, filled
from playbook_cli.launch.command import Values

if TYPE_CHECKING:
    from pathlib import Path

    from playbook_cli.files.paths import TrialPaths
    from playbook_cli.records import TrialRecord, Value
    from playbook_cli.spec.model import StudySpec


def write_config(spec: StudySpec, trial: TrialRecord, paths: TrialPaths, folder: Path) -> None:
    """Write the trial's config file, if the study has one. SpecError where it can't be filled, OSError as usual."""
    text = config_text(spec, trial, paths, folder)
    if text is not None and spec.config is not None:
        atomic.write(paths.config(spec.config.suffix), text)


def config_text(spec: StudySpec, trial: TrialRecord, paths: TrialPaths, folder: Path) -> str | None:
    """What the trial's config file says; None where the study has none. SpecError where it can't be filled."""
    config = spec.config
    if config is None:
        return None
    values = Values(spec, trial, paths, folder)
    given: dict[str, Value] = {key: values.of(value, f"config.set.{key}") for key, value in config.set.items()}
    by_args = spec.command is not None and any(word.startswith("${args") for word in spec.command)
    for name, value in trial.params.items():
        if not by_args or name in spec.args.omit:
            given[config.names.get(name, name)] = value
    file = folder / config.file
    try:
        return filled(regular.content(file).decode("utf-8"), config.suffix, given)
    except OSError as error:
        raise SpecError(f"config.file: {file} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SpecError(f"config.file: {file} is not UTF-8 text") from None
    except ConfigError as error:
        raise SpecError(
            f"config.file: {config.file}: {error}",
            hint="write its dotted name as the file has it, or config: {names: {learning_rate: optimizer.lr}}; "
            f"{', '.join(SUFFIXES)} can be filled",
        ) from None
