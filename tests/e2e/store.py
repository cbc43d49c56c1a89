# SPDX-License-Identifier: Apache-2.0
"""Stores that cannot be used, and disks that fail under a running daemon: one line that says which
file and what to do, exit code 1, never a fresh start, and nothing on the bus that was not durable.
Argument: the build directory."""

import contextlib
import ctypes
import os
import pathlib
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading

import fabric
import observer

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
START_LIMIT_S = 60
# Of schemas/order.proto.
OUTCOME_STAGE_ORDER = 1

RESTORE = "restore it from a backup"


class Daemon:
    """One daemon of a federation, started by this test itself."""

    def __init__(self, fed, name, prepare=None, **environment):
        program = "platform/qkdnf-platform" if name == "platform" else "agents/qkdnf-agent"
        self.name = name
        self.dir = fed.dir / name
        self.store = self.dir / ("platform.db" if name == "platform" else "agent.db")
        config = self.dir / ("platform.yaml" if name == "platform" else "agent.yaml")
        self.program = fed.build / program
        self.process = subprocess.Popen(
            [self.program, "--config", config], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=os.environ | environment,
            preexec_fn=lambda: (fabric.die_with_parent(), prepare and prepare()))
        self.errors = []
        self.said = threading.Event()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        self.errors += [line.rstrip("\n") for line in self.process.stderr]

    def wait_ready(self):
        line = self.process.stdout.readline()
        assert line == f"ready {self.name}\n", (line, self.errors)
        return self

    def failed(self):
        """The one line with which it ended, without what it logged before."""
        try:
            code = self.process.wait(START_LIMIT_S)
        finally:
            self.process.kill()
        self.reader.join()
        assert code == 1, (code, self.errors)
        prefix = self.program.name + ": "
        last = [line for line in self.errors if line.startswith(prefix)]
        assert len(last) == 1 and self.errors[-1] == last[0], self.errors
        return last[0].removeprefix(prefix)

    def stop(self):
        self.process.terminate()
        self.process.wait(START_LIMIT_S)


class Place(fabric.Fabric):
    """A federation of two that has run, exchanged keys, and stopped; its files, to be spoilt."""

    def __init__(self, build):
        super().__init__(build, fabric.ROOT / "tools" / "demo" / "two-providers.yaml")
        # Nobody fetches them as a target, so that the stores hold keys.
        for pair in (("alice", "bob"), ("bob", "alice")):
            fabric.wait_until("a key", lambda: self.enc_keys(*pair).code == 200, 60)
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.up_log()
        self.good = {name: (self.dir / name / file).read_bytes() for name, file in
                     (("platform", "platform.db"), ("left", "agent.db"), ("right", "agent.db"))}
        self.broker = None

    def close(self):
        self.log.close()
        self.temporary.cleanup()

    def store(self, name):
        return self.dir / name / ("platform.db" if name == "platform" else "agent.db")

    def restore(self, name):
        for old in self.dir.glob(f"{name}/*.db*"):
            old.unlink()
        self.store(name).write_bytes(self.good[name])
        self.store(name).chmod(0o600)

    def change(self, name, *statements):
        with contextlib.closing(sqlite3.connect(self.store(name))) as db:
            for statement in statements:
                db.execute(statement)
            db.commit()

    def refused(self, name, *texts, prepare=None):
        """Starts it in vain, and has a look at what it says and leaves."""
        def files():
            return {path.name: path.read_bytes() for path in self.dir.glob(f"{name}/*.db*")
                    if not path.name.endswith("-shm")}
        before = files()
        said = Daemon(self, name, prepare).failed()
        print(f"# {said}".replace(str(self.dir), "DIR"))
        for text in (str(self.store(name)), *texts):
            assert text in said, (text, said)
        assert files() == before, "the files of the store have changed"
        self.restore(name)

    @contextlib.contextmanager
    def running(self, *names):
        """The broker, and daemons on it."""
        broker = subprocess.Popen(
            [shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin"), "-c",
             self.dir / "broker" / "mosquitto.conf"], stderr=subprocess.DEVNULL,
            preexec_fn=fabric.die_with_parent)
        daemons = []
        try:
            for name in names:
                daemons.append(Daemon(self, name))
            for daemon in daemons:
                daemon.wait_ready()
            yield
        finally:
            for daemon in daemons:
                daemon.stop()
            broker.terminate()
            broker.wait()


BOTH = "platform", "left"


def test_what_is_no_store(place):
    for name in BOTH:
        place.store(name).write_text("dear diary\n" * 1000)
        place.refused(name, "is not a store", RESTORE)
        place.store(name).unlink()
        place.change(name, "CREATE TABLE diary (day)")
        place.refused(name, "another program", "give another path")


def test_what_is_damaged(place):
    for name in BOTH:
        good = place.good[name]
        for damaged in (b"", good[:100], good[:len(good) // 2],
                        good[:8192] + b"\xa5" * 4096 + good[12288:]):
            place.store(name).write_bytes(damaged)
            place.refused(name, "is damaged", RESTORE)


def test_a_changed_record(place):
    """Damage that SQLite does not see, of what must not be forgotten."""
    for name, table in (("platform", "link"), ("platform", "request"), ("platform", "self"),
                        ("left", "self"), ("left", "order"), ("left", "block"), ("left", "key")):
        place.change(name, f"UPDATE \"{table}\" SET value = substr(value, 1, length(value) - 1)")
        place.refused(name, "is damaged", RESTORE)


def test_a_newer_version(place):
    for name in BOTH:
        place.change(name, "PRAGMA user_version = 1000")
        place.refused(name, "newer version", "run that version")


def test_anothers_store(place):
    place.store("left").write_bytes(place.good["right"])
    place.refused("left", "belongs to agent right, not to agent left", "give each its own path")
    place.store("platform").write_bytes(place.good["right"])
    place.refused("platform", "belongs to agent right, not to platform", "give each its own path")


def obey_modes():
    """Root may write everywhere; root without this capability may not."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)


def test_what_cannot_be_written(place):
    for name in BOTH:
        place.store(name).chmod(0o400)
        place.refused(name, "cannot be written", "check owner, mode and mount", prepare=obey_modes)
        (place.dir / name).chmod(0o500)
        place.refused(name, "check owner, mode and mount", prepare=obey_modes)
        (place.dir / name).chmod(0o700)


def small_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def test_no_room_to_begin(place):
    for name in BOTH:
        place.store(name).unlink()
        place.refused(name, "cannot", "free space", prepare=small_files)


def test_another_master_key(place):
    key = place.dir / "left" / "master.key"
    good = key.read_bytes()
    key.write_bytes(bytes(32))
    place.refused("left", str(key), "sealed with another master key", "give the one that belongs")
    key.write_bytes(good)
    key.chmod(0o644)
    said = Daemon(place, "left").failed()
    assert str(key) in said and "chmod 0600" in said, said
    key.chmod(0o600)


def test_after_all_that_the_good_stores_are_good(place):
    with place.running("platform", "left", "right"):
        answer = fabric.wait_until("a key", lambda: place.enc_keys("alice", "bob"))
        assert answer.code == 200, answer


def mount_small_disk(directory):
    """In a mount name space of its own: a disk of 4 MiB with what was in the directory."""
    libc = ctypes.CDLL(None, use_errno=True)
    files = {path.name: (path.read_bytes(), path.stat().st_mode) for path in directory.iterdir()}
    if libc.unshare(CLONE_NEWNS | (0 if os.geteuid() == 0 else CLONE_NEWUSER)) != 0 or \
            libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0 or \
            libc.mount(b"none", bytes(directory), b"tmpfs", 0, b"size=4m") != 0:
        return
    for name, (content, mode) in files.items():
        (directory / name).write_bytes(content)
        (directory / name).chmod(mode)


class SmallDisk:
    """Where no disk can be mounted, a limit of the process stands in for its end."""

    def start(self, fed, name):
        self.daemon = Daemon(fed, name, lambda: mount_small_disk(fed.dir / name))
        return self.daemon

    def strike(self):
        pid = self.daemon.process.pid
        inside = pathlib.Path(f"/proc/{pid}/root{self.daemon.dir}")
        if inside.stat().st_dev == self.daemon.dir.stat().st_dev:
            FileLimit.strike(self)
            return
        with contextlib.suppress(OSError), open(inside / "ballast", "wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(65536))

    says = "cannot"


class FileLimit:
    def start(self, fed, name):
        self.daemon = Daemon(fed, name)
        return self.daemon

    def strike(self):
        sizes = [path.stat().st_size for path in self.daemon.dir.glob("*.db*")]
        resource.prlimit(self.daemon.process.pid, resource.RLIMIT_FSIZE, (max(sizes), max(sizes)))

    says = "cannot be read or written"


class BadDisk:
    def start(self, fed, name):
        self.flag = fed.dir.parent / "bad"
        self.flag.unlink(missing_ok=True)
        self.daemon = Daemon(fed, name, None, BAD_DISK=str(self.flag),
                             LD_PRELOAD=str(fed.build.resolve() / "tests" / "e2e" / "libbad-disk.so"),
                             ASAN_OPTIONS="verify_asan_link_order=0")
        return self.daemon

    def strike(self):
        self.flag.touch()

    says = "cannot be read or written"


class Traffic(observer.Record):
    """All that one member publishes about requests."""

    def __init__(self, name):
        super().__init__()
        self.name = name
        self.said = []  # (kind, request, attempt)

    def take(self, topic, payload):
        kind, sender = topic.split("/")[2:4]
        if sender != self.name or kind not in ("order", "relay", "outcome", "reply"):
            return
        for message in map(observer.fields, observer.fields(payload)[2]):
            if kind != "outcome" or observer.number(message, 5) == OUTCOME_STAGE_ORDER:
                self.said.append((kind, observer.text(message, 1), observer.number(message, 2)))


def in_store(place, name):
    """The requests, or the orders, that a copy of its files holds."""
    copy = place.dir.parent / "copy"
    copy.mkdir(exist_ok=True)
    for path in place.dir.glob(f"{name}/*.db*"):
        shutil.copy(path, copy)
    table = "request" if name == "platform" else "order"
    with contextlib.closing(sqlite3.connect(copy / place.store(name).name)) as db:
        found = {bytes(key).decode() for key, in db.execute(f"SELECT key FROM \"{table}\"")}
    shutil.rmtree(copy)
    return found


def ask(place, over, codes):
    while not over.is_set():
        with contextlib.suppress(AssertionError):  # its own agent is gone
            codes.append(place.curl("bob", "/api/v1/keys/alice/enc_keys", timeout=2).code)


def fails(place, name, disk):
    """Lets its disk fail under load; what it published by then is in the store it leaves."""
    others = [other for other in ("platform", "left", "right") if other != name]
    over, codes, traffic = threading.Event(), [], Traffic(name)
    with place.running(*others):
        daemon = disk.start(place, name).wait_ready()
        tap = observer.Subscriber(place.info, traffic.take)
        load = threading.Thread(target=ask, args=(place, over, codes))
        load.start()
        try:
            fabric.wait_until("keys", lambda: codes.count(200) >= 3)
            disk.strike()
            said = daemon.failed()
            tap.close()
        finally:
            over.set()
            load.join()
    print(f"# {said}".replace(str(place.dir), "DIR"))
    for text in (f"cannot make the state of {name} durable: ", str(daemon.store), disk.says):
        assert text in said, (text, said)
    return traffic.said


def test_a_disk_that_is_full(place):
    for name in BOTH:
        assert fails(place, name, SmallDisk())
        place.restore(name)


def assert_durable(place, name, said):
    found = in_store(place, name)
    names = {request if name == "platform" else f"{request}/{attempt}"
             for _, request, attempt in said}
    assert names and names <= found, names - found


def test_a_file_that_may_not_grow(place):
    for name in BOTH:
        assert_durable(place, name, fails(place, name, FileLimit()))


def test_a_disk_that_cannot_sync(place):
    for name in BOTH:
        assert_durable(place, name, fails(place, name, BadDisk()))


def test_who_does_not_sync_says_so(place):
    """Only who asks for it; that nothing is synced, the disk shows that cannot."""
    config = place.dir / "platform" / "platform.yaml"
    text, disk = config.read_text(), BadDisk()
    assert "store_synchronous: full" in text, text
    config.write_text(text.replace("store_synchronous: full", "store_synchronous: off"))
    try:
        with place.running("left", "right"):
            daemon = disk.start(place, "platform").wait_ready()
            disk.strike()
            for _ in range(3):
                fabric.wait_until("a key", lambda: place.enc_keys("bob", "alice").code == 200)
            daemon.stop()
    finally:
        config.write_text(text)
    unsafe = [line for line in daemon.errors if "UNSAFE" in line]
    assert len(unsafe) == 1 and " WARNING " in unsafe[0] and str(daemon.store) in unsafe[0], \
        daemon.errors
    with place.running("left", "right"):
        daemon = Daemon(place, "platform").wait_ready()
        daemon.stop()
    assert not any("UNSAFE" in line for line in daemon.errors), daemon.errors


def test_after_that_they_go_on(place):
    with place.running("platform", "left", "right"):
        ours, theirs = place.fetch_both("bob", "alice")
        assert ours == theirs


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(Place(sys.argv[1])))


main()
