"""tests/backends/servers/older.py -- a baled of an older version, built from this repository's history: what a fleet consists of
before it is upgraded.

    program()      # its path, in build/older; backends.Missing says why there is none
"""

import os
import subprocess
from pathlib import Path

from backends import Missing

ROOT = Path(__file__).resolve().parents[3]
# Its fleets have a journal, a ledger and cards; it knows no tombstones and no encryption.
REVISION = "775f797f"
FOLDER = ROOT / "build" / "older" / REVISION
BUILD_SECONDS = 1800


def run(command, **options):
    try:
        return subprocess.run(command, capture_output=True, timeout=BUILD_SECONDS, check=True, **options).stdout
    except (OSError, subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        last = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip().splitlines()
        raise Missing(f"an older baled cannot be built: {(last or [str(error)])[-1][:200]}") from None


def program():
    baled = FOLDER / "build" / "server" / "baled"
    if not baled.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        sources = run(["git", "-C", str(ROOT), "archive", REVISION])
        run(["tar", "-x", "-C", str(FOLDER)], input=sources)
        if not (FOLDER / "build" / "build.ninja").exists():
            run(["meson", "setup", "build", "--buildtype=release"], cwd=FOLDER)
        run(["nice", "ninja", "-C", "build", os.path.relpath(baled, FOLDER / "build")], cwd=FOLDER)
    return str(baled)
