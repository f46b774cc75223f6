"""Studies for training scripts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from playbook_cli.errors import SpecError
from playbook_cli.spec.fill import FILL, with_stand_ins
from playbook_cli.spec.load import validate
from playbook_cli.spec.source import parse
from playbook_cli.starting.script import draft_script

SCRIPT = """
import argparse, os
raise SystemExit("it is never run")
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=3e-4)
p.add_argument("--weight-decay", type=float, default=0.0)
p.add_argument("--dropout", type=float, default=0.1)
p.add_argument("--momentum", type=float, default=0.9)
p.add_argument("--batch-size", type=int, default=64)
p.add_argument("--n-layers", type=int, default=4)
p.add_argument("--opt", choices=["sgd", "adam"], default="sgd")
p.add_argument("--act", choices=["relu", "gelu"], default="relu")
p.add_argument("--epochs", type=int, default=14)
p.add_argument("--eval-interval", type=int, default=2)
p.add_argument("--seed", type=int, default=0)
p.add_argument("--out-dir", default="out")
p.add_argument("--num-workers", type=int, default=4)
p.add_argument("--nesterov", action="store_true")
a = p.parse_args()
print(f"epoch {epoch}: val accuracy {acc:.3f}")
"""


@pytest.fixture
def draft(tmp_path):
    def make(source, folder=None):
        script = tmp_path / "my_train.py"
        script.write_text(source)
        made = draft_script(script, folder or tmp_path)
        read = parse(made.text("study.yaml"), "study.yaml")
        return made, validate(replace(read, data=with_stand_ins(read.data)))[0]

    return make


def test_roles_ranges_and_the_command_are_proposed(draft):
    made, study = draft(SCRIPT)
    assert study.name == "my-train"
    assert study.command == [
        "${python}",
        "my_train.py",
        "${args}",
        "--epochs=${max_train_steps}",
        "--seed=${seed}",
        "--out-dir=${trial_dir}",
        "--eval-interval=${eval_every}",
    ]
    assert made.data["nuisance"] == {
        "learning_rate": {"min": 3e-05, "max": 0.003, "scale": "log"},
        "weight_decay": {"min": 1e-6, "max": 1e-2, "scale": "log"},
        "dropout": {"min": 0.0, "max": 0.5},
        "momentum": {"min": 0.8, "max": 0.99},
    }
    assert made.data["scientific"] == {"opt": ["sgd", "adam"]}
    assert study.fixed == {"batch_size": 64, "n_layers": 4, "act": "relu", "nesterov": False}
    assert (study.max_train_steps, study.eval_every, study.trials) == (14, 2, 32)
    assert study.args.names == {
        "learning_rate": "lr",
        "weight_decay": "weight-decay",
        "batch_size": "batch-size",
        "n_layers": "n-layers",
    }
    assert study.args.booleans == "flag"
    assert (study.metric.name, study.metric.goal) == ("val_accuracy", "maximize")
    assert made.notes == ["left at the program's defaults: num_workers"]


def test_names_are_understood_however_they_are_written(draft):
    source = "p.add_argument('--batchSize', type=int, default=8)\np.add_argument('--nEpochs', type=int, default=3)\n"
    _, study = draft(source)
    assert (study.fixed, study.args.names) == ({"batch_size": 8}, {"batch_size": "batchSize"})
    assert (study.max_train_steps, study.command[-1]) == (3, "--nEpochs=${max_train_steps}")


def test_the_script_is_found_from_where_the_study_is_written(draft, tmp_path):
    assert draft(SCRIPT, tmp_path / "studies" / "one")[1].command[1] == "../../my_train.py"


def test_booleans_that_are_given_in_another_way_are_left_out_and_told(draft):
    made, study = draft(
        "p.add_argument('--nesterov', action='store_true')\n"
        "p.add_argument('--bias', action='store_true')\n"
        "p.add_argument('--amsgrad', action=argparse.BooleanOptionalAction, default=False)\n"
        "p.add_argument('--lr', type=float, default=0.1)\n"
    )
    assert "amsgrad" not in {**study.fixed, **study.scientific}
    assert any("left out because they are passed differently" in note and "amsgrad" in note for note in made.notes)


def test_what_is_not_known_is_said_and_not_made_up(draft):
    made, study = draft("p.add_argument('data', help='where images are')\np.add_argument('--lr', type=float)\n")
    assert study.command == ["${python}", "my_train.py", "filled", "${args}"]
    assert made.data["metrics"] == {"stdout": [FILL]}
    assert made.data["metric"] == {"name": FILL, "goal": FILL}
    assert "fill in command: data (where images are)" in made.notes
    assert made.data["max_train_steps"] == FILL
    assert any("number of training steps" in note for note in made.notes)


PROTOCOL = """
from playbook_cli import current_trial
trial = current_trial(
    defaults={"lr": 0.1, "nesterov": True, "layers": 2, "epochs": 3, "betas": [1, 2]}, max_train_steps=300,
    eval_every=10,
)
trial.report(step, train_loss=a, val_error=b)
"""


def test_a_learning_rate_without_a_default_is_called_a_guess_and_further_lengths_are_named(draft):
    made, _ = draft("""\
import argparse
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=None)
p.add_argument("--num_train_epochs", type=float, default=3.0)
p.add_argument("--max-epoch", type=int, default=20)
p.add_argument("--iterations", type=int, default=1000)
""")
    text = made.text("study.yaml")
    assert "# guess: there is no default to search around" in text
    assert "the program's" not in text.partition("nuisance:")[2]
    length = made.comments["max_train_steps",]
    assert "guess: --num_train_epochs sets the length of training, not --max-epoch, --iterations" in length


def test_the_defaults_of_current_trial_are_hyperparameters_and_no_arguments(draft):
    made, study = draft(PROTOCOL)
    assert study.command == ["${python}", "my_train.py"]
    assert (study.metric.name, study.max_train_steps, study.eval_every) == ("val_error", 300, 10)
    assert made.data["nuisance"] == {"lr": {"min": 0.01, "max": 1.0, "scale": "log"}}
    assert made.data["scientific"] == {"nesterov": [False, True]}
    assert study.fixed == {"layers": 2}
    assert made.notes == ["left at the program's defaults: epochs, betas"]


@pytest.mark.parametrize("written", ['D = {"lr": 0.1}', "D: dict = dict(lr=0.1)"])
def test_arguments_and_defaults_of_current_trial_stand_side_by_side(draft, written):
    made, study = draft(
        f"from playbook_cli import current_trial\n{written}\n"
        "p.add_argument('--dropout', type=float, default=0.0)\ncurrent_trial(D)"
    )
    assert study.command == ["${python}", "my_train.py", "${args}"]
    assert made.data["args"] == {"omit": ["lr"]}
    assert set(made.data["nuisance"]) == {"lr", "dropout"}
    assert study.max_train_steps == 1000


def test_a_script_that_speaks_the_protocol_needs_no_metrics(draft):
    made, study = draft("from playbook_cli import current_trial\np.add_argument('--lr', type=float, default=0.1)\n")
    assert study.metrics is None
    assert made.notes == []


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("def f(:\n", "my_train.py:1: this is not Python: "),
        ("x = 1\x00", "this is not Python"),
    ],
)
def test_what_is_no_python_is_refused(draft, source, problem):
    with pytest.raises(SpecError) as error:
        draft(source)
    assert problem in str(error.value)


def test_the_length_may_be_a_constant_of_a_module_of_the_program(draft, tmp_path):
    (tmp_path / "cf.py").write_text("start, epochs = 1, 200\nnum_epochs = 200\n")
    head = "import argparse, cf\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float, default=0.1)\n"
    loop = "for epoch in range(first, first + n):\n    print(f'epoch {epoch} val loss {loss}')\n"
    made, _ = draft(head + "first, n = cf.first, cf.num_epochs\n" + loop)
    assert (made.data["max_train_steps"], made.data["step_unit"]) == (200, "epochs")
    made, _ = draft(head + "first, n = cf.first, cf.num_epochs\nn = n // 2\n" + loop)
    assert made.data["max_train_steps"] == FILL


@pytest.mark.parametrize("source", ["LR = 3e-4", "LR = 3e-4\np.add_argument('--verbose', action='store_true')"])
def test_a_program_that_looks_for_itself_gets_a_skeleton_that_names_its_constants(draft, source):
    made, study = draft(f"{source}\nopen(__file__)\n")
    assert made.data["nuisance"] == {FILL: {"min": FILL, "max": FILL, "scale": "log"}}
    assert any("LR = 0.0003 (line 1): make them arguments" in note for note in made.notes)
    assert list(study.nuisance) == ["filled"]


CONSTANTS = """
SEED = 7
EPOCHS = int(1e2)
def main(batch_size=64):
    config = {"weight_decay": 0.1}
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    for e in range(EPOCHS):
        print(f"{e}: val loss {loss}")
"""


def test_constants_are_tuned_in_a_copy_of_the_script(draft):
    made, study = draft(CONSTANTS)
    assert study.command == ["${python}", "${config}"]
    assert made.data["config"] == {
        "file": "my_train.py",
        "set": {"SEED": "${seed}", "EPOCHS": "${max_train_steps}"},
        "names": {
            "batch_size": "main.batch_size",
            "weight_decay": "main.config.weight_decay",
            "learning_rate": "main.optimizer.lr",
        },
    }
    assert (study.max_train_steps, study.step_unit, study.metric.name) == (100, "epochs", "val_loss")


def test_constants_are_left_alone_where_options_say_it_or_they_are_set_again(draft):
    options = "p.add_argument('--lr', type=float, default=0.1)\np.add_argument('--epochs', type=int, default=9)\n"
    assert "config" not in draft(options + CONSTANTS)[0].data
    made, _ = draft("lr = 0.1\nlr = 0.2\nprint(f'epoch {epoch} val loss {loss}')\n")
    assert "config" not in made.data


def test_how_often_the_loop_runs_is_the_length_and_can_be_set_in_a_copy(draft):
    line = "    print(f'episode {n_epi}: score {score / 20}')\n"
    made, study = draft(
        f"lr = 0.1\ndef main():\n  for n_epi in range(500):\n    if n_epi % every == 0:\n  {line}every = 20\n"
    )
    assert made.data["config"]["set"] == {"main.n_epi": "${max_train_steps}"}
    assert (study.max_train_steps, study.eval_every, study.metric.name) == (500, 20, "mean_score")
    assert made.comments["max_train_steps",] == "iterations of the loop over n_epi"


def test_steps_of_something_else_are_no_length(draft):
    made, _ = draft("lr = 0.1\nclass A:\n    def populate(self, steps=1000): ...\n")
    assert made.data["max_train_steps"] == FILL
    assert draft("lr = 0.1\ndef train(steps=1000): ...\n")[1].max_train_steps == 1000


def test_the_length_that_the_source_has_as_a_number_is_the_length(draft):
    line = "    print(f'epoch {epoch} val loss {loss}')\n"
    rate = "p.add_argument('--lr', type=float, default=0.1)\n"
    made, study = draft(f"{rate}for epoch in range(start, start + 30):\n{line}open(__file__)\n")
    assert (study.max_train_steps, study.step_unit, study.eval_every) == (30, "epochs", 1)
    assert "no option changes it" in made.comments["max_train_steps",]
    assert draft(f"{rate}for epoch in range(n):\n{line}")[0].data["max_train_steps"] == FILL


@pytest.mark.parametrize(
    ("option", "unit"),
    [("--epochs", "epochs"), ("--max-iters", "updates"), ("--total-timesteps", "env_steps"), ("--total-kimg", None)],
)
def test_the_unit_of_a_step_is_written_where_it_is_known(draft, option, unit):
    _, study = draft(
        f"p.add_argument('--lr', type=float, default=0.1)\np.add_argument('{option}', type=int, default=9)"
    )
    assert study.step_unit == unit


def test_steps_of_a_program_with_an_environment_may_be_anything(draft):
    options = "p.add_argument('--lr', type=float, default=0.1)\np.add_argument('--max-steps', type=int, default=9)\n"
    assert draft(options)[1].step_unit == "updates"
    assert draft(f"import gymnasium\n{options}")[1].step_unit is None


NEEDS = """
p.add_argument("data")
p.add_argument("--lr", type=float, default=0.1)
p.add_argument("--epochs", type=int, default=9)
p.add_argument("--arch", required=True)
p.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
p.add_argument("--amp", action="store_true")
print(f"epoch {epoch} val loss {loss}")
"""


def test_what_a_person_gives_needs_no_filling_in(tmp_path):
    script = tmp_path / "fit.py"
    script.write_text(NEEDS)
    given = ["~/images", "--arch", "resnet50", "--lr=0.01", "--epochs", "3", "--optimizer", "adam", "--amp", "--x"]
    made = draft_script(script, tmp_path, given=given)
    assert FILL not in made.text("study.yaml")
    words = made.data["command"]
    assert words[2].endswith("/images")
    assert words[3:] == ["${args}", "--epochs=${max_train_steps}", "--amp", "--x"]
    assert made.data["max_train_steps"] == 3
    assert made.data["nuisance"]["learning_rate"] == {"min": 0.001, "max": 0.1, "scale": "log"}
    assert made.data["fixed"] == {"arch": "resnet50", "optimizer": "adam"}
    assert "scientific" not in made.data
    assert FILL in draft_script(script, tmp_path).text("study.yaml")


def test_how_often_it_evaluates_in_updates_is_no_number_of_epochs(draft):
    every = "p.add_argument('--eval-freq', type=int, default=5{})\n"
    rest = (
        "p.add_argument('--lr', type=float, default=0.1)\np.add_argument('--epochs', type=int, default=9)\n"
        "print(f'epoch {epoch} val loss {loss}')\n"
    )
    assert "--eval-freq=${eval_every}" in draft(every.format("") + rest)[1].command
    assert "--eval-freq=${eval_every}" not in draft(every.format(", help='in steps'") + rest)[1].command


def test_a_file_that_all_trials_write_and_read_back_is_marked(draft):
    options = "p.add_argument('--lr', type=float, default=0.1)\nprint(f'step {step} val loss {loss}')\n"
    save = "torch.save(model, '{}.pkl'.format(epoch))\n"
    made, _ = draft(options + save + "torch.load('{}.pkl'.format(best))\n")
    assert "guess: all trials write and read the same {}.pkl" in made.comments["command",]
    assert ("command",) not in draft(options + save)[0].comments
    assert ("command",) not in draft(options + save + "if a.resume:\n    torch.load('{}.pkl'.format(best))\n")[
        0
    ].comments
