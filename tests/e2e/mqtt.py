# SPDX-License-Identifier: Apache-2.0
"""As much of MQTT 5 as somebody needs who tries what the broker makes of it: each publish and each
subscription with the reason code that the broker answers it with."""

import contextlib
import itertools
import socket
import ssl

LIMIT_S = 60
CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, DISCONNECT = (
    0x10, 0x20, 0x30, 0x40, 0x82, 0x90, 0xE0)
NOT_AUTHORIZED = 0x87


def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def packet(kind, body):
    return bytes([kind]) + varint(len(body)) + body


def text(value):
    return len(value.encode()).to_bytes(2, "big") + value.encode()


def publish(topic, payload, number=None, retain=False):
    """With a number, one that is acknowledged."""
    head = PUBLISH | (2 if number else 0) | (1 if retain else 0)
    return packet(head, text(topic) + (number.to_bytes(2, "big") if number else b"") + b"\0" +
                  payload)


def address(info):
    host, port = info["broker"]["url"].removeprefix("mqtts://").rsplit(":", 1)
    return host, int(port)


class Gone(Exception):
    """The broker has ended the connection."""


class Client:
    """A connection with a member's certificate."""

    def __init__(self, info, certificate, key, buffer_bytes=None):
        context = ssl.create_default_context(cafile=info["ca"])
        context.load_cert_chain(certificate, key)
        plain = socket.socket()
        if buffer_bytes:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        plain.settimeout(LIMIT_S)
        plain.connect(address(info))
        self.link = context.wrap_socket(plain, server_hostname=address(info)[0])
        self.numbers = itertools.cycle(range(1, 60000))
        self.send(packet(CONNECT, text("MQTT") + b"\x05\x02\0\0\0" + text("")))
        kind, body = self.read()
        assert kind == CONNACK and body[1] == 0, (kind, body)

    def send(self, data):
        try:
            self.link.sendall(data)
        except (ConnectionError, ssl.SSLError) as error:
            raise Gone from error

    def _take(self, n_bytes):
        data = b""
        while len(data) < n_bytes:
            try:
                part = self.link.recv(n_bytes - len(data))
            except (ConnectionError, ssl.SSLError) as error:
                raise Gone from error
            if not part:
                raise Gone
            data += part
        return data

    def read(self):
        """The next packet: its type, and its body."""
        kind, length, shift = self._take(1)[0], 0, 0
        while True:
            byte = self._take(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        body = self._take(length)
        if kind == DISCONNECT:
            raise Gone
        return kind, body

    def _answers(self, expected, numbers):
        """The reason code to each of these, in their order; what else comes is passed over."""
        codes = {}
        while len(codes) < len(numbers):
            kind, body = self.read()
            if kind == expected:
                # Without a code it is success; a SUBACK has its properties before the code.
                code = body[-1] if kind == SUBACK else body[2] if len(body) > 2 else 0
                codes[int.from_bytes(body[:2], "big")] = code
        return [codes[number] for number in numbers]

    def say(self, publishes, retain=False):
        """(topic, payload) of each; what the broker makes of it."""
        numbers = [next(self.numbers) for _ in publishes]
        self.send(b"".join(publish(topic, payload, number, retain)
                           for number, (topic, payload) in zip(numbers, publishes)))
        return self._answers(PUBACK, numbers)

    def hear(self, filters):
        numbers = [next(self.numbers) for _ in filters]
        self.send(b"".join(packet(SUBSCRIBE, number.to_bytes(2, "big") + b"\0" + text(name) + b"\0")
                           for number, name in zip(numbers, filters)))
        return self._answers(SUBACK, numbers)

    def close(self):
        with contextlib.suppress(OSError):
            self.link.close()
