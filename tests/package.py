#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Installs, runs, upgrades and purges the Debian packages in a throw-away copy of this system's root:
an overlay in a mount and network namespace of its own. There is no service manager in it, so what a
unit says is done by this script: its command line, as its user. Argument: the packages' directory.
Needs root."""

import ctypes
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

PACKAGES = pathlib.Path(sys.argv[1]).resolve()
FILES = [path for path in sorted(PACKAGES.glob("*.deb")) if "-dbgsym_" not in path.name]
NAMES = ("qkdnf-platform", "qkdnf-agent", "qkdnf-tools", "libqkdnf0", "libqkdnf-dev")
CLONE_NEWNS, CLONE_NEWNET, PR_SET_PDEATHSIG, SIGKILL = 0x20000, 0x40000000, 1, 9
UNITS = "usr/lib/systemd/system", "lib/systemd/system"
LIMIT_S = 120


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}"
    return done.stdout


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL)


class Root:
    """The throw-away root."""

    def __init__(self, place):
        self.path = place / "root"
        for name in ("upper", "work", "root"):
            (place / name).mkdir()
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
            raise SystemExit("Bail out! no namespaces of its own: run it as root")
        run("mount", "--make-rprivate", "/")
        run("mount", "-t", "tmpfs", "tmpfs", place)
        for name in ("upper", "work", "root"):
            (place / name).mkdir()
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir=/,upperdir={place}/upper,workdir={place}/work", self.path)
        for name in ("proc", "dev"):
            run("mount", "--rbind", f"/{name}", self.path / name)
        run("ip", "link", "set", "lo", "up")
        for package in FILES:
            shutil.copy(package, self.path / "root")

    def run(self, *command, user=None, **options):
        as_user = ["runuser", "-u", user, "--"] if user else []
        return run("chroot", self.path, *as_user, *command, **options)

    def at(self, path):
        return self.path / path.lstrip("/")


class Service:
    """What a unit starts."""

    def __init__(self, root, name):
        path = next(root.at(f"{folder}/{name}.service") for folder in UNITS
                    if root.at(f"{folder}/{name}.service").exists())
        self.root, self.name = root, name
        self.unit = dict(re.findall(r"^(\w+)=(.*)$", path.read_text(), re.MULTILINE))
        self.log = root.at(f"/root/{name}.log")
        self.process = None

    def make_state(self):
        state = self.root.at(f"/var/lib/{self.unit['StateDirectory']}")
        state.mkdir(exist_ok=True)
        state.chmod(int(self.unit["StateDirectoryMode"], 8))
        user = self.unit["User"]
        self.root.run("chown", f"{user}:", f"/var/lib/{self.unit['StateDirectory']}")

    def start(self):
        assert self.root.at(self.unit["ConditionPathExists"]).exists(), "the unit would not start"
        self.make_state()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["chroot", self.root.path, "setpriv", "--reuid", self.unit["User"], "--regid",
                 self.unit["User"], "--clear-groups", "--no-new-privs", "--bounding-set", "-all",
                 *shlex.split(self.unit["ExecStart"])],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(60) == 0, f"{self.name}: {self.log.read_text()}"

    def is_ready(self):
        assert self.process.poll() is None, f"{self.name} ended: {self.log.read_text()}"
        return "ready " in self.log.read_text()


def wait_until(what, condition):
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.2)
    raise AssertionError(f"waited {LIMIT_S} s in vain for {what}")


# --- the tests, one after another ------------------------------------------------------------------

def test_lintian_finds_no_error(root):
    # Whoever publishes packages has an address of their own.
    run("lintian", "--allow-root", "--fail-on", "error", "--suppress-tags",
        "bogus-mail-host,bogus-mail-host-in-debian-changelog", *FILES)


def test_they_install(root):
    root.run("dpkg", "-i", *(f"/root/{path.name}" for path in FILES))
    for name in NAMES:
        assert "ok installed" in root.run("dpkg-query", "-W", "-f", "${Status}", name)
    key = root.at("/etc/qkdnf/master.key").stat()
    assert key.st_size == 32 and key.st_mode & 0o777 == 0o600 and key.st_uid != 0
    for name in ("platform", "agent"):
        path = root.at(f"/etc/qkdnf/{name}.yaml")
        assert path.stat().st_mode & 0o777 == 0o640, f"{path} can be read by all"
        root.run(f"qkdnf-{name}", "--check-config", "--config", f"/etc/qkdnf/{name}.yaml",
                 user=f"qkdnf-{name}")


def test_units_are_hardened(root):
    for unit in ("qkdnf-platform", "qkdnf-agent", "qkdnf-broker"):
        path = next(root.at(f"{folder}/{unit}.service") for folder in UNITS
                    if root.at(f"{folder}/{unit}.service").exists())
        # Its program must be where it says; a threshold of 20 is an exposure of 2.0.
        said = run("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", path)
        print(f"# {said.strip().splitlines()[-1].lstrip('→ ')}", flush=True)


def test_the_default_settings_only_lack_certificates(root):
    def issue(role, member, target, user):
        root.run("qkdnf", "certificate", "issue", "--dir", "/root/ca", "--role", role, member)
        for suffix in ("crt", "key"):
            root.run("install", "-m", "600", "-o", user, f"/root/ca/{member}.{suffix}",
                     f"{target}.{suffix}")
    root.run("install", "-d", "-m", "700", "-o", "mosquitto", "/var/lib/qkdnf-broker")
    issue("server", "broker", "/var/lib/qkdnf-broker/broker", "mosquitto")
    issue("platform", "platform", "/etc/qkdnf/platform", "qkdnf-platform")
    issue("agent", "provider", "/etc/qkdnf/agent", "qkdnf-agent")
    issue("server", "provider-kme", "/etc/qkdnf/kme", "qkdnf-agent")
    issue("operator", "admin", "/root/admin", "root")
    root.run("install", "-m", "644", "/root/ca/ca.crt", "/etc/qkdnf/ca.crt")
    state = "/var/lib/qkdnf-broker"
    root.run("qkdnf", "broker", "--dir", state, "--listen", "127.0.0.1:8883", "--ca",
             "/etc/qkdnf/ca.crt", "--certificate", f"{state}/broker.crt", "--key",
             f"{state}/broker.key", user="mosquitto")


SERVICES = {}


def members(root):
    done = subprocess.run(
        ["chroot", str(root.path), "qkdnf", "admin", "members", "--json", "--broker",
         "mqtts://localhost:8883", "--ca", "/etc/qkdnf/ca.crt", "--certificate", "/root/admin.crt",
         "--key", "/root/admin.key", "--as", "admin"], capture_output=True, text=True)
    return done.stdout


def test_they_run_by_the_commands_of_their_units(root):
    for name in ("qkdnf-broker", "qkdnf-platform", "qkdnf-agent"):
        SERVICES[name] = Service(root, name)
        SERVICES[name].start()
    for name in ("qkdnf-platform", "qkdnf-agent"):
        wait_until(f"{name} to be ready", SERVICES[name].is_ready)
    wait_until("the provider's application", lambda: '"provider"' in members(root))
    options = ["--broker", "mqtts://localhost:8883", "--ca", "/etc/qkdnf/ca.crt", "--certificate",
               "/root/admin.crt", "--key", "/root/admin.key", "--as", "admin"]
    root.run("qkdnf", "admin", "approve", "provider", *options)
    wait_until("the provider to be active", lambda: '"active"' in members(root).lower())


def raise_version(root, package):
    """The same package with a higher version, as the next one would be."""
    place = root.at(f"/root/next/{package}")
    place.parent.mkdir(exist_ok=True)
    run("dpkg-deb", "-R", next(PACKAGES.glob(f"{package}_*.deb")), place)
    control = place / "DEBIAN" / "control"
    control.write_text(re.sub(r"\b0\.1\.0\b", "0.1.1~test", control.read_text()))
    run("dpkg-deb", "--root-owner-group", "-b", place, root.at(f"/root/next/{package}.deb"))
    return f"/root/next/{package}.deb"


def test_an_upgrade_keeps_settings_and_members(root):
    settings = root.at("/etc/qkdnf/platform.yaml")
    settings.write_text(settings.read_text() + "\n# Changed by its operator.\n")
    master = root.at("/etc/qkdnf/master.key").read_bytes()
    root.run("dpkg", "-i", *(raise_version(root, name) for name in NAMES))
    assert "Changed by its operator" in settings.read_text()
    assert root.at("/etc/qkdnf/master.key").read_bytes() == master
    for name in ("qkdnf-agent", "qkdnf-platform"):
        SERVICES[name].stop()
        SERVICES[name].start()
        wait_until(f"{name} to be ready", SERVICES[name].is_ready)
    wait_until("the provider to be active", lambda: '"active"' in members(root).lower())


def test_a_purge_leaves_nothing_of_theirs(root):
    for service in SERVICES.values():
        service.process.terminate()
        service.process.wait(60)
    root.run("dpkg", "-r", "qkdnf-agent")
    assert root.at("/var/lib/qkdnf-agent/agent.db").exists(), "a removed package keeps its state"
    root.run("dpkg", "-P", *reversed(NAMES))
    # Of what was written over this system's root; what was deleted there is a device.
    upper = root.path.parent / "upper"
    left = [path for folder in ("usr", "lib", "var", "etc") for path in (upper / folder).rglob("*qkdnf*")
            if "/dpkg/" not in str(path) and "/log/" not in str(path) and not path.is_char_device()]
    certificates = {"ca.crt", "platform.crt", "platform.key", "agent.crt", "agent.key", "kme.crt",
                    "kme.key"}
    kept = {path.name for path in root.at("/etc/qkdnf").glob("*")}
    assert kept == certificates, f"only what the operator put there stays: {kept}"
    assert left == [upper / "etc" / "qkdnf"], left


def main():
    tests = [(name, value) for name, value in globals().items() if name.startswith("test_")]
    failed = False
    print(f"1..{len(tests)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="qkdnf-") as place:
        root = Root(pathlib.Path(place))
        for number, (name, test) in enumerate(tests, 1):
            name = name.removeprefix("test_").replace("_", " ")
            try:
                test(root)
                print(f"ok {number} {name}", flush=True)
            except Exception as error:  # any failure is that test's
                failed = True
                print(f"not ok {number} {name}", flush=True)
                for line in f"{type(error).__name__}: {error}".splitlines():
                    print(f"# {line}", flush=True)
        for service in SERVICES.values():
            service.process.kill()
            service.process.wait()
        run("umount", "--recursive", root.path)
        run("umount", place)
    sys.exit(failed)


main()
