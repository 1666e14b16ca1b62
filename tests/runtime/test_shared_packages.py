"""Versions of a function's code that have their packages in common share a warm parent, and see
nothing of each other."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path

import pytest

HANDLER = """
    import os, thing
    def handler(event, context):
        return [{}, os.getppid(), thing.pid, thing.__file__]
"""


def distribution(folder: Path, name: str, code: str, *, lies: str = "") -> None:
    """Put a distribution of one module, or of a package at `lies`, into a folder."""
    path = folder / (lies or f"{name}.py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "RECORD").write_text(f"{lies or name + '.py'},,\n")
    if lies:
        (info / "top_level.txt").write_text(f"{lies.split('/')[0]}\n")


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder with two packages; the first tells who imported it."""
    folder = tmp_path / "deps-1"
    distribution(folder, "thing", "import os\npid = os.getpid()\n")
    distribution(folder, "zlast", "")
    return folder


def version(world, packages: Path, revision: str, files: dict[str, str]):
    """Return a function whose code lies with links to the packages, as the code store puts it."""
    made = world.program(files, runtime="python3.11", revision=revision)
    for path in packages.rglob("*"):
        place = Path(made.code_path) / path.relative_to(packages)
        if path.is_file() and not place.exists() and path.parent.name != "__pycache__":
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, place)
    return dataclasses.replace(made, packages=str(packages))


def take_up(world, function) -> None:
    """End what runs of other revisions, as a change of a function's row does."""
    world.executor.retire(function.function_arn, function.revision)


def answer(world, function):
    """Invoke a function and return what it says."""
    ran = world.run(function)
    said = json.loads(ran.payload)
    assert ran.error is None, said
    return said


def settle(world) -> None:
    """Wait until the parents have imported what they will."""

    def settled() -> bool:
        parents = world.executor.describe()["parents"]
        return all("zlast" in {*each["packages"], *each["left_out"]} for each in parents)

    world.reactor.until(settled)


def parents(world) -> list[int]:
    """Return the processes that are parents."""
    return [each["pid"] for each in world.executor.describe()["parents"]]


def test_changed_code_is_served_by_the_same_parent(world, packages):
    """The parent imported the package once; each version sees its own module and no other's."""
    one = version(world, packages, "1", {"app.py": HANDLER.format("'one'")})
    assert answer(world, one)[0] == "one"
    settle(world)
    (pid,) = parents(world)
    for revision in ("2", "3"):
        function = version(world, packages, revision, {"app.py": HANDLER.format(revision)})
        take_up(world, function)
        said = answer(world, function)
        assert said == [int(revision), pid, pid, str(packages / "thing.py")]
        assert parents(world) == [pid]


def test_a_removed_module_is_gone(world, packages):
    """Nothing of the old code can be imported; what of it has a new name makes a new parent."""
    app = "import helper\ndef handler(event, context):\n    return helper.n\n"
    one = version(world, packages, "1", {"app.py": app, "helper.py": "n = 1\n"})
    assert answer(world, one) == 1
    settle(world)
    (old,) = parents(world)
    two = version(world, packages, "2", {"app.py": app})
    take_up(world, two)
    ran = world.run(two)
    assert json.loads(ran.payload)["errorType"] == "Runtime.ImportModuleError"
    assert old not in parents(world)
    three = version(world, packages, "3", {"app.py": app, "helper/__init__.py": "n = 3\n"})
    take_up(world, three)
    assert answer(world, three) == 3


def test_changed_packages_have_a_new_parent(world, packages, tmp_path):
    """The parent of the old ones goes when the new revision runs; the code sees the new ones."""
    one = version(world, packages, "1", {"app.py": HANDLER.format(1)})
    answer(world, one)
    settle(world)
    (old,) = parents(world)
    other = tmp_path / "deps-2"
    shutil.copytree(packages, other)
    (other / "thing.py").write_text("pid = 'new'\n")
    two = version(world, other, "2", {"app.py": HANDLER.format(2)})
    take_up(world, two)
    assert parents(world) == [old], "it may be needed yet"
    assert answer(world, two)[2] == "new"
    assert old not in parents(world)
    world.executor.retire(two.function_arn, None)
    world.reactor.until(lambda: not parents(world))


def test_a_parent_that_another_function_uses_stays(world, packages):
    """Deleting one of two functions with the same packages takes no parent from the other."""
    one = version(world, packages, "1", {"app.py": HANDLER.format(1)})
    two = dataclasses.replace(one, function_arn=f"{one.function_arn}-two", function_name="two")
    pid = answer(world, one)[1]
    assert answer(world, two)[1] == pid
    world.executor.retire(one.function_arn, None)
    assert answer(world, two)[1] == pid
    world.executor.retire(two.function_arn, None)
    world.reactor.until(lambda: not parents(world))


def test_packages_get_none_of_the_codes_modules(world, packages):
    """A package that would import the function's own module is left to the function."""
    distribution(packages, "asks", "import queue\nmine = queue.mine\n")
    app = "import asks, queue\ndef handler(event, context):\n    return [asks.mine, queue.mine]\n"
    one = version(world, packages, "1", {"app.py": app, "queue.py": "mine = 1\n"})
    assert answer(world, one) == [1, 1]
    settle(world)
    (told,) = world.executor.describe()["parents"]
    assert told["left_out"] == {"asks": "ModuleNotFoundError: queue is the function's own module"}
    two = version(world, packages, "2", {"app.py": app, "queue.py": "mine = 2\n"})
    take_up(world, two)
    assert answer(world, two) == [2, 2]
    assert parents(world) == [told["pid"]]


def test_files_of_packages_lie_beside_the_code(world, packages):
    """As in /var/task: packages are found by path and as resources."""
    distribution(packages, "boxed", "", lies="boxed/__init__.py")
    (packages / "boxed" / "data.txt").write_text("told")
    app = """
        import importlib.resources, os, boxed
        from pathlib import Path
        def handler(event, context):
            return [
                Path(os.environ["LAMBDA_TASK_ROOT"], "boxed/data.txt").read_text(),
                Path(__file__).resolve().with_name("boxed").joinpath("data.txt").read_text(),
                Path(boxed.__file__).with_name("data.txt").read_text(),
                importlib.resources.files("boxed").joinpath("data.txt").read_text(),
                Path.cwd() == Path(__file__).parent,
            ]
    """
    one = version(world, packages, "1", {"app.py": app})
    assert answer(world, one) == ["told"] * 4 + [True]
    settle(world)
    two = version(world, packages, "2", {"app.py": app + "\n"})
    take_up(world, two)
    assert answer(world, two) == ["told"] * 4 + [True]


def test_a_namespace_of_packages(world, packages):
    """A package without a file of its own is kept with what the parent imported of it."""
    distribution(packages, "spacing", "import os\npid = os.getpid()\n", lies="space/inner.py")
    distribution(packages, "uses", "import space.inner\n")
    app = (
        "import os, uses, space.inner\n"
        "def handler(event, context):\n"
        "    return [space.inner.pid == os.getppid(), 1]\n"
    )
    one = version(world, packages, "1", {"app.py": app})
    answer(world, one)
    settle(world)
    two = version(world, packages, "2", {"app.py": app.replace("1]", "2]")})
    take_up(world, two)
    assert answer(world, two) == [True, 2]
