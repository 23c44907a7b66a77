"""tests/backends/fleet/access_logs_of_a_fleet.py -- access logs of a bucket behind several Bales: each writes its own, none writes over another's, and
what the backend does not take for a while is written later."""

from faults import fault
from replicas import ReplicaCase

LOGS = "log/"


class AccessLogsOfAFleet(ReplicaCase):
    FOR = ("raw", "versitygw")

    def log_to_itself(self, bale):
        self.set(bale, "logging", f"<BucketLoggingStatus><LoggingEnabled><TargetBucket>{self.bucket}</TargetBucket><TargetPrefix>{LOGS}"
                 "</TargetPrefix></LoggingEnabled></BucketLoggingStatus>")

    def ask(self, bale, count):
        return {bale.client().put(self.bucket, f"key-{number}", (), (), b"x").header("x-amz-request-id") for number in range(count)}

    def lines(self, bale):
        client = bale.client()
        keys = client.get(self.bucket, None, {"list-type": "2", "prefix": LOGS}).texts("Contents/Key")
        return [line.split()[6] for key in keys for line in client.get(self.bucket, key).body.decode().splitlines()]

    def assert_logged_once(self, bale, asked):
        self.wait_for(lambda: asked <= set(self.lines(bale)), "that all requests are logged")
        lines = self.lines(bale)
        self.assertEqual(len(asked), sum(line in asked for line in lines))

    def test_each_writes_its_own(self):
        first, second = self.replicas(2)
        self.log_to_itself(first)
        self.wait_until_seen(lambda: self.setting(second, "logging") == self.setting(first, "logging"), "the setting")
        asked = self.ask(first, 20) | self.ask(second, 20)
        self.assert_logged_once(second, asked)

    def test_a_backend_that_takes_none_for_a_while(self):
        """And answers that are lost: no line is there twice."""
        proxy = self.proxy()
        bale = self.bale(proxy)
        self.log_to_itself(bale)
        proxy.rules(fault("refuse", op="PutObject", key=LOGS, status=503, first=8), fault("lose", op="PutObject", key=LOGS, times=2))
        asked = self.ask(bale, 20)
        self.assert_logged_once(bale, asked)
