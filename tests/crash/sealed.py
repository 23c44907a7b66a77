"""tests/crash/sealed.py -- the server of a crash test encrypts all that is written; and what is to be found nowhere in its folder then."""

import os
import subprocess

OPTIONS = ("--keyring", "keys", "--sse", "require")


def make_keyring(bale, folder):
    subprocess.run([bale, "keyring", "create", "--keyring", "keys"], cwd=folder, check=True, capture_output=True)


def found(folder, forms):
    """Which of these lie in clear in a file of the folder."""
    forms, seen = set(forms), set()
    for place, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(place, name), "rb") as file:
                whole = file.read()
            seen |= {form for form in forms - seen if form in whole}
    return seen


def anchors(noise, step=32 << 10, size=24):
    """Short pieces of bytes that do not compress: each longer run of them that is stored in clear has one."""
    return [noise[start:start + size] for start in range(0, len(noise) - size, step)]
