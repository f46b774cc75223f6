"""Config files of programs, filled in where their values stand."""

from __future__ import annotations

import json

import pytest
import yaml

from playbook_cli.formats.configs import ConfigError, filled, values

YAML = """\
# kept as it is
seed: &seed 1  # for all
optimizer: !new:torch.optim.Adam
  lr: 1e-3
  betas: [0.9, 0.99]
again: *seed
rate: !ref <optimizer.lr>
name: 'a'
text: |
  several
  lines
"""


def test_values_of_yaml_are_known_by_their_dotted_names():
    found = values(YAML, ".yaml")
    assert (found["optimizer.lr"], found["optimizer.betas"], found["seed"]) == (1e-3, [0.9, 0.99], 1)
    assert found["rate"] is None, "what a tag makes of it is not known"


def test_yaml_keeps_its_comments_tags_and_anchors_and_numbers_stay_numbers():
    made = filled(YAML, ".yaml", {"seed": 5, "optimizer.lr": 1e-05, "optimizer.betas": (0.8, 0.9), "name": "b: c"})
    assert made.splitlines()[:5] == [
        "# kept as it is",
        "seed: &seed 5  # for all",
        "optimizer: !new:torch.optim.Adam",
        "  lr: 1.0e-05",
        "  betas: [0.8, 0.9]",
    ]
    assert 'name: "b: c"' in made
    assert yaml.safe_load(made.replace("!new:torch.optim.Adam", "").replace("!ref", ""))["optimizer"]["lr"] == 1e-05


def test_what_was_a_reference_becomes_the_value():
    assert "rate: 0.1\n" in filled(YAML, ".yaml", {"rate": 0.1})


def test_json_and_python():
    made = filled('{"a": {"b": 1.0, "c": "é"},\n "d": [1]}', ".json", {"a.b": 1e-05, "a.c": None, "d": (2, 3)})
    assert json.loads(made) == {"a": {"b": 1e-05, "c": None}, "d": [2, 3]}
    python = "x = 1  # é\nclass C:\n    lr = 1e-3\nopt = dict(type='S', args={'lr': 0.1, 'é': 'ü', 'on': True})\n"
    made = filled(python, ".py", {"C.lr": 1e-05, "opt.args.lr": 0.3, "opt.args.on": False})
    assert made == python.replace("1e-3", "1e-05").replace("0.1", "0.3").replace("True", "False")


@pytest.mark.parametrize(
    ("text", "suffix", "name", "problem"),
    [
        (YAML, ".yaml", "optimizer.rate", "it has no value optimizer.rate"),
        (YAML, ".yaml", "text", "it has no value text"),
        ("a: [", ".yaml", "a", "it can't be read"),
        ("- 1", ".yaml", "a", "it is not a mapping"),
        ("a = f(", ".py", "a", "it can't be read"),
        ("a = f()", ".py", "a", "it has no value a"),
    ],
)
def test_what_cannot_be_filled_is_said(text, suffix, name, problem):
    with pytest.raises(ConfigError, match=problem):
        filled(text, suffix, {name: 1})


def test_constants_of_python_are_filled_where_they_stand():
    text = "N = int(1e5)\ndef main(batch=8):\n    optimizer = Adam(model.parameters(), lr=1e-3)  # slow\n"
    assert values(text, ".py") == {"N": 100_000, "main.batch": 8, "main.optimizer.lr": 1e-3}
    made = filled(text, ".py", {"N": 10, "main.batch": 4, "main.optimizer.lr": 0.5})
    assert made == "N = 10\ndef main(batch=4):\n    optimizer = Adam(model.parameters(), lr=0.5)  # slow\n"


def test_what_python_assigns_in_blocks_returns_and_counts_in_loops_can_be_set():
    source = (
        "class M:\n    def optimizers(self):\n        return torch.optim.SGD(self.parameters(), lr=0.1)\n"
        "if __name__ == '__main__':\n    wd = 1e-4\n    for epoch in range(200):\n        batch = 8\n"
        "for n in range(start, start + 50): ...\n"
    )
    found = values(source, ".py")
    assert found == {"M.optimizers.SGD.lr": 0.1, "wd": 1e-4, "epoch": 200, "batch": 8, "n": 50}
    made = filled(source, ".py", {"M.optimizers.SGD.lr": 0.5, "epoch": 3, "n": 4})
    assert made == source.replace("0.1", "0.5").replace("(200)", "(3)").replace("start + 50", "start + 4")


def test_what_is_assigned_in_several_blocks_has_no_one_value():
    assert values("if a:\n    lr = 1\nelse:\n    lr = 2\nfor i in range(1, 9): ...\n", ".py") == {}
    assert values("lr = 1\nif a:\n    lr = 2\n", ".py") == {"lr": 1}
