# SPDX-License-Identifier: Apache-2.0
"""`qkdnf demo`: what it reports, and that it leaves nothing behind. Argument: the build directory."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import fabric

FEDERATION = fabric.ROOT / "tools" / "demo" / "four-in-a-row.yaml"


class Demo:
    """The program, with a directory of its own for what is temporary."""

    def __init__(self, build):
        self.qkdnf = pathlib.Path(build) / "tools" / "qkdnf" / "qkdnf"
        self.place = tempfile.TemporaryDirectory(prefix="qkdnf-")
        self.path = pathlib.Path(self.place.name)
        self.tmp = self.path / "tmp"
        self.tmp.mkdir()

    def close(self):
        self.place.cleanup()

    def start(self, *arguments, verb="demo"):
        return subprocess.Popen([self.qkdnf, verb, *map(str, arguments)], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True,
                                env={**os.environ, "TMPDIR": str(self.tmp)},
                                preexec_fn=fabric.die_with_parent)

    def run(self, *arguments, **options):
        with self.start(*arguments, **options) as process:
            out, err = process.communicate(timeout=120)
            return process.returncode, out, err

    def left(self):
        return list(self.tmp.iterdir())

    def pids(self):
        """Of all that runs in what is temporary."""
        mine = [int(entry.name) for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit()]
        return [pid for pid in mine if str(self.tmp) in command_line(pid)]


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def test_the_report(demo):
    report = demo.path / "report.json"
    report.write_text("x" * 100000)
    link = demo.path / "link"
    link.symlink_to(report)
    code, out, err = demo.run("--federation-file", FEDERATION, "--report", link)
    assert code == 0 and link.is_symlink(), (out, err)
    found = json.loads(report.read_text())
    assert found["not_as_expected"] == 0 and len(found["requests"]) >= 6, found
    for request in found["requests"]:
        assert request["keys_equal"] is True and request["n_keys_equal"] == 1, request
        assert len(str(request["milliseconds"])) <= 8, request
    # In a row, there is no other way.
    assert found["detours"] == 0 and found["reroutes"] >= 0, found
    assert demo.left() == [] and demo.pids() == []


def test_a_session_through_everything(demo):
    report = demo.path / "session.json"
    code, out, err = demo.run("--report", report)
    assert code == 0, (out, err)
    found = json.loads(report.read_text())
    session = found["session"]
    assert session["keys"] > 20 and session["none_missing"] is True, session
    assert (session["failed_get_keys"], session["wrong_keys"]) == (0, 0), session
    assert [event["what"] for event in session["events"]] == ["border cut", "provider killed",
                                                             "handover", "handover"], session
    there, back = session["events"][2:]
    assert (there["old"], there["new"]) == (back["new"], back["old"]), session
    assert all(event["old"] != event["new"] for event in session["events"]), session
    assert len(found["session_reroutes"]) >= 2 and found["detours"] >= 1, found
    assert demo.left() == [] and demo.pids() == []


def test_a_report_that_is_no_file(demo):
    code, out, err = demo.run("--federation-file", FEDERATION, "--report", "/dev/stderr")
    assert code == 0 and json.loads(err)["not_as_expected"] == 0, (code, out, err)


def interrupt(demo, ready, number, *arguments, verb="demo"):
    with demo.start(*arguments, verb=verb) as process:
        fabric.wait_until("the demo to have begun", ready, 60)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        fabric.wait_until("all that it started to end", lambda: demo.pids() == [], 5)
        return process.returncode, out, err


def test_an_interrupt_while_it_starts(demo):
    report = demo.path / "interrupted.json"
    code, _, err = interrupt(demo, lambda: demo.left() and demo.pids(), signal.SIGINT,
                             "--federation-file", FEDERATION, "--report", report)
    assert not report.exists()
    assert (code, err) == (1, "qkdnf demo: interrupted\n") and demo.left() == [], (code, err)


def test_an_interrupt_while_it_shows(demo):
    for verb, arguments in (("demo", ["--federation-file"]), ("bench", ["request"])):
        code, _, err = interrupt(demo, lambda: list(demo.tmp.glob("*/federation.json")),
                                 signal.SIGTERM, *arguments, FEDERATION, verb=verb)
        assert (code, err) == (1, f"qkdnf {verb}: interrupted\n"), (code, err)
        assert demo.left() == []


def test_a_wrong_description(demo):
    wrong = demo.path / "wrong.yaml"
    wrong.write_text("provider: []\n")
    for verb, arguments in (("demo", ["--federation-file"]), ("bench", ["request"])):
        code, _, err = demo.run(*arguments, wrong, verb=verb)
        assert code == 2 and "unknown key 'provider'" in err, (code, err)
        assert demo.left() == []


def test_a_report_that_cannot_be_written(demo):
    code, out, err = demo.run("--report", "/none/report.json")
    assert (code, out) == (2, ""), (code, out)
    assert err == "qkdnf demo: cannot write /none/report.json: No such file or directory\n", err
    assert demo.left() == []


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(Demo(sys.argv[1])))


main()
