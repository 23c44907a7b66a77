/* bench/micro/http_head.c -- one request head: parsing it, and looking its fields up. */
#include "bench/micro/micro.h"
#include "server/http/head.h"

#include <stdio.h>

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
static const char *const names[16] = {
    "authorization",        "x-amz-date",
    "x-amz-content-sha256", "if-match",
    "if-none-match",        "if-modified-since",
    "if-unmodified-since",  "range",
    "x-amz-security-token", "x-amz-expected-bucket-owner",
    "x-amz-trailer",        "x-amz-decoded-content-length",
    "content-type",         "content-md5",
    "x-amz-checksum-mode",  "x-amz-request-payer",
};

struct reading {
    struct span bytes;
    struct http_head *head;
};

static bool parse(void *state)
{
    const struct reading *reading = state;
    struct error error;
    size_t size;
    return http_head_parse(reading->bytes, reading->head, &size, &error) == HTTP_PARSE_DONE &&
           size == reading->bytes.size;
}

/* Most are not there, as in most requests. */
static bool look_up(void *state)
{
    const struct reading *reading = state;
    struct span value;
    unsigned found = 0;
    for (size_t name = 0; name < sizeof names / sizeof *names; name++)
        found += http_head_find(reading->head, names[name], &value);
    return found < sizeof names / sizeof *names;
}

static void measure(struct micro *micro, const char *title, struct span bytes)
{
    static struct http_head head;
    char name[MICRO_NAME_BYTES];
    struct reading reading = {bytes, &head};
    if (!parse(&reading))
        micro_fail(title, "the head is not understood");
    (void)snprintf(name, sizeof name, "http/%s/parse", title);
    micro_measure(micro, &(struct micro_case){name, bytes.size, parse, &reading});
    (void)snprintf(name, sizeof name, "http/%s/look-up-16", title);
    micro_measure(micro, &(struct micro_case){name, 0, look_up, &reading});
}

void micro_http_head(struct micro *micro)
{
    measure(micro, "presigned-get", SPAN(presigned_get));
    measure(micro, "boto3-put", SPAN(boto3_put));
}
