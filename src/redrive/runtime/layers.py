"""Where the contents of layers are looked for: each layer is a folder that holds what Lambda would
unpack into /opt.

Lambda unpacks them one over the other, so that of two files of one name the later layer's is there;
in lists of folders the later layer therefore comes first.
AWS: Lambda Developer Guide, "Managing Lambda dependencies with layers", "Layer paths for each
Lambda runtime".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

EXTENSIONS_MAX = 10
"""AWS: Lambda Extensions API, "you can register up to 10 extensions for a function"."""


def folders_in(layers: Sequence[str], inside: str) -> tuple[str, ...]:
    """Return the folders of that name that layers have, the later layer's first."""
    found = (Path(layer, inside) for layer in reversed(layers))
    return tuple(str(folder) for folder in found if folder.is_dir())


def python_folders(layers: Sequence[str], minor: int) -> tuple[str, ...]:
    """Return the folders of layers that are on sys.path."""
    versioned = folders_in(layers, f"python/lib/python3.{minor}/site-packages")
    return versioned + folders_in(layers, "python")


def node_folders(layers: Sequence[str], major: int) -> tuple[str, ...]:
    """Return the folders of layers that are on NODE_PATH."""
    versioned = folders_in(layers, f"nodejs/node{major}/node_modules")
    return versioned + folders_in(layers, "nodejs/node_modules")


def library_folders(code_path: str, layers: Sequence[str]) -> tuple[str, ...]:
    """Return the folders that are on LD_LIBRARY_PATH, after the machine's own."""
    own = (str(Path(code_path, "lib")),) if Path(code_path, "lib").is_dir() else ()
    return own + folders_in(layers, "lib")


def find_extensions(layers: Sequence[str]) -> tuple[str, ...]:
    """Return the programs of external extensions, by name, of equal names the later layer's."""
    found: dict[str, str] = {}
    for layer in layers:
        folder = Path(layer, "extensions")
        for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
            if entry.is_file():
                found[entry.name] = str(entry)
    return tuple(found[name] for name in sorted(found))


def find_bootstrap(code_path: str, layers: Sequence[str]) -> str | None:
    """Return the program of a custom runtime: the code's own, else the last layer's that has one.

    AWS: "Building a custom runtime": an executable file named bootstrap.
    """
    for folder in (code_path, *reversed(layers)):
        program = Path(folder, "bootstrap")
        if program.is_file():
            return str(program)
    return None
