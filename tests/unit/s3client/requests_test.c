/* tests/unit/s3client/requests_test.c -- what goes out: targets, headers, signatures, checksums; what is refused before
 * anything is sent. */
#include "runtime/base/hex.h"
#include "s3client/client_private.h"
#include "tests/unit/s3client/script.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* ---- names: the resolver is a stand-in, getaddrinfo of this program, for which each name is this host ---- */

static char asked_name[256];

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
    struct {
        struct addrinfo info;
        struct sockaddr_in address;
    } *made = calloc(1, sizeof *made);
    (void)service;
    (void)hints;
    (void)snprintf(asked_name, sizeof asked_name, "%s", name);
    made->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    made->info = (struct addrinfo){
        .ai_family = AF_INET, .ai_addr = (struct sockaddr *)&made->address, .ai_addrlen = sizeof made->address};
    *ret = &made->info;
    return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
    free(list);
}

/* ---- against Amazon's own examples ("Signature Calculations for the Authorization Header") ---- */

static int64_t may_2013(void *unused)
{
    (void)unused;
    return 1369353600000; /* 20130524T000000Z */
}

static const struct clock old_clock = {.wall_ms = may_2013};

static struct s3_endpoint *example_endpoint(struct s3_credential_source **ret_source)
{
    *ret_source = s3_credentials_create_static(SPAN("AKIAIOSFODNN7EXAMPLE"),
                                               SPAN("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), SPAN_EMPTY, &error);
    struct s3_endpoint *example = s3_endpoint_create(
        &(struct s3_endpoint_settings){
            .url = "http://s3.amazonaws.com",
            .addressing = S3_ADDRESS_VIRTUAL,
            .credentials = *ret_source,
            .clock = &old_clock,
        },
        &error);
    ck_assert_msg(example != NULL, "%s", error.message);
    return example;
}

static void expect_signature(struct s3_client *signer, const struct s3_call *call, const char *signature)
{
    struct s3_body_facts facts;
    struct buffer head;
    buffer_init(&head, 0);
    s3_body_facts(s3_client_endpoint(signer), call, &facts);
    facts.has_crc32c = false; /* the examples know no checksums */
    EXPECT(s3_request_head(signer, call, &facts, &head, &error));
    buffer_append_byte(&head, '\0');
    ck_assert_msg(strstr((char *)head.data, signature) != NULL, "%s", (char *)head.data);
    buffer_free(&head);
}

static void examples(void *unused)
{
    (void)unused;
    struct s3_credential_source *source;
    struct s3_endpoint *example = example_endpoint(&source);
    struct s3_client *signer = s3_client_create(example, &(struct s3_client_settings){0});
    struct http_field range = {SPAN("range"), SPAN("bytes=0-9")};
    struct s3_call call = {.kind = S3_GET_OBJECT,
                           .bucket = SPAN("examplebucket"),
                           .key = SPAN("test.txt"),
                           .headers = &range,
                           .headers_count = 1};
    expect_signature(signer, &call,
                     "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
                     "aws4_request, SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
                     "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41\r\n");
    struct span body = SPAN("Welcome to Amazon S3.");
    struct http_field fields[] = {{SPAN("x-amz-storage-class"), SPAN("REDUCED_REDUNDANCY")},
                                  {SPAN("date"), SPAN("Fri, 24 May 2013 00:00:00 GMT")}};
    call = (struct s3_call){.kind = S3_PUT_OBJECT,
                            .bucket = SPAN("examplebucket"),
                            .key = SPAN("test$file.text"),
                            .headers = fields,
                            .headers_count = 2,
                            .body = &body,
                            .body_count = 1};
    expect_signature(signer, &call, "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    struct s3_parameter lifecycle = {SPAN("lifecycle"), SPAN_EMPTY};
    call =
        (struct s3_call){.kind = S3_GET_BUCKET, .bucket = SPAN("examplebucket"), .query = &lifecycle, .query_count = 1};
    expect_signature(signer, &call, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    struct s3_parameter list[] = {{SPAN("max-keys"), SPAN("2")}, {SPAN("prefix"), SPAN("J")}};
    call.query = list;
    call.query_count = 2;
    expect_signature(signer, &call, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
    s3_client_destroy(signer);
    s3_endpoint_destroy(example);
    s3_credentials_destroy(source);
}

START_TEST(signs_like_amazons_examples)
{
    run_on_loop(examples, NULL);
}
END_TEST

/* ---- what is on the wire ---- */

static void expect_sent(const char *words)
{
    ck_assert_msg(strstr(script_seen[script_seen_count - 1].head, words) != NULL, "%s\nin\n%s", words,
                  script_seen[script_seen_count - 1].head);
}

static void expect_not_sent(const char *words)
{
    ck_assert_msg(strstr(script_seen[script_seen_count - 1].head, words) == NULL, "%s\nin\n%s", words,
                  script_seen[script_seen_count - 1].head);
}

static void call_it(struct s3_call *call)
{
    PLAY({.answer = http_text(200, "", "")});
    EXPECT(s3_client_call(client, call, &answer, &error));
    s3_answer_close(&answer);
}

static bool is_secure;

static void wire(void)
{
    struct s3_parameter query[] = {{SPAN("z"), SPAN("a b+c/d")}, {SPAN("a&"), SPAN_EMPTY}};
    struct s3_call call = call_of(S3_GET_OBJECT, "/a b+c/../%2F~\xc3\xa4?x");
    call.query = query;
    call.query_count = 2;
    call_it(&call);
    expect_sent("GET /box//a%20b%2Bc/../%252F~%C3%A4%3Fx?z=a%20b%2Bc%2Fd&a%26= HTTP/1.1\r\n");
    expect_not_sent("Content-Length");
    expect_not_sent("x-amz-server-side-encryption");
    expect_sent("x-amz-request-payer: requester\r\n");
    expect_sent("x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\r\n");

    struct span pieces[] = {SPAN("1234"), SPAN_EMPTY, SPAN("56789")};
    call = call_of(S3_PUT_OBJECT, "k");
    call.body = pieces;
    call.body_count = 3;
    call_it(&call);
    expect_sent("Content-Length: 9\r\n");
    expect_sent("x-amz-checksum-crc32c: 4waSgw==\r\n");
    expect_sent("x-amz-server-side-encryption: AES256\r\n");
    expect_sent(is_secure ? "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"
                          : "x-amz-content-sha256: "
                            "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225\r\n");
    expect_sent("SignedHeaders=host;x-amz-checksum-crc32c;x-amz-content-sha256;x-amz-date;x-amz-request-payer;x-amz-"
                "server-side-encryption, ");
    ck_assert_str_eq(script_seen[script_seen_count - 1].body, "123456789");

    uint8_t known[SHA256_BYTES] = {0xab};
    call.has_crc32c = true;
    call.crc32c = 0x01020304;
    call.sha256 = known;
    call_it(&call);
    expect_sent("x-amz-checksum-crc32c: AQIDBA==\r\n");
    expect_sent(is_secure ? "UNSIGNED-PAYLOAD" : "x-amz-content-sha256: ab00000000");
    call.omits_checksum = true;
    call_it(&call);
    expect_not_sent("crc32c");

    struct s3_part part = {.number = 1, .etag = SPAN("\"e\"")};
    PLAY({.answer =
              http_text(200, "", "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")});
    call = call_of(S3_COMPLETE_UPLOAD, "k");
    EXPECT(s3_client_complete_upload(client, &call, SPAN("id"), &part, 1, &answer, &error));
    expect_sent("POST /box/k?uploadId=id HTTP/1.1\r\n");
    expect_not_sent("UNSIGNED-PAYLOAD"); /* documents are signed whole, also over TLS */
    expect_not_sent("crc32c");
    ck_assert_str_eq(answer.etag, "\"x\"");
    expect_played();
}

START_TEST(heads_say_what_they_must)
{
    static const struct s3_extra_header extra[] = {
        {"x-amz-request-payer", "requester", S3_ON_ALL},
        {"x-amz-server-side-encryption", "AES256", S3_ON_CREATION},
    };
    endpoint_settings.headers = extra;
    endpoint_settings.headers_count = 2;
    on_script(false, wire);
    is_secure = true;
    on_script(true, wire);
}
END_TEST

static void refusals(void)
{
    struct http_field field = {SPAN("x-amz-meta-a"), SPAN("b\r\nx-evil: 1")};
    struct s3_call call = call_of(S3_PUT_OBJECT, "k");
    call.headers = &field;
    call.headers_count = 1;
    ck_assert(!s3_client_call(client, &call, &answer, &error));
    ck_assert_int_eq(error.kind, ERROR_INVALID);
    field = (struct http_field){SPAN("X-Amz-Meta-A"), SPAN("b")};
    ck_assert(!s3_client_call(client, &call, &answer, &error));
    field = (struct http_field){SPAN("x-amz meta"), SPAN("b")};
    ck_assert(!s3_client_call(client, &call, &answer, &error));
    field = (struct http_field){SPAN_EMPTY, SPAN("b")};
    ck_assert(!s3_client_call(client, &call, &answer, &error));
    call.headers_count = 0;
    call.bucket = SPAN("a/b");
    ck_assert(!s3_client_call(client, &call, &answer, &error));
    call.bucket = SPAN("..");
    ck_assert(!s3_client_call(client, &call, &answer, &error));
    char *key = malloc(6000);
    memset(key, 0xff, 6000);
    call.bucket = SPAN("box");
    call.key = span_of(key, 6000);
    ck_assert(!s3_client_call(client, &call, &answer, &error));
    ck_assert_int_eq(error.kind, ERROR_TOO_LARGE);
    call.key = span_of(key, 3000); /* 9,000 bytes encoded */
    PLAY({.answer = http_text(200, "", "")});
    EXPECT(s3_client_call(client, &call, &answer, &error));
    s3_answer_close(&answer);
    ck_assert_int_eq(script_seen_count, 1);
    ck_assert_int_eq(answer.effect, S3_APPLIED);
    free(key);
}

START_TEST(nothing_is_sent_that_would_mean_something_else)
{
    on_script(false, refusals);
}
END_TEST

static void unsigned_calls(void)
{
    struct s3_call call = call_of(S3_GET_OBJECT, "k");
    struct s3_endpoint_settings settings = endpoint_settings;
    settings.credentials = NULL;
    struct s3_endpoint *public = s3_endpoint_create(&settings, &error);
    struct s3_client *anonymous = s3_client_create(public, &client_settings);
    PLAY({.answer = http_text(200, "", "")});
    EXPECT(s3_client_call(anonymous, &call, &answer, &error));
    s3_answer_close(&answer);
    expect_not_sent("Authorization");
    expect_not_sent("x-amz-date");
    call = (struct s3_call){.kind = S3_GET_OBJECT, .target = SPAN("/a%2f+b?X-Amz-Signature=c%2Fd&e")};
    PLAY({.answer = http_text(200, "", "")});
    EXPECT(s3_client_call(anonymous, &call, &answer, &error));
    s3_answer_close(&answer);
    expect_sent("GET /a%2f+b?X-Amz-Signature=c%2Fd&e HTTP/1.1\r\n");
    static const char *const wrong[] = {"a", "/a b", "/a\r\nb: c", "/\xc3\xa4"};
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        call.target = span_from_string(wrong[i]);
        ck_assert(!s3_client_call(anonymous, &call, &answer, &error));
        ck_assert_int_eq(error.kind, ERROR_INVALID);
    }
    s3_client_destroy(anonymous);
    s3_endpoint_destroy(public);
}

START_TEST(without_credentials_nothing_is_signed)
{
    on_script(false, unsigned_calls);
}
END_TEST

/* The bucket in the host's name: resolved, connected to, and named in the head as such. */
static void virtual_hosts(void)
{
    char url[64];
    const char *port = strrchr(s3_endpoint_url(endpoint), ':');
    struct s3_endpoint_settings settings = endpoint_settings;
    (void)snprintf(url, sizeof url, "http://s3.test%s/base", port);
    settings.url = url;
    settings.addressing = S3_ADDRESS_VIRTUAL;
    settings.offload = offload_create("names", 1, 4, &error);
    struct s3_endpoint *named = s3_endpoint_create(&settings, &error);
    ck_assert_msg(named != NULL, "%s", error.message);
    struct s3_client *other = s3_client_create(named, &client_settings);
    struct s3_call call = call_of(S3_GET_OBJECT, "k");
    for (unsigned i = 0; i < 2; i++) {
        PLAY({.answer = http_text(200, "", "")});
        EXPECT(s3_client_call(other, &call, &answer, &error));
        s3_answer_close(&answer);
        expect_sent("GET /base/k HTTP/1.1\r\nhost: box.s3.test:");
    }
    ck_assert_str_eq(asked_name, "box.s3.test");
    call.bucket = SPAN("crate"); /* another host, so another connection */
    PLAY({.answer = http_text(200, "", "")}, {.answer = http_text(200, "", "<ListAllMyBucketsResult/>")});
    EXPECT(s3_client_call(other, &call, &answer, &error));
    s3_answer_close(&answer);
    expect_sent("host: crate.s3.test:");
    struct s3_bucket_entry *buckets;
    unsigned count;
    EXPECT(s3_client_list_buckets(other, &(struct s3_call){0}, &arena, &buckets, &count, &answer, &error));
    expect_sent("GET /base/ HTTP/1.1\r\nhost: s3.test:");
    ck_assert_uint_eq(script_connections, 3);
    s3_client_destroy(other);
    s3_endpoint_destroy(named);
    offload_destroy(settings.offload);
}

START_TEST(buckets_may_stand_in_the_hosts_name)
{
    on_script(false, virtual_hosts);
}
END_TEST

/* ---- endpoints ---- */

START_TEST(endpoints_are_taken_apart)
{
    static const struct {
        const char *url;
        const char *region;
        const char *expected; /* the URL as it is then; NULL: refused */
        const char *authority;
    } cases[] = {
        {NULL, "eu-west-1", "https://s3.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com"},
        {NULL, NULL, "https://s3.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com"},
        {NULL, "cn-north-1", "https://s3.cn-north-1.amazonaws.com.cn", "s3.cn-north-1.amazonaws.com.cn"},
        {NULL, "us-gov-west-1", "https://s3.us-gov-west-1.amazonaws.com", "s3.us-gov-west-1.amazonaws.com"},
        {NULL, "us-iso-east-1", "https://s3.us-iso-east-1.c2s.ic.gov", "s3.us-iso-east-1.c2s.ic.gov"},
        {NULL, "us-isof-south-1", "https://s3.us-isof-south-1.csp.hci.ic.gov", "s3.us-isof-south-1.csp.hci.ic.gov"},
        {NULL, "eu-isoe-west-1", "https://s3.eu-isoe-west-1.cloud.adc-e.uk", "s3.eu-isoe-west-1.cloud.adc-e.uk"},
        {"http://127.0.0.1:9000", NULL, "http://127.0.0.1:9000", "127.0.0.1:9000"},
        {"https://minio.test:443/", NULL, "https://minio.test", "minio.test"},
        {"http://[::1]:80/base/path//", NULL, "http://[::1]/base/path", "[::1]"},
        {"https://[fe80::1]:9", NULL, "https://[fe80::1]:9", "[fe80::1]:9"},
        {"ftp://host", NULL, NULL, NULL},
        {"host:9000", NULL, NULL, NULL},
        {"http://", NULL, NULL, NULL},
        {"http://user@host", NULL, NULL, NULL},
        {"http://host:0", NULL, NULL, NULL},
        {"http://host:70000", NULL, NULL, NULL},
        {"http://host:1:2", NULL, NULL, NULL},
        {"http://[::1", NULL, NULL, NULL},
        {"http://host/a?b", NULL, NULL, NULL},
        {"http://ho st", NULL, NULL, NULL},
        {NULL, "no region", NULL, NULL},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct s3_endpoint_settings settings = {.url = cases[i].url, .region = cases[i].region};
        struct s3_endpoint *made = s3_endpoint_create(&settings, &error);
        ck_assert_msg((made != NULL) == (cases[i].expected != NULL), "%s: %s", cases[i].url, error.message);
        if (made != NULL) {
            ck_assert_str_eq(s3_endpoint_url(made), cases[i].expected);
            ck_assert_str_eq(made->authority, cases[i].authority);
        }
        s3_endpoint_destroy(made);
    }
}
END_TEST

START_TEST(credentials_are_checked)
{
    ck_assert_ptr_null(s3_credentials_create_static(SPAN(""), SPAN("b"), SPAN_EMPTY, &error));
    ck_assert_ptr_null(s3_credentials_create_static(SPAN("a"), SPAN(""), SPAN_EMPTY, &error));
    ck_assert_ptr_null(s3_credentials_create_static(SPAN("a"), SPAN("b\n"), SPAN_EMPTY, &error));
    ck_assert_ptr_null(s3_credentials_create_static(SPAN("a"), SPAN("b"), SPAN("c d"), &error));
    char large[300];
    memset(large, 'x', sizeof large);
    ck_assert_ptr_null(s3_credentials_create_static(SPAN("a"), span_of(large, 253), SPAN_EMPTY, &error));
    ck_assert_int_eq(error.kind, ERROR_TOO_LARGE);
    s3_credentials_destroy(s3_credentials_create_static(SPAN("a"), span_of(large, 252), SPAN("t"), &error));
    s3_credentials_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3client-requests");
    TCase *tests = tcase_create("requests");
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, signs_like_amazons_examples);
    tcase_add_test(tests, heads_say_what_they_must);
    tcase_add_test(tests, nothing_is_sent_that_would_mean_something_else);
    tcase_add_test(tests, without_credentials_nothing_is_signed);
    tcase_add_test(tests, buckets_may_stand_in_the_hosts_name);
    tcase_add_test(tests, endpoints_are_taken_apart);
    tcase_add_test(tests, credentials_are_checked);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
