"""A study file in, the same study out; and what changed between two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook_cli.errors import SpecError
from playbook_cli.spec.load import annotated, difference, dump, load, plain, resolve, validate
from playbook_cli.spec.model import StudySpec
from playbook_cli.spec.source import parse

STUDY = """\
name: s
train: m:f
metric: {name: val_error, goal: minimize}
max_train_steps: 100
trials: 4
nuisance:
  lr: {min: 1e-3, max: 1.0, scale: log}
"""


def read(text):
    return validate(parse(text, "study.yaml"))[0]


def refused(text):
    with pytest.raises(SpecError) as error:
        read(text)
    return str(error.value)


def test_a_study_file_is_loaded_with_its_lines(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(STUDY)
    spec, source = load(path)
    assert spec.nuisance["lr"][0].min == 0.001
    assert source.where(("nuisance", "lr")) == f"{path}:7"


@pytest.mark.parametrize("text", ["- a\n", "just text\n", "3\n"])
def test_a_file_that_is_no_mapping_is_refused(text):
    assert refused(text) == "study.yaml:1: a study file must be a mapping of keys"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sampel: sobol", "study.yaml:8: sampel: unknown key\n  -> did you mean sampler?"),
        ("zzz: 1", "study.yaml:8: zzz: unknown key\n  -> the keys here are name, goal, train"),
        ("resources: {gpu: 1}", "study.yaml:8: resources.gpu: unknown key\n  -> did you mean gpus?"),
        ("scientific: {a: {valeus: [1]}}", "scientific.a.valeus: unknown key\n  -> did you mean values?"),
        ("lr_sweep: {target: {metrik: x}}", "lr_sweep.target.metrik: unknown key\n  -> did you mean metric?"),
        ("lr_sweep: {pionts: 5}", "lr_sweep.pionts: unknown key\n  -> did you mean points?"),
        ("eval_every: often", "study.yaml:8: eval_every: write a valid integer, not 'often'"),
        ("command: python t.py", "study.yaml:8: command: write a list: [python, t.py], not 'python t.py'"),
        ('command: "it\'s"', "study.yaml:8: command: write a list: [it's], not \"it's\""),
        ("scientific: {a: []}", "study.yaml:8: scientific.a.values: write at least one value"),
        ("sampler: tpe", "study.yaml:8: sampler: write 'halton', 'sobol', 'random', "),
        ("resources: {timeout: soon}", "resources.timeout: write a duration such as 90s, 30m, 1h or 1h30m, not 'soon'"),
        ("fixed: {a: {b: 1}}", "study.yaml:8: fixed.a: write a number, text, true, false, null, or a list of these"),
        ("seed: -1", "study.yaml:8: seed: write a number greater than or equal to 0, not -1"),
        ("resources: 4", "study.yaml:8: resources: write keys with values below it, not 4"),
        ("fixed: [dropout]", "study.yaml:8: fixed: write keys with values below it"),
        ("scientific: {int: {min: low, max: 2}}", "study.yaml:8: scientific.int.min: write a valid number, not 'low'"),
        (f"goal: [{'a' * 100}]", "study.yaml:8: goal: write text, in quotes if it looks like a number"),
    ],
)
def test_a_wrong_key_or_value_is_told_with_line_key_and_what_to_write(line, message):
    assert message in refused(f"{STUDY}{line}\n")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("metric", "`metric` is missing\n  -> write metric: {name: val_error, goal: minimize}"),
        (
            "max_train_steps",
            "`max_train_steps` is missing\n  -> write a first guess; playbook lr-sweep finds a good value",
        ),
        ("name", "`name` is missing\n  -> it is the name of the study's folder"),
    ],
)
def test_a_missing_key_is_told_with_what_to_write(key, message):
    text = "".join(line for line in STUDY.splitlines(keepends=True) if not line.startswith(key))
    assert message in refused(text)


def test_a_metric_without_a_name_is_missing_it():
    assert "metric: `name` is missing" in refused(STUDY.replace("name: val_error, ", ""))


def test_a_metric_that_is_text_says_what_a_metric_is():
    text = refused(STUDY.replace("{name: val_error, goal: minimize}", "val_error"))
    assert text == (
        "study.yaml:3: metric: must be a mapping with `name` and `goal`\n"
        "  -> write metric: {name: val_error, goal: minimize}"
    )


def test_resolving_writes_out_what_depends_on_other_keys():
    spec = resolve(read(STUDY))
    assert spec.eval_every == 2
    assert spec.trials == 4
    grid = STUDY.replace("trials: 4", "sampler: grid").replace("scale: log", "scale: log, points: 6")
    assert resolve(read(f"{grid}scientific: {{a: [1, 2]}}\n")).trials == 12


NAMES = st.sampled_from(["a", "b", "learning rate", "yes", "1e-3", "null", "=", "ä", "x.y", "#", "- z"])
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.one_of(st.integers(-(10**18), 10**18), st.floats(allow_nan=False, allow_infinity=False))
VALUES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXT)


def _range(ends, *, scale, points, written):
    given = {"min": ends[0], "max": ends[1]}
    given |= {"scale": "log"} if scale and ends[0] > 0 else {}
    given |= {"points": points} if points else {}
    return given | ({"type": "float"} if written else {})


RANGES = st.builds(
    _range,
    st.tuples(NUMBERS, NUMBERS).map(sorted).filter(lambda ends: ends[0] < ends[1]),
    scale=st.booleans(),
    points=st.sampled_from([None, 1, 5]),
    written=st.booleans(),
)
CHOICES = st.lists(VALUES, min_size=1, max_size=4, unique=True)


@st.composite
def studies(draw):
    names = draw(st.lists(NAMES, max_size=6, unique=True))
    roles = {name: draw(st.sampled_from(["scientific", "nuisance", "fixed"])) for name in names}
    study = {
        "name": draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,9}", fullmatch=True)),
        "metric": {"name": draw(TEXT.filter(bool)), "goal": draw(st.sampled_from(["minimize", "maximize"]))},
        "max_train_steps": draw(st.integers(1, 10**6)),
        "seed": draw(st.integers(0, 2**40)),
        "scientific": {n: draw(RANGES) for n in names if roles[n] == "scientific"},
        "nuisance": {n: draw(st.one_of(CHOICES, RANGES)) for n in names if roles[n] == "nuisance"},
        "fixed": {n: draw(VALUES) for n in names if roles[n] == "fixed"},
        "trials": draw(st.integers(1, 100)),
        **draw(st.sampled_from([{"train": "m:f"}, {"command": ["${python}", "yes", "1e-3", "#", ""]}])),
    }
    if draw(st.booleans()):
        study["resources"] = {"timeout": draw(st.sampled_from(["1h30m", 5])), "gpus": 0}
        study["env"] = {"A": draw(TEXT)}
        study["goal"] = draw(TEXT)
        study["rules"] = {"boundary": {"alpha": draw(st.floats(0, 1))}}
    if draw(st.booleans()) and names:
        off = {draw(TEXT): draw(VALUES)}
        study["lr_sweep"] = {"parameter": names[0], "off": off, "harmless": ["a"], "target": {"value": 0.5}}
    return study


@pytest.mark.slow
@given(studies())
def test_a_dumped_study_is_loaded_as_the_same_study(data):
    spec = StudySpec.model_validate(data)
    for study in (spec, resolve(spec)):
        again = read(dump(study))
        assert again == study
        assert again.parameters() == study.parameters()
        assert difference(study, again) == []
        assert dump(again) == dump(study)


def test_a_dumped_study_keeps_alternatives_conditions_and_order():
    text = f"""{STUDY.replace("  lr: {min: 1e-3, max: 1.0, scale: log}", "  z: [b, a]")}
  lr:
  - {{min: 1e-3, max: 1.0, scale: log, when: {{z: a}}}}
  - {{min: 1, max: 4, when: {{z: [b]}}}}
fixed: {{nothing: null, flag: false}}
"""
    spec = read(text)
    again = read(dump(resolve(spec)))
    assert again == resolve(spec)
    assert list(again.nuisance) == ["z", "lr"]
    assert again.fixed == {"nothing": None, "flag": False}
    assert dump(again).index("name:") < dump(again).index("nuisance:") < dump(again).index("fixed:")


def test_studies_that_say_the_same_do_not_differ():
    spelled_out = STUDY + "sampler: halton\nseed: 0\nfixed: {}\nscientific: {}\n"
    assert difference(resolve(read(STUDY)), resolve(read(spelled_out))) == []


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("trials: 4", "trials: 8", [("trials", 4, 8)]),
        ("max: 1.0", "max: 2.0", [("nuisance.lr.max", 1.0, 2.0)]),
        ("scale: log", "scale: linear", [("nuisance.lr.scale", "log", "linear")]),
        ("  lr: {", "  eta: {", None),
        ("trials: 4", "trials: 4\nfixed: {b: 1}", [("fixed.b", None, 1)]),
        ("trials: 4", "trials: 4\ngoal: why", [("goal", "", "why")]),
    ],
)
def test_what_changed_is_told_by_key(old, new, changes):
    found = difference(read(STUDY), read(STUDY.replace(old, new)))
    assert found
    if changes is not None:
        assert found == changes


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("nuisance: {p: {min: 1, max: 5}}", "nuisance: {p: {min: 1.0, max: 5}}"),
        ("nuisance: {p: [1, 2]}", "nuisance: {p: [1.0, 2.0]}"),
        ("fixed: {amp: 1}", "fixed: {amp: true}"),
        ("fixed: {}", "fixed: {dropout: null}"),
    ],
)
def test_a_change_of_type_alone_is_a_change_too(old, new):
    base = STUDY[: STUDY.index("nuisance:")]
    before, after = read(f"{base}{old}\n"), read(f"{base}{new}\n")
    assert difference(before, after) != []


@pytest.mark.parametrize(
    "line",
    [
        "fixed: {a: .nan}",
        "fixed: {a: .inf}",
        "scientific: {a: [.nan, 1]}",
        f"fixed: {{a: 1e{'9' * 3}}}",
        f"fixed: {{a: {10**19}}}",
        f"seed: {10**19}",
        f"scientific: {{a: {{min: 1, max: 1{'0' * 400}}}}}",
        f"scientific: {{a: {{min: 1, max: 1{'0' * 400}, type: int}}}}",
        f"resources: {{timeout: {'9' * 400}d}}",
    ],
    ids=lambda line: line[:40],
)
def test_numbers_that_are_none_or_too_large_are_refused(line):
    assert refused(f"{STUDY}{line}\n").startswith("study.yaml:8: ")


def _keys(data, above=()):
    for key, value in data.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from _keys(value, (*above, key))


@pytest.mark.slow
@given(studies(), st.data())
def test_comments_change_nothing_of_a_study(study, data):
    written = plain(StudySpec.model_validate(study))
    chosen = data.draw(st.lists(st.sampled_from(list(_keys(written))), unique=True))
    comments = {location: data.draw(st.text(max_size=20)) for location in chosen}
    header = data.draw(st.lists(st.text(max_size=20), max_size=2))
    assert parse(annotated(written, comments, header), "study.yaml").data == written


def test_a_comment_stands_above_its_key_and_long_ones_are_wrapped():
    spec = read(STUDY)
    text = annotated(
        plain(spec), {("nuisance", "lr"): "why  the range\nwas widened", ("trials",): "word " * 40}, ["from s", ""]
    )
    lines = text.splitlines()
    assert lines[:2] == ["# from s", "# "]
    where = next(n for n, line in enumerate(lines) if line.startswith("  lr:"))
    assert lines[where - 1] == "  # why the range was widened"
    assert max(map(len, lines)) <= 120
    assert sum(line.startswith("# word") for line in lines) == 2


def test_a_comment_on_a_key_behind_a_long_text_stays_outside_the_text():
    written = {"fixed": {"a": "word " * 40, "b": 1}}
    text = annotated(written, {("fixed", "b"): "a comment"}, [])
    assert "# a comment" in text
    assert parse(text, "study.yaml").data == written
