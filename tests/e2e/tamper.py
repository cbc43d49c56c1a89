# SPDX-License-Identifier: Apache-2.0
"""Providers that cheat, on the real bus: what they change on the way is found out and thrown away,
and the key takes another way or is refused, aloud. Argument: the build directory."""

import contextlib
import json
import subprocess
import sys
import uuid

import fabric

# The provider's name says how it cheats. The honest one is far away, so that nobody takes it
# without a reason.
CHEATS = ("flip", "cut", "swap", "keep")
PROVIDER = """\
  - id: {id}
    applications: [{applications}]
    qkdn: {{driver: sim, sim: {{nodes: [{{id: a}}, {{id: b}}], links: [
      {{a: a, b: b, km: {km}, rate_bps: 1000000, initial_bytes: 1048576}}]}}}}
"""
BORDER = "  - {{a: {}/{}, b: {}/{}, rate_bps: 1000000, initial_bytes: 262144}}\n"


def describe():
    text = "platform: {attempt_ms: 4000}\nproviders:\n"
    for end in ("tokyo", "madrid"):
        text += PROVIDER.format(id=end, km=10, applications=f"{{sae: user-{end}, node: a}}")
    for cheat in CHEATS:
        text += PROVIDER.format(id=cheat, km=10, applications="")
    text += PROVIDER.format(id="honest", km=2000, applications="") + "borders:\n"
    for transit in (*CHEATS, "honest"):
        text += BORDER.format("tokyo", "b", transit, "a") + BORDER.format(transit, "b", "madrid", "b")
    return text


class Federation(fabric.Fabric):
    """One in which the short ways lead through cheats."""

    def __init__(self, build):
        super().__init__(build, describe(),
                         cheats={cheat: f"QKDNF_TAMPER={cheat}" for cheat in CHEATS})
        self.tap = fabric.Tap(self)
        fabric.wait_until("key on all borders", self._has_key)

    def _has_key(self):
        links = json.loads(self.run("topology", "--federation", str(self.dir), "--json"))
        ends = [end for link in links["border_links"] for end in link["ends"]]
        return len(ends) == 4 * (len(CHEATS) + 1) and all(end["n_open"] >= 512 for end in ends)

    def ask(self, *through, start=subprocess.Popen):
        """A request that may only go through these; the process that makes it."""
        exclude = ",".join(id for id in (*CHEATS, "honest") if id not in through)
        return start([self.qkdnf, "request", "--federation", str(self.dir), "--json", "--as",
                      "user-tokyo", "--to", "user-madrid", "--exclude", exclude],
                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                     preexec_fn=fabric.die_with_parent)

    def answer(self, process):
        out, err = process.communicate(timeout=60)
        assert out, (process.returncode, err)
        return process.returncode, json.loads(out), err

    def alarms(self, request):
        return [payload for _, topic, payload in list(self.tap.messages)
                if topic == "qkdnf/v1/event/madrid/all" and request.encode() in payload
                and b"relay.tag_mismatch" in payload]

    def close(self):
        self.tap.close()
        super().close()


def key_id(report, attempt):
    return str(uuid.uuid5(uuid.UUID(report["request"]), f"{attempt}/0"))


def assert_nowhere(fed, key):
    """Neither end has a key of this ID."""
    ends = [("user-tokyo", "user-madrid"), ("user-madrid", "user-tokyo")]
    for caller, other in ends:
        answer = fed.dec_keys(caller, other, query=f"?key_ID={key}")
        assert answer.code == 400, answer
        assert answer.json["message"] == "one or more keys specified are not found on KME", answer


def assert_found_out(fed, report):
    """The alarm is raised, and neither end has a key of the first attempt."""
    fabric.wait_until("the alarm on the tap", lambda: fed.alarms(report["request"]))
    assert_nowhere(fed, key_id(report, 0))


def assert_went_around(fed, code, report, err):
    assert (code, err) == (0, ""), (code, report, err)
    assert report["status"] == "OK" and report["attempts"] == 2, report
    assert report["paths"][0]["providers"] == ["tokyo", "honest", "madrid"], report
    assert report["key_ids"] == [key_id(report, 1)], report
    assert_nowhere(fed, key_id(report, 0))
    ours = fed.enc_keys("user-tokyo", "user-madrid")
    assert ours.code == 200 and list(ours.keys) == report["key_ids"], ours
    theirs = fed.dec_keys("user-madrid", "user-tokyo", query=f"?key_ID={report['key_ids'][0]}")
    assert theirs.code == 200 and theirs.keys == ours.keys, theirs


def goes_around(fed, cheat):
    code, report, err = fed.answer(fed.ask(cheat, "honest"))
    assert_went_around(fed, code, report, err)
    assert_found_out(fed, report)


def is_refused(fed, cheat):
    code, report, err = fed.answer(fed.ask(cheat))
    assert code == 1 and report["status"] == "TAG_MISMATCH", (code, report, err)
    assert err.startswith("qkdnf request: TAG_MISMATCH: madrid: ") and err.count("\n") == 1, err
    assert "key_ids" not in report, report
    assert_found_out(fed, report)


def test_an_honest_way_serves_at_once(fed):
    code, report, err = fed.answer(fed.ask("honest"))
    assert code == 0 and report["attempts"] == 1, (code, report, err)
    assert not fed.alarms(report["request"])
    ours = fed.enc_keys("user-tokyo", "user-madrid")
    assert list(ours.keys) == report["key_ids"] == [key_id(report, 0)], ours


def test_a_flipped_bit_is_gone_around(fed):
    goes_around(fed, "flip")


def test_a_flipped_bit_without_another_way_is_refused(fed):
    is_refused(fed, "flip")


def test_a_value_cut_short_is_gone_around(fed):
    goes_around(fed, "cut")


def test_a_value_cut_short_without_another_way_is_refused(fed):
    is_refused(fed, "cut")


def test_a_value_kept_back_is_gone_around(fed):
    code, report, err = fed.answer(fed.ask("keep", "honest"))
    assert_went_around(fed, code, report, err)
    assert report["milliseconds"] >= 4000, report
    assert not fed.alarms(report["request"]), "silence is no proof of a cheat"


def test_values_of_two_requests_swapped_are_gone_around(fed):
    answers = [fed.answer(process) for process in
               [fed.ask("swap", "honest"), fed.ask("swap", "honest")]]
    ids = set()
    for code, report, err in answers:
        assert (code, err, report["attempts"]) == (0, "", 2), (code, report, err)
        assert_found_out(fed, report)
        ids |= set(report["key_ids"])
    assert ids == {key_id(report, 1) for _, report, _ in answers}
    found = [fed.enc_keys("user-tokyo", "user-madrid") for _ in answers]
    assert {key for ours in found for key in ours.keys} == ids, found


def test_etsi_014_says_503(fed):
    for cheat in ("flip", "cut"):
        exclude = [id for id in (*CHEATS, "honest") if id != cheat]
        answer = fed.enc_keys("user-tokyo", "user-madrid",
                              body={"extension_mandatory": [{"qkdnf_exclude": exclude}]})
        assert answer.code == 503 and "TAG_MISMATCH" in answer.body, answer


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(Federation(sys.argv[1])))


main()
