"""What is wrong with the keys that launch and follow a program."""

from __future__ import annotations

import pytest

from playbook_cli.errors import SpecError
from playbook_cli.spec.load import dump, load, validate
from playbook_cli.spec.source import parse

STUDY = """\
name: s
command: ["${python}", train.py, "${args}"]
metric: {name: val_loss}
max_train_steps: 10
trials: 4
nuisance: {lr: {min: 0.1, max: 1.0}}
"""
PATTERN = r"metrics: {stdout: ['(?P<step>\d+) (?P<val_loss>\S+)']}"
FUNCTION = STUDY.replace('command: ["${python}", train.py, "${args}"]', "train: a:b")


def spec(text):
    return validate(parse(text, "study.yaml"))[0]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("metrics: {}", "study.yaml:7: metrics: it needs exactly one of stdout, csv, jsonl, tensorboard"),
        ("metrics: {csv: '${trial_dir}/a', jsonl: b}", "one of stdout, csv, jsonl, tensorboard"),
        ("metrics: {stdout: []}", "metrics.stdout: write"),
        ("metrics: {stdout: ['(?P<step>']}", "'(?P<step>' is not a regular expression: "),
        (r"metrics: {stdout: ['(?P<val_loss>\S+)']}", "no pattern has a group named step, for the step"),
        ("metrics: {csv: '${trial_dir}/a', first: 0}", "only evaluations in a program's output are counted"),
        (f"{PATTERN[:-1]}, first: 0}}", "a pattern has the group step, so the evaluations aren't counted"),
        (r"metrics: {stdout: ['(?P<val_loss>\S+)'], first: -1}", "-1 is no step of training"),
        (
            r"metrics: {stdout: ['(?P<val_loss>\S+)'], first: 0}" + "\ncheckpoints: {files: '${trial_dir}/*'}",
            "doesn't print its earlier evaluations again",
        ),
        (r"metrics: {stdout: ['(?P<step>\d+)']}", "no pattern has a group named val_loss, for the study's metric"),
        ("metrics: {csv: log.csv}", "metrics.csv: all trials would write the same file"),
        ("metrics: {csv: '${trial_dir}/a', names: {step: it}}", "a metric can't be called step"),
        ("metrics: {stdot: a}", "did you mean stdout?"),
        ("checkpoints: {files: '${trial_dir}/*.pt'}", "can't be found without `metrics`"),
        (
            f"{PATTERN}\ncheckpoints: {{files: 'out/*.pt'}}",
            "study.yaml:8: checkpoints.files: checkpoints must be inside the",
        ),
        (f"{PATTERN}\ncheckpoints: {{files: '${{trial_dir}}/*', step: '('}}", "'(' is not a regular expression"),
        (
            f"{PATTERN}\ncheckpoints: {{files: '${{trial_dir}}/*', step: 'a'}}",
            "it needs exactly one group, for the step",
        ),
        ("args: {learning_rate: lr}", "args.names.learning_rate: this study has no hyperparameter named learning_rate"),
        ("args: {omit: [x]}", "args.omit.x: this study has no hyperparameter named x"),
        ("fixed: {rate: 1}\nargs: {rate: lr}", "two hyperparameters have the name lr"),
        ("args: {style: '-name'}", "args.style: write '--name=value', '--name value', 'name=value' or '+name=value'"),
    ],
)
def test_what_cannot_work_is_refused_by_name_and_line(lines, problem):
    with pytest.raises(SpecError) as error:
        spec(f"{STUDY}{lines}\n")
    assert problem in f"{error.value} {error.value.hint}"


@pytest.mark.parametrize("line", [PATTERN, "args: {style: name=value}"])
def test_a_train_function_needs_none_of_it(line):
    with pytest.raises(SpecError, match=r"needs a command, but the study has none"):
        spec(f"{FUNCTION}{line}\n")


@pytest.mark.parametrize(
    "lines",
    [
        PATTERN,
        "metrics: {csv: '${trial_dir}/log.csv', step: it, names: {val_loss: validation/loss}}",
        "metrics: {tensorboard: tb}\ncwd: '${trial_dir}'",
        r"metrics: {stdout: ['epoch (?P<epoch>\d+)', 'loss (?P<l>\S+)'], step: epoch, names: {val_loss: l}}",
        f"{PATTERN}\ncheckpoints: {{files: '${{trial_dir}}/ck/*', step: 's(\\d+)', keep: best}}",
        "args: {style: +name=value, booleans: lower, none: omit, lists: repeat, omit: [lr]}",
        "fixed: {betas: [0.9, 0.999]}\nargs: {lr: learning-rate}",
    ],
)
def test_what_works_is_kept_as_it_was_written(lines, tmp_path):
    read = spec(f"{STUDY}{lines}\n")
    kept = tmp_path / "study.yaml"
    kept.write_text(dump(read))
    assert load(kept)[0] == read


def test_the_short_form_names_arguments():
    assert spec(f"{STUDY}args: {{lr: learning-rate}}\n").args.names == {"lr": "learning-rate"}


def test_a_name_in_two_roles_is_not_taken_for_two_arguments_of_one_name():
    with pytest.raises(SpecError) as refused:
        spec(f"{STUDY}scientific: {{lr: [1, 2]}}\n")
    assert "lr is already scientific" in str(refused.value)
    assert "args.names" not in str(refused.value)
