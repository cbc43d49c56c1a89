# SPDX-License-Identifier: Apache-2.0
"""What the members of a federation log: one request, from who asked to who got the key, is found in
all their logs by its ID alone; nothing that others say can look like a line of its own."""

import contextlib
import json
import os
import re
import sys

os.environ["G_MESSAGES_DEBUG"] = "all"

import fabric  # noqa: E402: what it starts inherits that

FIELD = re.compile(r' ([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ ]*)')
LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) "
                  r"(FATAL|ERROR|WARNING|NOTICE|INFO|DEBUG) ([^=]*?)((?: [a-z_]+=.*)?)$")


def lines(fed, member):
    """(time, level, message, fields) of each line; every one of them must be well formed."""
    found = []
    for line in (fed.dir / member / "log").read_text().splitlines():
        if line == f"ready {member}":
            continue
        match = LINE.match(line)
        assert match, line
        at, level, message, rest = match.groups()
        fields = {key: json.loads(value) if value.startswith('"') and "\\" not in value else value
                  for key, value in FIELD.findall(rest)}
        assert "".join(f" {key}={value}" for key, value in FIELD.findall(rest)) == rest, line
        found.append((at, level, message, fields))
    return found


def conversation(fed, request):
    """What `grep -h request=ID DIR/*/log | sort` shows, as (member or KME, message, kind, fields)."""
    members = [fed.info["platform"]["id"], *fed.qkdns]
    found = [(at, fields.get("member") or fields["kme"], message, fields.get("kind"), fields)
             for member in members for at, _, message, fields in lines(fed, member)
             if fields.get("request") == request]
    return [line[1:] for line in sorted(found, key=lambda line: line[0])]


def test_a_request_is_followed_to_its_delivery(fed):
    first, last = sorted(fed.saes)[0], sorted(fed.saes)[-1]
    report = fed.request("--as", first, "--to", last, "--fetch")
    request, key = report["request"], report["key_ids"][0]
    providers = report["paths"][0]["providers"]
    kmes = {fed.qkdns[fed.saes[sae]["qkdn"]]["kme_id"]: sae for sae in (first, last)}

    def handed_out():
        said = [line for line in conversation(fed, request) if line[1] == "handed out"]
        return said if len(said) == 2 else None

    # The KMEs' lines are written before their users have the answer; those of the bus, after.
    fabric.wait_until("both ends to have the key", handed_out, 60)
    assert {line[0]: line[3]["application"] for line in handed_out()} == kmes, handed_out()
    assert all(line[3]["keys"] == key for line in handed_out()), handed_out()

    # The last that is said of it: what each of them did.
    def settled():
        said = conversation(fed, request)
        metered = {line[0] for line in said if line[1:3] == ("said", "usage")}
        return said if metered == set(providers) else None

    said = fabric.wait_until("all of it to be said", settled, 60)
    platform = fed.info["platform"]["id"]
    asked = [fields["from"] for who, what, kind, fields in said
             if (who, what, kind) == (platform, "heard", "request")]
    assert set(asked) == {first}, said
    ordered = {fields["to"] for who, what, kind, fields in said if (what, kind) == ("said", "order")}
    obeyed = {who for who, what, kind, _ in said if (what, kind) == ("heard", "order")}
    answered = {who for who, what, kind, fields in said
                if (what, kind) == ("said", "outcome") and fields["status"] == "OK"}
    assert ordered == obeyed == answered == set(providers), (providers, said)
    granted = [fields for _, what, _, fields in said if what == "request.granted"]
    assert len(granted) == 1 and granted[0]["new_path"] == ",".join(providers), said
    replies = [fields for _, what, kind, fields in said if (what, kind) == ("said", "reply")]
    assert replies and replies[0]["keys"] == key and replies[0]["to"] == first, replies


def test_sessions_have_their_id_in_every_line(fed):
    first, last = sorted(fed.saes)[0], sorted(fed.saes)[-1]
    opened = json.loads(fed.run("session", "open", "--federation", str(fed.dir), "--json", "--as",
                                first, "--to", last, "--rate", "256"))
    session = opened["sessions"][0]["session"]
    platform = fed.info["platform"]["id"]

    def legs():
        found = [fields for _, _, message, fields in lines(fed, platform)
                 if fields.get("session") == session]
        return found if {"session", "leg", "leg-state"} <= {
            fields.get("kind") for fields in found} else None

    fabric.wait_until("legs of the session in the platform's log", legs, 60)
    fabric.wait_until("the event", lambda: any(
        message == "session.opened" and fields["session"] == session
        for _, _, message, fields in lines(fed, platform)), 60)


def test_no_key_is_logged(fed):
    first, last = sorted(fed.saes)[0], sorted(fed.saes)[1]
    fed.wait_for_key()
    keys, _ = fed.fetch_both(first, last, {"number": 3})
    assert len(keys) == 3
    for key in keys.values():
        for text in (key.hex().encode(), key):
            assert text not in fed.logs()


def test_what_others_say_is_one_value(fed):
    forged = 'x" member=tokyo\n2026-01-01T00:00:00.000Z ERROR forged\x1b[2J'
    victim = sorted(fed.qkdns)[-1]
    fed.run("admin", "suspend", victim, "--reason", forged, "--federation", str(fed.dir))
    platform = fed.info["platform"]["id"]

    def said():
        return [(level, fields) for _, level, message, fields in lines(fed, platform)
                if message == "member.state" and fields.get("subject") == victim
                and "forged" in str(fields)]

    level, fields = fabric.wait_until("the event", said, 60)[0]
    assert level == "INFO" and fields["member"] == platform, fields
    assert r"\n2026" in fields["cause"] and r"\033[2J" in fields["cause"], fields
    assert not any(message.startswith("forged") for _, _, message, _ in lines(fed, platform))


def main():
    description = fabric.ROOT / "tools" / "demo" / "four-in-a-row.yaml"
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(fabric.Fabric(sys.argv[1], description)))


main()
