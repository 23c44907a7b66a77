"""tests/s3/statements/test_l_conditional_writes.py -- section L: conditional writes and deletes (197 waits for multipart).

An If-None-Match with an ETag is evaluated (decided in section Z against statement 192)."""

import os
import threading

import checksums
from case import S3Case

OLD = b"old body"
ETAG = checksums.etag(OLD)
RACE_ROUNDS = int(os.environ.get("BALE_RACE_ROUNDS", "200"))
RACE_WRITERS = 64


def together(count, work):
    """Runs work(number) on `count` threads that start as one."""
    barrier, results = threading.Barrier(count), [None] * count

    def run(number):
        barrier.wait()
        results[number] = work(number)
    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class ConditionalWrites(S3Case):
    def write(self, headers, key="k", body=b"new body"):
        return self.alice.put(self.bucket, key, (), headers, body)

    def test_191_if_none_match_star(self):
        self.put("k", OLD)
        self.assert_error(self.write({"If-None-Match": "*"}), 412, "PreconditionFailed", {"Condition": "If-None-Match"})
        self.assert_object("k", OLD)
        self.assert_status(200, self.write({"If-None-Match": "*"}, "n"))
        self.assert_object("n", b"new body")
        self.assert_error(self.write({"If-None-Match": "*"}, "n"), 412, "PreconditionFailed")

    def test_192_if_none_match_with_an_etag_is_evaluated(self):
        self.put("k", OLD)
        for value in (ETAG, ETAG.strip('"'), f'"x", {ETAG}'):
            self.assert_error(self.write({"If-None-Match": value}), 412, "PreconditionFailed", {"Condition": "If-None-Match"})
            self.assert_object("k", OLD)
        self.assert_status(200, self.write({"If-None-Match": '"other"'}))
        self.assert_object("k", b"new body")
        self.assert_status(200, self.write({"If-None-Match": ETAG}, "missing"))

    def test_193_both_conditions(self):
        self.put("k", OLD)
        for headers in ({"If-Match": ETAG, "If-None-Match": "*"}, {"If-Match": "*", "If-None-Match": '"x"'}):
            self.assert_error(self.write(headers), 501, "NotImplemented", ["Header"])
        self.assert_object("k", OLD)

    def test_194_if_match(self):
        self.put("k", OLD)
        self.assert_error(self.write({"If-Match": '"wrong"'}), 412, "PreconditionFailed", {"Condition": "If-Match"})
        self.assert_object("k", OLD)
        self.assert_status(200, self.write({"If-Match": ETAG}))
        self.assert_object("k", b"new body")
        self.assert_error(self.write({"If-Match": ETAG}), 412, "PreconditionFailed")
        self.assert_status(200, self.write({"If-Match": "*"}))
        for value in (ETAG, "*"):
            self.assert_error(self.write({"If-Match": value}, "missing"), 404, "NoSuchKey", {"Key": "missing"})
        self.assert_absent("missing")

    def test_195_unquoted(self):
        self.put("k", OLD)
        self.assert_error(self.write({"If-Match": "wrong"}), 412, "PreconditionFailed")
        self.assert_status(200, self.write({"If-Match": ETAG.strip('"')}))

    def test_194_large_bodies(self):
        """The condition is decided whatever way the body takes into the store."""
        body = b"large body " * 300_000
        self.put("k", OLD)
        for headers, status in (({"If-None-Match": "*"}, 412), ({"If-Match": '"x"'}, 412), ({"If-Match": ETAG}, 200)):
            self.assert_status(status, self.write(headers, body=body))
        self.assert_object("k", body)

    def test_200_repeated_after_a_lost_answer(self):
        prepared = self.alice.prepare("PUT", self.bucket, "k", (), {"If-None-Match": "*"}, b"once")
        self.assert_status(200, self.alice.send(prepared))
        self.assert_error(self.alice.send(prepared), 412, "PreconditionFailed")
        self.assert_object("k", b"once")

    def test_200_answer_lost_for_real(self):
        for turn in range(10):
            key = f"lost{turn}"
            prepared = self.alice.prepare("PUT", self.bucket, key, (), {"If-None-Match": "*"}, b"x" * 5000)
            connection = self.alice.connect()
            connection.send(prepared.bytes)
            connection.reset()
            repeated = self.alice.send(prepared)
            self.assertIn(repeated.status, (200, 412, 409), repeated)
            self.assert_object(key, b"x" * 5000)

    def test_201_decided_again_at_commit(self):
        """What another writer does while the body is on its way counts."""
        for body in (b"small", b"large " * 400_000):
            for headers, between, status in (
                ({"If-None-Match": "*"}, lambda: self.put("k", b"other"), 412),
                ({"If-Match": ETAG}, lambda: self.put("k", b"other"), 412),
                ({"If-Match": ETAG}, lambda: self.alice.delete(self.bucket, "k"), 404),
                ({"If-None-Match": ETAG}, lambda: self.put("k", OLD), 412),
            ):
                self.alice.delete(self.bucket, "k")
                if "If-Match" in headers:
                    self.put("k", OLD)
                with self.subTest(f"{len(body)} {headers}"):
                    prepared = self.alice.prepare("PUT", self.bucket, "k", (), headers, body, payload="unsigned")
                    with self.alice.connect() as connection:
                        connection.send(prepared.bytes[:-1])
                        between()
                        before = self.get("k")
                        connection.try_send(prepared.bytes[-1:])
                        self.assert_status(status, connection.read_response())
                    after = self.get("k")
                    self.assertEqual((before.status, before.header("etag")), (after.status, after.header("etag")))

    def test_201_condition_that_comes_true_on_the_way(self):
        """A server may refuse early; if it does not, the state at commit decides."""
        self.put("k", OLD)
        prepared = self.alice.prepare("PUT", self.bucket, "k", (), {"If-None-Match": "*"}, b"x" * 100_000, payload="unsigned")
        with self.alice.connect() as connection:
            connection.send(prepared.bytes[:50_000])
            self.alice.delete(self.bucket, "k")
            connection.try_send(prepared.bytes[50_000:])
            answer = connection.read_response()
        self.assertIn(answer.status, (200, 412), answer)
        if answer.status == 200:
            self.assert_object("k", b"x" * 100_000)
        else:
            self.assert_absent("k")

    def test_202_conditional_delete(self):
        self.put("k", OLD)
        answer = self.alice.delete(self.bucket, "k", (), {"If-Match": '"wrong"'})
        self.assert_error(answer, 412, "PreconditionFailed")
        self.assert_object("k", OLD)
        for value in (ETAG, ETAG.strip('"'), "*"):
            self.put("k", OLD)
            self.assert_status(204, self.alice.delete(self.bucket, "k", (), {"If-Match": value}))
            self.assert_absent("k")

    def test_203_other_delete_conditions(self):
        self.put("k", OLD)
        for headers in ({"x-amz-if-match-size": "1"}, {"x-amz-if-match-last-modified-time": "Thu, 01 Dec 1994 16:00:00 GMT"}):
            answer = self.alice.delete(self.bucket, "k", (), headers)
            self.assertIn(answer.status, (412, 501), answer)
            self.assert_object("k", OLD)
        answer = self.alice.delete(self.bucket, "k", (), {"x-amz-if-match-size": str(len(OLD))})
        self.assertIn(answer.status, (204, 501))

    def test_204_conditions_in_delete_objects(self):
        self.put("right", OLD)
        self.put("wrong", OLD)
        document = (f"<Delete><Object><Key>right</Key><ETag>{ETAG}</ETag></Object>"
                    "<Object><Key>wrong</Key><ETag>\"x\"</ETag></Object></Delete>")
        answer = self.assert_success_xml(self.alice.delete_objects(self.bucket, document), "DeleteResult")
        self.assertEqual(["right"], answer.texts("Deleted/Key"))
        self.assertEqual([("wrong", "PreconditionFailed")], list(zip(answer.texts("Error/Key"), answer.texts("Error/Code"))))
        self.assert_absent("right")
        self.assert_object("wrong", OLD)

    def test_204_an_empty_etag_takes_no_other_condition_away(self):
        self.put("k", OLD)
        document = f"<Delete><Object><Key>k</Key><Size>{len(OLD) + 1}</Size><ETag></ETag></Object></Delete>"
        answer = self.assert_success_xml(self.alice.delete_objects(self.bucket, document), "DeleteResult")
        self.assertEqual(["PreconditionFailed"], answer.texts("Error/Code"))
        self.assert_object("k", OLD)

    def test_420_delete_of_what_is_not_there(self):
        """It succeeds whatever the condition: the answer to a delete may be lost, and its repetition finds nothing."""
        for headers in ({"If-Match": ETAG}, {"If-Match": "*"}, {"x-amz-if-match-size": "1"},
                        {"x-amz-if-match-last-modified-time": "Thu, 01 Dec 1994 16:00:00 GMT"}):
            with self.subTest(headers):
                self.assert_status(204, self.alice.delete(self.bucket, "missing", (), headers))
        document = f"<Delete><Object><Key>missing</Key><ETag>{ETAG}</ETag></Object></Delete>"
        answer = self.assert_success_xml(self.alice.delete_objects(self.bucket, document), "DeleteResult")
        self.assertEqual((["missing"], []), (answer.texts("Deleted/Key"), answer.texts("Error/Key")))
        self.assert_error(self.alice.delete(self.bucket_name(), "k", (), {"If-Match": ETAG}), 404, "NoSuchBucket")
        self.assert_absent("missing")

    def test_if_modified_since_means_nothing_on_a_write(self):
        self.put("k", OLD)
        self.assert_status(200, self.write({"If-Modified-Since": "Thu, 01 Dec 2094 16:00:00 GMT"}))


class Races(S3Case):
    SERIAL = True

    def test_198_one_winner_of_64(self):
        """Each writer keeps a connection and sends at the same moment; each round has a key of its own."""
        connections = [self.alice.connect() for _ in range(RACE_WRITERS)]
        bodies = [(b"writer %d " % number) * 300 for number in range(RACE_WRITERS)]
        for turn in range(RACE_ROUNDS):
            key = f"round-{turn}"
            requests = [self.alice.prepare("PUT", self.bucket, key, (), {"If-None-Match": "*"}, body, payload="unsigned").bytes
                        for body in bodies]
            for connection, request in zip(connections, requests):
                connection.send(request[:-1])
            for connection, request in zip(connections, requests):
                connection.send(request[-1:])
            answers = [connection.read_response() for connection in connections]
            winners = [number for number, answer in enumerate(answers) if answer.status == 200]
            self.assertEqual(1, len(winners), f"round {turn}: {sorted(answer.status for answer in answers)}")
            for answer in answers:
                self.assertIn(answer.code, (None, "PreconditionFailed", "ConditionalRequestConflict"), answer)
            self.assertEqual(bodies[winners[0]], self.get(key).body)
            connections = [self.alice.connect() if connection.must_close else connection for connection in connections]
        for connection in connections:
            connection.close()

    def test_198_one_winner_with_large_bodies(self):
        bucket = self.bucket  # made here, not by each thread
        for turn in range(5):
            key = f"large-{turn}"
            bodies = [bytes([65 + number]) * 1_500_000 for number in range(8)]
            answers = together(8, lambda number: self.alice.put(bucket, key, (), {"If-None-Match": "*"}, bodies[number],
                                                                payload="unsigned"))
            winners = [number for number, answer in enumerate(answers) if answer.status == 200]
            self.assertEqual(1, len(winners), [answer.status for answer in answers])
            self.assertTrue(self.get(key).body == bodies[winners[0]])

    def test_199_counter_loses_no_update(self):
        self.put("counter", b"0")
        additions = 12

        def add(_):
            done = 0
            while done < additions:
                got = self.get("counter")
                answer = self.alice.put(self.bucket, "counter", (), {"If-Match": got.header("etag")}, b"%d" % (int(got.body) + 1))
                if answer.status == 200:
                    done += 1
                elif answer.status not in (409, 412):
                    return answer
        self.assertEqual([None] * 16, together(16, add))
        self.assertEqual(b"%d" % (16 * additions), self.get("counter").body)

    def test_202_one_deleter_wins(self):
        for turn in range(10):
            self.put("k", OLD)
            answers = together(16, lambda number: self.alice.delete(self.bucket, "k", (), {"If-Match": ETAG}))
            deleted = [answer for answer in answers if answer.status == 204]
            self.assertGreaterEqual(len(deleted), 1)
            for answer in answers:
                self.assertIn(answer.status, (204, 404, 409, 412), answer)
            self.assert_absent("k")
