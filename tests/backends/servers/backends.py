"""tests/backends/servers/backends.py -- real S3 servers to stand behind Bale in tests: each starts with one call and stops with another.

    backend = start("versitygw")       # or "minio", "raw" (baled --raw of this build)
    backend.endpoint, backend.bucket, backend.region, backend.access_key, backend.secret_key
    backend.stop()                     # kill(), and start() again on the same data, are there as well

MinIO and versitygw are programs in Go, at the versions below: `obtain` takes them from the folder build/backends (nothing
there is committed), from PATH or Go's own folder of programs, or builds them through the Go module proxy. Where that cannot be done, Missing says why,
in words for the list of what was skipped.
"""

import copy
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "tests" / "s3"))

import client  # noqa: E402
import daemon  # noqa: E402
import wire  # noqa: E402
from ports import free_port  # noqa: E402

PROGRAMS = ROOT / "build" / "backends"
BUILD_SECONDS = 1200
START_SECONDS = 300

# Both are the newest that build with Go 1.24 and later; MinIO's is the last source that its makers have published.
MODULES = {
    "versitygw": "github.com/versity/versitygw/cmd/versitygw@v1.8.0",
    "minio": "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c",
}
NAMES = ("raw", *MODULES)


class Missing(Exception):
    """The backend cannot be had here; the text says why."""


# ---- programs ----


def find(name):
    """The program of that name, of the pinned version, or None."""
    module, _, version = MODULES[name].partition("@")
    places = [PROGRAMS / name, shutil.which(name), Path(os.environ.get("GOPATH", Path.home() / "go")) / "bin" / name]
    for place in places:
        if place and Path(place).exists() and is_version(place, version):
            return str(place)
    return None


def is_version(program, version):
    """Go writes into each program what it was made of. Without Go nobody can look: the program is taken as it is."""
    go = find_go()
    if go is None:
        return True
    told = subprocess.run([go, "version", "-m", program], capture_output=True, text=True, check=False)
    return re.search(rf"^\s*mod\s+\S+\s+{re.escape(version)}\s", told.stdout, re.M) is not None


def find_go():
    return shutil.which("go") or (os.path.exists("/usr/local/go/bin/go") and "/usr/local/go/bin/go") or None


def obtain(name, build=True):
    """The path of the program; `build`: makes it when it is not there, which takes a minute (MinIO: several)."""
    program = find(name)
    if program:
        return program
    go = find_go()
    if go is None:
        raise Missing(f"{name} is not installed, and there is no Go to build it")
    if not build:
        raise Missing(f"{name} has not been built: tests/backends/run --build {name}")
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    try:
        made = subprocess.run([go, "install", MODULES[name]], env={**os.environ, "GOBIN": str(PROGRAMS)}, cwd=PROGRAMS,
                              capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Missing(f"{name} was not built within {BUILD_SECONDS} s") from None
    if made.returncode != 0:
        last = (made.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Missing(f"{name} cannot be built: {last[:200]}")
    return str(PROGRAMS / name)


# ---- servers ----


class Backend:
    """One running server with one bucket. `lacks`: what S3 has and it has not, by the names of tests/s3 (case.needs)."""

    name = None
    lacks = frozenset()
    silently_lacks = frozenset()  # also behind Bale: nobody is told
    marks_nothing = True  # a deletion in a versioned bucket leaves a marker also where nothing was
    heeds_etags_of_many = False  # of DeleteObjects; no verdict, because Bale needs it for nothing but late duplicates

    def __init__(self, program, region="us-east-1"):
        self.program, self.region, self.bucket = program, region, "home"
        self.access_key, self.secret_key = "AKIA" + secrets.token_hex(8).upper(), secrets.token_hex(20)
        self.folder = Path(tempfile.mkdtemp(prefix=f"bale-{self.name}-"))
        self.port, self.process, self.tls = None, None, None
        (self.folder / "data").mkdir()

    @property
    def endpoint(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def account(self):
        return client.Account("root", self.access_key, self.secret_key, "")

    @property
    def server(self):
        """As tests/s3 knows servers."""
        account = self.account
        return client.Server(("127.0.0.1", self.port), {"alice": account, "bob": account, "reader": account}, region=self.region,
                             lacks=self.lacks, tls=self.tls)

    def client(self):
        return client.Client(self.server, self.account)

    def start(self):
        """On the same port again, if it had one: whoever knew it finds it there."""
        for attempt in range(3):
            self.port = self.port or free_port()
            self.launch()
            if self.make_bucket():
                return self
            self.kill()
            if attempt == 2:
                raise RuntimeError(f"{self.name} did not start:\n{self.log()[-3000:]}")
            if self.is_port_taken():
                self.port = None
        return self

    def another_bucket(self, has_lock=False):
        """The same server, seen as one whose bucket is a new one."""
        view = copy.copy(self)
        view.bucket = f"b-{secrets.token_hex(6)}"
        if not view.make_bucket({"x-amz-bucket-object-lock-enabled": "true"} if has_lock else ()):
            raise RuntimeError(f"{self.name} makes no bucket")
        return view

    def make_bucket(self, headers=()):
        """The proof that it serves: a server listens before that, and MinIO answers 503 for a while."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.client().put(self.bucket, None, (), headers).status in (200, 409):
                    return True
            except (OSError, wire.ProtocolError):
                pass
            time.sleep(0.02)
        return False

    def is_port_taken(self):
        return "address already in use" in self.log().lower()

    def launch(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.command(), env={**os.environ, **self.environment()}, cwd=self.folder,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def log(self):
        return (self.folder / "log").read_text(errors="replace") if (self.folder / "log").exists() else ""

    def kill(self):
        """kill -9; the data stays, start() serves it again."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        if self.process:
            self.process.wait()

    def stop(self):
        """Ends it, and its data with it."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Raw(Backend):
    name = "raw"
    lacks = client.RAW_LACKS
    heeds_etags_of_many = True

    def __init__(self, program, region="us-east-1"):
        super().__init__(program, region)
        self.certificate = []
        self.domain = None  # under which its buckets are hosts
        account = client.Account("root", self.access_key, self.secret_key, secrets.token_hex(32))
        daemon.write_credentials(self.folder / "accounts.ini", {"root": account})

    def secure(self, certificate, key, authority):
        """From its start on it speaks TLS."""
        self.certificate, self.tls = ["--tls-cert", certificate, "--tls-key", key], authority.context()

    def command(self):
        domain = ["--domain", self.domain] if self.domain else []
        return [self.program, *self.certificate, *domain, "--raw", "--listen", f"127.0.0.1:{self.port}", "--admin", "127.0.0.1:0", "--backend",
                f"dir:{self.folder}/data", "--region", self.region, "--credentials", str(self.folder / "accounts.ini"), "--log-level", "warning"]

    def environment(self):
        return {}


class VersityGateway(Backend):
    name = "versitygw"
    # an object is there for a moment before its tags are
    silently_lacks = frozenset({"tags at once"})

    def command(self):
        return [self.program, "--port", f"127.0.0.1:{self.port}", "--keep-alive", "--quiet", "posix", *self.metadata(),
                str(self.folder / "data")]

    def metadata(self):
        """In extended attributes, or in files where the file system has none."""
        try:
            os.setxattr(self.folder, "user.bale", b"x")
            return []
        except OSError:
            (self.folder / "metadata").mkdir(exist_ok=True)
            return ["--sidecar", str(self.folder / "metadata")]

    def environment(self):
        return {"ROOT_ACCESS_KEY": self.access_key, "ROOT_SECRET_KEY": self.secret_key, "VGW_REGION": self.region}


class Minio(Backend):
    name = "minio"
    marks_nothing = False
    # `a/b` is in no list while there is `a`; the rest is in docs/backend.md
    silently_lacks = frozenset({"keys beneath keys", "markers of nothing", "kinds of what was deleted by id", "plain markers of versions",
                                "locks of buckets that were made without"})

    def command(self):
        return [self.program, "server", "--quiet", "--address", f"127.0.0.1:{self.port}", "--console-address",
                f"127.0.0.1:{free_port()}", str(self.folder / "data")]

    def environment(self):
        return {"MINIO_ROOT_USER": self.access_key, "MINIO_ROOT_PASSWORD": self.secret_key, "MINIO_REGION": self.region,
                "MINIO_BROWSER": "off", "MINIO_UPDATE": "off", "MINIO_CI_CD": "1", "HOME": str(self.folder)}


KINDS = {kind.name: kind for kind in (Raw, VersityGateway, Minio)}


def start(name, baled=None, build=True, region="us-east-1"):
    """A running backend; Missing when its program cannot be had."""
    if name not in KINDS:
        raise Missing(f"there is no backend {name}: {', '.join(KINDS)}")
    program = str(baled or ROOT / "build" / "server" / "baled") if name == "raw" else obtain(name, build)
    backend = KINDS[name](program, region)
    try:
        return backend.start()
    except BaseException:
        backend.stop()
        raise
