# SPDX-License-Identifier: Apache-2.0
"""`qkdnf top` in a terminal: what its panes show is what the tap says of the same time. Captured panes
stay in the build directory, in top/."""

import contextlib
import json
import subprocess
import sys

import fabric
import terminal


class Watched(fabric.Fabric):
    def __init__(self, build):
        super().__init__(build, fabric.ROOT / "tools" / "demo" / "four-in-a-row.yaml")
        command = [self.qkdnf, "top", "--federation", str(self.dir)]
        self.terminal = terminal.Terminal(self.dir.parent, *command)
        self.tap = fabric.Decoded(self)
        self.wait_for(r"granted 0 ")
        self.wait_for_key()
        fabric.wait_until("the tap", lambda: self.tap.said)

    def wait_for(self, pattern):
        return fabric.wait_until(f"{pattern} on\n" + "\n".join(self.terminal.lines()),
                                 lambda: self.terminal.shows(pattern))

    def keep(self, name):
        place = self.build / "top"
        place.mkdir(exist_ok=True)
        (place / f"{name}.txt").write_text("\n".join(self.terminal.lines()) + "\n")

    def close(self):
        self.terminal.close()
        self.tap.close()
        super().close()


def test_requests_are_those_of_the_tap(fed):
    users = sorted(fed.saes)
    for target in (users[1:4]):
        fed.request("--as", users[0], "--to", target)
    fed.run("request", "--federation", str(fed.dir), "--as", users[0], "--to", "nobody", code=1)
    replies = {message["id"]: message["status"] for _, message in fabric.wait_until(
        "four replies on the tap", lambda: len(fed.tap.messages("reply")) >= 4 and fed.tap.messages("reply"))}
    granted = sum(status == "STATUS_OK" for status in replies.values())
    assert (granted, len(replies)) == (3, 4), replies
    fed.wait_for(r"requests    granted 3   refused 1   open 0   0\.\d/s   p50 \d+\.\d ms")


def test_providers_and_stock_are_those_of_the_tap(fed):
    assert fed.terminal.shows(r"qkdnf top   providers 4 of 4 ")
    for qkdn in fed.qkdns:
        assert fed.terminal.shows(rf"^{qkdn} +ACTIVE +there "), fed.terminal.lines()
    ids = {link["link"] for _, stock in fed.tap.messages("stock") for link in stock["links"]}
    assert len(ids) == 3, ids
    for link in ids:
        row = fed.wait_for(rf"^{link} +up +\[[#.]+\] +(\d+) +(\d+) ")
        reports = [report for _, stock in fed.tap.messages("stock") for report in stock["links"]
                   if report["link"] == link]
        assert int(row[1]) in {report["n_open"] for report in reports}, (row[0], reports)
        assert int(row[2]) == max(report["capacity"] for report in reports), (row[0], reports)


def test_a_fault_is_shown_while_it_lasts(fed):
    link = sorted(link["link"] for _, stock in fed.tap.messages("stock") for link in stock["links"])[0]
    provider = next(sender for sender, stock in fed.tap.messages("stock")
                    if any(report["link"] == link for report in stock["links"]))
    fed.run("fault", "inject", "--federation", str(fed.dir), provider, "border", link)
    fed.wait_for(rf"^{link} +down ")
    fed.wait_for(r"faults [12] ")
    fed.terminal.press("PageDown")
    fed.wait_for(rf"^\w+ +BORDER +{link} ")
    fed.keep("fault")
    said = [message for _, message in fed.tap.messages("fault") if message["subject"] == link]
    assert said and not said[-1]["cleared"], said
    fed.run("fault", "clear", "--federation", str(fed.dir), provider, "border", link)
    fed.terminal.press("Home")
    fed.wait_for(rf"^{link} +up ")
    fed.wait_for(r"faults 0 ")


def test_ratings_are_those_of_the_tap(fed):
    def are_shown():
        latest = {rating["provider"]: rating for _, rating in fed.tap.messages("rating")}
        return sorted(latest) == sorted(fed.qkdns) and all(
            fed.terminal.shows(rf"^{id} +{rating['score']} +{rating['orders']} +\d+\.\d\d +\d+\.\d\d ")
            for id, rating in latest.items())

    fed.terminal.resize(120, 60)
    fabric.wait_until("ratings", are_shown, 60)
    fed.keep("ratings")
    ratings = json.loads(fed.run("top", "--json", "--federation", str(fed.dir)))["ratings"]
    assert [rating["provider"] for rating in ratings] == sorted(fed.qkdns), ratings


def test_it_fills_any_terminal_with_its_keys_at_the_bottom(fed):
    for columns, rows in ((120, 40), (80, 24), (200, 60), (80, 24)):
        fed.terminal.resize(columns, rows)
        fabric.wait_until(f"{columns}x{rows}", lambda rows=rows: len(fed.terminal.lines()) == rows and
                          fed.terminal.lines()[-1].startswith("q quit   up down PgUp PgDn"))
        fed.wait_for(r"^qkdnf top ")
        fed.keep(f"{columns}x{rows}")
        lines = fed.terminal.lines()
        assert max(map(len, lines)) <= columns, lines


def test_once_says_the_same_as_text(fed):
    text = fed.run("top", "--once", "--federation", str(fed.dir))
    assert "\033" not in text and text.startswith("qkdnf top   providers 4 of 4 "), text
    found = json.loads(fed.run("top", "--json", "--federation", str(fed.dir)))
    assert [provider["id"] for provider in found["providers"]] == sorted(fed.qkdns), found
    assert {provider["state"] for provider in found["providers"]} == {"MEMBER_STATE_ACTIVE"}, found
    assert found["bus"]["unreadable"] == 0 and found["bus"]["publishes"] > 0, found
    assert "no terminal" in fed.run("top", "--federation", str(fed.dir), code=2)


def test_q_ends_it(fed):
    fed.terminal.press("p")
    fed.wait_for("PAUSED")
    fed.terminal.press("q")
    fabric.wait_until("its end", fed.terminal.is_over)


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(Watched(sys.argv[1])))


main()
