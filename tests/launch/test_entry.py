"""The process of a trial whose study names a function."""

from __future__ import annotations

import pytest

from playbook_cli.errors import ProtocolError
from playbook_cli.launch.entry import main


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "entered.py").write_text("seen = []\ndef train(trial): seen.append(trial)\nnumber = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("PLAYBOOK_TRIAL_ID", raising=False)
    monkeypatch.delitem(__import__("sys").modules, "entered", raising=False)
    import entered  # type: ignore[import-not-found]

    return entered


def test_the_function_gets_the_current_trial(module):
    main(["entered:train"])
    (trial,) = module.seen
    assert trial.max_train_steps == 1000


def test_a_check_imports_and_calls_nothing(module):
    main(["--check", "entered:train"])
    assert module.seen == []


@pytest.mark.parametrize("name", ["nothing", "number"])
def test_a_name_that_cannot_be_called_is_an_error(module, name):
    with pytest.raises(ProtocolError, match=f"entered has no function {name}"):
        main([f"entered:{name}"])
