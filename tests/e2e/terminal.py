# SPDX-License-Identifier: Apache-2.0
"""A full-screen program in a terminal, as a person sees it."""

import os
import re
import subprocess

import fabric


class Terminal:
    """A program in a tmux of its own; the screen is what tmux has of it."""

    ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8"}

    def __init__(self, directory, *command, columns=80, rows=24):
        place = directory / "tmux"
        self.base = ["tmux", "-N", "-S", str(place)]
        # In the foreground, so that it ends with whoever started it, and the program with it.
        self.server = subprocess.Popen(["tmux", "-D", "-S", str(place), "-f", "/dev/null"],
                                       stdin=subprocess.DEVNULL, env=self.ENVIRONMENT,
                                       preexec_fn=fabric.die_with_parent)
        fabric.wait_until("tmux", lambda: self._run(
            "new-session", "-d", "-x", str(columns), "-y", str(rows), "-s", "top", *command).returncode == 0, 60)

    def _run(self, *arguments):
        return subprocess.run([*self.base, *arguments], capture_output=True, text=True, timeout=60,
                              env=self.ENVIRONMENT)

    def tmux(self, *arguments):
        return self._run(*arguments).stdout

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
        self.server.wait(60)
