#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Follows the operator's guide (tools/GUIDE.md) word by word: every block of commands is run, in
order, on the machine that it names. Machines are network namespaces with a root of their own, an
overlay over this system's. There is no service manager and no sshd in them: `systemctl` and `scp` are
stood in for by what is below. Blocks marked `packages` are not run, because packages take minutes to
build: what was built here is installed in the packages' places; tools/package --test is for those.

Argument: the build directory. Where namespaces and overlays are not permitted it says so and skips.
"""

import ctypes
import os
import pathlib
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(sys.argv[1]).resolve()
ROOT = pathlib.Path(__file__).resolve().parents[2]
MACHINES = {"bus": "192.0.2.1", "left": "192.0.2.11", "right": "192.0.2.12"}
USERS = ("qkdnf-platform", "qkdnf-agent")
BLOCK_LIMIT_S = 180
CLONE_NEWNS, PR_SET_PDEATHSIG, SIGKILL = 0x20000, 1, 9
TAG = f"qg{os.getpid() % 100000}"
libc = ctypes.CDLL(None, use_errno=True)

# For machines without a service manager: what a unit says is done as it stands there.
SYSTEMCTL = r"""#!/bin/bash
action=$1
shift
for unit in "$@"; do
    file=/usr/lib/systemd/system/$unit.service
    setting() { sed -n "s/^$1=//p" "$file"; }
    pid=/run/$unit.pid
    user=$(setting User)
    case $action in
    stop | restart)
        if [ -e "$pid" ]; then
            kill "$(cat "$pid")" 2>/dev/null
            while kill -0 "$(cat "$pid")" 2>/dev/null; do sleep 0.05; done
            rm "$pid"
        fi ;;&
    start | restart)
        [ -e "$(setting ConditionPathExists)" ] || exit 0
        state=/var/lib/$(setting StateDirectory)
        install -d -m "$(setting StateDirectoryMode)" -o "$user" "$state"
        setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs --bounding-set -all \
            $(setting ExecStart) >>/var/log/$unit.log 2>&1 </dev/null &
        echo $! >"$pid" ;;
    reload) kill -HUP "$(cat "$pid")" ;;
    esac
done
"""

# Every machine sees the others' homes and settings under /machines/ADDRESS.
SCP = r"""#!/bin/bash
set -e
target=${*: -1}
host=${target#root@} host=${host%%:*} path=${target#*:}
case $path in
/*) ;;
*) path=/root/$path ;;
esac
cp -p "${@:1:$#-1}" "/machines/$host$path"
"""


class Unable(Exception):
    """Not permitted here."""


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}".strip())
    return done.stdout


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, SIGKILL)


class Network:
    """A bridge in a namespace of its own, and one namespace for each machine."""

    def __init__(self):
        self.names = [f"{TAG}-net", *(f"{TAG}-{name}" for name in MACHINES)]

    def make(self):
        for name in self.names:
            run("ip", "netns", "add", name)
        switch = self.names[0]
        run("ip", "-n", switch, "link", "add", "name", "switch", "type", "bridge")
        run("ip", "-n", switch, "link", "set", "switch", "up")
        for name, address in MACHINES.items():
            inside = f"{TAG}-{name}"
            run("ip", "-n", switch, "link", "add", "name", name, "type", "veth", "peer", "name", "eth0",
                "netns", inside)
            run("ip", "-n", switch, "link", "set", name, "master", "switch", "up")
            run("ip", "-n", inside, "address", "add", f"{address}/24", "dev", "eth0")
            run("ip", "-n", inside, "link", "set", "eth0", "up")
            run("ip", "-n", inside, "link", "set", "lo", "up")

    def close(self):
        for name in self.names:
            for pid in subprocess.run(["ip", "netns", "pids", name], capture_output=True,
                                      text=True).stdout.split():
                os.kill(int(pid), SIGKILL)
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


class Machine:
    """A root of its own, over this system's."""

    def __init__(self, place, name):
        self.name, self.path = name, place / name / "root"
        for folder in ("upper", "work", "root"):
            (place / name / folder).mkdir(parents=True)
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir=/,upperdir={place / name}/upper,workdir={place / name}/work", self.path)
        for folder in ("proc", "dev"):
            run("mount", "--rbind", f"/{folder}", self.path / folder)
        for folder in ("run", "tmp", "var/log", "machines"):
            (self.path / folder).mkdir(exist_ok=True)
        run("mount", "-t", "tmpfs", "tmpfs", self.path / "run")
        run("mount", "-t", "tmpfs", "tmpfs", self.path / "root")

    def write(self, path, text, mode=0o755):
        target = self.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def run(self, script, name="setup", limit_s=BLOCK_LIMIT_S):
        """A block of commands, as a person would give them: one after another, up to a failure."""
        log = self.path / "root" / ".told"
        with open(log, "w+") as told:
            done = subprocess.run(
                ["ip", "netns", "exec", f"{TAG}-{self.name}", "chroot", str(self.path), "bash", "-e",
                 "-c", "cd /root\n" + script], stdin=subprocess.DEVNULL, stdout=told, stderr=told,
                timeout=limit_s, preexec_fn=die_with_parent,
                env={"PATH": "/stand-ins:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                     "HOME": "/root", "LC_ALL": "C.UTF-8", **SANITIZER})
        if done.returncode != 0:
            raise AssertionError(f"ended with {done.returncode}:\n{log.read_text()[-3000:]}")

    def install(self):
        """In the packages' places."""
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", self.path)
        for program in ("bin/qkdnf", "sbin/qkdnf-platform", "sbin/qkdnf-agent"):
            target = self.path / "usr" / program
            target.unlink(missing_ok=True)
            target.symlink_to(f"/usr/local/{program}")
        for unit in (ROOT / "tools" / "debian").glob("*.service"):
            name = unit.name.split(".")[-2]
            self.write(f"usr/lib/systemd/system/{name}.service", unit.read_text(), 0o644)

    def configure(self):
        """What the packages' own scripts do."""
        users = "".join(path.read_text() for path in (ROOT / "tools/debian").glob("*.sysusers"))
        self.write("root/sysusers", users, 0o644)
        self.run("systemd-sysusers /root/sysusers\ninstall -d /etc/qkdnf\n" + "".join(
            f"touch /etc/qkdnf/{user[6:]}.yaml\nchmod 640 /etc/qkdnf/{user[6:]}.yaml\n"
            f"chgrp {user} /etc/qkdnf/{user[6:]}.yaml\n" for user in USERS) +
            "head -c 32 /dev/urandom >/etc/qkdnf/master.key\n"
            "chmod 600 /etc/qkdnf/master.key\nchown qkdnf-agent /etc/qkdnf/master.key\n")


SANITIZER = {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}


class World:
    """All machines. Everything of it goes with this process."""

    def __init__(self):
        if os.geteuid() != 0:
            raise Unable("only root may make machines")
        if libc.unshare(CLONE_NEWNS) != 0:
            raise Unable("no mount namespace may be made here")
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="qkdnf-"))
        self.network = Network()
        try:
            run("mount", "--make-rprivate", "/")
            run("mount", "-t", "tmpfs", "tmpfs", self.place)
            self.network.make()
            self.machines = {name: Machine(self.place, name) for name in MACHINES}
        except RuntimeError as error:
            self.close()
            raise Unable(str(error)) from error
        for machine in self.machines.values():
            self._furnish(machine)

    def _furnish(self, machine):
        machine.write("stand-ins/systemctl", SYSTEMCTL)
        machine.write("stand-ins/scp", SCP)
        machine.install()
        machine.configure()
        for name, address in MACHINES.items():
            for folder in ("root", "etc"):
                target = machine.path / "machines" / address / folder
                target.mkdir(parents=True)
                run("mount", "--bind", self.machines[name].path / folder, target)

    def close(self):
        self.network.close()
        subprocess.run(["umount", "--recursive", "--lazy", str(self.place)], capture_output=True)
        self.place.rmdir()


def blocks():
    """(line, heading, machines, is about packages, commands) of every block in the guide."""
    heading, inside = "", None
    for number, line in enumerate((ROOT / "tools" / "GUIDE.md").read_text().splitlines(), 1):
        if inside is not None:
            if line == "```":
                yield (*inside[:4], "\n".join(inside[4]) + "\n")
                inside = None
            else:
                inside[4].append(line)
        elif line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("```"):
            language, machine, *marks = line[3:].split()
            assert language == "sh", f"line {number}: what is this block?"
            names = list(MACHINES) if machine == "all" else [machine]
            inside = [number, heading, names, "packages" in marks, []]


def logs(world):
    for name, machine in world.machines.items():
        for log in sorted((machine.path / "var" / "log").glob("qkdnf-*.log")):
            for line in log.read_text(errors="replace").splitlines()[-12:]:
                yield f"# {name} {log.stem}: {line}"


def follow(world, steps):
    """Nothing can be followed after what failed."""
    for number, (line, heading, names, is_packages, commands) in enumerate(steps, 1):
        what = f"line {line}: {heading}, on {', '.join(names)}"
        try:
            for name in names:
                machine = world.machines[name]
                machine.install() if is_packages else machine.run(commands)
        except (AssertionError, RuntimeError, subprocess.TimeoutExpired) as error:
            print(f"not ok {number} {what}")
            for told in str(error).splitlines():
                print(f"# {told}")
            print("\n".join(logs(world)), flush=True)
            return False
        note = " (the packages' contents, from the build)" if is_packages else ""
        print(f"ok {number} {what}{note}", flush=True)
    return True


def main():
    steps = list(blocks())
    assert len(steps) > 20
    try:
        world = World()
    except Unable as error:
        cause = " ".join(str(error).split())
        print(f"1..0 # SKIP the guide was NOT followed: {cause}")
        return 0
    print(f"1..{len(steps)}", flush=True)
    try:
        return 0 if follow(world, steps) else 1
    finally:
        world.close()


sys.exit(main())
