from __future__ import annotations

import json
import math

import pytest
import yaml

from playbook_cli.errors import PlaybookError
from playbook_cli.importing import files, sources
from playbook_cli.importing.runs import Ask
from tests.importing.event_file import event_file, scalars

CSV = "step,loss\n1,2.0\n2,1.0\n"


@pytest.fixture
def logs(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if isinstance(text, str) else json.dumps(text))

    write.folder = tmp_path
    return write


def read(folder, params="*/p.json", metrics=("*/m*.csv",), **ask):
    return files.read(Ask(source=str(folder), params=params, metrics=metrics, **ask))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.json", '{"lr": 0.1, "opt": {"name": "adam"}}'),
        ("p.yaml", "lr: 1e-1\nopt:\n  name: adam\n"),
        ("p.yml", "opt: {name: adam}\nlr: 0.1\n"),
        ("p.csv", "lr,opt.name,empty\n0.1,adam,\n"),
        ("p.jsonl", '{"opt": {"name": "adam"}, "lr": 0.1}\n'),
    ],
)
def test_hyperparameters_of_every_kind_of_file(logs, name, text):
    logs(f"a/{name}", text)
    logs("a/m.csv", CSV)
    (run,) = read(logs.folder, params=f"*/{name}").runs
    assert run.params == {"lr": 0.1, "opt.name": "adam"}
    assert run.evaluations == [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}]
    assert run.name == "a"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.csv", CSV),
        ("m.tsv", CSV.replace(",", "\t")),
        ("m.jsonl", '{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.0}\n'),
        ("m.json", '{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.0}\n'),
        ("m.json", [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}]),
    ],
)
def test_evaluations_of_every_kind_of_file(logs, name, text):
    logs("a/p.json", {"lr": 1})
    logs(f"a/{name}", text)
    (run,) = read(logs.folder, metrics=[f"*/{name}"]).runs
    assert run.evaluations == [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}]


def test_event_files_may_be_the_metrics(logs):
    logs("a/p.json", {"lr": 1})
    event_file(logs.folder / "a" / "events.out.tfevents.1.host", scalars(1, loss=2.0))
    assert read(logs.folder, metrics=["*/events*"]).runs[0].evaluations == [{"step": 1, "loss": 2.0}]


def test_several_files_of_a_trial_are_put_together(logs):
    logs("a/p.json", {"lr": 1})
    logs("a/m.train.csv", "step,train_loss\n1,9\n")
    logs("a/m.val.csv", "step,val_loss\n1,8\n")
    assert read(logs.folder).runs[0].evaluations == [{"step": 1, "train_loss": 9.0}, {"step": 1, "val_loss": 8.0}]


def test_a_table_of_params_is_tied_by_the_column_that_names_the_trial(logs):
    logs("trials.csv", "lr,id\n0.1,7\n0.2,8\n0.3,9\n")
    logs("trial_7/m.csv", CSV)
    logs("trial_9/m.csv", CSV)
    runs = read(logs.folder, params="trials.csv", metrics=["trial_*/m.csv"]).runs
    assert [run.params for run in runs] == [{"lr": 0.1}, {"lr": 0.2}, {"lr": 0.3}]
    assert [len(run.evaluations) for run in runs] == [2, 0, 2]
    assert (runs[1].state, runs[1].reason) == ("failed", files.NO_FILE)
    with pytest.raises(PlaybookError, match="no column contains"):
        read(logs.folder, params="trials.csv", metrics=["t*_*/m.csv"])


def test_a_trial_whose_metrics_are_missing_empty_or_damaged_is_there_with_the_reason(logs):
    for name in "abcd":
        logs(f"{name}/p.json", {"lr": 1})
    logs("b/m.csv", "")
    logs("c/m.csv", "step,loss\n1,2\n2,1,0\n")
    logs("d/m.csv", CSV)
    found = read(logs.folder)
    a, b, c, d = found.runs
    assert (a.state, a.reason) == ("failed", files.NO_FILE)
    assert (b.state, b.reason) == ("failed", files.NO_ROW)
    assert (c.state, c.evaluations) == (None, [{"step": 1, "loss": 2.0}])
    assert "line 3 has 3 cells" in c.reason
    assert (d.state, d.reason) == (None, None)
    assert any(note.startswith("c/m.csv: line 3") for note in found.notes)


def test_metrics_without_params_are_told_on(logs):
    logs("a/p.json", {"lr": 1})
    logs("a/m.csv", CSV)
    logs("b/m.csv", CSV)
    assert "skipped 1 metrics file without a params file: b/m.csv" in read(logs.folder).notes


def test_rows_are_counted_where_nothing_counts_steps_and_that_is_said(logs):
    logs("a/p.json", {"lr": 1})
    logs("a/m.csv", "loss\n2\n1\n")
    found = read(logs.folder)
    assert [e["step"] for e in found.runs[0].evaluations] == [1, 2]
    assert any("rows are numbered" in note for note in found.notes)


@pytest.mark.parametrize(
    ("name", "text", "where", "what"),
    [
        ("p.json", '{\n"lr": 1,\n}', "p.json:3", "not JSON"),
        ("p.json", "[1]", "p.json", "not a mapping"),
        ("p.json", "[" * 100_000, "p.json", "nested too deeply"),
        ("p.yaml", "a: [", "p.yaml:1", "not valid YAML"),
        ("p.csv", "", "p.csv", "empty"),
        ("p.csv", "a,b\n1,2,3\n", "p.csv", "3 cells"),
    ],
)
def test_params_that_can_not_be_read_are_refused_by_name(logs, name, text, where, what):
    logs(f"a/{name}", text)
    logs("a/m.csv", CSV)
    with pytest.raises(PlaybookError, match=what) as raised:
        read(logs.folder, params=f"*/{name}")
    assert where in str(raised.value.where)


def test_a_params_file_of_several_settings_among_others_is_refused(logs):
    for name, rows in (("a", "1\n"), ("b", "1\n2\n")):
        logs(f"{name}/p.csv", f"lr\n{rows}")
        logs(f"{name}/m.csv", CSV)
    with pytest.raises(PlaybookError, match="a params file must hold the settings of one trial"):
        read(logs.folder, params="*/p.csv")


def test_wildcards_that_never_agree_are_refused(logs):
    logs("a/p.json", {"lr": 1})
    logs("a/m.csv", CSV)
    with pytest.raises(PlaybookError, match="no metrics file matches a params file"):
        read(logs.folder, params="*/p.*", metrics=["*/m.*"])


def test_a_source_without_patterns_says_what_to_write(logs):
    with pytest.raises(PlaybookError, match="does not recognise this folder's layout") as raised:
        files.read(Ask(source=str(logs.folder)))
    assert "--params" in str(raised.value.hint)
    with pytest.raises(PlaybookError, match="no such folder"):
        read(logs.folder / "x")


def test_the_state_of_a_hugging_face_trainer_is_its_log_whatever_checkpoints_repeat(tmp_path):
    transformers = pytest.importorskip("transformers", reason="needs Hugging Face's transformers")
    history = []
    for step in (100, 200, 300):
        history.append({"loss": 2.0 / step, "learning_rate": 0.1, "epoch": step / 300, "step": step})
        history.append({"eval_loss": abs(step - 200) + 0.5, "epoch": step / 300, "step": step})
        for run in (0, 1):
            folder = tmp_path / f"run-{run}/checkpoint-{step}"
            folder.mkdir(parents=True)
            state = transformers.TrainerState(
                log_history=list(history), best_metric=0.5, best_global_step=200, global_step=step
            )
            state.save_to_json(str(folder / "trainer_state.json"))
            (tmp_path / f"run-{run}/hp.json").write_text(json.dumps({"lr": run + 1}))
    found = read(tmp_path, "run-*/hp.json", ["run-*/checkpoint-*/trainer_state.json"])
    assert [run.params for run in found.runs] == [{"lr": 1}, {"lr": 2}]
    curve = [(e["step"], e["eval_loss"]) for e in found.runs[0].evaluations if "eval_loss" in e]
    assert curve == [(100, 100.5), (200, 0.5), (300, 100.5)]


def test_hyperparameters_that_lightning_wrote_are_read_with_its_tags(tmp_path):
    loggers = pytest.importorskip("lightning.pytorch.loggers")
    for version in (0, 1):
        logger = loggers.CSVLogger(tmp_path, name="", version=version)
        settings = {"lr": version + 1, "betas": (0.9, 0.5), "net": {"widths": [8, 4]}, "act": math.sqrt}
        logger.log_hyperparams({**settings, "act": "relu"})
        logger.log_metrics({"val_loss": version + 0.25}, step=7)
        logger.finalize("success")
        hparams = tmp_path / f"version_{version}/hparams.yaml"
        assert sources.read(Ask(source=str(tmp_path))).runs[version].params["betas.1"] == 0.5
        hparams.write_text(yaml.dump(settings))  # as earlier versions wrote it
        assert "python/tuple" in hparams.read_text()
    first, second = sources.read(Ask(source=str(tmp_path))).runs
    assert first.params == {"lr": 1, "betas.0": 0.9, "betas.1": 0.5, "net.widths.0": 8, "net.widths.1": 4} | {
        "act": "math.sqrt"
    }
    assert second.evaluations == [{"step": 7, "val_loss": 1.25}]


def test_run_folders_of_wandb_are_read_without_what_it_says_of_itself(tmp_path):
    for number in (0, 1):
        home = tmp_path / f"wandb/run-2026010{number}_000000-ab{number}/files"
        home.mkdir(parents=True)
        (home / "config.yaml").write_text(
            f"wandb_version: 1\n\n_wandb:\n  desc: null\n  value:\n    start_time: 17{number}.5\n    t:\n      1:\n"
            f"      - 1\nlr:\n  desc: null\n  value: 0.{number + 1}\nlayers:\n  desc: null\n  value:\n  - 64\n  - 32\n"
        )
        (home / "wandb-summary.json").write_text(
            json.dumps({"val/loss": number + 0.5, "_step": 990, "_runtime": 1.5, "_wandb": {"runtime": 12}})
        )
    for source in (tmp_path, tmp_path / "wandb"):
        first, second = sources.read(Ask(source=str(source))).runs
        assert first.params == {"lr": 0.1, "layers.0": 64, "layers.1": 32}
        assert (second.evaluations[0]["step"], second.evaluations[0]["val/loss"]) == (990, 1.5)


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system ['true']", "!!python/object:a.B {x: 1}"])
def test_objects_in_yaml_are_never_made(tmp_path, tag):
    (tmp_path / "r0").mkdir()
    (tmp_path / "r0/p.yaml").write_text(f"lr: {tag}\n")
    (tmp_path / "r0/m.csv").write_text("step,loss\n1,2\n")
    with pytest.raises(PlaybookError, match="is not allowed"):
        read(tmp_path, "r*/p.yaml", ["r*/m.csv"])
