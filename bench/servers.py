"""bench/servers.py -- the servers that programs of bench/ load: Bale and its peers, each started in a folder of its own.

They listen on a free port of 127.0.0.1, may use all processors that the program may, and take ACCESS_KEY and SECRET_KEY."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time

ACCESS_KEY, SECRET_KEY = "AKIABENCHBENCHBENCH0", "bench-secret-bench-secret-bench-secret00"


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
    bare = False
    bucket = None  # None: the jobs' own
    processors = None  # that it may use; None: those of this program

    def __init__(self, name, program, folder):
        self.name, self.program, self.folder = name, program, folder
        self.port, self.process = free_port(), None

    def start(self):
        environment, command = self.command()
        log = open(os.path.join(self.folder, self.name + ".log"), "wb")
        self.process = subprocess.Popen(command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=log,
                                        stderr=log, cwd=self.folder)
        if self.processors:
            os.sched_setaffinity(self.process.pid, self.processors)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                time.sleep(0.5)
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"{self.name} did not start: {' '.join(command)}; see {log.name}")

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
        return ({"BALE_ACCESS_KEY": ACCESS_KEY, "BALE_SECRET_KEY": SECRET_KEY},
                [self.program, "--listen", f"127.0.0.1:{self.port}", "--admin", f"127.0.0.1:{free_port()}", "--backend",
                 f"dir:{self.folder}/bale"] + self.options)

    options = []


class RawBale(Bale):
    """Bale as a backend: a plain S3 server, nothing packed."""

    def command(self):
        environment, command = super().command()
        return environment, [*command, "--raw"]


class Minio(Server):
    program_name = "minio"

    def command(self):
        return ({"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY, "MINIO_BROWSER": "off"},
                [self.program, "server", "--quiet", "--address", f"127.0.0.1:{self.port}", f"{self.folder}/minio"])


class Versitygw(Server):
    program_name = "versitygw"

    def command(self):
        os.makedirs(f"{self.folder}/versitygw", exist_ok=True)
        return {}, [self.program, "--port", f"127.0.0.1:{self.port}", "--access", ACCESS_KEY, "--secret", SECRET_KEY,
                    "--keep-alive", "--quiet", "posix", f"{self.folder}/versitygw"]


class Nginx(Server):
    """The same bytes as plain files, unsigned: what a file server pays that has nothing to verify. At its cheapest: no
    access log, small files without sendfile (a copy of 4 KiB costs less than the calls around it), large ones with."""

    program_name = "nginx"
    can = {"get", "get-large"}
    bare = True
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


PEERS = {kind.program_name: kind for kind in (Nginx, Minio, Versitygw)}


def find(name, folder):
    places = [os.path.abspath(folder)] if folder else []
    return shutil.which(name, path=os.pathsep.join([*places, os.environ["PATH"], os.path.expanduser("~/go/bin"), "/usr/sbin"]))
