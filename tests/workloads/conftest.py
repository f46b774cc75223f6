"""Trials of the workloads: in this process with their evaluations at hand, or in processes that get killed."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import signal

import pytest
import torch

from playbook_cli import Trial, current_trial


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """As a trial has them: two that wait for each other on busy cores take ten times as long."""
    torch.set_num_threads(1)


@pytest.fixture
def evaluations(monkeypatch):
    """A function that trains once in this process and returns the evaluations, with the learning rate and all."""

    def run(train, params, *, steps, every=None, seed=0):
        recorded = []
        monkeypatch.setattr(Trial, "_record", lambda _, record: recorded.append(record))
        train(Trial(params=params, seed=seed, max_train_steps=steps, eval_every=every or steps))
        return recorded

    return run


@pytest.fixture
def attempt(tmp_path):
    """A function that runs one attempt of a trial, in a process of its own, and returns its exit code.

    With `die_at` the process is killed with SIGKILL after that update, before anything is evaluated.
    """

    def run(workload, name, params, *, steps, every, die_at=None):
        directory = tmp_path / name
        directory.mkdir(exist_ok=True)
        (directory / "params.json").write_text(json.dumps(params))
        environment = {
            "PLAYBOOK_TRIAL_ID": "0",
            "PLAYBOOK_TRIAL_DIR": str(directory),
            "PLAYBOOK_PARAMS": str(directory / "params.json"),
            "PLAYBOOK_METRICS": str(directory / "metrics.jsonl"),
            "PLAYBOOK_SEED": "12345",
            "PLAYBOOK_MAX_TRAIN_STEPS": str(steps),
            "PLAYBOOK_EVAL_EVERY": str(every),
            "PLAYBOOK_METRIC": "val_loss",
            "PLAYBOOK_GOAL": "minimize",
        }
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(
            ["torch", "torch._dynamo", "playbook_cli.workloads.digits", "playbook_cli.workloads.textlm"]
        )
        process = context.Process(target=_train, args=(workload, environment, die_at))
        process.start()
        process.join(timeout=120)
        return process.exitcode

    return run


def _train(workload, environment, die_at):
    os.environ.update(environment)
    torch.set_num_threads(1)
    due = Trial.should_evaluate

    def should_evaluate(trial, step):
        if step == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return due(trial, step)

    Trial.should_evaluate = should_evaluate
    importlib.import_module(f"playbook_cli.workloads.{workload}").train(current_trial())
