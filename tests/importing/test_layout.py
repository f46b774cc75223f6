from __future__ import annotations

import pytest

from playbook_cli.errors import PlaybookError
from playbook_cli.importing import layout


@pytest.fixture
def tree(tmp_path):
    for study in (0, 1):
        for trial in (1, 2, 10):
            folder = tmp_path / f"study_{study}" / f"trial_{trial}"
            folder.mkdir(parents=True)
            (folder / "hparams.json").write_text("{}")
            (folder / "train.csv").write_text("")
            (folder / "val.csv").write_text("")
    return tmp_path


def keys(matches):
    return [match.key for match in matches]


def test_wildcards_are_the_key_and_trials_are_counted_as_people_count(tree):
    matches = layout.find(tree, "study_*/trial_*/hparams.json", "--params")
    assert keys(matches) == [("0", "1"), ("0", "2"), ("0", "10"), ("1", "1"), ("1", "2"), ("1", "10")]


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("study_?/trial_10/hparams.json", ("0",)),
        ("study_[0]/trial_1?/hparams.json", ("0", "0")),
        ("study_[!1]/trial_1?/hparams.json", ("0", "0")),
        ("**/trial_10/hparams.json", ("study_0/",)),
        ("s*_*/trial_10/hparams.json", ("tudy", "0")),
        ("./study_*/trial_10/hparams.json", ("0",)),
    ],
)
def test_every_kind_of_wildcard_is_captured(tree, pattern, key):
    assert layout.find(tree, pattern, "--params")[0].key == key


def test_dots_and_brackets_in_names_are_themselves(tmp_path):
    for name in ("a.json", "abjson", "x(1).json"):
        (tmp_path / name).write_text("{}")
    assert keys(layout.find(tmp_path, "?.json", "--params")) == [("a",)]
    assert keys(layout.find(tmp_path, "x(*).json", "--params")) == [("1",)]


@pytest.mark.parametrize("pattern", ["/etc/*", "../*", "a/../../b", ""])
def test_a_pattern_that_leads_out_of_the_source_is_refused(tree, pattern):
    with pytest.raises(PlaybookError, match="is not a pattern below"):
        layout.find(tree, pattern, "--params")


@pytest.mark.parametrize("pattern", ["nothing_*.json", "study_[z-a]/x", "study_0", "**a**/***"])
def test_a_pattern_that_matches_no_file_says_so(tree, pattern):
    with pytest.raises(PlaybookError, match="--metrics"):
        layout.find(tree, pattern, "--metrics")


def test_all_files_below_further_wildcards_belong_to_the_trial(tree):
    params = layout.find(tree, "study_*/trial_*/hparams.json", "--params")
    tied, left = layout.tie(keys(params), layout.find(tree, "study_*/trial_*/*.csv", "--metrics"))
    assert [path.name for path in tied["1", "10"]] == ["train.csv", "val.csv"]
    assert all(len(paths) == 2 for paths in tied.values())
    assert left == []


def test_metrics_without_params_are_left_over_and_params_without_metrics_have_none(tree):
    (tree / "study_1" / "trial_2" / "val.csv").unlink()
    tied, left = layout.tie([("0", "1"), ("1", "2")], layout.find(tree, "study_*/trial_*/val.csv", "--metrics"))
    assert len(tied["0", "1"]) == 1
    assert tied["1", "2"] == []
    assert keys(left) == [("0", "2"), ("0", "10"), ("1", "1"), ("1", "10")]
