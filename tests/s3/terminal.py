"""tests/s3/terminal.py -- programs whose standard error is a terminal, and what that shows."""

import os
import subprocess
import threading


def run_on_terminal(words, **options):
    """How it ended, with all of standard output; `stderr` is what a terminal was sent."""
    ours, theirs = os.openpty()
    shown = []

    def read():
        while piece := read_piece(ours):
            shown.append(piece)
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, **options) as process:
        os.close(theirs)
        reader = threading.Thread(target=read)
        reader.start()
        out = process.stdout.read()
        status = process.wait(120)
        reader.join()
    os.close(ours)
    return subprocess.CompletedProcess(words, status, out, b"".join(shown))


def read_piece(terminal):
    """b"": the other end is closed."""
    try:
        return os.read(terminal, 10_000)
    except OSError:
        return b""
