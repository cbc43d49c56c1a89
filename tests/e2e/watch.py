# SPDX-License-Identifier: Apache-2.0
"""A running federation, as its monitors see it: tap, topology and faults."""

import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import fabric

PROVIDERS = {"madrid", "vienna", "cambridge", "tokyo"}


def watch(fed, verb, *arguments, **options):
    return fed.run(verb, "--federation", str(fed.dir), *arguments, **options)


def test_topology_shows_what_is_registered(fed):
    found = json.loads(watch(fed, "topology", "--json"))
    assert {provider["id"] for provider in found["providers"]} == PROVIDERS, found
    assert all(provider["alive"] for provider in found["providers"]), found
    links = {link["id"]: {end["provider"] for end in link["ends"]} for link in found["border_links"]}
    assert len(links) == 3 and {"madrid", "vienna"} in links.values(), links
    assert all(link["up"] for link in found["border_links"]), found
    assert all(end["n_open"] > 0 for link in found["border_links"] for end in link["ends"]), found
    saes = {sae["sae"] for provider in found["providers"] for sae in provider["applications"]}
    assert saes == set(fed.saes), saes


def test_topology_is_drawn(fed):
    with tempfile.TemporaryDirectory() as directory:
        dot, svg = pathlib.Path(directory, "map.dot"), pathlib.Path(directory, "map.svg")
        watch(fed, "topology", "--dot", str(dot), "--svg", str(svg))
        assert dot.read_text().startswith("graph federation {")
        texts = {text.text for text in ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}text")}
        assert PROVIDERS <= texts, texts
    assert "4 providers\n" in watch(fed, "topology")


def test_tap_decodes_and_selects(fed):
    lines = watch(fed, "tap", "--json", "--kind", "resource", "--count", "4").splitlines()
    found = [json.loads(line) for line in lines]
    assert {publish["from"] for publish in found} == PROVIDERS, found
    assert {publish["kind"] for publish in found} == {"resource"}, found
    assert all(publish["messages"][0]["version"] > 0 for publish in found), found
    line = watch(fed, "tap", "--from", "vienna", "--to", "all", "--count", "1")
    assert " presence  " in line and " vienna → all  alive=true role=AGENT " in line, line
    assert "\033" not in line, "colours are for terminals"


def unmarked(text):
    """What a tap showed, without what it could tell of it: a record of these kinds has no births,
    by which senders are known."""
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        line.pop("authenticity", None)
    return lines


def test_tap_shows_again_what_it_kept(fed):
    with tempfile.TemporaryDirectory() as directory:
        kept = str(pathlib.Path(directory, "kept"))
        live = watch(fed, "tap", "--json", "--kind", "resource", "--kind", "member", "--count", "6",
                     "--record", kept)
        assert unmarked(fed.run("tap", "--json", "--replay", kept)) == unmarked(live)
        members = unmarked(fed.run("tap", "--json", "--kind", "member", "--replay", kept))
        shown = [line for line in live.splitlines() if "/member/" in line]
        assert members and members == unmarked("\n".join(shown))
        with open(kept, "a", encoding="utf-8") as file:
            file.write("{}\n")
        assert f"{kept}:7: expected a publish" in fed.run("tap", "--replay", kept, code=1)
    assert "cannot be written" in watch(fed, "tap", "--record", directory + "/none/kept", code=1)


def test_one_request_is_followed_through_all_members(fed):
    fed.wait_for_key()
    with tempfile.TemporaryDirectory() as directory:
        kept = pathlib.Path(directory, "kept")
        tap = subprocess.Popen([fed.qkdnf, "tap", "--federation", str(fed.dir), "--record", str(kept)],
                               stdout=subprocess.DEVNULL, preexec_fn=fabric.die_with_parent)
        try:
            fabric.wait_until("the tap to see births", lambda: kept.exists() and kept.read_bytes(), 60)
            first, last = sorted(fed.saes)[0], sorted(fed.saes)[-1]
            request, other = (fed.request("--as", first, "--to", last)["request"] for _ in range(2))
            fabric.wait_until("both replies", lambda: kept.read_text().count("/reply/") >= 2, 60)
        finally:
            tap.terminate()
            tap.wait(60)
        lines = fed.run("tap", "--replay", str(kept), "--follow", request, "--json").splitlines()
        conversation = [json.loads(line) for line in lines]
        kinds = [found["kind"] for found in conversation]
        assert kinds[0] == "request" and {"order", "outcome", "relay", "reply"} <= set(kinds), kinds
        assert all(request in json.dumps(message) and other not in json.dumps(message)
                   for found in conversation for message in found["messages"]), conversation
        orders = {found["to"] for found in conversation if found["kind"] == "order"}
        outcomes = {found["from"] for found in conversation if found["kind"] == "outcome"}
        assert len(orders) > 1 and orders == outcomes, conversation
        lines = fed.run("tap", "--replay", str(kept), "--follow", request)
        assert request in lines and other not in lines, lines


def test_what_cannot_be(fed):
    assert "no kind 'x'" in watch(fed, "tap", "--kind", "x", code=2)
    assert "not among the monitors" in watch(fed, "tap", "--as", "nobody", code=2)
    assert "start one with `qkdnf up FILE --dir /none`" in fed.run("topology", "--federation", "/none", code=2)


def test_a_fault_at_nobody(fed):
    said = watch(fed, "fault", "list", "nobody", code=2)
    providers = ", ".join(qkdn["id"] for qkdn in fed.info["qkdns"])
    assert said == (f"qkdnf fault: there is no provider 'nobody'; expected one of {providers}\n"), \
        said


def main():
    description = fabric.ROOT / "tools" / "demo" / "four-in-a-row.yaml"
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(fabric.Fabric(sys.argv[1], description)))


main()
