"""How a process that was just forked gives up rights before a function runs in it (Linux).

    none < rlimits < no_new_privs < landlock < namespaces        each includes those before it

* rlimits: memory that can be asked for, 1,024 descriptors, no core files.
* no_new_privs: set-uid programs give nothing.
* landlock: files can be changed below the private temporary folder only; a filter on system calls
  refuses what a function never needs: mounts, modules, tracing, namespaces, keys.
* namespaces: users, mounts and IPC of its own. /tmp is the private folder, /opt holds the layers.
  A program also has processes of its own: it sees no others, and all of them end together. A fork
  of a warm Python parent has not, since that costs two more forks, unless the kernel's Landlock is
  too old to keep its signals from others.

A step that fails ends the process: nothing runs with more rights than its level says. Loaded by
path into the warm parents; with the argument "probe" it tells what this machine can do.
"""

# ruff: noqa: PTH102, PTH103, PTH106 - pathlib costs start time.
# This file must run on Python 3.8.

from __future__ import annotations

import json
import os
import resource
import signal
import struct
import sys
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

try:
    import ctypes
except ImportError:  # an interpreter may be built without it
    ctypes = None  # type: ignore[assignment]

LEVELS = ("none", "rlimits", "no_new_privs", "landlock", "namespaces")

# A guard against a handler that takes gigabytes between two looks at its memory; the limit itself
# is judged by what is resident (see process.py). Threads reserve 8 MB each, hence the room.
DATA_SLACK_BYTES = 1 << 30
DESCRIPTORS_MAX = 1024  # AWS: Lambda quotas, "File descriptors"

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_SECUREBITS = 1, 22, 28
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x8000000, 0x10000000, 0x20000000
CLONE_NEW_ANY = 0x7E020080
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
MS_REC, MS_PRIVATE = 16384, 1 << 18
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
WRITE_FILE, REMOVE_TO_MAKE, REFER, TRUNCATE = 1 << 1, 0x1FF0, 1 << 13, 1 << 14
SCOPES_FROM, SCOPE_SOCKETS, SCOPE_SIGNALS = 6, 1, 2
WRITABLE_FILES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/random", "/dev/urandom")

# name -> number: what the filter refuses, with EPERM.
REFUSED = {
    "x86_64": {
        "ptrace": 101, "syslog": 103, "pivot_root": 155, "chroot": 161, "acct": 163,
        "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168,
        "reboot": 169, "sethostname": 170, "setdomainname": 171, "init_module": 175,
        "delete_module": 176, "quotactl": 179, "clock_settime": 227, "kexec_load": 246,
        "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272,
        "perf_event_open": 298, "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310,
        "process_vm_writev": 311, "finit_module": 313, "kexec_file_load": 320, "bpf": 321,
        "userfaultfd": 323, "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431,
        "fsmount": 432, "fspick": 433, "pidfd_getfd": 438, "mount_setattr": 442,
    },
    "aarch64": {
        "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "quotactl": 60, "acct": 89,
        "unshare": 97, "kexec_load": 104, "init_module": 105, "delete_module": 106,
        "clock_settime": 112, "syslog": 116, "ptrace": 117, "reboot": 142, "sethostname": 161,
        "setdomainname": 162, "settimeofday": 170, "add_key": 217, "request_key": 218,
        "keyctl": 219, "swapon": 224, "swapoff": 225, "perf_event_open": 241,
        "open_by_handle_at": 265, "setns": 268, "process_vm_readv": 270,
        "process_vm_writev": 271, "finit_module": 273, "bpf": 280, "userfaultfd": 282,
        "kexec_file_load": 294, "open_tree": 428, "move_mount": 429, "fsopen": 430,
        "fsconfig": 431, "fsmount": 432, "fspick": 433, "pidfd_getfd": 438, "mount_setattr": 442,
    },
}  # fmt: skip
MACHINES = {  # audit's name of the architecture; clone, clone3, prctl of seccomp itself
    "x86_64": (0xC000003E, 56, 126),
    "aarch64": (0xC00000B7, 220, 91),
}
CLONE3, ENOSYS, EPERM = 435, 38, 1


class Refused(Exception):
    """The system does not allow a step."""


def confine(orders: dict[str, Any], data_bytes: int) -> None:
    """Bring the calling process to a level; with namespaces it returns in a descendant.

    orders: level, memory_mb, tmp; for namespaces also opt (layers, the later one last, or none),
    keep (paths below /tmp that must stay where they are) and processes ("shared", or which one of
    a namespace of its own it is to be: "first", "second"). Raises Refused or OSError.
    """
    level = LEVELS.index(orders["level"])
    if level >= 4:
        flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC
        is_alone = orders["processes"] != "shared"
        enter_namespaces(
            flags | (CLONE_NEWPID if is_alone else 0), orders["tmp"], orders["opt"], orders["keep"]
        )
        if is_alone:
            fork_inside(is_first=orders["processes"] == "first")
    if level >= 1:
        set_limits(orders["memory_mb"], data_bytes)
    if level >= 2:
        call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if level >= 4 or (level >= 3 and os.geteuid() == 0):
        drop_capabilities()
    if level >= 3:
        restrict_files(orders["tmp"] if level == 3 else "/tmp")
        filter_calls()


def set_limits(memory_mb: int, data_bytes: int) -> None:
    """Limit what can be asked for. data_bytes: what the process has asked for before."""
    lower(resource.RLIMIT_DATA, memory_mb * 1024 * 1024 + DATA_SLACK_BYTES + data_bytes)
    lower(resource.RLIMIT_NOFILE, DESCRIPTORS_MAX)
    lower(resource.RLIMIT_CORE, 0)


def lower(kind: int, limit: int) -> None:
    """Set a limit unless it is lower."""
    _, hard = resource.getrlimit(kind)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(kind, (limit, limit))


def call(name: str, *values: Any) -> int:
    """Call a function of the C library; numbers are longs. Raises Refused."""
    if ctypes is None:
        raise Refused("this interpreter was built without ctypes")
    libc = _libc()
    result: int = getattr(libc, name)(
        *(ctypes.c_long(each) if isinstance(each, int) else each for each in values)
    )
    if result < 0:
        number = ctypes.get_errno()
        raise Refused(f"{name}: {os.strerror(number)}")
    return result


_LIBC: list[Any] = []
_PROGRAMS: list[bytes] = []


def prepare() -> None:
    """Load and compute what every fork needs, before there is one."""
    if ctypes is not None and sys.platform == "linux":
        _libc()
        if platform_machine() in MACHINES:
            _PROGRAMS.append(filter_program(platform_machine()))


def _libc() -> Any:
    if not _LIBC:
        _LIBC.append(ctypes.CDLL(None, use_errno=True))
    return _LIBC[0]


def landlock_version() -> int:
    """Return the version of Landlock that the kernel has, or 0."""
    try:
        return call("syscall", LANDLOCK_CREATE, None, 0, 1)
    except Refused:
        return 0


def restrict_files(writable: str) -> None:
    """Let files be changed below one folder only, and no process outside be signalled."""
    version = landlock_version()
    if version < 1:
        raise Refused("the kernel has no Landlock, or it is switched off")
    handled = WRITE_FILE | REMOVE_TO_MAKE
    handled |= (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    of_files = handled & (WRITE_FILE | TRUNCATE)
    if version >= SCOPES_FROM:
        attributes = struct.pack("=QQQ", handled, 0, SCOPE_SOCKETS | SCOPE_SIGNALS)
    else:
        attributes = struct.pack("=Q", handled)
    ruleset = call("syscall", LANDLOCK_CREATE, attributes, len(attributes), 0)
    for path, rights in ((writable, handled), *((each, of_files) for each in WRITABLE_FILES)):
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        rule = struct.pack("=Qi", rights, fd)
        call("syscall", LANDLOCK_ADD, ruleset, 1, rule, 0)
        os.close(fd)
    call("syscall", LANDLOCK_RESTRICT, ruleset, 0)
    os.close(ruleset)


def filter_program(machine: str) -> bytes:
    """Return the filter on system calls, as instructions of the classic packet filter.

    What belongs to another architecture is refused; clone may not make namespaces; clone3, whose
    flags cannot be seen, does not exist, and libraries fall back to clone.
    """
    audit, clone, _ = MACHINES[machine]
    load, equal, set_, at_least, done = 0x20, 0x15, 0x45, 0x35, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000 | EPERM
    lines = [(load, 0, 0, 4), (equal, 1, 0, audit), (done, 0, 0, refuse), (load, 0, 0, 0)]
    if machine == "x86_64":
        lines += [(at_least, 0, 1, 0x40000000), (done, 0, 0, refuse)]
    lines += [(equal, 0, 1, CLONE3), (done, 0, 0, 0x00050000 | ENOSYS)]
    for number in sorted(REFUSED[machine].values()):
        lines += [(equal, 0, 1, number), (done, 0, 0, refuse)]
    lines += [(equal, 0, 3, clone), (load, 0, 0, 16), (set_, 0, 1, CLONE_NEW_ANY & ~0x80)]
    lines += [(done, 0, 0, refuse), (done, 0, 0, allow)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def filter_calls() -> None:
    """Refuse the system calls that a function never needs."""
    machine = platform_machine()
    if machine not in MACHINES:
        raise Refused(f"no filter on system calls is known for {machine}")
    program = _PROGRAMS[0] if _PROGRAMS else filter_program(machine)
    buffer = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    call("prctl", PR_SET_SECCOMP, 2, ctypes.create_string_buffer(head, len(head)), 0, 0)


def platform_machine() -> str:
    """Return the machine's name; a 32-bit interpreter on a 64-bit kernel has none here."""
    return os.uname().machine if sys.maxsize > 2**32 else "32-bit"


def enter_namespaces(flags: int, tmp: str, layers: Sequence[str], keep: Sequence[str]) -> None:
    """Make namespaces of its own and put the private folder at /tmp, the layers at /opt."""
    user, group = os.getuid(), os.getgid()
    call("unshare", flags)
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"{user} {user} 1")
    write("/proc/self/gid_map", f"{group} {group} 1")
    call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    kept = [(each, os.open(each, os.O_PATH | os.O_CLOEXEC)) for each in keep]
    if layers:
        mount_layers(layers)
    call("mount", tmp.encode(), b"/tmp", None, MS_BIND, None)
    for path, fd in kept:
        os.makedirs(path, exist_ok=True)
        call("mount", b"/proc/self/fd/%d" % fd, path.encode(), None, MS_BIND | MS_REC, None)
        make_read_only(path)
        os.close(fd)


def mount_layers(layers: Sequence[str]) -> None:
    """Put the layers over one another at /opt, read-only."""
    if len(layers) == 1:
        call("mount", layers[0].encode(), b"/opt", None, MS_BIND, None)
        make_read_only("/opt")
        return
    upper_first = ":".join(each.replace("\\", "\\\\").replace(":", "\\:") for each in layers[::-1])
    options = f"lowerdir={upper_first}".encode()
    call("mount", b"layers", b"/opt", b"overlay", MS_RDONLY | MS_NOSUID | MS_NODEV, options)


def make_read_only(path: str) -> None:
    """Remount read-only, with the marks that it has: the kernel does not let them be taken off."""
    has = os.statvfs(path).f_flag
    flags = has & (MS_NOSUID | MS_NODEV | MS_NOEXEC | 1024 | 2048)
    flags |= (1 << 21) if has & 4096 else 0
    call("mount", None, path.encode(), None, flags | MS_BIND | MS_REMOUNT | MS_RDONLY, None)


def write(path: str, text: str) -> None:
    """Write a file of the kernel's at one go."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def fork_inside(is_first: bool) -> None:
    """Return in a process of the new namespace of processes; the caller stays outside until that
    has ended, and ends in the same way.

    is_first: in its first process. Else in its second, which dies of its signals as a first does
    not; the first then only waits, for whatever is left behind too.
    """
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write_fd)
        wait_outside(pid, read_fd)
    os.close(read_fd)
    call("prctl", PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    mount_proc()
    if not is_first:
        pid = os.fork()
        if pid:
            wait_inside(pid, write_fd)
        call("prctl", PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    os.close(write_fd)


def wait_outside(pid: int, read_fd: int) -> NoReturn:
    """Wait, and end as the function did.

    What it inherited stays open, so that the function's end of its channel closes with the exit
    status known and not before.
    """
    _, status = os.waitpid(pid, 0)
    told = os.read(read_fd, 4)
    if told:
        (status,) = struct.unpack("=i", told)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def wait_inside(pid: int, status_fd: int) -> NoReturn:
    """Be the first process: reap, and tell how the function's process ended."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            os.write(status_fd, struct.pack("=i", status))
            os._exit(0)


def mount_proc() -> None:
    """Show only the namespace's own processes, where the system lets /proc be mounted anew.

    It does not in containers that hide parts of /proc; then the old one stays, and Landlock keeps
    other processes' files closed.
    """
    try:
        call("mount", b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None)
    except Refused:
        return


def drop_capabilities() -> None:
    """Give up what the owner of a namespace may do in it, or root anywhere, for good: no program
    gives it back, neither to root (the bits) nor by its file (no_new_privs)."""
    call("prctl", PR_SET_SECUREBITS, 0x2F, 0, 0, 0)
    call("capset", struct.pack("=Ii", 0x20080522, 0), bytes(24))


def problem_with(level: str, tmp: str) -> str:
    """Try a level in a child; return why it cannot be had, or nothing."""
    orders = {"level": level, "memory_mb": 512, "tmp": tmp, "opt": (), "keep": ()}
    orders["processes"] = "second"
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if not pid:
        words = "it failed"
        try:
            os.close(read_fd)
            confine(orders, 0)
            words = "-"
        except (Refused, OSError) as error:
            words = str(error)
        finally:
            os.write(write_fd, words.encode())
            os._exit(0)
    os.close(write_fd)
    words = os.read(read_fd, 500).decode()
    os.close(read_fd)
    os.waitpid(pid, 0)
    return "" if words == "-" else words or "the process ended"


def probe() -> dict[str, str]:
    """Return for each level why it cannot be had (empty: it can), and the same for scopes: whether
    signals can be kept in without a namespace."""
    tmp = f"/tmp/redrive-probe-{os.getpid()}"
    os.mkdir(tmp, 0o700)
    try:
        found = {level: problem_with(level, tmp) for level in LEVELS}
        found["scopes"] = "" if landlock_version() >= SCOPES_FROM else "the kernel is too old"
        return found
    finally:
        os.rmdir(tmp)


def main() -> None:
    """Print what the machine can do."""
    if sys.platform == "linux":
        found = probe()
    else:
        found = {level: "" if level in LEVELS[:2] else "only Linux has it" for level in LEVELS}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
