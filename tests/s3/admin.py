"""tests/s3/admin.py -- reads the admin endpoint: health, readiness, metrics in Prometheus text."""

import wire


def fetch(server, path, method="GET", *fields):
    with wire.Connection(server.admin, tls=server.tls) as connection:
        head = [f"{method} {path} HTTP/1.1", "Host: admin", "Connection: close", *fields]
        connection.send("\r\n".join([*head, "", ""]).encode())
        return connection.read_response(method)


def metrics(server):
    """{'name{labels}': value}"""
    answer = fetch(server, "/metrics")
    assert answer.status == 200, answer
    found = {}
    for line in answer.body.decode().splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found
