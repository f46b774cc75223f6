"""What options are in a study."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from playbook_cli.starting.declared import declared
from playbook_cli.starting.program import Module, Program
from playbook_cli.starting.roles import propose_all, training_length


def roles(source):
    """The proposals for a program by option, and its length."""
    program = Program(main=Module(path=Path("train.py"), tree=ast.parse(f"import argparse\n{source}")))
    arguments = declared(program).arguments
    length = training_length(arguments, program)
    return {p.argument.name: p for p in propose_all(arguments, length)}, length


def options(*names, kind="int", default=5):
    return "\n".join(f"p.add_argument('--{name}', type={kind}, default={default!r})" for name in names)


def flags(*names):
    return "\n".join(f"p.add_argument('--{name}', action='store_true')" for name in names)


def test_what_uploads_saves_shows_or_tracks_is_never_asked_about():
    names = ["upload_model", "save_model", "track", "capture-video", "wandb", "push_to_hub", "log_norm", "tensorboard"]
    names += ["debug", "no-cuda", "amp", "compile", "profile", "evaluate", "resume", "pretrained", "cuda_deterministic"]
    found, _ = roles(flags(*names))
    assert {p.part for p in found.values()} == {"left"}
    assert roles(flags("nesterov"))[0]["nesterov"].part == "scientific"


def test_seeds_and_epochs_are_no_hyperparameters():
    found, length = roles(options("seed", "epochs", "random_state", "start_epoch", "warmup_epochs"))
    assert (found["seed"].part, length.argument.name) == ("seed", "epochs")
    assert {found[name].part for name in ("start_epoch", "warmup_epochs")} <= {"left", "fixed"}


@pytest.mark.parametrize(
    ("source", "name", "certain"),
    [
        (options("num_steps", "total_timesteps"), "total_timesteps", False),
        (options("num_steps", "total_timesteps") + "\nwhile step < args.total_timesteps: ...", "total_timesteps", True),
        ("p.add_argument('--num-steps', type=int, default=8, help='steps per rollout')", None, False),
        (options("update_epochs", "epochs_per_eval", "steps_per_epoch", "log_steps", "save_steps"), None, False),
        (options("epochs"), "epochs", True),
        (options("steps"), "steps", False),
        (options("steps") + "\nfor i in range(args.steps): ...", "steps", True),
        (options("num_iterations", default=0), None, False),
        (options("epochs", "max_steps") + "\nfor e in range(args.epochs): ...", "max_steps", False),
    ],
)
def test_the_length_of_training_is_not_that_of_a_rollout_or_of_anything_inside(source, name, certain):
    _, length = roles(source)
    assert (length.argument.name if length.argument else None, length.certain) == (name, certain)


def test_the_help_of_an_option_says_what_it_counts():
    _, length = roles("p.add_argument('--niter', type=int, default=9, help='number of epochs to train for')")
    assert length.unit == "epoch"
    assert roles(options("max_iters"))[1].unit == "update"


def test_a_decay_as_long_as_training_ends_with_it():
    _, length = roles(options("max_iters", "lr_decay_iters", "warmup_iters"))
    assert [argument.name for argument in length.same] == ["lr_decay_iters"]


def test_a_default_of_none_is_unknown():
    found, _ = roles(options("wd", "dropout", "label_smoothing", kind="float", default=None))
    assert {p.part for p in found.values()} == {"left"}
    found, _ = roles(options("lr", kind="float", default=None))
    assert found["lr"].why.startswith("guess: there is no default to search around")
    found, _ = roles(
        options("lr", kind="float", default=None)
        + "\n"
        + options("blr", "min_lr", "warmup_lr", kind="float", default=1e-3)
    )
    assert {name: p.part for name, p in found.items()} == {
        "lr": "left",
        "blr": "nuisance",
        "min_lr": "left",
        "warmup_lr": "left",
    }


@pytest.mark.parametrize(
    "name", ["lr_decay", "learning_rate_min", "final_lr", "lr_noise", "bn_momentum", "weight_decay_end"]
)
def test_what_only_sounds_like_a_usual_hyperparameter_is_not_tuned(name):
    assert roles(options(name, kind="float", default=0.1))[0][name].part != "nuisance"


def test_results_go_into_the_trials_folder_and_inputs_stay():
    found, _ = roles(
        options("out-dir", "logdir", "data_dir", "ckpt_path", "resume", "model_path", kind="str", default="x")
    )
    assert [name for name, p in found.items() if p.part == "folder"] == ["out_dir", "logdir"]
    found, _ = roles(options("save", kind="str", default="model.pt"))
    assert found["save"].part == "file"


def test_what_must_be_given_is_needed():
    found, _ = roles("p.add_argument('--task', required=True)\np.add_argument('--lr', type=float, required=True)")
    assert (found["task"].part, found["lr"].part) == ("needed", "nuisance")


@pytest.mark.parametrize(
    ("name", "use", "called"),
    [
        ("learn-rate", "optim.Adam(model.parameters(), args.learn_rate)", "learning_rate"),
        ("eta", "SGD(model.parameters(), lr=args.eta)", "learning_rate"),
        ("step_size", "torch.optim.AdamW(params, lr=config['step_size'])", "learning_rate"),
        ("g_lr", "optim.Adam(g, lr=args.g_lr)", "g_lr"),
    ],
)
def test_what_an_optimizer_gets_is_the_learning_rate(name, use, called):
    found = roles(options(name, kind="float", default=0.01) + f"\n{use}")[0]
    (proposal,) = found.values()
    assert (proposal.part, proposal.name) == ("nuisance", called)


@pytest.mark.parametrize("use", ["", "Adam(params, lr=args.eta / 2)", "Model(params, args.eta)"])
def test_what_no_optimizer_gets_as_it_is_is_none(use):
    assert roles(options("eta", kind="float", default=0.01) + f"\n{use}")[0]["eta"].part == "left"


def test_a_path_with_the_name_of_a_file_is_no_folder():
    found = roles(
        options("save_path", kind="str", default="model.pt") + "\n" + options("log_path", kind="str", default="a.txt")
    )
    assert {name: p.part for name, p in found[0].items()} == {"save_path": "file", "log_path": "left"}
    assert roles(options("save_path", kind="str", default="out"))[0]["save_path"].part == "folder"
