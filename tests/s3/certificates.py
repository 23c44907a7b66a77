"""tests/s3/certificates.py -- a certificate authority for one test run, made by the openssl command."""

import os
import ssl
import subprocess

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def _openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


class Authority:
    """`ca` is the file that clients are to trust."""

    def __init__(self, folder):
        self.folder, self.ca, self.count = folder, os.path.join(folder, "ca.pem"), 0
        self.ca_key = os.path.join(folder, "ca.key")
        _openssl("req", "-x509", *NEW_KEY, "-keyout", self.ca_key, "-out", self.ca, "-days", "2", "-subj",
                 "/CN=Bale test authority", "-addext", "keyUsage=critical,keyCertSign")

    def issue(self, *more_names):
        """(certificate, key) for localhost, 127.0.0.1 and more names: the files' paths."""
        return self.issue_for("IP:127.0.0.1", *(f"DNS:{name}" for name in ("localhost", *more_names)))

    def issue_for(self, *names):
        """The same for these names alone: "DNS:localhost", "IP:127.0.0.1"."""
        self.count += 1
        certificate, key = (os.path.join(self.folder, f"server-{self.count}.{end}") for end in ("pem", "key"))
        _openssl("req", "-x509", *NEW_KEY, "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
                 "-CA", self.ca, "-CAkey", self.ca_key, "-addext", f"subjectAltName={','.join(names)}",
                 "-addext", "basicConstraints=critical,CA:FALSE")
        return certificate, key

    def issue_expired(self, name):
        """The same for one name, and for a day that is long past: only `openssl ca` takes dates."""
        self.count += 1
        certificate, key, request, config = (os.path.join(self.folder, f"server-{self.count}.{end}")
                                             for end in ("pem", "key", "csr", "cnf"))
        with open(config, "w", encoding="ascii") as file:
            file.write(f"""[ca]
default_ca = authority
[authority]
database = {config}.issued
new_certs_dir = {self.folder}
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = server
[any]
commonName = supplied
[server]
subjectAltName = {name}
""")
        open(f"{config}.issued", "w", encoding="ascii").close()
        _openssl("req", "-new", *NEW_KEY, "-keyout", key, "-out", request, "-subj", "/CN=localhost")
        _openssl("ca", "-batch", "-notext", "-config", config, "-cert", self.ca, "-keyfile", self.ca_key, "-in", request,
                 "-out", certificate, "-startdate", "20200101000000Z", "-enddate", "20200102000000Z")
        return certificate, key

    def context(self):
        """What a client needs that trusts nobody else."""
        return ssl.create_default_context(cafile=self.ca)
