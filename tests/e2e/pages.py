# SPDX-License-Identifier: Apache-2.0
"""What comes to a dashboard, without and with a browser: raw WebSocket with raw MQTT in it, and headless
Chromium, driven by tests/browser/browser.mjs."""

import base64
import http.client
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import urllib.parse

import fabric

MODULES = fabric.ROOT / "build-node" / "node_modules"
DRIVER = fabric.ROOT / "tests" / "browser" / "browser.mjs"

CONNECT = bytes([0x10, 12, 0, 4]) + b"MQTT" + bytes([4, 2, 0, 30, 0, 0])
SUBSCRIBE = bytes([0x82, 2 + 2 + 10 + 1, 0, 1, 0, 10]) + b"qkdnf/v1/#" + b"\0"
BINARY, CLOSE, PING, PONG = 0x82, 0x88, 0x89, 0x8a
PATIENCE_S = 60


class Site:
    """Where the dashboard is."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port
        self.name = parts.netloc
        self.token = urllib.parse.parse_qs(parts.query)["token"][0]

    def get(self, path, method="GET", **headers):
        """Status, headers and body of one exchange."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        done = answer.status, answer.headers, answer.read()
        connection.close()
        return done


class Socket:
    """A WebSocket as a page opens it, or as somebody else does: `headers` replaces, None leaves out."""

    def __init__(self, site, token=None, **headers):
        fields = {"Host": site.name, "Origin": f"http://{site.name}", "Upgrade": "websocket",
                  "Connection": "Upgrade", "Sec-WebSocket-Protocol": "mqtt",
                  "Sec-WebSocket-Version": "13",
                  "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode()}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        self.socket = socket.create_connection((site.host, site.port), timeout=PATIENCE_S)
        lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
        path = "/bus" + (f"?token={token}" if token is not None else "")
        self.socket.sendall("\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        while self.file.readline().strip():
            pass

    def send(self, first, payload, mask=b"\1\2\3\4"):
        length = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + struct.pack(">H", len(payload))
        if mask:
            length = bytes([length[0] | 0x80]) + length[1:]
            payload = mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self.socket.sendall(bytes([first]) + length + payload)

    def read(self):
        """The next frame: first byte and payload; of the end, None."""
        head = self.file.read(2)
        if len(head) < 2:
            return None
        length = head[1]
        if length == 126:
            length = struct.unpack(">H", self.file.read(2))[0]
        return head[0], self.file.read(length)

    def listen(self):
        """Connects to the broker and subscribes; what comes then begins with its answers."""
        self.send(BINARY, CONNECT)
        self.send(BINARY, SUBSCRIBE)
        heard = b""
        while b"qkdnf/v1/presence/" not in heard:
            first, payload = self.read()
            assert first == BINARY, (first, payload)
            heard += payload
        return heard

    def read_close(self):
        """Why the other end closes; whatever comes before that is skipped."""
        while True:
            frame = self.read()
            assert frame, "it has ended without a word"
            if frame[0] == CLOSE:
                return struct.unpack(">H", frame[1])[0]

    def close(self):
        self.file.close()
        self.socket.close()


class Browser:
    """A page in headless Chromium."""

    def __init__(self, place):
        place.mkdir()
        (place / "node_modules").symlink_to(MODULES)
        shutil.copy(DRIVER, place)
        self.process = subprocess.Popen(
            ["node", str(place / DRIVER.name)], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, preexec_fn=fabric.die_with_parent)

    @staticmethod
    def is_there():
        return (MODULES / "playwright-core").exists() and pathlib.Path("/usr/bin/chromium").exists()

    def do(self, command, **arguments):
        self.process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the browser has ended"
        answer = json.loads(line)
        assert "error" not in answer, answer
        return answer["value"]

    def ask(self, script):
        return self.do("evaluate", script=script)

    def texts(self, selector):
        return self.ask(f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.textContent)")

    def figure(self, name):
        return self.texts(f"[data-figure={name}]")[0]

    def data(self, selector, name):
        """Of all elements that fit: one attribute."""
        return self.ask(f"[...document.querySelectorAll({json.dumps(selector)})]"
                        f".map(e => e.getAttribute('data-{name}'))")

    def close(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE_S)
