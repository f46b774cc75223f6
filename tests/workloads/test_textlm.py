"""The text workload: its data, its model, what it reports."""

from __future__ import annotations

import math
import runpy

import pytest
import torch

from playbook_cli.errors import ProtocolError
from playbook_cli.workloads import textlm

SMALL = {"layers": 1, "d_model": 16, "heads": 2, "context": 16}


def model(**params):
    torch.manual_seed(0)
    return textlm.Transformer({**textlm.DEFAULTS, **SMALL, **params}, 50)


def test_the_text_is_long_and_every_character_has_its_number():
    training, validation, vocabulary = textlm.load()
    assert len(training) > 200_000
    assert 0.05 < len(validation) / len(training) < 0.2
    assert torch.cat([training, validation]).unique().tolist() == list(range(vocabulary))


def test_hardly_any_of_the_validation_text_stands_in_the_training_text():
    training, validation, _ = (part if isinstance(part, int) else bytes(part.tolist()) for part in textlm.load())
    pieces = [validation[start : start + 50] for start in range(0, len(validation) - 50, 50)]
    assert sum(piece in training for piece in pieces) < 0.1 * len(pieces)


def test_an_evaluation_always_reads_the_same_characters_from_all_over_the_text():
    text = torch.arange(100_000)
    rows = textlm.windows(text, 64)
    assert rows.shape == (textlm.EVALUATED // 64, 65)
    assert rows[0, 0] == 0
    assert rows[-1, -1] == 99_999
    assert torch.equal(rows, textlm.windows(text, 64))
    assert (rows.diff() == 1).all()


def test_a_prediction_sees_no_later_character():
    characters = torch.randint(50, (2, 16))
    changed = characters.clone()
    changed[:, 9:] = (changed[:, 9:] + 1) % 50
    one = model()
    before, after = one(characters), one(changed)
    assert torch.allclose(before[:, :9], after[:, :9], atol=1e-5)
    assert not torch.allclose(before[:, 9:], after[:, 9:], atol=1e-2)


def test_a_prediction_sees_earlier_characters_and_their_order():
    one = model()
    characters = torch.tensor([[1, 2, 3], [2, 1, 3], [4, 2, 3]])
    last = one(characters)[:, -1]
    assert not torch.allclose(last[0], last[1])
    assert not torch.allclose(last[0], last[2])


def test_dropout_is_off_in_an_evaluation_and_on_again_after_it():
    one = model(dropout=0.5)
    rows = torch.randint(50, (8, 17))
    assert textlm.evaluate(one, rows) == textlm.evaluate(one, rows)
    assert one.training
    assert not torch.equal(one(rows[:, :16]), one(rows[:, :16]))


@pytest.mark.slow
def test_it_learns_more_than_how_frequent_each_character_is(evaluations):
    training, _, vocabulary = textlm.load()
    share = training.bincount(minlength=vocabulary) / len(training)
    unigram = -(share[share > 0] * share[share > 0].log()).sum().item()
    (record,) = evaluations(textlm.train, {**SMALL, "learning_rate": 0.02}, steps=80)
    assert record["val_loss"] < unigram - 0.2
    assert record["val_error"] < 1.0 - share.max().item()
    assert record["train_error"] > 0.3


def test_an_evaluation_reports_losses_errors_and_the_learning_rate(evaluations):
    first, second = evaluations(textlm.train, {**SMALL, "schedule": "linear", "learning_rate": 0.01}, steps=2, every=1)
    assert first.keys() == {"step", "train_loss", "train_error", "val_loss", "val_error", "learning_rate", "grad_norm"}
    assert [first["learning_rate"], second["learning_rate"]] == [0.01, 0.005]


def test_it_starts_near_chance(evaluations):
    (record,) = evaluations(textlm.train, {**SMALL, "learning_rate": 0.0}, steps=1)
    assert record["val_loss"] == pytest.approx(math.log(textlm.load()[2]), abs=0.5)


@pytest.mark.slow
def test_the_seed_decides_everything(evaluations):
    one, same, other = (evaluations(textlm.train, {**SMALL, "dropout": 0.2}, steps=3, seed=seed) for seed in (7, 7, 8))
    assert one == same
    assert one != other


def test_a_hyperparameter_that_it_does_not_have_is_refused(evaluations):
    with pytest.raises(ProtocolError, match="width"):
        evaluations(textlm.train, {"width": 3}, steps=1)


def test_it_runs_as_a_script_of_a_study(tmp_path, monkeypatch):
    (tmp_path / "params.json").write_text('{"d_model": 16, "layers": 1}')
    for name, value in {
        "TRIAL_ID": "3",
        "TRIAL_DIR": str(tmp_path),
        "PARAMS": str(tmp_path / "params.json"),
        "METRICS": str(tmp_path / "metrics.jsonl"),
        "SEED": "1",
        "MAX_TRAIN_STEPS": "2",
        "EVAL_EVERY": "1",
    }.items():
        monkeypatch.setenv(f"PLAYBOOK_{name}", value)
    runpy.run_path(textlm.__file__, run_name="__main__")
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 2
