"""Where things in layers are found."""

from __future__ import annotations

from pathlib import Path

from redrive.runtime.layers import (
    find_bootstrap,
    find_extensions,
    folders_in,
    library_folders,
    node_folders,
    python_folders,
)


def layer(folder: Path, *files: str) -> str:
    """Make a layer with files."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    return str(folder)


def test_python(tmp_path: Path) -> None:
    """The versioned folders come first, as on Lambda's path; of each kind the later layer's."""
    site = "python/lib/python3.12/site-packages"
    layers = (
        layer(tmp_path / "a", f"{site}/x.py"),
        layer(tmp_path / "b"),
        layer(tmp_path / "c", f"{site}/x.py"),
    )
    assert python_folders(layers, 12) == (
        f"{layers[2]}/{site}",
        f"{layers[0]}/{site}",
        f"{layers[2]}/python",
        f"{layers[0]}/python",
    )
    assert python_folders(layers, 13) == (f"{layers[2]}/python", f"{layers[0]}/python")


def test_node_and_libraries(tmp_path: Path) -> None:
    """The same for Node.js; the code's own libraries come before those of layers."""
    one = layer(tmp_path / "a", "nodejs/node20/node_modules/x", "lib/x.so", "bin/x")
    two = layer(tmp_path / "b", "nodejs/node_modules/x", "lib/x.so")
    code = layer(tmp_path / "code", "lib/y.so")
    assert node_folders((one, two), 20) == (
        f"{one}/nodejs/node20/node_modules",
        f"{two}/nodejs/node_modules",
    )
    assert node_folders((one, two), 22) == (f"{two}/nodejs/node_modules",)
    assert library_folders(code, (one, two)) == (f"{code}/lib", f"{two}/lib", f"{one}/lib")
    assert folders_in((one, two), "bin") == (f"{one}/bin",)


def test_extensions_and_bootstraps(tmp_path: Path) -> None:
    """Extensions come by name, of equal names the later layer's; code goes before layers."""
    one = layer(tmp_path / "a", "extensions/z", "extensions/both", "bootstrap")
    two = layer(tmp_path / "b", "extensions/both", "extensions/folder/x", "bootstrap")
    assert find_extensions((one, two)) == (f"{two}/extensions/both", f"{one}/extensions/z")
    assert find_bootstrap(layer(tmp_path / "none"), (one, two)) == f"{two}/bootstrap"
    own = layer(tmp_path / "own", "bootstrap")
    assert find_bootstrap(own, (one, two)) == f"{own}/bootstrap"
    assert find_bootstrap(str(tmp_path / "none"), ()) is None
