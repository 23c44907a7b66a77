/* tests/unit/s3/settings_test.c -- documents of settings: what is refused and by which code, and what comes back. */
#include "s3client/wire/date.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/settings/cors.h"
#include "server/s3/settings/encryption.h"
#include "server/s3/settings/lifecycle.h"
#include "server/s3/settings/small.h"
#include "store/attributes.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct arena arena;
static struct error error;
static struct buffer rendered;

static void begin(void)
{
    arena_init(&arena, 8 << 20);
    buffer_init(&rendered, 0);
}

static void end(void)
{
    arena_free(&arena);
    buffer_free(&rendered);
}

static const struct xml_element *tree(const char *text)
{
    const struct xml_element *root;
    error = (struct error){0};
    ck_assert_msg(xml_tree_parse(span_from_string(text), &arena, &root, &error), "%s", error.message);
    return root;
}

/* Without the declaration and the namespace. */
static const char *body(void)
{
    static char text[8192];
    const char *xmlns = " xmlns=\"" XML_NAMESPACE_S3 "\"";
    buffer_append_byte(&rendered, 0);
    ck_assert(rendered.size < sizeof text);
    strcpy(text, (const char *)rendered.data + strlen(XML_DECLARATION));
    char *at = strstr(text, xmlns);
    ck_assert_ptr_nonnull(at);
    memmove(at, at + strlen(xmlns), strlen(at + strlen(xmlns)) + 1);
    buffer_clear(&rendered);
    return text;
}

/* ---- CORS ---- */

#define RULE(inside) "<CORSConfiguration><CORSRule>" inside "</CORSRule></CORSConfiguration>"
#define METHOD "<AllowedMethod>GET</AllowedMethod>"
#define ORIGIN "<AllowedOrigin>*</AllowedOrigin>"

static const struct cors *cors_of(const char *text)
{
    struct cors *cors = NULL;
    return cors_parse(tree(text), &arena, &cors, &error) ? cors : NULL;
}

START_TEST(cors_refuses) /* statements 546, 547 */
{
    static const struct {
        const char *text;
        const char *code;
    } wrong[] = {
        {"<CORSConfiguration/>", S3_MalformedXML},
        {"<CorsConfiguration><CORSRule>" METHOD ORIGIN "</CORSRule></CorsConfiguration>", S3_MalformedXML},
        {RULE(METHOD), S3_MalformedXML},
        {RULE(ORIGIN), S3_MalformedXML},
        {RULE(METHOD ORIGIN "<Other/>"), S3_MalformedXML},
        {RULE(METHOD ORIGIN "<ID>a</ID><ID>b</ID>"), S3_MalformedXML},
        {RULE(METHOD ORIGIN "<MaxAgeSeconds>soon</MaxAgeSeconds>"), S3_MalformedXML},
        {RULE(METHOD "<AllowedOrigin/>"), S3_MalformedXML},
        {RULE("<AllowedMethod>get</AllowedMethod>" ORIGIN), S3_InvalidRequest},
        {RULE("<AllowedMethod>PATCH</AllowedMethod>" ORIGIN), S3_InvalidRequest},
        {RULE(METHOD "<AllowedOrigin>http://*.*</AllowedOrigin>"), S3_InvalidRequest},
        {RULE(METHOD ORIGIN "<AllowedHeader>*a*</AllowedHeader>"), S3_InvalidRequest},
        {RULE(METHOD ORIGIN "<AllowedHeader>a b</AllowedHeader>"), S3_InvalidRequest},
        {RULE(METHOD ORIGIN "<ExposeHeader>*</ExposeHeader>"), S3_InvalidRequest},
        {RULE(METHOD ORIGIN "<ExposeHeader>a:b</ExposeHeader>"), S3_InvalidRequest},
        {RULE(METHOD ORIGIN "<MaxAgeSeconds>-1</MaxAgeSeconds>"), S3_InvalidRequest},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(cors_of(wrong[i].text) == NULL, "%s", wrong[i].text);
        ck_assert_msg(strcmp(error.code, wrong[i].code) == 0, "%s: %s", wrong[i].text, error.code);
    }
    ck_assert_ptr_nonnull(
        strstr((cors_of(RULE("<AllowedMethod>FETCH</AllowedMethod>" ORIGIN)), error.message), "FETCH"));
}
END_TEST

START_TEST(cors_counts_rules) /* statement 546 */
{
    static char text[20000];
    for (unsigned count = 100; count <= 101; count++) {
        size_t used = (size_t)snprintf(text, sizeof text, "<CORSConfiguration>");
        for (unsigned i = 0; i < count; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, "<CORSRule>" METHOD ORIGIN "</CORSRule>");
        (void)snprintf(text + used, sizeof text - used, "</CORSConfiguration>");
        ck_assert_int_eq(cors_of(text) != NULL, count == 100);
    }
    ck_assert_str_eq(error.code, S3_InvalidRequest);
}
END_TEST

START_TEST(cors_comes_back_in_order) /* statement 546 */
{
    const struct cors *cors =
        cors_of("<CORSConfiguration><CORSRule><MaxAgeSeconds>5</MaxAgeSeconds><AllowedOrigin>b&amp;*</AllowedOrigin>"
                "<AllowedMethod>PUT</AllowedMethod><ExposeHeader>etag</ExposeHeader><AllowedMethod>GET</AllowedMethod>"
                "<AllowedHeader>x-*</AllowedHeader><ID>one</ID></CORSRule><CORSRule>" ORIGIN METHOD
                "</CORSRule></CORSConfiguration>");
    ck_assert_ptr_nonnull(cors);
    cors_render(cors, &rendered);
    ck_assert_str_eq(body(), "<CORSConfiguration><CORSRule><ID>one</ID><AllowedHeader>x-*</AllowedHeader>"
                             "<AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod>"
                             "<AllowedOrigin>b&amp;*</AllowedOrigin><ExposeHeader>etag</ExposeHeader>"
                             "<MaxAgeSeconds>5</MaxAgeSeconds></CORSRule><CORSRule>" METHOD ORIGIN
                             "</CORSRule></CORSConfiguration>");
}
END_TEST

static bool matches(const char *pattern, const char *origin)
{
    char text[512];
    bool is_any;
    (void)snprintf(text, sizeof text, RULE(METHOD "<AllowedOrigin>%s</AllowedOrigin>"), pattern);
    const struct cors *cors = cors_of(text);
    ck_assert_ptr_nonnull(cors);
    bool is_match = cors_match(cors, span_from_string(origin), SPAN("GET"), SPAN_EMPTY, &is_any) != NULL;
    ck_assert(!is_match || is_any == (strcmp(pattern, "*") == 0));
    return is_match;
}

START_TEST(cors_matches_origins) /* statement 548 */
{
    ck_assert(matches("*", "http://a"));
    ck_assert(matches("http://a.z", "http://a.z"));
    ck_assert(!matches("http://a.z", "http://A.z"));
    ck_assert(!matches("http://a.z", "http://a.z:80"));
    ck_assert(matches("a.*.z", "a..z"));
    ck_assert(matches("a.*.z", "a.b.z"));
    ck_assert(!matches("a.*.z", "a.z"));
    ck_assert(!matches("a.*.z", "a.b.zz"));
    ck_assert(matches("http*", "https://x"));
    ck_assert(!matches("*suffix", "suffi"));
    ck_assert(matches("*suffix", "suffix"));
}
END_TEST

START_TEST(cors_matches_methods_and_headers) /* statement 548 */
{
    bool is_any;
    const struct cors *cors =
        cors_of("<CORSConfiguration><CORSRule><ID>1</ID>" METHOD "<AllowedOrigin>o</AllowedOrigin></CORSRule>"
                "<CORSRule><ID>2</ID>" METHOD ORIGIN "<AllowedHeader>x-A-*</AllowedHeader>"
                "<AllowedHeader>Date</AllowedHeader></CORSRule></CORSConfiguration>");
    const struct cors_rule *rule = cors_match(cors, SPAN("o"), SPAN("GET"), SPAN_EMPTY, &is_any);
    ck_assert(span_equal(rule->id, SPAN("1")) && !is_any);
    rule = cors_match(cors, SPAN("o"), SPAN("GET"), SPAN(" x-a-meta , ,date"), &is_any);
    ck_assert(span_equal(rule->id, SPAN("2")) && is_any);
    ck_assert_ptr_null(cors_match(cors, SPAN("o"), SPAN("GET"), SPAN("x-a-meta,x-b"), &is_any));
    ck_assert_ptr_null(cors_match(cors, SPAN("o"), SPAN("PUT"), SPAN_EMPTY, &is_any));
    ck_assert(cors_are_header_names(SPAN("a, b-c")) && cors_are_header_names(SPAN_EMPTY));
    ck_assert(!cors_are_header_names(SPAN("a, b c")) && !cors_are_header_names(SPAN("a\"")));
}
END_TEST

/* ---- lifecycle ---- */

#define LIFECYCLE(rules) "<LifecycleConfiguration>" rules "</LifecycleConfiguration>"
#define LIFE(inside) LIFECYCLE("<Rule><ID>r</ID><Status>Enabled</Status>" inside "</Rule>")
#define FILTER "<Filter/>"
#define DAYS(n) "<Expiration><Days>" n "</Days></Expiration>"
#define MOVE(when, class) "<Transition>" when "<StorageClass>" class "</StorageClass></Transition>"

static const struct lifecycle *lifecycle_of(const char *text)
{
    struct lifecycle *lifecycle = NULL;
    return lifecycle_parse(tree(text), &arena, &lifecycle, &error) ? lifecycle : NULL;
}

START_TEST(lifecycle_refuses) /* statements 582 to 588 */
{
    static const struct {
        const char *text;
        const char *code;
    } wrong[] = {
        {LIFECYCLE(""), S3_MalformedXML},
        {LIFE(DAYS("1")), S3_MalformedXML},
        {LIFE(FILTER "<Prefix/>" DAYS("1")), S3_MalformedXML},
        {LIFECYCLE("<Rule><Status>enabled</Status>" FILTER DAYS("1") "</Rule>"), S3_MalformedXML},
        {LIFECYCLE("<Rule>" FILTER DAYS("1") "</Rule>"), S3_MalformedXML},
        {LIFE(FILTER), S3_InvalidRequest},
        {LIFE(FILTER DAYS("0")), S3_InvalidArgument},
        {LIFE(FILTER DAYS("-1")), S3_InvalidArgument},
        {LIFE(FILTER DAYS("1.5")), S3_MalformedXML},
        {LIFE(FILTER "<Expiration/>"), S3_MalformedXML},
        {LIFE(FILTER "<Expiration><Days>1</Days><Date>2030-01-01T00:00:00Z</Date></Expiration>"), S3_MalformedXML},
        {LIFE(FILTER "<Expiration><Days>1</Days><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"
                     "</Expiration>"),
         S3_MalformedXML},
        {LIFE(FILTER "<Expiration><Date>2030-01-01T00:00:01Z</Date></Expiration>"), S3_InvalidArgument},
        {LIFE(FILTER "<Expiration><Date>20300101</Date></Expiration>"), S3_InvalidArgument},
        {LIFE(FILTER MOVE("<Date>2030-01-01T12:00:00Z</Date>", "GLACIER")), S3_InvalidArgument},
        {LIFE(FILTER MOVE("", "GLACIER")), S3_MalformedXML},
        {LIFE(FILTER MOVE("<Days>-1</Days>", "GLACIER")), S3_InvalidArgument},
        {LIFE(FILTER MOVE("<Days>1</Days>", "STANDARD")), S3_MalformedXML},
        {LIFE(FILTER MOVE("<Days>1</Days>", "COLD")), S3_MalformedXML},
        {LIFE(FILTER MOVE("<Days>1</Days>", "GLACIER") MOVE("<Days>2</Days>", "GLACIER")), S3_InvalidRequest},
        {LIFE(FILTER MOVE("<Days>2</Days>", "GLACIER") MOVE("<Days>2</Days>", "DEEP_ARCHIVE")), S3_InvalidRequest},
        {LIFE(FILTER "<NoncurrentVersionExpiration><NoncurrentDays>0</NoncurrentDays></NoncurrentVersionExpiration>"),
         S3_InvalidArgument},
        {LIFE(FILTER "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>101"
                     "</NewerNoncurrentVersions></NoncurrentVersionExpiration>"),
         S3_InvalidArgument},
        {LIFE(FILTER "<AbortIncompleteMultipartUpload><DaysAfterInitiation>0</DaysAfterInitiation>"
                     "</AbortIncompleteMultipartUpload>"),
         S3_InvalidArgument},
        {LIFE("<Filter><Tag><Key>a</Key><Value/></Tag></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>1"
              "</DaysAfterInitiation></AbortIncompleteMultipartUpload>"),
         S3_InvalidRequest},
        {LIFE("<Filter><ObjectSizeLessThan>9</ObjectSizeLessThan></Filter><Expiration><ExpiredObjectDeleteMarker>true"
              "</ExpiredObjectDeleteMarker></Expiration>"),
         S3_InvalidRequest},
        {LIFE("<Filter><And><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan><ObjectSizeLessThan>9"
              "</ObjectSizeLessThan></And></Filter>" DAYS("1")),
         S3_InvalidRequest},
        {LIFE("<Filter><And><Tag><Key>a</Key><Value/></Tag><Tag><Key>a</Key><Value>b</Value></Tag></And></Filter>" DAYS(
             "1")),
         S3_InvalidRequest},
        {LIFE("<Filter><And><Prefix/></And><Prefix/></Filter>" DAYS("1")), S3_MalformedXML},
        {LIFECYCLE("<Rule><ID>r</ID><Status>Enabled</Status>" FILTER DAYS("1") "</Rule><Rule><ID>r</ID><Status>Enabled"
                                                                               "</Status>" FILTER DAYS("1") "</Rule>"),
         S3_InvalidArgument},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(lifecycle_of(wrong[i].text) == NULL, "%s", wrong[i].text);
        ck_assert_msg(strcmp(error.code, wrong[i].code) == 0, "%s: %s", wrong[i].text, error.code);
    }
}
END_TEST

START_TEST(lifecycle_bounds_ids_and_rules) /* statement 584 */
{
    static char text[200000];
    for (size_t size = 255; size <= 256; size++) {
        (void)snprintf(text, sizeof text,
                       LIFECYCLE("<Rule><ID>%0*d</ID><Status>Enabled</Status>" FILTER DAYS("1") "</Rule>"), (int)size,
                       7);
        ck_assert_int_eq(lifecycle_of(text) != NULL, size == 255);
    }
    ck_assert_str_eq(error.code, S3_InvalidArgument);
    for (unsigned count = 1000; count <= 1001; count++) {
        size_t used = (size_t)snprintf(text, sizeof text, "<LifecycleConfiguration>");
        for (unsigned i = 0; i < count; i++)
            used += (size_t)snprintf(text + used, sizeof text - used,
                                     "<Rule><Status>Disabled</Status><Prefix/>" DAYS("1") "</Rule>");
        (void)snprintf(text + used, sizeof text - used, "</LifecycleConfiguration>");
        ck_assert_int_eq(lifecycle_of(text) != NULL, count == 1000); /* all with ids that were made for them */
    }
    ck_assert_str_eq(error.code, S3_InvalidRequest);
}
END_TEST

START_TEST(lifecycle_comes_back_as_given) /* statements 581 to 583 */
{
    static const char *const same[] = {
        LIFECYCLE("<Rule><Expiration><Days>3</Days></Expiration><ID>a</ID><Prefix></Prefix><Status>Disabled</Status>"
                  "</Rule>"),
        LIFECYCLE("<Rule><ID>a</ID><Filter></Filter><Status>Enabled</Status><Transition><Days>0</Days><StorageClass>"
                  "STANDARD_IA</StorageClass></Transition><Transition><Days>1</Days><StorageClass>GLACIER"
                  "</StorageClass></Transition><NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays>"
                  "<NewerNoncurrentVersions>2</NewerNoncurrentVersions><StorageClass>GLACIER</StorageClass>"
                  "</NoncurrentVersionTransition><NoncurrentVersionExpiration><NoncurrentDays>9</NoncurrentDays>"
                  "</NoncurrentVersionExpiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>7"
                  "</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>"),
        LIFECYCLE("<Rule><Expiration><Date>2011-01-01T00:00:00.000Z</Date></Expiration><ID>b</ID><Filter><And><Prefix>x"
                  "</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan>"
                  "<ObjectSizeLessThan>3</ObjectSizeLessThan></And></Filter><Status>Enabled</Status></Rule>"),
        LIFECYCLE("<Rule><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration><ID>c</ID>"
                  "<Filter><Prefix>x</Prefix></Filter><Status>Enabled</Status></Rule>"),
        LIFECYCLE("<Rule><Expiration><Days>1</Days></Expiration><ID>d</ID><Filter><Prefix>x</Prefix><Tag><Key>k</Key>"
                  "<Value></Value></Tag></Filter><Status>Enabled</Status></Rule>"),
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        const struct lifecycle *lifecycle = lifecycle_of(same[i]);
        ck_assert_msg(lifecycle != NULL, "%s: %s", same[i], error.message);
        lifecycle_render(lifecycle, &rendered);
        ck_assert_str_eq(body(), same[i]);
    }
}
END_TEST

START_TEST(lifecycle_is_stored_with_its_smallest_size) /* statement 589 */
{
    struct span smallest;
    struct span document;
    const void *compiled;
    struct lifecycle *lifecycle = (struct lifecycle *)lifecycle_of(LIFE(FILTER DAYS("1")));
    lifecycle->smallest = SPAN("varies_by_storage_class");
    lifecycle_store(lifecycle, &rendered);
    ck_assert(lifecycle_split(buffer_span(&rendered), &smallest, &document, &error));
    ck_assert(span_equal(smallest, SPAN("varies_by_storage_class")));
    ck_assert(span_starts_with(document, SPAN(XML_DECLARATION)));
    ck_assert(lifecycle_compile(NULL, buffer_span(&rendered), &arena, &compiled, &error));
    ck_assert_uint_eq(((const struct lifecycle *)compiled)->rules_count, 1);
    ck_assert(!lifecycle_compile(NULL, document, &arena, &compiled, &error));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
}
END_TEST

/* When the object expires and by which rule, as text; "" never. */
static const char *expiration_of(const struct lifecycle *lifecycle, const char *key, uint64_t size, struct span tags,
                                 int64_t created_ms)
{
    static char text[512];
    char date[DATE_TEXT_BYTES];
    struct lifecycle_notice notice;
    const struct lifecycle_object object = {span_from_string(key), size, tags, created_ms};
    if (!lifecycle_find_expiration(lifecycle, &object, &notice))
        return "";
    date_format_xml(notice.when_ms, date);
    (void)snprintf(text, sizeof text, "%.10s %.*s", date, SPAN_FORMAT(notice.rule_id));
    return text;
}

START_TEST(lifecycle_says_when) /* statement 590 */
{
    const int64_t noon_ms = INT64_C(1735732800000); /* 2025-01-01T12:00:00Z */
    struct buffer tags;
    buffer_init(&tags, 0);
    ck_assert(metadata_append(&tags, SPAN("k"), SPAN("v")));
    const struct lifecycle *lifecycle =
        lifecycle_of(LIFECYCLE("<Rule><ID>days</ID><Status>Enabled</Status><Filter><Prefix>d/</Prefix></Filter>" DAYS(
            "1") "</Rule>"
                 "<Rule><ID>early</ID><Status>Enabled</Status><Filter><And><Prefix>d/</Prefix><Tag><Key>k</"
                 "Key><Value>v</Value>"
                 "</Tag></And></Filter><Expiration><Date>2020-01-01T00:00:00Z</Date></Expiration></Rule>"
                 "<Rule><ID>off</ID><Status>Disabled</Status><Filter/>" DAYS(
                     "1") "</Rule>"
                          "<Rule><ID>sizes</ID><Status>Enabled</Status><Filter><ObjectSizeGreaterThan>10</"
                          "ObjectSizeGreaterThan>"
                          "<ObjectSizeLessThan>20</ObjectSizeLessThan></Filter>" DAYS(
                              "2") "</Rule>"
                                   "<Rule><ID>uploads</ID><Status>Enabled</Status><Prefix>u</"
                                   "Prefix><AbortIncompleteMultipartUpload>"
                                   "<DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></"
                                   "Rule>"));
    ck_assert_ptr_nonnull(lifecycle);
    ck_assert(lifecycle_expiration_needs_tags(lifecycle));
    ck_assert_str_eq(expiration_of(lifecycle, "d/x", 1, SPAN_EMPTY, noon_ms), "2025-01-03 days");
    ck_assert_str_eq(expiration_of(lifecycle, "d/x", 1, SPAN_EMPTY, noon_ms - 12 * 3600000), "2025-01-02 days");
    ck_assert_str_eq(expiration_of(lifecycle, "d/x", 1, buffer_span(&tags), noon_ms), "2020-01-01 early");
    ck_assert_str_eq(expiration_of(lifecycle, "x", 10, SPAN_EMPTY, noon_ms), "");
    ck_assert_str_eq(expiration_of(lifecycle, "x", 11, SPAN_EMPTY, noon_ms), "2025-01-04 sizes");
    ck_assert_str_eq(expiration_of(lifecycle, "x", 19, SPAN_EMPTY, noon_ms), "2025-01-04 sizes");
    ck_assert_str_eq(expiration_of(lifecycle, "x", 20, SPAN_EMPTY, noon_ms), "");
    struct lifecycle_notice notice;
    ck_assert(lifecycle_find_abort(lifecycle, SPAN("up"), noon_ms, &notice));
    ck_assert_int_eq(notice.when_ms, noon_ms + (7 * 24 + 12) * INT64_C(3600000));
    ck_assert(!lifecycle_find_abort(lifecycle, SPAN("p"), noon_ms, &notice));
    buffer_free(&tags);
}
END_TEST

/* ---- small ones ---- */

START_TEST(small_settings) /* statements 616 to 618 */
{
    bool is_requester;
    ck_assert(payment_parse(tree("<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>"),
                            &is_requester, &error) &&
              is_requester);
    ck_assert(!payment_parse(tree("<RequestPaymentConfiguration><Payer>Me</Payer></RequestPaymentConfiguration>"),
                             &is_requester, &error));
    ck_assert_str_eq(error.code, S3_MalformedXML);
    ck_assert(accelerate_parse(tree("<AccelerateConfiguration><Status>Suspended</Status></AccelerateConfiguration>"),
                               &error));
    ck_assert(
        !accelerate_parse(tree("<AccelerateConfiguration><Status>Enabled</Status></AccelerateConfiguration>"), &error));
    ck_assert_str_eq(error.code, S3_NotImplemented);
    ck_assert(!accelerate_parse(tree("<AccelerateConfiguration/>"), &error));
    ck_assert_str_eq(error.code, S3_MalformedXML);
}
END_TEST

#define AES256 \
    "<ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault>"
#define DEFAULT(text) "<ApplyServerSideEncryptionByDefault>" text "</ApplyServerSideEncryptionByDefault>"
#define KMS(key) DEFAULT("<SSEAlgorithm>aws:kms</SSEAlgorithm>" key)
#define BLOCKED(type) "<BlockedEncryptionTypes><EncryptionType>" type "</EncryptionType></BlockedEncryptionTypes>"

static const struct xml_element *encryption_tree(const char *rule)
{
    char text[1024];
    (void)snprintf(text, sizeof text, "<ServerSideEncryptionConfiguration>%s</ServerSideEncryptionConfiguration>",
                   rule);
    return tree(text);
}

START_TEST(encryption_refuses)
{
    static const struct {
        const char *rule;
        const char *code;
    } refused[] = {
        {"<Rule>" DEFAULT("<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID/>") "</Rule>", S3_KmsNotFoundException},
        {"<Rule>" DEFAULT("<SSEAlgorithm>aws:kms:dsse</SSEAlgorithm>") "</Rule>", S3_NotImplemented},
        {"<Rule>" DEFAULT("<SSEAlgorithm>ROT13</SSEAlgorithm>") "</Rule>", S3_MalformedXML},
        {"<Rule>" DEFAULT("<SSEAlgorithm>AES256</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID>") "</Rule>",
         S3_MalformedXML},
        {"<Rule>" DEFAULT("") "</Rule>", S3_MalformedXML},
        {"<Rule>" AES256 "</Rule><Rule>" AES256 "</Rule>", S3_MalformedXML},
        {"<Rule>" AES256 "<BucketKeyEnabled>1</BucketKeyEnabled></Rule>", S3_MalformedXML},
        {"<Rule>" AES256 BLOCKED("SSE-KMS") "</Rule>", S3_MalformedXML},
        {"<Rule><BucketKeyEnabled>true</BucketKeyEnabled></Rule>", S3_MalformedXML},
        {"<Rule/>", S3_MalformedXML},
        {"", S3_MalformedXML},
    };
    struct bucket_encryption encryption;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        ck_assert_msg(!bucket_encryption_parse(encryption_tree(refused[i].rule), &encryption, &error), "%s",
                      refused[i].rule);
        ck_assert_str_eq(error.code, refused[i].code);
    }
}
END_TEST

START_TEST(encryption_comes_back)
{
    static const struct {
        const char *rule;
        const char *kept;
    } taken[] = {
        {AES256, AES256},
        {"<BucketKeyEnabled>false</BucketKeyEnabled>" AES256, AES256 "<BucketKeyEnabled>false</BucketKeyEnabled>"},
        {BLOCKED("SSE-C"), AES256 BLOCKED("SSE-C")},
        {KMS(""), KMS("")},
        {KMS("<KMSMasterKeyID>k</KMSMasterKeyID>") "<BucketKeyEnabled>true</BucketKeyEnabled>",
         KMS("<KMSMasterKeyID>k</KMSMasterKeyID>") "<BucketKeyEnabled>true</BucketKeyEnabled>"},
        {AES256 BLOCKED("NONE"), AES256 BLOCKED("NONE")},
    };
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        char text[1024];
        struct bucket_encryption encryption;
        const void *compiled = NULL;
        (void)snprintf(text, sizeof text, "<Rule>%s</Rule>", taken[i].rule);
        ck_assert(bucket_encryption_parse(encryption_tree(text), &encryption, &error));
        bucket_encryption_render(&encryption, &rendered);
        ck_assert(bucket_encryption_compile(NULL, buffer_span(&rendered), &arena, &compiled, &error));
        ck_assert_mem_eq(compiled, &encryption, sizeof encryption);
        (void)snprintf(text, sizeof text,
                       "<ServerSideEncryptionConfiguration><Rule>%s</Rule></ServerSideEncryptionConfiguration>",
                       taken[i].kept);
        ck_assert_str_eq(body(), text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settings");
    TCase *tests = tcase_create("settings");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, cors_refuses);
    tcase_add_test(tests, cors_counts_rules);
    tcase_add_test(tests, cors_comes_back_in_order);
    tcase_add_test(tests, cors_matches_origins);
    tcase_add_test(tests, cors_matches_methods_and_headers);
    tcase_add_test(tests, lifecycle_refuses);
    tcase_add_test(tests, lifecycle_bounds_ids_and_rules);
    tcase_add_test(tests, lifecycle_comes_back_as_given);
    tcase_add_test(tests, lifecycle_is_stored_with_its_smallest_size);
    tcase_add_test(tests, lifecycle_says_when);
    tcase_add_test(tests, small_settings);
    tcase_add_test(tests, encryption_refuses);
    tcase_add_test(tests, encryption_comes_back);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
