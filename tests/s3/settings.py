"""tests/s3/settings.py -- settings of buckets: documents put as S3 wants them, with what it wants beside them."""

import base64
import hashlib

import sigv4
from case import S3Case


class SettingsCase(S3Case):
    """Reads and writes one setting of the test's bucket."""

    def put_setting(self, name, document, bucket=None, client=None, checksum=True, headers=()):
        document = sigv4.to_bytes(document)
        fields = list(headers)
        if checksum:
            fields.append(("Content-MD5", base64.b64encode(hashlib.md5(document).digest()).decode()))
        return (client or self.alice).put(bucket or self.bucket, None, [(name, None)], fields, document)

    def get_setting(self, name, bucket=None, client=None, headers=()):
        return (client or self.alice).get(bucket or self.bucket, None, [(name, None)], headers)

    def delete_setting(self, name, bucket=None, client=None, headers=()):
        return (client or self.alice).delete(bucket or self.bucket, None, [(name, None)], headers)

    def set(self, name, document, status=200, **options):
        response = self.put_setting(name, document, **options)
        self.assert_status(status, response)
        self.assertEqual(b"", response.body)
        return response

    def assert_refused_setting(self, name, document, status, code, **options):
        """And what was there before stays."""
        before = self.get_setting(name)
        response = self.assert_error(self.put_setting(name, document, **options), status, code)
        after = self.get_setting(name)
        self.assertEqual(before.status, after.status)
        if before.status == 200:
            self.assertEqual(before.body, after.body)
        return response

    def assert_life(self, name, document, root, unset_code, put_status=200, checksum=True):
        """Unset, put, read, put again, removed, removed again; for its owner alone, and only with a checksum."""
        self.assert_error(self.get_setting(name), 404, unset_code)
        if checksum:
            self.assert_error(self.put_setting(name, document, checksum=False), 400, "InvalidRequest")
        self.assert_error(self.put_setting(name, document, client=self.bob), 403, "AccessDenied")
        self.assert_error(self.put_setting(name, document, client=self.reader), 403, "AccessDenied")
        self.assert_error(self.put_setting(name, document, headers=[("x-amz-expected-bucket-owner", "nobody")]), 403, "AccessDenied")
        self.assert_error(self.get_setting(name), 404, unset_code)
        self.set(name, document, put_status)
        first = self.assert_success_xml(self.get_setting(name), root)
        self.assert_error(self.get_setting(name, client=self.bob), 403, "AccessDenied")
        self.assert_error(self.get_setting(name, headers=[("x-amz-expected-bucket-owner", "nobody")]), 403, "AccessDenied")
        self.set(name, first.body, put_status)
        self.assertEqual(first.body, self.get_setting(name).body)
        self.assert_error(self.delete_setting(name, client=self.bob), 403, "AccessDenied")
        self.assert_error(self.delete_setting(name, headers=[("x-amz-expected-bucket-owner", "nobody")]), 403, "AccessDenied")
        for _ in range(2):
            self.assert_status(204, self.delete_setting(name))
        self.assert_error(self.get_setting(name), 404, unset_code)
        self.assert_error(self.put_setting(name, document, bucket=self.bucket_name()), 404, "NoSuchBucket")
        self.set(name, document, put_status)
        bucket = self.bucket
        self.assert_status(204, self.alice.delete(bucket))
        self.assert_error(self.get_setting(name), 404, "NoSuchBucket")
        self.assert_status(200, self.alice.put(bucket))
        self.assert_error(self.get_setting(name), 404, unset_code)  # 621: a bucket made again has none of the old ones
        return first
