"""tests/clients/test_programs.py -- small programs with the SDKs and libraries of other languages, each telling its own story."""

import shutil

from case import ClientCase, http_only, needs


class Programs(ClientCase):
    # ---- SDKs ----

    @needs("java_programs")
    def test_java_sdk_1(self):
        self.run_java(self.have("java_programs"), "Sdk1")

    @needs("java_programs")
    def test_java_sdk_2(self):
        self.run_java(self.have("java_programs"), "Sdk2")

    @needs("go_programs")
    def test_aws_sdk_go(self):
        self.assertEqual("ok\n", self.run_client(self.have("go_programs") / "aws", self.endpoint))

    @needs("go_programs")
    def test_minio_go(self):
        self.assertEqual("ok\n", self.run_client(self.have("go_programs") / "minio", self.endpoint))

    @needs("js_program")
    def test_js_sdk_3(self):
        self.assertEqual("ok\n", self.run_client(shutil.which("node"), self.have("js_program"), self.endpoint))

    # ---- what reads and writes tables ----

    @needs("data_python")
    @http_only
    def test_pyarrow(self):
        self.run_python(self.have("data_python"), "arrow.py")

    @needs("data_python")
    def test_duckdb(self):
        self.make_bucket("duckdb")
        self.run_python(self.have("data_python"), "duck.py")

    @needs("data_python")
    @http_only
    def test_obstore(self):
        self.make_bucket("obstore")
        # it can read no header of an object that has a byte beyond ASCII in one
        self.assertEqual(200, self.alice.put("obstore", "beyond ascii", (), {"x-amz-meta-name": "Grüße"}, b"x").status)
        self.run_python(self.have("data_python"), "obstore_objects.py")

    @needs("data_python")
    @http_only
    def test_deltalake(self):
        self.make_bucket("deltalake")
        self.run_python(self.have("data_python"), "delta.py")

    @needs("newest_python")
    @http_only
    def test_django_storages(self):
        self.make_bucket("django")
        self.run_python(self.have("newest_python"), "django_files.py")

    @needs("data_python")
    def test_s3fs_of_python(self):
        self.run_python(self.have("data_python"), "fsspec_files.py")
