"""Where programs leave their numbers, as studies name it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from playbook_cli.spec.fill import FILL, with_stand_ins
from playbook_cli.spec.load import validate
from playbook_cli.spec.source import parse
from playbook_cli.starting.script import draft_script

HEAD = """
import argparse
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=0.1)
p.add_argument("--epochs", type=int, default=9)
p.add_argument("--log-every", type=int, default=3)
p.add_argument("--logdir", default="logs")
args = p.parse_args()
"""
LOOP = "for epoch in range(args.epochs):\n"


@pytest.fixture
def study(tmp_path):
    def make(source, **modules):
        for name, text in modules.items():
            (tmp_path / f"{name}.py").write_text(text)
        script = tmp_path / "fit.py"
        script.write_text(source)
        made = draft_script(script, tmp_path)
        read = parse(made.text("study.yaml"), "study.yaml")
        return made, validate(replace(read, data=with_stand_ins(read.data)))[0]

    return make


def test_what_is_logged_counts_where_the_level_shows_it(study):
    line = "import logging\n" + HEAD + LOOP + "    logging.info('epoch %d val loss %.3f', epoch, loss)\n"
    made, _ = study(line + "logging.basicConfig(level=logging.INFO)\n")
    assert made.data["metric"] == {"name": "val_loss", "goal": "minimize"}
    assert "guess" not in made.comments["metrics",]
    assert "guess: a logger shows these lines only at level INFO" in study(line)[0].comments["metrics",]


def test_lines_of_print_with_several_values_are_read(study):
    _, found = study(HEAD + LOOP + "    print('Epoch:', epoch, 'val acc:', acc, sep=' ')\n")
    assert found.metrics.stdout == [r"Epoch: \s*(?P<step>\d+) val acc: \s*\[?(?P<val_acc>[-+.\w]+)"]


def test_a_training_loss_as_the_objective_is_called_a_guess(study):
    made, _ = study(HEAD + LOOP + "    print(f'epoch {epoch} train loss {loss}')\n")
    assert made.comments["metric",] == "guess: this is measured on training data; no metric on held-out data was found"
    made, _ = study(HEAD + LOOP + "    print(f'epoch {epoch} train loss {loss} test loss {test_loss}')\n")
    assert made.data["metric"]["name"] == "test_loss"
    assert ("metric",) not in made.comments


def test_lines_that_count_in_another_unit_than_the_length_are_none(study):
    made, _ = study(HEAD + LOOP + "    print(f'iter {it} val loss {loss}')\n")
    assert made.data["metrics"] == {"stdout": [FILL]}
    made, found = study(HEAD + LOOP + "    print(f'epoch {epoch} iter {it} val loss {loss}')\n")
    assert found.metrics.stdout[0].startswith(r"epoch \s*(?P<step>\d+) iter \s*\S+?")


def test_the_last_batch_of_held_out_data_is_no_metric_beside_the_whole(study):
    inner = "    for x in test_loader:\n        loss = f(x)\n        right += g(x)\n    acc = right / total\n"
    made, found = study(HEAD + LOOP + inner + "    print(f'Validation Epoch {epoch} Loss {loss.item()} Acc {acc}')\n")
    assert made.data["metric"] == {"name": "validation_acc", "goal": "maximize"}
    assert found.metrics.stdout == [
        r"Validation Epoch \s*(?P<step>\d+) Loss \s*\S+? Acc \s*\[?(?P<validation_acc>[-+.\w]+)"
    ]
    summed = inner.replace("loss = f(x)", "loss += f(x)")
    made, _ = study(HEAD + LOOP + summed + "    print(f'Validation Epoch {epoch} Loss {loss.item()} Acc {acc}')\n")
    assert made.data["metric"]["name"] == "validation_loss"


@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        ("stats = dict(epoch=epoch, val_acc=a)\n    print(json.dumps(stats))", '"epoch": {step}, "val_acc": {val_acc}'),
        ("print({'epoch': epoch, 'val_acc': a})", "'epoch': {step}, 'val_acc': {val_acc}"),
        ("print(f'epoch {epoch}:', {'val_acc': a})", "epoch {step}: \\{{'val_acc': {val_acc}"),
    ],
)
def test_a_mapping_that_is_printed_is_read_by_its_keys(study, line, pattern):
    _, found = study(HEAD + LOOP + f"    {line}\n")
    values = {"step": r"\s*(?P<step>\d+)", "val_acc": r"\s*\[?(?P<val_acc>[-+.\w]+)"}
    assert pattern.replace(": {", ": {").format(**values).replace(": \\s", ": \\s") in found.metrics.stdout[0]


def test_what_the_package_evaluate_computes_is_known(study):
    load = "import evaluate\nmetric = evaluate.load('glue', 'mrpc')\n"
    made, found = study(
        HEAD + load + LOOP + "    eval_metric = metric.compute()\n    print(f'epoch {epoch}:', eval_metric)\n"
    )
    assert made.data["metric"] == {"name": "eval_accuracy", "goal": "maximize"}
    assert re.search(found.metrics.stdout[0], "epoch 3: {'accuracy': 0.75, 'f1': 0.5}")["eval_f1"] == "0.5"


def test_steps_so_far_are_the_step_and_a_number_of_episodes_is_no_metric(study):
    head = HEAD.replace('"--epochs", type=int, default=9', '"--num-env-steps", type=int, default=9000')
    loop = "for j in range(updates):\n    total_num_steps = (j + 1) * 16 * args.n\n"
    shown = "Updates {j}, num timesteps {total_num_steps}\\n Last {len(r)} episodes: mean/median reward {m}/{n}"
    show = f"    print(f'{shown}')\n"
    made, found = study(head + loop + show)
    assert made.data["metric"] == {"name": "mean_reward", "goal": "maximize"}
    assert found.metrics.stdout[0] == r"Updates \s*\S+?, num timesteps \s*(?P<step>\d+)"
    assert "episodes>" not in found.metrics.stdout[1]


def test_a_step_behind_the_name_of_a_metric_is_the_step(study):
    loop = HEAD.replace("--epochs", "--iters") + "for iteration in range(args.iters):\n"
    draft, found = study(loop + "    print('Validation loss {}: {:.4f}'.format(iteration, val_loss))\n")
    assert draft.data["metric"]["name"] == "val_loss"
    assert re.search(found.metrics.stdout[0], "Validation loss 300: 0.25").groupdict() == {
        "step": "300",
        "val_loss": "0.25",
    }


def test_a_share_that_is_correct_is_an_accuracy(study):
    head = (
        HEAD
        + "def score(split):\n    print('%s final score: %d/%d = %.2f%% correct' % (split, right, n, 100 * mean))\n"
    )
    made, found = study(
        head + LOOP + "    print(f'epoch {epoch} train loss {loss}')\n    score('train')\n    score('test')\n"
    )
    assert made.data["metric"] == {"name": "test_accuracy", "goal": "maximize"}
    assert re.search(found.metrics.stdout[0], "test final score: 9/10 = 90.00% correct")["test_accuracy"] == "90.00"


def test_a_reward_is_no_step_and_an_episode_is(study):
    source = "import argparse\np.add_argument('--lr', type=float, default=0.1)\n"
    made, found = study(source + "print('Episode {}\\tLast reward: {:.2f}'.format(i_episode, ep_reward))\n")
    assert found.metrics.stdout == [r"Episode \s*(?P<step>\d+)\tLast reward: \s*\[?(?P<last_reward>[-+.\w]+)"]
    assert made.data["metric"] == {"name": "last_reward", "goal": "maximize"}
    made, _ = study(source + "print('reward {:.2f}'.format(ep_reward))\n")
    assert made.data["metric"]["name"] == FILL


def test_the_condition_of_a_line_says_how_often_it_evaluates(study):
    line = "        print(f'epoch {epoch} val loss {loss}')\n"
    made, found = study(HEAD + LOOP + "    if epoch % args.log_every == 0:\n" + line)
    assert "--log-every=${eval_every}" in found.command
    assert made.data["eval_every"] == 3
    made, _ = study(HEAD + LOOP + "    if epoch % 4 == 0:\n" + line)
    assert made.data["eval_every"] == 4
    made, found = study(HEAD + LOOP + "    if batch % args.log_every == 0:\n" + line)
    assert made.data["eval_every"] == 1, "that is how often it prints within an epoch"
    assert "--log-every" not in " ".join(found.command)


def test_scalars_for_tensorboard_are_found_in_the_folder_that_an_option_names(study):
    writer = "writer = SummaryWriter(args.logdir)\nwriter.add_scalar('loss/val', loss, epoch)\n"
    made, found = study(HEAD + writer)
    assert found.metrics.tensorboard == "${trial_dir}"
    assert "--logdir=${trial_dir}" in found.command
    assert made.data["metric"] == {"name": "loss/val", "goal": "minimize"}
    assert found.cwd is None


def test_the_default_writer_of_tensorboard_needs_the_trials_folder(study):
    made, found = study(HEAD + "writer = SummaryWriter()\nwriter.add_scalar('loss/val', loss, epoch)\n")
    assert (found.metrics.tensorboard, found.cwd) == ("${trial_dir}/runs/*", "${trial_dir}")
    assert found.command[1] == "${study_dir}/fit.py"
    assert made.comments["cwd",].startswith("guess:")


@pytest.mark.parametrize("step", ["int(epoch * 1000)", "global_step"])
def test_scalars_whose_step_is_made_up_or_of_another_unit_are_none(study, step):
    made, _ = study(HEAD + f"SummaryWriter(args.logdir).add_scalar('loss/val', loss, {step})\n")
    assert made.data["metrics"] == {"stdout": [FILL]}


def test_json_lines_below_the_folder_of_results_are_found(study):
    made, found = study(
        HEAD + "log = {'test_loss': loss, 'epoch': epoch}\n"
        "with open(os.path.join(args.logdir, 'log.txt'), 'a') as f:\n    f.write(json.dumps(log) + '\\n')\n"
    )
    assert (found.metrics.jsonl, found.metrics.step) == ("${trial_dir}/log.txt", "epoch")
    assert made.data["metric"]["name"] == "test_loss"


def test_the_mean_of_a_meter_is_taken_and_not_its_last_value(study):
    _, found = study(HEAD + LOOP + "    print(f'epoch {epoch} val loss: {m.val:.3f} ({m.avg:.3f})')\n")
    assert found.metrics.stdout == [r"epoch \s*(?P<step>\d+) val loss: \s*\S+? \(\s*\[?(?P<val_loss>[-+.\w]+)\)"]


def test_lines_of_a_module_that_the_script_imports_are_found(study):
    loop = "def fit(epochs):\n    for epoch in range(epochs): print(f'epoch {epoch} val loss {loss}')\n"
    made, _ = study(HEAD + "from loop import fit\nfit(args.epochs)\n", loop=loop)
    assert made.comments["metrics",] == "what the program prints in loop.py:2"


def test_the_losses_of_a_gan_are_no_objective(study):
    made, _ = study(HEAD + LOOP + "    print(f'epoch {epoch} Loss_D: {d} Loss_G: {g}')\n")
    assert made.data["metric"]["goal"] == FILL


HUGGING_FACE = """
from transformers import HfArgumentParser, Trainer, TrainingArguments
(args,) = HfArgumentParser((TrainingArguments,)).parse_args_into_dataclasses()
"""


@pytest.mark.parametrize(("evaluates", "metric"), [("eval_dataset=data", "eval/loss"), ("", "train/loss")])
def test_the_trainer_of_transformers_writes_for_tensorboard(study, evaluates, metric):
    made, found = study(f"{HUGGING_FACE}Trainer(model=m, args=args, {evaluates}).train()\n")
    assert found.metrics.tensorboard == "${trial_dir}/out/runs/*"
    assert {"--max_steps=${max_train_steps}", "--output_dir=${trial_dir}/out", "--report_to=tensorboard"} <= set(
        found.command
    )
    assert ("--eval_steps=${eval_every}" in found.command) == bool(evaluates)
    assert made.data["metric"]["name"] == metric
    assert "guess" in made.comments["metrics" if evaluates else "metric",]


def test_a_config_file_becomes_the_studys_config(study, tmp_path):
    (tmp_path / "config.yaml").write_text("optim:\n  lr: 1e-3\n  momentum: 0.9\nepochs: 7\nseed: 3\nsave_dir: x\n")
    made, found = study(
        "import sys, yaml\ncfg = yaml.safe_load(open(sys.argv[1]))\n"
        "for epoch in range(cfg['epochs']): print(f'epoch {epoch} val loss {loss}')\n"
    )
    assert found.command == ["${python}", "fit.py", "${config}"]
    assert made.data["config"] == {
        "file": "config.yaml",
        "set": {"epochs": "${max_train_steps}", "seed": "${seed}", "save_dir": "${trial_dir}"},
    }
    assert found.max_train_steps == 7
    assert list(found.nuisance) == ["optim.lr", "optim.momentum"]


def test_common_names_of_scripts_give_way_to_the_folders(study, tmp_path):
    folder = tmp_path / "my_model" / "src"
    folder.mkdir(parents=True)
    for name, expected in (("train.py", "my-model"), ("main.py", "my-model"), ("vae.py", "vae")):
        (folder / name).write_text(HEAD)
        assert draft_script(folder / name, folder).data["name"] == expected


def test_what_a_study_does_not_set_is_named_by_what_must_be_filled_in(study):
    made, _ = study(HEAD + "p.add_argument('--task', required=True, help='which task', choices=['a', 'b'])\n")
    assert "--task=FILL-IN" in made.data["command"]
    assert "fill in command: --task (which task, one of a, b)" in made.notes


def test_a_metric_that_is_shown_once_at_the_end_is_no_evaluation_of_each_epoch(study):
    test = "def test():\n    print(f'Test set: Average loss: {loss}')\n"
    loop = LOOP + "    print(f'epoch {epoch} train loss {loss}')\n"
    made, _ = study(HEAD + test + loop + "test()\n")
    assert made.data["eval_every"] == 9
    assert made.comments["eval_every",] == "guess: the metric is measured once, at the end"
    assert study(HEAD + test + loop + "    test()\n")[0].data["eval_every"] == 1


def test_a_number_that_is_no_counter_is_no_step(study):
    made, _ = study(HEAD + "print(f'training for {args.epochs} epochs, val loss {loss}')\n")
    assert made.data["metrics"] == {"stdout": [FILL]}
    made, _ = study(HEAD + "def check(n_epochs=3):\n    print(f'over {n_epochs} epochs: val loss {loss}')\n")
    assert made.data["metrics"] == {"stdout": [FILL]}


def test_episodes_are_no_steps_of_the_environment(study):
    source = "import argparse\np.add_argument('--max_timesteps', type=int, default=1000)\nfor episode in x:\n"
    made, _ = study(source + "    print(f'Episode: {episode} reward {r:.3f}')\n")
    assert made.data["metrics"] == {"stdout": [FILL]}
    _, found = study(source + "    print(f'Episode: {episode} global_step {episode} reward {r:.3f}')\n")
    assert "global_step " + r"\s*(?P<step>\d+)" in found.metrics.stdout[0]


def test_what_must_be_loaded_and_has_no_default_is_named(study):
    options = "p.add_argument('--ckpt', default='')\np.add_argument('--resume', default='')\n"
    made, _ = study(HEAD + options + "torch.load(args.ckpt)\nif args.resume: torch.load(args.resume)\n")
    assert made.comments["command",] == "guess: it runs without --ckpt, whose default does not exist here"


def test_a_program_that_trains_by_a_flag_gets_it(study):
    made, _ = study(HEAD + "p.add_argument('--train', action='store_true')\n")
    assert "--train" in made.data["command"]


def test_scalars_of_another_counter_in_the_same_files_are_a_doubt(study):
    writer = HEAD + "w = SummaryWriter(args.logdir)\nw.add_scalar('loss/val', loss, epoch)\n"
    made, _ = study(writer + "w.add_scalar('train', loss, global_step)\n")
    assert "guess: train uses another step counter" in made.comments["metrics",]
    assert "guess" not in study(writer)[0].comments["metrics",]


def test_a_counter_that_begins_again_in_each_epoch_is_no_step_of_all_training(study):
    source = "import argparse\np.add_argument('--total_steps', type=int, default=1000)\n"
    line = "print(f'Iter: {batch_idx} test loss {loss}')\n"
    inner = f"    for batch_idx in range(9): {line}"
    made, _ = study(f"{source}for epoch in range(9):\n{inner}")
    assert made.data["metrics"] == {"stdout": [FILL]}
    made, _ = study(f"{source}def one():\n{inner}for epoch in range(9): one()\n")
    assert made.data["metrics"] == {"stdout": [FILL]}
    _, found = study(f"{source}for batch_idx in range(9): {line}")
    assert found.metrics.stdout[0].startswith(r"Iter: \s*(?P<step>")


def test_a_word_for_held_out_data_does_not_reach_back(study):
    _, found = study(HEAD + LOOP + "    print(f'epoch {epoch} loss {a} val_loss {b} acc {c}')\n")
    assert re.findall(r"<(\w+)>", found.metrics.stdout[0]) == ["step", "loss", "val_loss", "val_acc"]


def test_names_keep_the_numbers_in_them(study):
    _, found = study(HEAD + LOOP + "    print(f'epoch {epoch} test top-1 acc: {a} top-5 acc: {b} Acc@1 {c:.2f}')\n")
    assert re.findall(r"<(\w+)>", found.metrics.stdout[0]) == ["step", "test_top_1_acc", "test_top_5_acc", "test_acc_1"]


METERS = """
import argparse
p.add_argument("--lr", type=float, default=0.1)
p.add_argument("--epochs", type=int, default=9)
class AverageMeter:
    def __str__(self): ...
class ProgressMeter:
    def display(self, batch): ...
    def display_summary(self): ...
def train(epoch):
    time, losses = 0, 0
    losses = AverageMeter("Loss", ":.4e", Summary.NONE)
    ProgressMeter(9, [losses], prefix="Epoch: [{}]".format(epoch))
def validate():
    top1 = AverageMeter("Acc@1", ":6.2f", Summary.AVERAGE)
    ProgressMeter(9, [top1], prefix="Test: ")
for epoch in range(args.epochs):
    train(epoch)
    validate()
"""


def test_the_meters_of_the_imagenet_example_are_known(study):
    made, found = study(METERS)
    assert made.data["metric"] == {"name": "test_acc_1", "goal": "maximize"}
    lines = {"Epoch: [3][ 10/50]\tLoss 5.1e-01 (4.2e-01)": {"step": "3", "train_loss": "4.2e-01"}}
    lines |= {" *   Acc@1 71.200": {"test_acc_1": "71.200"}}
    for line, groups in lines.items():
        (match,) = [m for pattern in found.metrics.stdout if (m := re.search(pattern, line))]
        assert match.groupdict() == groups


def test_what_torch_geometric_logs_is_known(study):
    source = (
        "from torch_geometric.logging import log\n" + HEAD + LOOP + "    log(Epoch=epoch, Loss=loss, Val=val_acc)\n"
    )
    made, found = study(source)
    assert re.search(found.metrics.stdout[0], "Epoch: 003, Loss: 0.1, Val: 0.7812")["val_acc"] == "0.7812"
    assert made.data["metric"] == {"name": "val_acc", "goal": "maximize"}


def test_a_line_that_names_its_data_by_a_variable_is_a_doubt(study):
    made, _ = study(HEAD + LOOP + "    print(f'epoch {epoch}: {split} loss {loss}')\n")
    assert "guess: assumes that this line is printed for one split only" in made.comments["metrics",]


BARE = """
for epoch in range(args.epochs):
    print("Epoch", epoch)
    {}
"""
EVALUATE = "def evaluate(data, name):\n    print(name + ' loss: {:.3f}'.format(loss))\n"


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        (
            "from shared import log\n" + BARE.format("log(f'val loss {loss}')"),
            {"shared": "def log(s):\n    print(s)\n"},
        ),
        (
            "from shared import say\n" + BARE.format("say(rank, 'val loss', loss)"),
            {"shared": "def say(rank, *args):\n    print(*args)\n"},
        ),
        (BARE.format("bar.set_postfix(val_loss=loss)"), {}),
        (BARE.format("bar.set_postfix({'val_loss': f'{loss:.3f}'})"), {}),
        (BARE.format("print(' | '.join(('val', f'val loss {loss}')))"), {}),
        (
            "for epoch in range(args.epochs):\n    tqdm(data, desc=f'Epoch {epoch}')\n    print(f'val loss {loss}')\n",
            {},
        ),
    ],
    ids=["own", "several", "postfix", "mapping", "joined", "description"],
)
def test_text_is_found_however_it_comes_to_the_screen(study, source, modules):
    made, _ = study(HEAD + source, **modules)
    assert made.data["metric"] == {"name": "val_loss", "goal": "minimize"}
    assert "guess" not in made.comments["metrics",]


def test_a_function_that_shows_nothing_it_gets_is_no_way_to_show_text(study):
    silent = {"shared": "def note(s):\n    notes.append(s)\n    print('noted')\n"}
    made, _ = study(HEAD + "from shared import note\n" + BARE.format("note2(f'val loss {loss}')"), **silent)
    assert made.data["metric"]["name"] == FILL


def test_a_line_is_read_as_its_callers_complete_it(study):
    calls_ = "evaluate(valid, name='Validation')\n    evaluate(test, name='Test')"
    made, found = study(HEAD + EVALUATE + BARE.format(calls_))
    assert [text.partition(" ")[0] for text in found.metrics.stdout[:2]] == ["Validation", "Test"]
    assert made.data["metric"]["name"] == "validation_loss"
    made, _ = study(HEAD + EVALUATE + BARE.format("evaluate(valid, name=which)"))
    assert made.data["metric"]["name"] != "validation_loss"


def test_a_text_that_a_condition_chooses_is_read_either_way(study):
    chosen = (
        "if words:\n        text = f'val ppl {ppl}'\n    else:\n        text = f'val bpc {bpc}'\n    print(text)\n"
        "    text = 'done'"
    )
    _, found = study(HEAD + BARE.format(chosen))
    assert [text.partition(" \\s")[0] for text in found.metrics.stdout] == ["Epoch", "val ppl", "val bpc"]


def test_a_loop_that_runs_to_the_length_counts_the_step_whatever_it_is_called(study):
    made, _ = study(HEAD + "for e in range(args.epochs):\n    print(f'{e}: val loss {loss}')\n")
    assert made.data["metric"]["name"] == "val_loss"
    made, _ = study(HEAD + "for e in range(args.log_every):\n    print(f'{e}: val loss {loss}')\n")
    assert made.data["metric"]["name"] == FILL


ALIKE = """
def train(epoch):
    print("Epoch:", epoch)
    for batch in data:
        print(f"Loss: {{loss}}{}")
def test(epoch):
    print(f"Loss: {{loss}}")
for epoch in range(args.epochs):
    train(epoch)
    test(epoch)
"""


def test_lines_that_look_alike_are_marked_unless_the_right_one_comes_last(study):
    made, found = study(HEAD + ALIKE.format(""))
    assert "looks the same" not in made.comments.get(("metrics",), "")
    assert not any("train_loss" in text for text in found.metrics.stdout), "it would get what is measured on test data"
    before = ALIKE.replace("    train(epoch)\n    test(epoch)", "    test(epoch)\n    train(epoch)")
    made, _ = study(HEAD + before.format(""))
    assert made.data["metric"]["name"] == "test_loss"
    assert "guess: the line of train looks the same" in made.comments["metrics",]
    made, _ = study(HEAD + ALIKE.format("").replace("Loss: {loss}", "Test: {loss}", 2).replace("Test:", "Train", 1))
    assert "looks the same" not in made.comments.get(("metrics",), "")


def test_the_mean_of_an_epoch_comes_before_lines_of_single_batches_and_the_best_so_far(study):
    lines = (
        "for epoch in range(args.epochs):\n"
        "    for i, batch in enumerate(data):\n"
        "        if i % args.log_every == 0:\n"
        "            print(f'valid epoch {epoch} loss {loss}')\n"
        "    print(f'epoch {epoch} Val loss: {mean}')\n"
        "    print(f'epoch {epoch} Best: val acc: {best}')\n"
    )
    made, found = study(HEAD + lines)
    assert made.data["metric"]["name"] == "val_loss"
    assert "best_val_acc" in found.metrics.stdout[2]


def test_a_flag_that_switches_tensorboard_on_is_passed(study):
    flag = "p.add_argument('--tb', action='store_true')\n"
    writer = "{}writer = SummaryWriter(args.logdir)\nwriter.add_scalar('val/loss', loss, epoch)\n"
    assert "--tb" in study(HEAD + flag + writer.format("if args.tb:\n    "))[1].command
    assert "--tb" not in study(HEAD + flag + writer.format(""))[1].command


def test_a_logger_of_absl_is_told_to_show_its_lines(study):
    source = (
        "from absl import app, flags, logging\nflags.DEFINE_float('lr', 0.1, '')\n"
        "flags.DEFINE_integer('epochs', 9, '')\n"
    )
    made, found = study(source + "for epoch in range(9):\n    logging.info('epoch %d val loss %.3f', epoch, loss)\n")
    assert found.command[-1] == "--verbosity=0"
    assert "guess" not in made.comments["metrics",]


STATS = """
def evaluate():
    metric_logger.update({}=1)
    return metric_logger
stats, other = evaluate()
log = {{**{{f"test_{{k}}": v for k, v in stats.items()}}, "epoch": epoch}}
with open(args.logdir / "log.txt", "a") as f:
    f.write(json.dumps(log))
"""


def test_a_name_that_is_put_together_is_certain_where_the_function_measures_it(study):
    made, _ = study(HEAD.replace("logdir", "output_dir") + STATS.format("loss").replace("logdir", "output_dir"))
    assert made.data["metric"]["name"] == "test_loss"
    assert "guess" not in made.comments["metrics",]
    foreign = STATS.format("lr").replace("logdir", "output_dir") + "metric_logger.update(loss=1)\n"
    made, _ = study(HEAD.replace("logdir", "output_dir") + foreign)
    assert "built at run time" in made.comments["metrics",]


VERBOSE = HEAD + "p.add_argument('--verbose', action='store_true')\np.add_argument('--evaluate', action='store_true')\n"


@pytest.mark.parametrize(
    ("condition", "passed"),
    [("args.verbose and epoch % 2 == 0", "--verbose"), ("args.evaluate", "--evaluate"), ("not args.verbose", None)],
)
def test_a_flag_without_which_nothing_is_shown_is_passed(study, condition, passed):
    _, found = study(VERBOSE + LOOP + f"    if {condition}:\n        print(f'epoch {{epoch}} val loss {{loss}}')\n")
    assert [word for word in found.command if word in ("--verbose", "--evaluate")] == ([passed] if passed else [])


def test_a_flag_that_makes_a_program_evaluate_and_end_is_not_passed(study):
    more = "def show():\n    print(f'epoch {epoch} val loss {loss}')\nif args.evaluate:\n    show()\n"
    _, found = study(VERBOSE + more + LOOP + "    print(f'epoch {epoch} val loss {loss}')\n")
    assert "--evaluate" not in found.command


def test_what_another_command_shows_is_not_shown_by_the_one_that_trains(study):
    made, found = study(
        "import typer\napp = typer.Typer()\n"
        "@app.command()\ndef train(lr: float = 0.1, epochs: int = 5):\n"
        "    for epoch in range(epochs):\n        print(f'Epoch {epoch}, loss: {loss}')\n"
        "def score():\n    print(f'Val accuracy: {acc}')\n"
        "@app.command()\ndef evaluate(model: str):\n    score()\n    print(f'Test accuracy: {acc}')\n"
    )
    assert found.metrics.stdout == [r"Epoch \s*(?P<step>\d+), loss: \s*\[?(?P<train_loss>[-+.\w]+)"]
    assert made.comments["metric",].startswith("guess: this is measured on training data")


def test_hydra_shows_what_is_logged(study):
    line = HEAD + LOOP + "    log.info('epoch %d val loss %.3f', epoch, loss)\n"
    assert "guess" not in study("import hydra, logging\n" + line)[0].comments["metrics",]


def test_a_sentence_says_what_is_measured_and_on_what(study):
    line = "print('Accuracy of the network on the 10000 test images: {} %'.format(100 * right / n))\n"
    made, _ = study(HEAD + LOOP + "    print(f'epoch {epoch} loss {loss}')\n" + line)
    assert made.data["metric"] == {"name": "test_accuracy", "goal": "maximize"}
    made, _ = study(
        HEAD + LOOP + "    print(f'epoch {epoch} loss {loss}')\nprint(f'Results on the test images: {n}')\n"
    )
    assert made.data["metric"]["name"] == "loss"


def test_what_a_function_makes_may_have_spaces(study):
    _, found = study(HEAD + LOOP + "    print('%s (%d %d%%) val loss %.4f' % (since(start), epoch, len(x), loss))\n")
    (pattern,) = found.metrics.stdout
    line = re.search(pattern, "1m 5s (7 35%) val loss 0.25")
    assert line is not None
    assert (line["step"], line["val_loss"]) == ("7", "0.25")


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("evaluate(model, val_mask)", "val_accuracy"),
        ("evaluate(model)", "evaluate_accuracy"),
        ("evaluate(model, train_loader)", "train_accuracy"),
        ("compute(model)", "train_accuracy"),
    ],
)
def test_what_a_value_is_made_of_says_what_it_is_measured_on(study, call, name):
    body = f"        acc = {call}\n        print(f'epoch {{epoch}} accuracy {{acc}}')\n"
    made, _ = study(HEAD + f"def train():\n    for epoch in range(args.epochs):\n{body}")
    assert made.data["metric"]["name"] == name


def test_a_mean_comes_before_what_it_is_the_mean_of(study):
    lines = "    print(f'epoch {epoch} test_loss: {loss} | avg_loss: {total / n} | acc: {acc}')\n"
    made, _ = study(HEAD + LOOP + lines)
    assert made.data["metric"]["name"] == "test_avg_loss"


def test_a_program_that_trains_several_times_trains_once_or_is_marked(study):
    body = "    for epoch in range(9):\n        print(f'epoch {epoch} val loss {loss}')\n"
    made, found = study(HEAD + "p.add_argument('--runs', type=int, default=10)\nfor run in range(args.runs):\n" + body)
    assert "--runs=1" in found.command
    assert any("--runs is 1 instead of 10" in note for note in made.notes)
    assert "guess" not in made.comments["metrics",]
    made, _ = study(HEAD + "for run in range(1, 5):\n" + body)
    assert "guess: it trains once for each run" in made.comments["metrics",]


def test_an_interval_in_another_unit_is_none_even_where_nothing_is_shown(study):
    option = "p.add_argument('--validation_interval', type=int, default=1000)\n"
    made, found = study(HEAD + option + "if steps % args.validation_interval == 0: ...\n")
    assert made.comments["eval_every",] == "guess: the evaluation interval is unknown"
    assert not any("validation_interval" in word for word in found.command)


def test_what_the_trainer_prints_is_read_where_the_program_makes_its_arguments(study):
    head = "import fire\nimport transformers\ndef train(lr: float = 1e-4, num_epochs: int = 3, base_model: str = ''):\n"
    made = "    assert base_model\n    trainer = transformers.Trainer(eval_dataset=held_out, args="
    call = "transformers.TrainingArguments(num_train_epochs=num_epochs, learning_rate=lr, eval_strategy={}))\n"
    draft, found = study(head + made + call.format("'epoch'") + "fire.Fire(train)\n")
    assert draft.data["metric"] == {"name": "eval_loss", "goal": "minimize"}
    assert "guess" not in draft.comments["metrics",]
    assert "it runs without --base_model" in draft.comments["command",]
    for line in ("{'eval_loss': 0.25, 'eval_runtime': 1.5, 'epoch': 2.0}", "{'eval_loss': '0.25', 'epoch': '2'}"):
        assert re.search(found.metrics.stdout[0], line).groupdict() == {"eval_loss": "0.25", "step": "2"}
    draft, _ = study(head + made + call.format("'steps' if val else 'no'") + "fire.Fire(train)\n")
    assert "guess: the step is the epoch, rounded down" in draft.comments["metrics",]


def test_a_line_that_tells_what_was_loaded_is_no_evaluation(study):
    shown = "print(f'Loading best model of epoch {epoch} with val loss {loss}')\n"
    assert study(HEAD + LOOP + f"    {shown}")[0].data["metrics"] == {"stdout": [FILL]}


def test_an_option_whose_help_says_so_is_the_length(study):
    head = HEAD.replace('"--epochs", type=int', '"--T-max", help="Number of training steps (4x frames)", type=int')
    draft, found = study(head + "for T in range(1, args.T_max + 1):\n    print(f'T = {T} | val acc {acc}')\n")
    assert "--T-max=${max_train_steps}" in draft.data["command"]
    assert re.search(found.metrics.stdout[0], "T = 3 | val acc 0.5")["step"] == "3"


def test_a_monitored_metric_of_a_mapping_that_is_logged_is_known(study):
    head = HEAD.replace("import argparse", "import argparse\nimport pytorch_lightning as pl")
    logged = "self.log_dict({f'val_{k}': v for k, v in b})"
    logs = f"class M(pl.LightningModule):\n    def validation_step(self, b):\n        {logged}\n"
    fit = "pl.Trainer(max_epochs=args.epochs, callbacks=[ModelCheckpoint(monitor='val_loss')]).fit(M())\n"
    assert study(head + logs + fit)[0].data["metric"] == {"name": "val_loss", "goal": "minimize"}
    assert study(head + logs + fit.replace("val_loss", "other"))[0].data["metric"]["name"] == FILL


@pytest.mark.parametrize(
    ("test", "work", "doubted"),
    [
        ("i % 100 == 0", "model(x)", True),
        ("i % 100 == 0 or i == last", "model(x)", False),
        ("rank == 0", "model(x)", False),
        ("i % 100 == 0", "loss.backward()", False),
    ],
)
def test_a_line_that_leaves_batches_out_is_doubted(study, test, work, doubted):
    inner = f"    for i, x in enumerate(val):\n        {work}\n        if {test}:\n"
    draft, _ = study(HEAD + LOOP + inner + "            print(f'Epoch {epoch} val loss {avg}')\n")
    assert draft.data["metric"]["name"] == "val_loss"
    assert ("printed every few batches" in draft.comments["metrics",]) == doubted
