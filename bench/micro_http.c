/* bench/micro_http.c -- nanoseconds for one request head: parsing it, and looking its fields up. */
#include "runtime/base/clock.h"
#include "server/http/head.h"

#include <stdio.h>
#include <stdlib.h>

static const char presigned_get[] =
    "GET /bucket/some/folder/object-000123.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20130524"
    "%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&"
    "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404 HTTP/1.1\r\n"
    "Host: 127.0.0.1:8014\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";

static const char boto3_put[] =
    "PUT /bucket/some/folder/object-000123.txt HTTP/1.1\r\nHost: 127.0.0.1:8014\r\nAccept-Encoding: identity\r\n"
    "x-amz-sdk-checksum-algorithm: CRC32\r\nUser-Agent: Boto3/1.36.2 md/Botocore#1.36.2 ua/2.0 os/linux#6.1 "
    "md/arch#x86_64 lang/python#3.11.2 md/pyimpl#CPython m/Z,D,b cfg/retry-mode#legacy Botocore/1.36.2\r\n"
    "Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg==\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n"
    "X-Amz-Trailer: x-amz-checksum-crc32\r\nX-Amz-Decoded-Content-Length: 4096\r\nContent-Encoding: aws-chunked\r\n"
    "X-Amz-Date: 20130524T000000Z\r\nX-Amz-Content-SHA256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\n"
    "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=content-"
    "encoding;content-md5;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-sdk-checksum-"
    "algorithm;x-amz-trailer, Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404\r\n"
    "amz-sdk-invocation-id: 4b0a6f0c-5fe2-4b0c-8a55-0f6d5b0a2f1e\r\namz-sdk-request: attempt=1\r\n\r\n";

/* What a handler of S3 asks a head for, more or less. */
static const char *const names[] = {
    "authorization",        "x-amz-date",
    "x-amz-content-sha256", "if-match",
    "if-none-match",        "if-modified-since",
    "if-unmodified-since",  "range",
    "x-amz-security-token", "x-amz-expected-bucket-owner",
    "x-amz-trailer",        "x-amz-decoded-content-length",
    "content-type",         "content-md5",
    "x-amz-checksum-mode",  "x-amz-request-payer",
};

static void measure(const char *title, struct span bytes, unsigned rounds)
{
    static struct http_head head;
    struct error error;
    size_t size;
    uint64_t found = 0;
    uint64_t started = clock_monotonic_ns(clock_system());
    for (unsigned i = 0; i < rounds; i++)
        found += http_head_parse(bytes, &head, &size, &error) == HTTP_PARSE_DONE;
    uint64_t parsed = clock_monotonic_ns(clock_system());
    struct span value;
    for (unsigned i = 0; i < rounds; i++) {
        for (size_t name = 0; name < sizeof names / sizeof *names; name++)
            found += http_head_find(&head, names[name], &value);
    }
    uint64_t ended = clock_monotonic_ns(clock_system());
    if (found < rounds)
        abort();
    printf("%-16s %4zu bytes, %2u fields: parse %6.1f ns, %zu look-ups %6.1f ns\n", title, bytes.size,
           head.fields_count, (double)(parsed - started) / rounds, sizeof names / sizeof *names,
           (double)(ended - parsed) / rounds);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000000;
    measure("presigned GET", SPAN(presigned_get), rounds);
    measure("boto3 PUT", SPAN(boto3_put), rounds);
    return 0;
}
