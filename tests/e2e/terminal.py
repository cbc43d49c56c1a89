# SPDX-License-Identifier: Apache-2.0
"""A full-screen program in a terminal, as a person sees it."""

import os
import re
import subprocess


class Terminal:
    """A program in a tmux of its own; the screen is what tmux has of it."""

    def __init__(self, directory, *command, columns=80, rows=24):
        self.base = ["tmux", "-S", str(directory / "tmux"), "-f", "/dev/null"]
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), "-s", "top", *command)

    def tmux(self, *arguments):
        done = subprocess.run([*self.base, *arguments], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "LC_ALL": "C.UTF-8"})
        return done.stdout

    def lines(self):
        return self.tmux("capture-pane", "-p", "-t", "top").splitlines()

    def shows(self, pattern):
        return re.search(pattern, "\n".join(self.lines()), re.MULTILINE)

    def press(self, *keys):
        self.tmux("send-keys", "-t", "top", *keys)

    def resize(self, columns, rows):
        self.tmux("resize-window", "-t", "top", "-x", str(columns), "-y", str(rows))

    def is_over(self):
        return "top" not in self.tmux("list-sessions")

    def close(self):
        self.tmux("kill-server")
