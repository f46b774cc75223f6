"""Which files a program is made of, and when its fingerprint changes."""

from __future__ import annotations

import os
import sys
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbook_cli import __version__
from playbook_cli.sources import files, program, walk
from playbook_cli.sources.program import fingerprint, of_command, of_function


@pytest.fixture
def write(tmp_path):
    def written(name, text=""):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return written


@pytest.fixture
def look(tmp_path):
    """The fingerprint of a train function, or of a command; `given` is what the command is in one trial."""

    def looked(*words, given=None, cwd=".", path="", moves=False):
        places = {
            "folder": str(tmp_path),
            "cwd": str((tmp_path / cwd).resolve()),
            "without": str(tmp_path / "runs/s/trials"),
            "env": {"PYTHONPATH": os.pathsep.join(filter(None, [str(tmp_path), path])), "PATH": os.environ["PATH"]},
        }
        if len(words) == 1 and given is None:
            return fingerprint(of_function(words[0], **places))
        return fingerprint(
            of_command(words, given or [w.replace("${python}", sys.executable) for w in words], moves=moves, **places)
        )

    return looked


def test_a_train_function_is_its_module_and_all_that_it_imports_of_its_own(write, look):
    write("t.py", "import json, math\nimport model\nfrom lib import data, nothing\nfrom lib.deep import thing\n")
    write("model.py", "def f():\n    from other import x\n")
    write("other.py", "import t\n")  # a circle
    write("lib/__init__.py")
    write("lib/data.py", "from . import near\nfrom .near import more\nfrom .. import above\nfrom .deep.far import x\n")
    write("lib/near.py")
    write("lib/deep/__init__.py", "from .far import *\n")
    write("lib/deep/far.py")
    write("lib/unused.py")
    write("unused.py")
    found = look("t:train")
    assert sorted(found.files) == [
        "lib/__init__.py",
        "lib/data.py",
        "lib/deep/__init__.py",
        "lib/deep/far.py",
        "lib/near.py",
        "model.py",
        "other.py",
        "t.py",
    ]
    assert not found.inputs
    assert not found.partial


@pytest.mark.parametrize(
    ("text", "also"),
    [
        ("import a.b.c", ["a/b/c.py"]),
        ("from a.b import c as d", ["a/b/c.py"]),
        ("from a.b import *", ["a/b/__init__.py", "a/b/c.py"]),
        ("import importlib\nimportlib.import_module('a.b.c')", ["a/b/c.py"]),
        ("__import__('a.b.c')", ["a/b/c.py"]),
        ("import importlib\nimportlib.import_module(f'a.b.{name}')", ["a/b/c.py", "a/b/e.py"]),
        ("import importlib\nimportlib.import_module('a.b.' + name)", ["a/b/c.py", "a/b/e.py"]),
        ("if TYPE:\n  try:\n    import space.x\n  except ImportError: pass", ["space/x.py"]),
        ("import sys\nsys.path.append('elsewhere')\nimport hidden", ["elsewhere/hidden.py"]),
        (
            "import sys, os\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'elsewhere'))\nimport hidden",
            ["elsewhere/hidden.py"],
        ),
        (
            "import sys, pathlib\nsys.path.append(str(pathlib.Path(__file__).parent / 'elsewhere'))\nimport hidden",
            ["elsewhere/hidden.py"],
        ),
        ("import random", ["random.py"]),
    ],
)
def test_every_way_to_import_is_followed(write, look, text, also):
    write("t.py", text)
    write("a/__init__.py")
    write("a/b/__init__.py", "__all__ = ['c']\n")
    write("a/b/c.py")
    write("a/b/e.py")
    write("space/x.py")  # no __init__.py
    write("elsewhere/hidden.py")
    write("random.py")  # stands before the standard library's
    assert set(also) <= look("t:train").files.keys()


@pytest.mark.parametrize(
    "words",
    [
        ["${python}", "train.py", "${args}"],
        ["${python}", "-u", "./train.py", "--lr=${lr}"],
        ["${python}", "-m", "train", "${args}"],
        ["torchrun", "--nproc-per-node", "2", "train.py", "${args}"],
        ["bash", "-c", "${python} train.py --lr ${lr} && echo done"],
        ["sh", "-c", "cd . ; python -m train --lr ${lr}"],
        ["${python}", "-c", "import train; train.main(${lr})"],
        ["bash", "run.sh", "${lr}"],
        ["./run.sh", "${lr}"],
        ["bash", "scripts/here.sh"],
        ["${python}", "${study_dir}/train.py"],
        ["${python}", "."],
        ["${python}", "-m", "playbook_cli.batch_size.probe", '{"a": 1}', "${python}", "train.py", "${args}"],
        ["${python}", "-m", "playbook_cli.batch_size.probe", "{}", "-m", "playbook_cli.launch.entry", "train:main"],
    ],
    ids=" ".join,
)
def test_a_command_is_its_scripts_and_what_these_import(write, look, words):
    write("train.py", "import helper\n")
    write("__main__.py", "import train\n")
    write("helper.py")
    write("run.sh", "#!/bin/bash\n# old.py\nexec python train.py --lr $1\n")
    write("old.py")
    write("scripts/here.sh", 'python "$(dirname "$0")"/near.py; python $HERE/../train.py\n')
    write("scripts/near.py", "import beside\n")
    write("scripts/beside.py")
    filled = [
        w.replace("${python}", sys.executable).replace("${study_dir}", str(write("x").parent)).replace("${lr}", "0.1")
        for w in words
    ]
    found = look(*words, given=[word for word in filled if word != "${args}"])
    assert {"train.py", "helper.py"} <= found.files.keys()
    assert "old.py" not in found.files
    assert not found.inputs
    if "run.sh" in " ".join(words):
        assert "run.sh" in found.files
    if "scripts/here.sh" in words:
        assert {"scripts/here.sh", "scripts/near.py", "scripts/beside.py"} <= found.files.keys()


def test_a_study_below_a_system_folder_has_a_program_as_well(write, look, monkeypatch, tmp_path):
    """As /usr/src/app in a container."""
    write("train.py", "import helper\n")
    write("helper.py")
    monkeypatch.setattr(program, "_SYSTEM", (f"{tmp_path.parent}/",))
    assert look("${python}", "train.py").files.keys() == {"helper.py", "train.py"}


def test_a_module_with_a_main_is_run_by_it(write, look):
    write("tool/__init__.py")
    write("tool/__main__.py", "from . import work\n")
    write("tool/work.py")
    found = look("${python}", "-m", "tool")
    assert sorted(found.files) == ["tool/__init__.py", "tool/__main__.py", "tool/work.py"]


def test_a_script_finds_modules_in_its_own_folder_and_in_pythonpath(write, look):
    write("src/train.py", "import beside, lent\n")
    write("src/beside.py")
    write("lib/lent.py")
    found = look("${python}", "src/train.py", path="lib")
    assert sorted(found.files) == ["lib/lent.py", "src/beside.py", "src/train.py"]


def test_configurations_are_part_of_a_program_and_data_and_outputs_are_not(write, look):
    for name in ("train.py", "conf.yaml", "data.csv", "out.log", "model.pt", "runs/s/trials/0000/params.json"):
        write(name)
    words = ["${python}", "train.py", "--config=conf.yaml", "data.csv", "--log", "out.log", "--init=model.pt"]
    found = look(*words, "runs/s/trials/0000/params.json")
    assert sorted(found.files) == ["conf.yaml", "train.py"]


def test_settings_that_a_source_names_are_part_of_the_program_and_those_that_it_writes_are_not(write, look):
    write(
        "train.py",
        """import yaml
from pathlib import Path
CONFIG = "conf.yaml"
OUT = "history.yaml"
HERE = Path(__file__).parent
def train():
    yaml.safe_load(open(CONFIG, encoding="ascii")), (HERE / "conf" / "model.toml").read_text()
    open(OUT, "w"), Path("last.ini").open("a"), Path("best.cfg").write_text("x"), yaml.dump({}, open("all.yml", "x"))
    open("nowhere.yaml"), open("data.csv"), open("runs/s/trials/0000/own.yaml")
""",
    )
    read = ["conf.yaml", "conf/model.toml"]
    for name in (*read, "history.yaml", "last.ini", "best.cfg", "all.yml", "data.csv", "runs/s/trials/0000/own.yaml"):
        write(name)
    for found in (look("train:train"), look("${python}", "train.py")):
        assert sorted(found.files) == [*read, "train.py"]


def test_what_options_have_a_program_write_is_no_part_of_it(write, look):
    for name in ("train.py", "conf.yaml", "results.json", "state.txt", "history.yaml", "run"):
        write(name)
    words = ["--out=results.json", "--output-file", "state.txt", "--save_to", "history.yaml", "--log", "run"]
    found = look("${python}", "--log", "train.py", *words, "--config", "conf.yaml")
    assert sorted(found.files) == ["conf.yaml", "train.py"]


def test_a_file_that_only_some_trials_name_is_an_input_of_these(write, look):
    write("train.py")
    write("adam.yaml", "a")
    write("sgd.yaml", "b")
    words = ["${python}", "train.py", "${optimizer}.yaml"]
    adam, sgd = (look(*words, given=[sys.executable, "train.py", f"{name}.yaml"]) for name in ("adam", "sgd"))
    assert sorted(adam.files) == sorted(sgd.files) == ["train.py"]
    assert list(adam.inputs) == ["adam.yaml"]
    assert list(sgd.inputs) == ["sgd.yaml"]


def test_a_program_in_a_folder_of_each_trial_is_the_same_in_all(write, look):
    write("train.py", "import helper\n")
    write("helper.py")
    words = ["${python}", "${study_dir}/train.py"]
    seen = set()
    for number in range(2):
        write(f"runs/s/trials/{number:04d}/x")
        given = [sys.executable, str(write("train.py", "import helper\n"))]
        seen.add(look(*words, given=given, cwd=f"runs/s/trials/{number:04d}", moves=True).code)
    assert len(seen) == 1


def test_installed_packages_count_by_version_and_playbook_by_its_own(write, look):
    write("t.py", "import yaml, hypothesis.strategies, playbook_cli.workloads.digits\n")
    found = look("t:train")
    assert list(found.files) == ["t.py"]
    assert found.packages.keys() == {"Python", "PyYAML", "hypothesis", "playbook-cli"}
    assert found.packages["playbook-cli"] == __version__
    assert look("playbook_cli.workloads.digits:train").files == {}


def test_the_packages_of_another_python_are_not_known(write, look):
    write("t.py", "import yaml\n")
    assert look("/opt/elsewhere/bin/python", "t.py").packages == {}
    assert look("${python}", "t.py").packages.keys() == {"Python", "PyYAML"}


def test_an_editable_install_counts_by_its_files(write, look, tmp_path, monkeypatch):
    write("t.py", "import mine\n")
    write("checkout/mine/__init__.py", "from mine import part\n")
    write("checkout/mine/part.py")
    monkeypatch.syspath_prepend(str(tmp_path / "checkout"))
    assert sorted(look("t:train").files) == ["checkout/mine/__init__.py", "checkout/mine/part.py", "t.py"]


def test_what_cannot_be_read_breaks_nothing(write, look, tmp_path):
    write(
        "t.py",
        "import broken, binary, pipe, gone, deep, locked\nfrom ... import beyond\nfrom .....no_such_module import y\n",
    )
    write("broken.py", "def f(:\n")
    (tmp_path / "binary.py").write_bytes(b"\x00\xff import helper")
    os.mkfifo(tmp_path / "pipe.py")
    os.mkfifo(tmp_path / "conf.yaml")
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    write("deep.py", "(" * 5000 + ")" * 5000)
    (tmp_path / "circle.py").symlink_to("circle.py")
    assert sorted(look("t:train").files) == ["binary.py", "broken.py", "deep.py", "t.py"]
    found = look("${python}", "t.py", "conf.yaml", "circle.py", "x" * 5000, "nul\0.py", "/dev/zero", "")
    assert sorted(found.files) == ["binary.py", "broken.py", "deep.py", "t.py"]
    assert look("nothing:train").files == {}


def test_a_huge_program_is_looked_at_as_far_as_it_is_near(write, look, monkeypatch):
    monkeypatch.setattr(walk, "MAX_FILES", 10)
    write("t.py", "\n".join(f"import m{number}" for number in range(20)))
    for number in range(20):
        write(f"m{number}.py")
    found = look("t:train")
    assert found.partial
    assert len(found.files) == 10
    assert "t.py" in found.files


def test_of_a_large_file_both_ends_count(write, look, monkeypatch):
    monkeypatch.setattr(files, "WHOLE_BYTES", 100)
    write("tool", "a" * 1000)
    first = look("./tool", "x")
    write("tool", "a" * 999 + "b")
    assert look("./tool", "x").code != first.code


def test_a_program_that_was_moved_with_its_study_file_is_the_same(tmp_path):
    found = []
    for number in range(2):
        place = tmp_path / str(number)
        (place / "configs").mkdir(parents=True)
        (place / "train.py").write_text("import model\n")
        (place / "model.py").write_text("")
        places = {"folder": f"{place}/configs", "cwd": f"{place}/configs", "env": {}, "without": "/x", "moves": False}
        words = [sys.executable, "../train.py"]
        found.append(fingerprint(of_command(words, words, **places)))
    assert sorted(found[0].files) == ["../model.py", "../train.py"]
    assert found[0] == found[1]


def test_nothing_is_read_again_that_did_not_change(write, look, monkeypatch):
    path = write("t.py", "import m\n")
    write("m.py")
    monkeypatch.setattr(files, "YOUNG_NS", -(10**18))  # as if all had been there for long
    first = look("t:train")
    monkeypatch.setattr(files, "_content", None)
    assert look("t:train") is first
    monkeypatch.undo()
    path.write_text("import m  # edited\n")
    assert look("t:train") != first


def test_an_edit_that_keeps_size_and_time_is_seen(write, look):
    path = write("t.py", "x = 1\n")
    before = path.stat()
    first = look("t:train")
    path.write_text("x = 2\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert look("t:train").code != first.code


def test_a_module_that_appears_is_seen(write, look):
    write("t.py", "try:\n    import local\nexcept ImportError: pass\n")
    first = look("t:train")
    write("local.py")
    assert sorted(look("t:train").files) == ["local.py", "t.py"]
    assert look("t:train").code != first.code


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=40)
def test_the_fingerprint_changes_with_any_file_that_is_imported_and_with_no_other(tmp_path_factory, data):
    """Random trees of imports: an edit of a file that is reached shows, a touch and an edit elsewhere do not."""
    place = tmp_path_factory.mktemp("tree")
    number = data.draw(st.integers(2, 8))
    homes = [data.draw(st.sampled_from(["", "pkg/", "pkg/sub/", "space/"])) for _ in range(number)]
    names = [f"{home}m{index}" for index, home in enumerate(homes)]
    edges = {index: data.draw(st.sets(st.integers(0, number - 1), max_size=3)) for index in range(number)}
    for folder in ("pkg", "pkg/sub"):
        (place / folder).mkdir(parents=True)
        (place / folder / "__init__.py").touch()
    (place / "space").mkdir()

    def sentence(home, target):
        module = target.replace("/", ".")
        package, _, name = module.rpartition(".")
        forms = [f"import {module}"] + ([f"from {package} import {name}"] if package else [])
        if home and target.startswith(home):
            forms.append(f"from .{target.removeprefix(home).replace('/', '.')} import x")
        return data.draw(st.sampled_from(forms))

    for index, name in enumerate(names):
        lines = [sentence(homes[index], names[target]) for target in sorted(edges[index])]
        (place / f"{name}.py").write_text("\n".join([*lines, "x = 1\n"]))
    reached, waiting = set(), [0]
    while waiting:
        index = waiting.pop()
        if index not in reached:
            reached.add(index)
            waiting += edges[index]
    target = f"{names[0].replace('/', '.')}:train"

    def look():
        places = {"folder": str(place), "cwd": str(place), "without": f"{place}/runs"}
        return fingerprint(of_function(target, env={"PYTHONPATH": str(place)}, **places))

    before = look()
    edits = count()
    for index, name in enumerate(names):
        path = place / f"{name}.py"
        os.utime(path)
        assert look().code == before.code
        path.write_text(f"{path.read_text()}# {next(edits)}\n")
        after = look()
        assert (after.code != before.code) == (index in reached)
        before = after
