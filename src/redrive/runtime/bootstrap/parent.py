"""The warm parent: a single-threaded process that imports a function's packages and forks
environments.

    python -I -S parent.py <control fd> <role>

role: "child", whose forks become Python environments (child.py), or "supervisor", whose forks
start other programs (supervisor.py).

The server speaks first: one frame of settings, then a frame with two descriptors for each
environment to fork (its channel, its log). It hears `forked`, `refused` and `exit` for each, and of
every import.

* Forks come before imports: a fork that waits is served between two of them, so that the first cold
  start does not wait for packages that its handler may not even use.
* Never two threads: a package that starts one taints this parent. It says so, imports nothing
  further and refuses to fork; the server starts another that leaves the package out.
* An import that fails, or takes too long, is left out; the function meets the error itself if it
  cares.
* Nothing outlives the server: when its socket closes, all environments and all that descends from
  them are killed. It is a subreaper, so that whatever a dead environment leaves behind becomes its
  child, and children that it did not fork are killed.
"""

# ruff: noqa: PTH100, PTH118, PTH120, PTH123, PTH208, BLE001 - pathlib costs start time; whatever an
# import raises is the package's own affair. This file must run on Python 3.8.

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import importlib.machinery
import importlib.util
import json
import os
import select
import signal
import site
import socket
import struct
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType, ModuleType

try:
    import ctypes
except (
    ImportError
):  # an interpreter may be built without it; then only the socket's end tells of a death
    ctypes = None  # type: ignore[assignment]

LENGTH = struct.Struct("!I")
FDS_SPACE = socket.CMSG_SPACE(2 * array.array("i").itemsize)
PR_SET_CHILD_SUBREAPER = 36
NEVER_PRELOADED = frozenset(("pip", "setuptools", "pkg_resources", "wheel", "test", "tests"))


class TooSlow(BaseException):
    """An import has used up its time. Not an Exception: a package shall not catch it lightly."""


class Offered:
    """The last finder: gives the packages that AWS's runtime brings from a folder, no others."""

    def __init__(self, folder: str, names: Sequence[str]) -> None:
        self._folder = folder
        self._names = frozenset(names)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a top-level module among the offered ones."""
        if path is not None or name not in self._names:
            return None
        return importlib.machinery.PathFinder.find_spec(name, [self._folder], target)


class Own:
    """The first finder while packages are imported: keeps the function's own modules out of it."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> None:
        """Refuse the modules that no distribution owns."""
        if path is None and name in self._names:
            raise ModuleNotFoundError(f"{name} is the function's own module", name=name)


class Parent:
    """State of the process."""

    def __init__(self, control: socket.socket, role: str) -> None:
        self._control = control
        self._fds: list[int] = []
        self._children: dict[int, int] = {}  # pid -> the server's number
        self._tainted = False
        self._is_importing = False
        self._prctl = find_prctl()
        self._confine = load_program("confine")
        self._confine.prepare()
        self._child = load_program(role)
        if role == "child":
            self._child.install_log_handler()
        site.setquit()  # exit() and help(), which -S takes away with the site-packages
        site.sethelper()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        os.set_blocking(self._wake_read, False)

    def main(self) -> None:
        """Serve until the server goes; leave nothing behind, whatever happens."""
        try:
            self._serve()
        except BaseException:
            traceback.print_exc()
        self._end()

    def _serve(self) -> None:
        self._prctl(PR_SET_CHILD_SUBREAPER, 1)
        settings = self._receive()
        self._base_path = list(sys.path)
        if settings["offered_path"]:
            sys.meta_path.append(Offered(settings["offered_path"], settings["offered"]))
        self._base_modules = frozenset(name.split(".", 1)[0] for name in sys.modules)
        self._watch_children()
        self._send({"ready": sys.version.split()[0]})
        for name in self._packages(settings):
            while self._turn(0):
                pass
            if self._tainted:
                break
            self._preload(name, settings["import_seconds"])
        self._send({"settled": True})
        while True:
            self._turn(None)

    def _packages(self, settings: dict[str, Any]) -> Iterator[str]:
        """Yield the packages to import: the function's, then those that are offered."""
        folders: list[str] = settings["folders"]
        sys.path[:] = [*folders, *self._base_path]
        owned = owned_names(folders)
        own = Own({*settings["own"], *(names_in(folders).difference(owned))})
        sys.meta_path.insert(0, own)
        try:
            for name in [*owned, *settings["preload"]]:
                if name not in NEVER_PRELOADED and name not in settings["skip"]:
                    yield name
        finally:
            sys.meta_path.remove(own)
            sys.path[:] = self._base_path

    def _preload(self, name: str, seconds: float) -> None:
        """Import one package and tell how it went."""
        self._send({"importing": name})
        before = set(sys.modules)
        signal.signal(signal.SIGALRM, give_up)
        signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
        try:
            self._is_importing = True
            importlib.import_module(name)
            problem = ""
            if name == "boto3":
                with contextlib.suppress(Exception):
                    warm_sdk()
        except BaseException as error:
            problem = f"{type(error).__name__}: {error}"[:500]
            for each in set(sys.modules) - before:
                if each.split(".", 1)[0] == name:
                    sys.modules.pop(each, None)
        finally:
            self._is_importing = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
        self._watch_children()  # an import may have put handlers of its own
        self._tainted = thread_count() > 1
        self._send({"imported": name, "problem": problem, "tainted": self._tainted})

    def _turn(self, timeout: float | None) -> bool:
        """Wait for the server or a child's end, and deal with it; False if there was nothing."""
        control = self._control.fileno()
        ready, _, _ = select.select([control, self._wake_read], [], [], timeout)
        if self._wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)
            self._reap()
        if control in ready:
            self._fork(self._receive()["fork"])
        return bool(ready)

    def _fork(self, number: int) -> None:
        channel_fd, log_fd = self._fds[:2]
        del self._fds[:2]
        if self._tainted:
            os.close(channel_fd)
            os.close(log_fd)
            self._send({"refused": number})
            return
        gc.disable()
        gc.freeze()
        parent_pid = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            pid = -1
        if pid == 0:
            try:
                self._become_child(channel_fd, log_fd, parent_pid)
            finally:
                os._exit(1)
        os.close(channel_fd)
        os.close(log_fd)
        if pid < 0:
            self._send({"refused": number})
            return
        self._children[pid] = number
        self._send({"forked": number, "pid": pid})

    def _become_child(self, channel_fd: int, log_fd: int, parent_pid: int) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(self._wake_read)
        os.close(self._wake_write)
        self._control.close()
        sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, Own)]
        channel = socket.socket(fileno=channel_fd)
        base_path, base_modules = self._base_path, self._base_modules
        confine = self._confine.confine
        self._child.run(channel, log_fd, parent_pid, self._prctl, confine, base_modules, base_path)

    def _reap(self) -> None:
        """Tell of the dead. A leader's group is killed before its number can be used again."""
        while True:
            try:
                info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                break
            if info is None:
                break
            number = self._children.pop(info.si_pid, None)
            if number is not None:
                kill(-info.si_pid)
            _, status, usage = os.wait4(info.si_pid, 0)
            if number is not None:
                code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
                self._send({"exit": number, "status": code, "memory_kb": usage.ru_maxrss})
        for pid in child_pids():
            if pid not in self._children:
                kill(pid)

    def _receive(self) -> dict[str, Any]:
        """Wait for a message and take no byte of the one after it, so that select sees that."""
        (length,) = LENGTH.unpack(self._read(LENGTH.size))
        message: dict[str, Any] = json.loads(self._read(length))
        return message

    def _read(self, size: int) -> bytes:
        """Read so many bytes, and the descriptors with them; end when the server has gone."""
        buffer = b""
        while len(buffer) < size:
            try:
                data, ancillary, _, _ = self._control.recvmsg(size - len(buffer), FDS_SPACE)
            except OSError:  # the server went with something of ours unread
                self._end()
            for level, kind, content in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds = array.array("i")
                    fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
                    for fd in fds:
                        os.set_inheritable(fd, False)
                    self._fds += fds
            if not data:
                self._end()
            buffer += data
        return buffer

    def _send(self, message: dict[str, Any]) -> None:
        text = json.dumps(message).encode()
        try:
            self._control.sendall(LENGTH.pack(len(text)) + text)
        except OSError:
            self._end()

    def _watch_children(self) -> None:
        signal.signal(signal.SIGCHLD, self._child_ended)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)

    def _child_ended(self, number: int, frame: FrameType | None) -> None:
        """Wake select through the wakeup descriptor; tell at once if a long import is under way."""
        if self._is_importing:
            self._reap()

    def _end(self) -> NoReturn:
        """Kill everything that was born here, and leave."""
        for pid in list(self._children):
            kill(-pid)
            kill(pid)
        while True:
            for pid in child_pids():  # the list may lack some of those that come and go meanwhile
                kill(pid)
            try:
                if os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG) is None:
                    time.sleep(0.002)
            except ChildProcessError:
                os._exit(0)


def give_up(number: int, frame: FrameType | None) -> None:
    """Interrupt an import."""
    raise TooSlow("the import took too long")


def kill(pid: int) -> None:
    """Kill a process, or with a negative number a group, if it still exists."""
    try:
        if pid < 0:
            os.killpg(-pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
    except OSError:
        pass


def child_pids() -> list[int]:
    """Return the children of this process, adopted ones too; none if the system does not tell."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(each) for each in file.read().split()]
    except OSError:
        return []


def thread_count() -> int:
    """Return how many threads run in this process, started by Python or not."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        threading = sys.modules.get("threading")
        return threading.active_count() if threading is not None else 1


def owned_names(folders: Sequence[str]) -> list[str]:
    """Return the top-level modules of the distributions installed in some folders, each once."""
    names: dict[str, None] = {}
    for folder in folders:
        for entry in sorted(listed(folder)):
            if entry.endswith(".dist-info"):
                for name in distribution_names(os.path.join(folder, entry)):
                    names.setdefault(name)
    return list(names)


def distribution_names(info: str) -> list[str]:
    """Return the top-level modules of one distribution: top_level.txt, else what RECORD lists."""
    lines = read_lines(os.path.join(info, "top_level.txt"))
    if lines:
        return [line for line in lines if line.isidentifier()]
    names: dict[str, None] = {}
    for line in read_lines(os.path.join(info, "RECORD")):
        path = line.split(",", 1)[0].strip('"')
        first, slash, rest = path.partition("/")
        is_package = bool(slash) and rest == "__init__.py"
        is_module = not slash and path.endswith((".py", ".so"))
        name = first if slash else first.split(".", 1)[0]
        if (is_package or is_module) and name.isidentifier():
            names.setdefault(name)
    return list(names)


def read_lines(path: str) -> list[str]:
    """Return the lines of a text file; none if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().split("\n")
    except OSError:
        return []


def listed(folder: str) -> list[str]:
    """Return the names in a folder; none if it cannot be read."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def names_in(folders: Sequence[str]) -> set[str]:
    """Return what could be imported from some folders, by top-level name."""
    return {entry.split(".", 1)[0] for folder in folders for entry in listed(folder)}


def find_prctl() -> Any:
    """Return prctl, or something that does nothing where the system or the interpreter has none."""
    function = getattr(ctypes.CDLL(None), "prctl", None) if ctypes is not None else None
    if function is None:
        return lambda *_: None
    return lambda option, value: function(option, ctypes.c_ulong(int(value)), 0, 0, 0)


def load_program(name: str) -> Any:
    """Load a file from beside this one without leaving a name in sys.modules."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"_redrive_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def warm_sdk() -> None:
    """Let the SDK make a client once, so that a fork finds loaded what every client needs.

    A session reads its models by a loader of its own, and would look through the same folders and
    parse the same files again: what has been read is kept for all of them. The session made here is
    thrown away, and with it all that it has learnt of credentials and configuration.
    """
    boto3, loaders = sys.modules["boto3"], sys.modules["botocore.loaders"]
    read, look = loaders.JSONFileLoader.load_file, loaders.Loader.list_available_services
    known: dict[str, Any] = {}
    listed: dict[Any, list[str]] = {}

    def load_file(loader: Any, file_path: str) -> Any:
        found = known.get(file_path)
        if found is None:
            found = read(loader, file_path)
            if found is not None:
                known[file_path] = found
        return found

    def list_available_services(loader: Any, type_name: str) -> list[str]:
        key = (type_name, *loader.search_paths)
        if key not in listed:
            listed[key] = look(loader, type_name)
        return list(listed[key])

    loaders.JSONFileLoader.load_file = load_file
    loaders.Loader.list_available_services = list_available_services
    session = boto3.session.Session("warm", "warm", region_name="us-east-1")
    session.client("sqs", endpoint_url="http://127.0.0.1:9")


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    Parent(socket.socket(fileno=int(sys.argv[1])), sys.argv[2]).main()
