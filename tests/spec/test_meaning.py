"""What a hyperparameter is, by its name."""

from __future__ import annotations

import pytest

from playbook_cli.spec.meaning import decays, meaning, names_optimizer, warms_up, warmup_share

NAMES = {
    "learning-rate": "lr LR learning_rate --learning-rate learningRate optim.lr optimizer/lr baseLR lr0 lr_head",
    "optimizer": "optimizer opt optim optimiser optimizer.name optimizer_type train.optimizer",
    "optimizer-setting": "momentum beta1 adam_beta2 betas eps weight_decay optim.args.weight_decay one_minus_beta1",
    "schedule": "schedule scheduler lr_schedule lr_scheduler_type lr-scheduler.name lr_policy linear_decay anneal_lr",
    "decay": "lr_decay decay_lr decay_steps lr_decay_iters lr.milestones scheduler.gamma cooldown_fraction",
    "warmup": "warmup warmup_steps num_warmup_steps warm_up_steps warmupSteps lr-warmup-epochs optim.warmup",
    "batch-size": "batch_size batchSize bs train_batch_size per_device_train_batch_size data.batch_size",
    "evaluation-batch-size": "eval_batch_size val_batch valid_bs per_device_eval_batch_size evalBatchSize",
    "gradient-accumulation": "accum grad_accum_steps gradient_accumulation_steps accumulate_grad_batches accum_iter",
    None: "min_lr warmup_lr layer_decay ema_decay beta_schedule noise_scheduler initial_accumulator_value opt_level "
    "bn_momentum layer_norm_eps kl_warmup warmup_momentum eval_batches num_batches micro_batch_size dropout accuracy",
}


@pytest.mark.parametrize(("of", "name"), [(of, name) for of, names in NAMES.items() for name in names.split()])
def test_a_name_says_what_a_hyperparameter_is(of, name):
    assert meaning(name) == of


@pytest.mark.parametrize(
    ("value", "lowers", "warms"),
    [
        ("cosine", True, False),
        ("StepLR", True, False),
        ("cosine_with_warmup", True, True),
        ("constant", False, False),
        ("constant_with_warmup", False, True),
        ("linear_warmup", False, True),
        ("none", False, False),
        (None, False, False),
        (False, False, False),
        (True, True, True),
        (0, False, False),
        (0.97, True, True),
    ],
)
def test_a_value_says_whether_the_learning_rate_decays_or_warms_up(value, lowers, warms):
    assert (decays(value), warms_up(value)) == (lowers, warms)


@pytest.mark.parametrize(
    ("name", "value", "share"),
    [
        ("warmup_steps", 150, 0.75),
        ("warmup_ratio", 0.1, 0.1),
        ("warmup", 0.1, 0.1),
        ("warmup_pct", 5, 0.05),
        ("warmup_steps", "10", 0.05),
        ("warmup_epochs", 20, 0.1),  # at least: an epoch is one step or more
        ("warmup", True, None),
    ],
)
def test_a_warm_up_is_a_part_of_training_whatever_its_unit(name, value, share):
    assert warmup_share(name, value, 200) == share


def test_an_optimizer_is_known_by_its_name():
    assert all(map(names_optimizer, ("sgd", "AdamW", "torch.optim.SGD", "adamw_torch", "sgd-nesterov", "lion")))
    assert not any(map(names_optimizer, ("relu", "admin", "", 1, None)))
