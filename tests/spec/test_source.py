"""YAML is read as people mean it, and what can't be read is said with its line."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook_cli.errors import SpecError
from playbook_cli.spec.source import MAX_BYTES, MAX_NODES, parse, read


def value_of(text):
    return parse(f"key: {text}\n", "study.yaml").data["key"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E3", 1000.0),
        ("-2.5e+10", -2.5e10),
        (".5", 0.5),
        ("5.", 5.0),
        ("1_000.5", 1000.5),
        (".inf", math.inf),
        ("-.INF", -math.inf),
    ],
)
def test_a_number_with_a_point_or_an_exponent_is_a_float(text, value):
    assert value_of(text) == value
    assert isinstance(value_of(text), float)


def test_not_a_number_is_a_float():
    assert math.isnan(value_of(".nan"))


@pytest.mark.parametrize(("text", "value"), [("12", 12), ("+3", 3), ("-0", 0), ("1_000", 1000), ("007", 7)])
def test_a_number_without_is_an_integer(text, value):
    assert value_of(text) == value
    assert isinstance(value_of(text), int)


@pytest.mark.parametrize(
    "text", ["yes", "no", "on", "off", "Y", "1:30", "2026-01-01", "0x1F", "0o17", "1e", "e3", "1.2.3", "_1", "infinity"]
)
def test_what_only_old_yaml_takes_for_something_else_is_text(text):
    assert value_of(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("False", False), ("null", None), ("~", None), ("", None), ('"1e-3"', "1e-3"), ("'true'", "true")],
)
def test_booleans_nothing_and_quoted_text(text, value):
    assert value_of(text) is value or value_of(text) == value


def test_every_key_and_item_knows_its_line():
    source = parse("a: 1\nb:\n  - x\n  - c: 2\n", "study.yaml")
    assert source.where(("a",)) == "study.yaml:1"
    assert source.where(("b", 0)) == "study.yaml:3"
    assert source.where(("b", 1, "c")) == "study.yaml:4"


def test_a_key_that_is_not_there_has_the_line_of_what_should_hold_it():
    source = parse("a: 1\nb:\n  c: 2\n", "study.yaml")
    assert source.where(("b", "missing")) == "study.yaml:2"
    assert source.where(("missing",)) == "study.yaml:1"
    assert source.where(()) == "study.yaml:1"


def test_parts_that_the_file_leaves_out_as_shorthand_are_passed_over():
    source = parse("nuisance:\n  lr:\n    min: 1\n", "study.yaml")
    assert source.where(("nuisance", "lr", 0, "min")) == "study.yaml:3"


def test_an_alias_repeats_a_value():
    assert parse("a: &x [1, 2]\nb: *x\n", "s").data == {"a": [1, 2], "b": [1, 2]}


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)

UNREADABLE = {
    "empty": ("", "study.yaml: the file is empty"),
    "only a comment": ("# nothing\n", "study.yaml: the file is empty"),
    "a tab": ("name: x\nmetric:\n\tname: y\n", "study.yaml:3: not valid YAML"),
    "an open bracket": ("a: [1, 2\nb: 3\n", "study.yaml:2: not valid YAML"),
    "two documents": ("a: 1\n---\nb: 2\n", "study.yaml:2: not valid YAML"),
    "a control character": ("a: \x07\n", "study.yaml: not valid YAML"),
    "an unknown alias": ("a: *nowhere\n", "study.yaml:1: not valid YAML"),
    "a key twice": ("a: 1\nb: 2\na: 3\n", "study.yaml:3: the key 'a' appears twice"),
    "a key that is a number": ("a: 1\n2: b\n", "study.yaml:2: a key must be text, not 2"),
    "a key that is a list": ("[1, 2]: b\n", "study.yaml:1: a key must be text"),
    "an object tag": ("a: 1\nb: !!python/object/apply:os.system [ls]\n", "study.yaml:2: the tag !!python/object"),
    "an object tag on a scalar": ("b: !!python/name:os.system x\n", "study.yaml:1: the tag !!python/name:os.system"),
    "an object tag on a mapping": ("b: !!python/object:os.x {a: 1}\n", "study.yaml:1: the tag !!python/object:os.x"),
    "a tag of its own": ("b: !env HOME\n", "study.yaml:1: the tag !env is not allowed"),
    "a set": ("b: !!set {a, b}\n", "study.yaml:1: the tag !!set is not allowed"),
    "a false number": ("b: !!int seven\n", "study.yaml:1: 'seven' is not a !!int"),
    "a false boolean": ("b: !!bool maybe\n", "study.yaml:1: 'maybe' is not a !!bool"),
    "a zero byte": ('b: "x\\0y"\n', "study.yaml:1: arguments, variables and names"),
    "a bomb of aliases": (BOMB, f"the file expands to more than {MAX_NODES:,} values"),
    "an alias inside itself": ("a: &a [1, *a]\n", "study.yaml:1: an alias contains itself"),
    "a mapping inside itself": ("a: &a {b: *a}\n", "study.yaml:1: an alias contains itself"),
    "deep nesting": ("[" * 1000, "study.yaml"),
    "deep nesting that is closed": ("[" * 1000 + "]" * 1000, "study.yaml: the file is nested too deeply"),
    "nesting that composes but is deep": ("[" * 200 + "]" * 200, None),
    "a number of five thousand digits": (f"b: {'9' * 5000}\n", "study.yaml:1: "),
}


@pytest.mark.parametrize(("text", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_an_error_with_its_line(text, message):
    if message is None:
        parse(text, "study.yaml")
        return
    with pytest.raises(SpecError) as error:
        parse(text, "study.yaml")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_tab_gets_the_hint_to_use_spaces():
    with pytest.raises(SpecError) as error:
        parse("a:\n\tb: 1\n", "s")
    assert error.value.hint == "indent with spaces, not with tabs"
    with pytest.raises(SpecError) as error:
        parse("a: ]\n", "s")
    assert error.value.hint is None


def test_a_script_in_place_of_a_study_file_gets_the_command_that_writes_one():
    with pytest.raises(SpecError) as error:
        parse("import argparse\nrate: float = {}[0]\n", "train.py")
    assert error.value.hint is not None
    assert error.value.hint.endswith("playbook init --from train.py")


def test_a_bomb_is_refused_quickly_and_a_tag_runs_nothing(tmp_path):
    marker = tmp_path / "ran"
    with pytest.raises(SpecError):
        parse(f"a: !!python/object/apply:pathlib.Path.touch [{marker}]\n", "s")
    assert not marker.exists()


def test_a_missing_file_says_how_to_get_one(tmp_path):
    with pytest.raises(SpecError, match="there is no such file") as error:
        read(tmp_path / "study.yaml")
    assert error.value.where == str(tmp_path / "study.yaml")
    assert "playbook init" in (error.value.hint or "")


def test_a_folder_is_no_study_file(tmp_path):
    with pytest.raises(SpecError, match="this is a folder"):
        read(tmp_path)


def test_a_binary_file_is_refused_with_its_line(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_bytes(b"name: x\n\xff\xfe\x00")
    with pytest.raises(SpecError, match=r"study\.yaml:2: the file is not UTF-8 text"):
        read(path)


def test_a_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "study.yaml"
    with path.open("wb") as file:
        file.truncate(10 * MAX_BYTES)
    with pytest.raises(SpecError, match="larger than"):
        read(path)


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_bytes("\ufeffname: ä\r\nb: 1\r\n".encode())
    assert read(path).data == {"name": "ä", "b": 1}


@pytest.mark.slow
@given(st.text(alphabet="ab:-[]{},&*!?|>'\"%@`# \n\t1.e~", max_size=40))
def test_any_text_is_data_or_an_error_of_the_file(text):
    with contextlib.suppress(SpecError):
        parse(text, "study.yaml")


@pytest.mark.parametrize(
    ("line", "quoted"),
    [
        ("command: [python, t.py, ${args}]", "'${args}'"),
        ("metrics: {csv: ${trial_dir}/log.csv}", "'${trial_dir}/log.csv'"),
        ("command: ['${python}', t.py, --steps=${max_train_steps}]", "'--steps=${max_train_steps}'"),
    ],
)
def test_a_macro_between_brackets_is_to_be_quoted(line, quoted):
    with pytest.raises(SpecError) as error:
        parse(f"name: x\n{line}\n", "study.yaml")
    assert error.value.hint == f"quote it: {quoted}"


def test_other_faults_between_brackets_get_no_such_hint():
    with pytest.raises(SpecError) as error:
        parse("command: ['${python}', {t.py]\n", "study.yaml")
    assert error.value.hint is None
