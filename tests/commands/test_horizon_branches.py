"""Longer trainings of a ladder go on from the checkpoints of shorter ones, and come to the same, bit by bit."""

from __future__ import annotations

import pytest
import torch
import yaml

from tests.commands.finished import finish

pytestmark = pytest.mark.slow
SCHEDULES = {
    "constant": ({"schedule": "constant", "warmup_steps": 5}, 4 / 7.5),
    "warmup-stable-decay": ({"schedule": "warmup-stable-decay", "warmup_steps": 5}, 4.7 / 7.5),
    "a short decay": ({"schedule": "warmup-stable-decay", "warmup_steps": 5, "decay_steps": 4}, 4.35 / 7.5),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_branches_are_trained_to_the_same_weights_and_evaluations_as_from_scratch(bench, name):
    fixed, share = SCHEDULES[name]
    finish(
        bench,
        lambda params: abs(params["learning_rate"] - 0.1),
        name="s",
        train="playbook_cli.workloads.digits:train",
        max_train_steps=40,
        eval_every=10,
        trials=2,
        nuisance={"learning_rate": {"min": 0.05, "max": 0.2, "scale": "log"}},
        fixed={**fixed, "width": 8, "dropout": 0.3},
        resources={"gpus": 0, "retries": 0},
    )
    answer = bench.real("horizon", "runs/s", "--json", "--worth", "0.0001")
    assert answer.code == 0, answer.err
    found = answer.json
    assert found["lengths"] == [20, 40, 80, 160]
    assert found["steps_spent"] / found["steps_from_scratch"] == pytest.approx(share, abs=0.03)
    for steps in (40, 160):
        ladder = bench.paths(f"s-horizon-{steps}")
        study = yaml.safe_load(ladder.spec.read_text())
        assert all("from" in point for point in study["points"])
        scratch = {key: value for key, value in study.items() if key != "probe"}
        scratch |= {
            "name": f"scratch-{steps}",
            "points": [{name: value for name, value in p.items() if name != "from"} for p in study["points"]],
        }
        bench.write("scratch.yaml", yaml.safe_dump(scratch))
        assert bench.real("run", "scratch.yaml").code == 0
        for number in range(3):
            branch, whole = (bench.paths(f"{start}{steps}").trial(number) for start in ("s-horizon-", "scratch-"))
            ends = [torch.load(paths.last_checkpoint, weights_only=True)["state"]["model"] for paths in (branch, whole)]
            assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[1])
            by_step = [
                {record["step"]: record for record in bench.metrics(number, paths)}
                for paths in (f"s-horizon-{steps}", f"scratch-{steps}")
            ]
            assert all(by_step[0][step] == record for step, record in by_step[1].items())
