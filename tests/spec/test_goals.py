"""Which way a metric is better."""

from __future__ import annotations

import pytest

from playbook_cli.spec.goals import direction

UP = """
accuracy val_acc valAcc testacc metrics/mAP50-95(B) top1 eval_top1 acc@5 R2 dice psnr ssim mcc rouge1
eval/bleu-4 ndcg@10 hit_rate AP50 kappa episode_return ep_rew_mean reward win_rate pearson exact_match cider spearmanr
macro_f1 F1Score roc_auc average_precision max_val_accuracy"""
DOWN = """
loss val_loss val_loss_epoch valLoss train/loss loss_1 f1_loss recall_loss score_loss accumulated_loss val_error
error_rate top1_err perplexity ppl mse val_rmse mean_squared_error wer eval/cer FID brier_score nll max_error"""
OPEN = """
accel_time value objective neg_mean_squared_error acc_std loss_scale lr grad_norm epoch x result map_size maps
accelerate accuracy_gap memory"""


@pytest.mark.parametrize("name", UP.split())
def test_scores_are_maximized(name):
    assert direction(name) == "maximize"


@pytest.mark.parametrize("name", DOWN.split())
def test_losses_and_errors_are_minimized_whatever_they_are_made_of(name):
    assert direction(name) == "minimize"


@pytest.mark.parametrize("name", OPEN.split())
def test_other_names_leave_it_open(name):
    assert direction(name) is None
