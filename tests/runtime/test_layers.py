"""What layers bring: modules, programs and libraries; and the folder for temporary files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bootstraps import bootstrap, put_files

LOOK = """
import os, tempfile
def handler(event, context):
    folder = tempfile.gettempdir()
    if event.get("write"):
        open(folder + "/kept", "a").write("x")
    if event.get("exit"):
        os._exit(1)
    kept = os.path.exists(folder + "/kept") and open(folder + "/kept").read()
    return [os.getpid(), folder, kept]
"""


def test_later_layers_win(world, tmp_path):
    """Of two files of one name the later layer's is found, by Python and by PATH."""
    for name in ("one", "two"):
        put_files(
            tmp_path / name,
            {
                "python/both.py": f"name = {name!r}\n",
                f"python/{name}.py": "",
                "bin/tool": f"#!/bin/sh\necho {name}\n",
                "lib/libx.so": "",
            },
        )
    function = world.function(
        """
        import both, one, two, os, subprocess
        def handler(event, context):
            said = subprocess.run(["tool"], capture_output=True, text=True).stdout.strip()
            return [both.name, said, os.environ["LD_LIBRARY_PATH"].split(":")]
        """,
        layers=(str(tmp_path / "one"), str(tmp_path / "two")),
    )
    name, said, libraries = json.loads(world.run(function).payload)
    assert (name, said) == ("two", "two")
    assert libraries[-2:] == [str(tmp_path / "two" / "lib"), str(tmp_path / "one" / "lib")]


def test_libraries_of_layers_are_loaded(world, tmp_path):
    """The process itself was started with the libraries' folders, so that modules find them."""
    put_files(tmp_path / "layer", {"lib/x": ""})
    function = world.function(
        """
        def handler(event, context):
            return open(f"/proc/{event}/environ").read()
        """,
        layers=(str(tmp_path / "layer"),),
    )
    world.run(function, b'"self"')
    parent = world.executor.describe()["parents"][0]["pid"]
    variables = Path(f"/proc/{parent}/environ").read_text()
    assert f"{tmp_path}/layer/lib" in variables


@pytest.mark.parametrize("end", ["crash", "timeout"])
def test_temporary_files_survive_a_reset(world, end):
    """After a crash or a timeout the successor has the folder; another environment has its own."""
    ending = "os._exit(1)" if end == "crash" else "import time; time.sleep(1000)"
    function = world.function(LOOK.replace("os._exit(1)", ending), timeout_ms=700)
    first = json.loads(world.run(function, b'{"write": true}').payload)
    assert world.run(function, b'{"exit": true}').status in ("exit", "timeout")
    world.reactor.until(lambda: not world.executor.describe()["environments"])
    outcomes = [world.begin(function) for _ in range(2)]
    world.reactor.until(lambda: all(outcomes))
    found = [json.loads(each[0].payload) for each in outcomes]
    folders = {each[1]: each[2] for each in found}
    assert len(folders) == 2
    assert folders[first[1]] == "x"
    assert sorted(map(str, folders.values())) == ["False", "x"]
    assert first[0] not in {each[0] for each in found}


def test_temporary_files_of_a_program_survive_too(world):
    """The same for a runtime that is a program."""
    files = bootstrap(LOOK + "\nanswer = handler\n")
    function = world.program(files, runtime="provided.al2023")
    first = json.loads(world.run(function, b'{"write": true}').payload)
    assert world.run(function, b'{"exit": true}').status == "exit"
    world.reactor.until(lambda: not world.executor.describe()["environments"])
    second = json.loads(world.run(function).payload)
    assert second[1:] == [first[1], "x"]
    assert second[0] != first[0]


def test_temporary_files_end_with_their_environment(world):
    """What is retired takes its folder along, whatever lies in it, and so does the server's end."""
    function = world.function(LOOK)
    folder = json.loads(world.run(function, b'{"write": true}').payload)[1]
    assert folder.startswith(str(world.folder / "work"))
    world.executor.retire(function.function_arn, None)
    world.reactor.until(lambda: not Path(folder).exists())
    other = world.function(LOOK, revision="2")
    folder = json.loads(world.run(other, b'{"write": true}').payload)[1]
    world.close()
    assert not Path(folder).exists()


def test_what_a_killed_server_left_is_removed(world, tmp_path):
    """Folders of an earlier server in the same place are not handed on."""
    left = tmp_path / "work" / "tmp" / "1"
    left.mkdir(parents=True)
    (left / "kept").write_text("old")
    folder, kept = json.loads(world.run(world.function(LOOK)).payload)[1:]
    assert (Path(folder), kept) == (left, False)
    world.close()
    assert list((tmp_path / "work").iterdir()) == []
