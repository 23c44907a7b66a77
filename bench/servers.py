"""bench/servers.py -- the servers that programs of bench/ load: Bale and its peers, each started in a folder of its own.

They listen on a free port of 127.0.0.1, may use all processors that the program may, and take ACCESS_KEY and SECRET_KEY. They speak
HTTPS where they are given a folder of make_certificate before they start."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

ACCESS_KEY, SECRET_KEY = "GK" + "be9c" * 6, "be9c" * 16  # Garage takes keys of this form only


def make_certificate(folder):
    """Of 127.0.0.1, signed by itself, under the names that MinIO looks for. The folder."""
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "7", "-subj",
                    "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{folder}/private.key", "-out",
                    f"{folder}/public.crt"], check=True, capture_output=True)
    return folder


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


class Server:
    """A started server: where it listens and which processes are it."""

    can = {"get", "put", "list", "put-large", "get-large"}
    can_tls = True
    bare = False
    bucket = None  # None: the jobs' own
    processors = None  # that it may use; None: those of this program
    certificate = None  # a folder of make_certificate: it speaks HTTPS
    version_option = "--version"

    def __init__(self, name, program, folder):
        self.name, self.program, self.folder = name, program, folder
        self.port, self.process = free_port(), None

    def url(self):
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    def tls_options(self, certificate_option, key_option):
        return [certificate_option, f"{self.certificate}/public.crt", key_option, f"{self.certificate}/private.key"] if self.certificate else []

    def version(self):
        """What its program says of itself, in one line, with its name."""
        done = subprocess.run([self.program, self.version_option], capture_output=True, text=True)
        text = " ".join(((done.stdout or done.stderr).strip().splitlines() or ["?"])[0].split())
        name = os.path.basename(self.program)
        return text if name in text else f"{name} {text}"

    def start(self):
        environment, command = self.command()
        log = open(os.path.join(self.folder, self.name + ".log"), "wb")
        self.process = subprocess.Popen(command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=log,
                                        stderr=log, cwd=self.folder, preexec_fn=self.take_processors)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                time.sleep(0.5)
                return
            except OSError:
                time.sleep(0.02)
        with open(log.name, errors="replace") as file:  # its folder is removed
            raise RuntimeError(f"{self.name} did not start: {' '.join(command)}\n{file.read()[-2000:]}")

    def take_processors(self):
        """In the child, before it has threads: they have those of the thread that makes them."""
        if self.processors:
            os.sched_setaffinity(0, self.processors)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def pids(self):
        return [self.process.pid, *children(self.process.pid)]

    def bench(self, program, job, *options):
        if self.bucket:
            options = ("--bucket", self.bucket, *options)
        command = [program, job, "--endpoint", f"127.0.0.1:{self.port}", "--access-key", ACCESS_KEY, "--secret-key",
                   SECRET_KEY, "--pid", ",".join(map(str, self.pids())), *map(str, options)]
        done = subprocess.run(command + (["--bare"] if self.bare else []), capture_output=True, text=True)
        if done.returncode or not done.stdout:
            print(f"{self.name} {job}: {done.stderr.strip()}", file=sys.stderr)
        return json.loads(done.stdout) if done.stdout else None


class Bale(Server):
    def command(self):
        self.admin_port = free_port()
        return ({"BALE_ACCESS_KEY": ACCESS_KEY, "BALE_SECRET_KEY": SECRET_KEY},
                [self.program, "--listen", f"127.0.0.1:{self.port}", "--admin", f"127.0.0.1:{self.admin_port}", "--backend",
                 f"dir:{self.folder}/bale", *self.tls_options("--tls-cert", "--tls-key"), *self.options])

    options = []

    def metric(self, name, labels=""):
        """The sum of those that have these labels: `class="x"`."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")) and labels in line)


class RawBale(Bale):
    """Bale as a backend: a plain S3 server, nothing packed."""

    def command(self):
        environment, command = super().command()
        return environment, [*command, "--raw"]


class Minio(Server):
    program_name = "minio"

    def command(self):
        return ({"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY, "MINIO_BROWSER": "off"},
                [self.program, "server", "--quiet", *(["--certs-dir", self.certificate] if self.certificate else []), "--address",
                 f"127.0.0.1:{self.port}", f"{self.folder}/minio"])


class Versitygw(Server):
    program_name = "versitygw"

    def command(self):
        os.makedirs(f"{self.folder}/versitygw", exist_ok=True)
        return {}, [self.program, "--port", f"127.0.0.1:{self.port}", "--access", ACCESS_KEY, "--secret", SECRET_KEY,
                    "--keep-alive", "--quiet", *self.tls_options("--cert", "--key"), "posix", f"{self.folder}/versitygw"]


class Garage(Server):
    """One node that keeps one copy. As it comes it syncs nothing."""

    program_name = "garage"
    can_tls = False

    def configuration(self):
        return os.path.join(self.folder, "garage", "garage.toml")

    def command(self):
        home = f"{self.folder}/garage"
        rpc = f"127.0.0.1:{free_port()}"
        os.makedirs(home, exist_ok=True)
        with open(self.configuration(), "w") as file:
            file.write(f"""
metadata_dir = "{home}/meta"
data_dir = "{home}/data"
db_engine = "lmdb"
replication_factor = 1
rpc_bind_addr = "{rpc}"
rpc_public_addr = "{rpc}"
rpc_secret = "{SECRET_KEY}"
[s3_api]
s3_region = "us-east-1"
api_bind_addr = "127.0.0.1:{self.port}"
""")
        return {}, [self.program, "-c", self.configuration(), "server"]

    def say(self, *words):
        return subprocess.run([self.program, "-c", self.configuration(), *words], capture_output=True, text=True, check=True).stdout

    def start(self):
        super().start()
        node = self.say("node", "id").strip()[:64]
        self.say("layout", "assign", node, "-c", "1G", "-z", "bench")
        self.say("layout", "apply", "--version", "1")
        self.say("key", "import", "--yes", "-n", "bench", ACCESS_KEY, SECRET_KEY)
        self.say("key", "allow", "--create-bucket", ACCESS_KEY)


class Nginx(Server):
    """The same bytes as plain files, unsigned: what a file server pays that has nothing to verify. At its cheapest: no
    access log, small files without sendfile (a copy of 4 KiB costs less than the calls around it), large ones with."""

    program_name = "nginx"
    can = {"get", "get-large"}
    can_tls = False
    bare = True
    version_option = "-v"
    workers = None  # one for each processor
    caching = ""
    secure = ""  # the directives of a certificate: TLS

    def command(self):
        files = f"{self.folder}/nginx/files"
        os.makedirs(files, exist_ok=True)
        os.makedirs(f"{self.folder}/nginx/logs", exist_ok=True)
        os.chmod(self.folder, 0o755)
        with open(f"{self.folder}/nginx/nginx.conf", "w") as file:
            file.write(f"""
worker_processes {self.workers or len(os.sched_getaffinity(0))};
user {"root" if os.geteuid() == 0 else "nobody"};
daemon off; pid {self.folder}/nginx/pid; error_log {self.folder}/nginx/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile off; {self.caching} keepalive_requests 1000000000; keepalive_timeout 1h;
  default_type application/octet-stream;
  client_body_temp_path {self.folder}/nginx/b; proxy_temp_path {self.folder}/nginx/p; fastcgi_temp_path {self.folder}/nginx/f;
  uwsgi_temp_path {self.folder}/nginx/u; scgi_temp_path {self.folder}/nginx/s;
  server {{ listen 127.0.0.1:{self.port}{" ssl" if self.secure else ""} reuseport; {self.secure} root {files};
    location /bench-large/ {{ sendfile on; tcp_nopush on; }}
  }}
}}
""")
        return {}, [self.program, "-c", f"{self.folder}/nginx/nginx.conf", "-p", f"{self.folder}/nginx"]


PEERS = {kind.program_name: kind for kind in (Nginx, Minio, Versitygw, Garage)}


def find(name, folder):
    places = [os.path.abspath(folder)] if folder else []
    return shutil.which(name, path=os.pathsep.join([*places, os.environ["PATH"], os.path.expanduser("~/go/bin"), "/usr/sbin"]))
