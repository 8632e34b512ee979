"""Become another program that ends with its parent and, when root and asked to, that runs without root's powers.

Run as a script (`python -I -S launch.py ...`) between fork and exec: it imports nothing of ours, and leaves no
process of its own behind. PostgreSQL refuses to run as root; this gives it a user namespace in which root's files
belong to an ordinary user, so that no account is added and no folder outside `--home` changes hands.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import pwd
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT = 1, 8, 47
PR_CAP_AMBIENT_RAISE = 2
CLONE_NEWUSER = 0x10000000
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522
# initdb wants to find its user in /etc/passwd; one of these is on every system, and none is added.
ACCOUNTS = ("postgres", "daemon", "nobody")
PARENT_IS_GONE = 113

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    """Raise the OSError behind a failed libc call."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def spare_user() -> int:
    """The id of an account that is not root's."""
    by_name = {account.pw_name: account.pw_uid for account in pwd.getpwall() if account.pw_uid != 0}
    known = [by_name[name] for name in ACCOUNTS if name in by_name] or list(by_name.values())
    return known[0] if known else sys.exit("PostgreSQL refuses to run as root, and this system has no other account")


def enter_user_namespace() -> None:
    """Become an ordinary user inside a namespace; outside it, files and signals still see the same owner."""
    inside = spare_user()
    uid, gid = os.geteuid(), os.getegid()
    check(libc.unshare(CLONE_NEWUSER), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/gid_map").write_text(f"{inside} {gid} 1")
    Path("/proc/self/uid_map").write_text(f"{inside} {uid} 1")


def namespace_reaches(home: Path) -> bool:
    """Whether a namespace is allowed and `home` stays reachable in it, found out in a child that then ends."""
    child = os.fork()
    if child == 0:
        try:
            enter_user_namespace()
            os._exit(0 if os.access(home, os.R_OK | os.W_OK | os.X_OK) else 1)
        except OSError:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def drop_to(uid: int, gid: int, *, keep_file_access: bool) -> None:
    """Become `uid` for good; `keep_file_access` keeps the one capability that passes folders it could not enter."""
    check(libc.prctl(PR_SET_KEEPCAPS, int(keep_file_access), 0, 0, 0), "prctl")
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if keep_file_access:
        bit = 1 << CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        check(libc.capset(header, (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)), "capset")
        check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0), "prctl")


def give(home: Path, uid: int) -> None:
    """Hand `home` and all in it to `uid`."""
    for path in (home, *home.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)


def leave_root(home: Path) -> None:
    """Stop being root, as the owner of `home` if that is somebody else, in a namespace if that is root."""
    owner, spare = home.stat(), spare_user()
    if owner.st_uid not in (0, spare):
        drop_to(owner.st_uid, owner.st_gid, keep_file_access=False)
    elif owner.st_uid == 0 and namespace_reaches(home):
        enter_user_namespace()
    else:
        # Namespaces are refused, as by Docker's default seccomp profile, or can't get here.
        give(home, spare)
        drop_to(spare, spare, keep_file_access=True)


def main() -> None:
    """Parse, change identity, ask for the death signal (a change of identity clears it: so last), and exec."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--death-signal", type=int, default=signal.SIGKILL)
    parser.add_argument("--home", type=Path)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    os.setsid()  # a terminal's Ctrl-C reaches the parent only, which stops its children in order
    if options.home is not None and os.geteuid() == 0:
        leave_root(options.home)
    check(libc.prctl(PR_SET_PDEATHSIG, options.death_signal, 0, 0, 0), "prctl")
    if os.getppid() != options.parent:
        sys.exit(PARENT_IS_GONE)
    os.execv(options.command[0], options.command)  # noqa: S606  # becoming the given program is what this file is for


if __name__ == "__main__":
    main()
