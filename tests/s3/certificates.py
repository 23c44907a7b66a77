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

    def context(self):
        """What a client needs that trusts nobody else."""
        return ssl.create_default_context(cafile=self.ca)
