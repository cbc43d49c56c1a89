# SPDX-License-Identifier: Apache-2.0
"""A federation of two hundred providers that say ten thousand publishes a second: what watches the
bus keeps up, or says that it samples, and grows no further. Measures and prints what each has seen;
fails on no time. Arguments: the build directory; --seconds N for a longer run, --rate N for another."""

import argparse
import contextlib
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile

import fabric
import pages
import terminal

PROVIDERS = 200
WAIT_S = 60
# What a monitor may grow by while it listens, whatever is said: its queues and tables, full.
GROWTH_MAX_BYTES = 256 << 20


def rss_bytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


class Broker:
    """mosquitto over mutual TLS, with the limits that qkdnf gives it and nobody's access rules:
    one connection speaks for everybody."""

    def __init__(self, options, kinds):
        self.seconds, self.rate, self.kinds = options.seconds, options.rate, kinds
        self.build = pathlib.Path(options.build)
        self.qkdnf = str(self.build / "tools" / "qkdnf" / "qkdnf")
        self.temporary = tempfile.TemporaryDirectory(prefix="qkdnf-")
        self.dir = pathlib.Path(self.temporary.name)
        self.stack = contextlib.ExitStack()
        for role, id, *host in (("server", "broker", "--host", "127.0.0.1"), ("monitor", "ops"),
                                ("platform", "platform")):
            self.run("certificate", "issue", "--role", role, id, "--dir", str(self.dir / "pki"), *host)
        self.port = fabric.free_port()
        self.run("broker", "--dir", str(self.dir), "--listen", f"127.0.0.1:{self.port}", "--monitor", "ops",
                 "--ca", self.pki("ca.crt"), "--certificate", self.pki("broker.crt"), "--key",
                 self.pki("broker.key"))
        conf = self.dir / "mosquitto.conf"
        conf.write_text(re.sub(r"^(acl_file|plugin) .*\n", "", conf.read_text(), flags=re.M))
        self.process = self.start([shutil.which("mosquitto", path="/usr/sbin:/usr/bin"), "-c", str(conf)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        fabric.wait_until("the broker", self._is_there, WAIT_S)
        self.access = ["--broker", f"mqtts://127.0.0.1:{self.port}", "--ca", self.pki("ca.crt"),
                       "--certificate", self.pki("ops.crt"), "--key", self.pki("ops.key"), "--as", "ops"]

    def _is_there(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def pki(self, name):
        return str(self.dir / "pki" / name)

    def run(self, *arguments):
        subprocess.run([self.qkdnf, *arguments], check=True, capture_output=True, timeout=WAIT_S)

    def start(self, command, **options):
        process = subprocess.Popen(command, preexec_fn=fabric.die_with_parent, **options)
        self.stack.callback(lambda: (process.terminate(), process.wait(WAIT_S)))
        return process

    def crowd(self, seconds, rate, lose=0):
        """Speaks, but each publish of so many is lost; what it has said is its next line."""
        return subprocess.Popen(
            [self.build / "tests" / "e2e" / "crowd", f"mqtts://127.0.0.1:{self.port}", self.pki("ca.crt"),
             self.pki("platform.crt"), self.pki("platform.key"), str(PROVIDERS), str(rate), str(seconds),
             str(lose)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=fabric.die_with_parent)

    def murmur(self):
        """All are born, and say a word."""
        with self.crowd(0, 1) as crowd:
            crowd.communicate("\n", timeout=WAIT_S)
        assert crowd.returncode == 0
        return True

    def close(self):
        self.stack.close()
        self.temporary.cleanup()


class Tap:
    name = "tap"

    def __init__(self, broker):
        self.out, self.err = (broker.dir / f"tap.{suffix}" for suffix in ("out", "err"))
        process = broker.start([broker.qkdnf, "tap", *broker.access], stdout=self.out.open("wb"),
                               stderr=self.err.open("wb"))
        self.pid = process.pid

    def seen(self):
        with self.out.open("rb") as file:
            return sum(line.count(b" reply  ") for line in file)

    def is_ready(self):
        return self.out.stat().st_size > 0

    def missed(self):
        return re.findall(r"sampled: (\d+) frames", self.err.read_text())[-1:]


class Top:
    name = "top"

    def __init__(self, broker):
        self.screen = terminal.Terminal(broker.dir, broker.qkdnf, "top", *broker.access, columns=160)
        broker.stack.callback(self.screen.close)
        self.pid = int(self.screen.tmux("list-panes", "-t", "top", "-F", "#{pane_pid}"))

    def is_ready(self):
        return self.screen.shows(rf"^qkdnf top   providers {PROVIDERS} of {PROVIDERS} ")

    def seen(self):
        return int(self.screen.shows(r"granted (\d+) ")[1])

    def missed(self):
        shown = self.screen.shows(r"sampled: (\d+) missed")
        return [shown[1]] if shown else []


class Dashboard:
    name = "dashboard"

    def __init__(self, broker):
        server = broker.start([broker.qkdnf, "dashboard", *broker.access], stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT)
        self.pid = server.pid
        self.browser = pages.Browser(broker.dir / "browser")
        broker.stack.callback(self.browser.close)
        assert self.browser.do("open", url=re.search(r"http://\S+", server.stdout.readline())[0]) == 200
        self.heap = self.used()

    def used(self):
        return self.browser.ask("performance.memory?.usedJSHeapSize ?? 0")

    def is_ready(self):
        return self.browser.figure("providers") == f"{PROVIDERS} of {PROVIDERS}"

    def seen(self):
        return int(self.browser.figure("granted"))

    def missed(self):
        return re.findall(r"\d+(?= were left out| publishes did not)",
                          " ".join(self.browser.texts("#sampling:not([hidden])")))


def is_sanitized(broker):
    """Sanitizers keep what was freed, as long as they like."""
    program = pathlib.Path(broker.qkdnf).read_bytes()
    return b"__asan_init" in program or b"__tsan_init" in program


def ends_up(broker, watcher, n_requests, before):
    """What it has seen, told, and grown by."""
    fabric.wait_until(f"{watcher.name} to show all, or to say that it samples",
                      lambda: watcher.seen() == n_requests or watcher.missed(), 4 * WAIT_S)
    after = rss_bytes(watcher.pid)
    print(f"# {watcher.name}: seen {watcher.seen()} of {n_requests} requests, said to be missed "
          f"{watcher.missed()}; {before >> 20} MiB, then {after >> 20} MiB", flush=True)
    assert is_sanitized(broker) or after - before < GROWTH_MAX_BYTES, (before, after)


def test_what_watches_shows_all_or_says_that_it_samples(broker):
    watchers = broker.watchers = [kind(broker) for kind in broker.kinds]
    for watcher in watchers:
        fabric.wait_until(f"{watcher.name} to see all providers",
                          lambda w=watcher: broker.murmur() and w.is_ready(), WAIT_S)
    before = [rss_bytes(watcher.pid) for watcher in watchers]
    with broker.crowd(broker.seconds, broker.rate) as crowd:
        said = json.loads(crowd.stdout.readline())
        print(f"# {PROVIDERS} providers, {said['publishes']} publishes in {said['seconds']:.1f} s, "
              f"{said['publishes'] / said['seconds']:.0f} a second", flush=True)
        print(file=crowd.stdin, flush=True)
        for watcher, rss in zip(watchers, before):
            ends_up(broker, watcher, said["requests"], rss)
    for watcher in watchers:
        if isinstance(watcher, Dashboard):
            print(f"# the page: {watcher.heap >> 20} MiB, then {watcher.used() >> 20} MiB", flush=True)
            assert watcher.used() - watcher.heap < GROWTH_MAX_BYTES and watcher.browser.do("troubles") == []


def test_what_was_lost_on_the_way_is_said(broker):
    """As if the broker had dropped every hundredth publish."""
    with broker.crowd(1, 2000, 100) as crowd:
        crowd.stdout.readline()
        print(file=crowd.stdin, flush=True)
        lost = json.loads(crowd.stdout.readline())["lost"]
        assert lost > 0
        for watcher in broker.watchers:
            fabric.wait_until(f"{watcher.name} to say that {lost} are missing", lambda w=watcher: w.missed() and
                              int(w.missed()[0]) >= lost, WAIT_S)
            print(f"# {watcher.name}: lost on the way {lost}, said to be missed {watcher.missed()[0]}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rate", type=int, default=10000)
    options = parser.parse_args()
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    without = subprocess.run([pathlib.Path(options.build) / "tools" / "qkdnf" / "qkdnf", "dashboard"],
                             capture_output=True, text=True)
    has_page = "built without" not in without.stderr and pages.Browser.is_there()
    if not has_page:
        print("# no dashboard, or no browser: tools/check installs what they need")
    kinds = [Tap, Top] + ([Dashboard] if has_page else [])
    fabric.main(tests, lambda: contextlib.closing(Broker(options, kinds)))


main()
