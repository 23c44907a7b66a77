"""tests/clients/programs/python/django_files.py -- what a site with django-storages does, set up as README.md says.

usage: django_files.py http://HOST:PORT ; credentials come from the environment, the bucket `django` is there. Prints `ok` at the end.
"""

import sys
import urllib.request

import django
from django.conf import settings
from django.core.files.base import ContentFile


def main(endpoint):
    settings.configure(
        AWS_S3_ENDPOINT_URL=endpoint, AWS_S3_REGION_NAME="us-east-1", AWS_S3_SIGNATURE_VERSION="s3v4", AWS_S3_ADDRESSING_STYLE="path",
        AWS_STORAGE_BUCKET_NAME="django", AWS_S3_FILE_OVERWRITE=False, STORAGES={"default": {"BACKEND": "storages.backends.s3.S3Storage"}})
    django.setup()
    from django.core.files.storage import default_storage as storage  # wants the settings

    name = storage.save("in voices/a b+c.txt", ContentFile(b"content"))
    assert storage.exists(name) and storage.size(name) == 7 and storage.open(name).read() == b"content"
    assert storage.save(name, ContentFile(b"other")) != name, "was overwritten"
    assert len(storage.listdir("in voices")[1]) == 2, storage.listdir("in voices")
    with urllib.request.urlopen(storage.url(name), timeout=300) as answer:  # presigned
        assert answer.read() == b"content"
        assert answer.headers["Content-Type"] == "text/plain", answer.headers
    with storage.open("large", "wb") as file:
        file.write(bytes(12_000_000))
    assert storage.size("large") == 12_000_000
    for gone in ("large", *("in voices/" + found for found in storage.listdir("in voices")[1])):
        storage.delete(gone)
    assert not storage.exists(name)
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1])
