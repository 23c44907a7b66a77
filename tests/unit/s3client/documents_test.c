/* tests/unit/s3client/documents_test.c -- the documents of other backends: their quirks, and what cannot be used. */
#include "s3client/wire/s3_error.h"
#include "tests/unit/s3client/script.h"

#include <stdio.h>
#include <string.h>

#define DECLARED(document) "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" document

static struct s3_call bucket_call;
static struct s3_list_page page;

static bool list(const char *document)
{
    PLAY({.answer = http_text(200, "", document)});
    return s3_client_list_objects(client, &bucket_call, &(struct s3_list_request){0}, &arena, &page, &answer, &error);
}

/* ---- lists ---- */

static void quirks_of_lists(void)
{
    /* The element that says that keys are encoded may come last; '+' is a blank then. */
    EXPECT(list(DECLARED("<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>box</Name>"
                         "<IsTruncated>true</IsTruncated><NextContinuationToken>t+k%20n</NextContinuationToken>"
                         "<Contents><Key>a+b%2Bc%26</Key><Size>7</Size><LastModified>2026-01-02T03:04:05.678Z"
                         "</LastModified><ETag>&#34;e&#34;</ETag><StorageClass>STANDARD</StorageClass><Owner><ID>o</ID>"
                         "<DisplayName>k</DisplayName></Owner></Contents><CommonPrefixes><Prefix>p+q%2F</Prefix>"
                         "</CommonPrefixes><EncodingType>url</EncodingType></ListBucketResult>")));
    ck_assert(page.is_truncated && page.was_encoded && page.count == 2);
    ck_assert(span_equal(page.entries[0].key, SPAN("a b+c&")));
    ck_assert(span_equal(page.entries[0].etag, SPAN("\"e\"")));
    ck_assert(span_equal(page.entries[0].storage_class, SPAN("STANDARD")));
    ck_assert_int_eq(page.entries[0].modified_ms, 1767323045678);
    ck_assert(!page.entries[0].has_metadata);
    ck_assert(page.entries[1].is_prefix && span_equal(page.entries[1].key, SPAN("p q/")));
    ck_assert(span_equal(page.continuation, SPAN("t+k%20n")));

    /* Not encoded although it was asked for: as it stands. */
    EXPECT(list("<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key> a+b%2B&amp; </Key><Size>0</Size>"
                "<ETag>e-7</ETag></Contents></ListBucketResult>"));
    ck_assert(!page.was_encoded && !page.is_truncated && page.count == 1);
    ck_assert(span_equal(page.entries[0].key, SPAN(" a+b%2B& ")));
    ck_assert(span_equal(page.entries[0].etag, SPAN("\"e-7\"")));

    EXPECT(list("<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>m</Key><UserMetadata>"
                "<X-Amz-Meta-Color>blue</X-Amz-Meta-Color><content-type>text/plain</content-type></UserMetadata>"
                "</Contents><Contents><Key>n</Key><UserMetadata></UserMetadata></Contents></ListBucketResult>"));
    ck_assert(page.entries[0].has_metadata && page.entries[0].metadata_count == 2);
    ck_assert(span_equal(page.entries[0].metadata[0].name, SPAN("X-Amz-Meta-Color")));
    ck_assert(span_equal(page.entries[0].metadata[0].value, SPAN("blue")));
    ck_assert(page.entries[1].has_metadata && page.entries[1].metadata_count == 0);
}

START_TEST(lists_of_all_kinds_are_understood)
{
    on_script(false, quirks_of_lists);
}
END_TEST

static void broken_lists(void)
{
    static const char *const documents[] = {
        "",
        "no XML",
        "<ListBucketResult>",
        "<ListBucketResult></ListBucketResult>", /* without IsTruncated a list would seem to be at its end */
        "<OtherResult><IsTruncated>false</IsTruncated></OtherResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents></Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>k</Key><Size>-1</Size></Contents>"
        "</ListBucketResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>k</Key><Size>99999999999999999999</Size>"
        "</Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>k</Key><LastModified>today</LastModified>"
        "</Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>%zz</Key></Contents><EncodingType>url"
        "</EncodingType></ListBucketResult>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>",
        "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult><more/>",
        "<a><b><c><d><e><f><g><h><i><j><k><l><m><n><o><p><q/></p></o></n></m></l></k></j></i></h></g></f></e></d></c></"
        "b>"
        "</a>",
    };
    for (unsigned i = 0; i < sizeof documents / sizeof *documents; i++) {
        bool ok = list(documents[i]);
        ck_assert_msg(!ok && error.kind == ERROR_DAMAGED, "%s: %s", documents[i], ok ? "taken" : error.message);
        ck_assert_uint_eq(answer.attempts, 1);
    }
}

START_TEST(lists_that_lack_something_are_refused)
{
    on_script(false, broken_lists);
}
END_TEST

/* More than there can be, and more than there is memory for. */
static void large_lists(void)
{
    char *document = malloc(2 << 20);
    size_t at = (size_t)sprintf(document, "<ListBucketResult><IsTruncated>false</IsTruncated>");
    for (unsigned i = 0; i < S3_LIST_ENTRIES_MAX + 1; i++)
        at += (size_t)sprintf(document + at, "<Contents><Key>key-%05u</Key><Size>%u</Size></Contents>", i, i);
    (void)sprintf(document + at, "</ListBucketResult>");
    ck_assert(!list(document));
    ck_assert_int_eq(error.kind, ERROR_TOO_LARGE);
    memcpy(strstr(document, "<Contents>"), "<Continue>", 10);
    memcpy(strstr(document, "</Contents>"), "</Continue>", 11);
    arena_reset(&arena);
    EXPECT(list(document));
    ck_assert_uint_eq(page.count, S3_LIST_ENTRIES_MAX);
    ck_assert(span_equal(page.entries[9999].key, SPAN("key-10000")) && page.entries[9999].size == 10000);

    struct arena small;
    arena_init(&small, 64 << 10);
    PLAY({.answer = http_text(200, "", document)});
    ck_assert(
        !s3_client_list_objects(client, &bucket_call, &(struct s3_list_request){0}, &small, &page, &answer, &error));
    ck_assert_int_eq(error.kind, ERROR_TOO_LARGE);
    arena_free(&small);
    free(document);
}

START_TEST(lists_are_bounded)
{
    on_script(false, large_lists);
}
END_TEST

/* ---- answers of 200 that are errors ---- */

static bool complete(const char *document)
{
    struct s3_call call = call_of(S3_COMPLETE_UPLOAD, "key");
    struct s3_part part = {.number = 1, .etag = SPAN("\"e\"")};
    PLAY({.answer = http_text(200, "", document)});
    return s3_client_complete_upload(client, &call, SPAN("upload"), &part, 1, &answer, &error);
}

static void late_errors(void)
{
    ck_assert(!complete(DECLARED("<Error><Code>InternalError</Code><Message>We tried.</Message></Error>")));
    ck_assert_int_eq(answer.status, 200);
    ck_assert_int_eq(answer.effect, S3_UNKNOWN);
    ck_assert_str_eq(answer.code, "InternalError");
    ck_assert_int_eq(error.kind, ERROR_BUSY);
    ck_assert_ptr_nonnull(strstr(error.message, "We tried."));
    ck_assert(!complete("<Error><Code>PreconditionFailed</Code></Error>"));
    ck_assert_ptr_eq(error.code, S3_PreconditionFailed);

    /* Blanks while it takes its time. */
    EXPECT(complete("   \n\n  " DECLARED("\n<CompleteMultipartUploadResult><ETag>&quot;a-1&quot;</ETag>"
                                         "</CompleteMultipartUploadResult>")));
    ck_assert_str_eq(answer.etag, "\"a-1\"");
    ck_assert_int_eq(answer.effect, S3_APPLIED);
    ck_assert(!complete("<CompleteMultipartUploadResult></CompleteMultipartUploadResult>"));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    ck_assert_int_eq(answer.effect, S3_APPLIED);
    ck_assert(!complete(""));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);

    struct s3_copy_source source = {.bucket = SPAN("box"), .key = SPAN("a b"), .version = SPAN("v1")};
    struct s3_call call = call_of(S3_COPY_OBJECT, "key");
    PLAY({.answer = http_text(200, "", "<Error><Code>SlowDown</Code></Error>")});
    ck_assert(!s3_client_copy_object(client, &call, &source, &answer, &error));
    ck_assert_str_eq(answer.code, "SlowDown");
    ck_assert_ptr_nonnull(
        strstr(script_seen[script_seen_count - 1].head, "x-amz-copy-source: /box/a%20b?versionId=v1\r\n"));
    char etag[200];
    memset(etag, 'e', sizeof etag - 1);
    etag[199] = '\0';
    char document[300];
    (void)snprintf(document, sizeof document, "<CopyObjectResult><ETag>%s</ETag></CopyObjectResult>", etag);
    PLAY({.answer = http_text(200, "", document)});
    ck_assert(!s3_client_copy_object(client, &call, &source, &answer, &error));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
}

START_TEST(an_error_in_an_answer_of_200_is_one)
{
    on_script(false, late_errors);
}
END_TEST

/* ---- other documents ---- */

static void deletes(void)
{
    struct s3_delete_item items[] = {{.key = SPAN("a")},
                                     {.key = SPAN("b"), .version = SPAN("1")},
                                     {.key = SPAN("b"), .version = SPAN("2")},
                                     {.key = SPAN("c")},
                                     {.key = SPAN("d")},
                                     {.key = SPAN("a")}};
    PLAY({.answer = http_text(
              200, "",
              "<DeleteResult><Deleted><Key>b</Key><VersionId>2</VersionId></Deleted><Error><Key>c</Key><Code>"
              "AccessDenied</Code><Message>No.</Message></Error><Deleted><Key>a</Key></Deleted><Deleted><Key>other"
              "</Key></Deleted><Error><Key>b</Key><VersionId>1</VersionId><Code>NewCode</Code></Error><Deleted><Key>a"
              "</Key></Deleted></DeleteResult>")});
    EXPECT(s3_client_delete_objects(client, &bucket_call, items, 6, &answer, &error));
    ck_assert(items[0].is_deleted && items[2].is_deleted && items[5].is_deleted);
    ck_assert(!items[1].is_deleted && !items[3].is_deleted && !items[4].is_deleted);
    ck_assert_int_eq(items[1].error.kind, ERROR_BUSY);
    ck_assert_int_eq(items[3].error.kind, ERROR_DENIED);
    ck_assert_str_eq(items[3].error.message, "AccessDenied: No.");
    ck_assert_int_eq(items[4].error.kind, ERROR_DAMAGED);
    ck_assert_ptr_nonnull(strstr(script_seen[0].head, "content-md5: "));
    ck_assert_ptr_nonnull(strstr(script_seen[0].head, "POST /box?delete= HTTP/1.1\r\n"));

    struct s3_delete_item unnameable[] = {{.key = SPAN("\x01")}, {.key = SPAN("\xff")}, {.key = SPAN("\xef\xbf\xbe")}};
    EXPECT(s3_client_delete_objects(client, &bucket_call, unnameable, 3, &answer, &error)); /* nothing is sent */
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(unnameable[i].error.kind, ERROR_UNSUPPORTED);
    ck_assert_uint_eq(script_seen_count, 1);
}

START_TEST(each_deleted_key_has_its_own_result)
{
    on_script(false, deletes);
}
END_TEST

static void deletes_of_versions(void)
{
    struct s3_delete_item items[] = {
        {.key = SPAN("a")}, {.key = SPAN("b"), .version = SPAN("1")}, {.key = SPAN("c"), .version = SPAN("2")}};
    PLAY({.answer = http_text(
              200, "",
              "<DeleteResult><Deleted><Key>a</Key><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>m1"
              "</DeleteMarkerVersionId></Deleted><Deleted><Key>b</Key><VersionId>1</VersionId></Deleted><Deleted><Key>c"
              "</Key><VersionId>2</VersionId><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>2"
              "</DeleteMarkerVersionId></Deleted></DeleteResult>")});
    EXPECT(s3_client_delete_objects(client, &bucket_call, items, 3, &answer, &error));
    ck_assert(items[0].is_deleted && items[0].is_marker && items[2].is_deleted && items[2].is_marker);
    ck_assert(items[1].is_deleted && !items[1].is_marker);
    ck_assert_str_eq(items[0].marker_version, "m1");
    ck_assert_str_eq(items[1].marker_version, "");
    ck_assert_str_eq(items[2].marker_version, "2");
}

START_TEST(a_deleted_key_says_which_marker_stands_there)
{
    on_script(false, deletes_of_versions);
}
END_TEST

static void creations(void)
{
    PLAY({.answer = http_text(200, "", "")}, {.answer = http_text(200, "", "")},
         {.answer = http_text(400, "", "<Error><Code>InvalidLocationConstraint</Code></Error>")},
         {.answer = http_text(200, "", "")},
         {.answer = http_text(403, "", "<Error><Code>AccessDenied</Code></Error>")});
    EXPECT(s3_client_create_bucket(client, &bucket_call, SPAN("us-east-1"), &answer, &error));
    ck_assert_str_eq(script_seen[0].body, "");
    EXPECT(s3_client_create_bucket(client, &bucket_call, SPAN("eu-central-1"), &answer, &error));
    ck_assert_ptr_nonnull(strstr(script_seen[1].head, "PUT /box HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(script_seen[1].body, "<LocationConstraint>eu-central-1</LocationConstraint>"));
    EXPECT(s3_client_create_bucket(client, &bucket_call, SPAN("a-zone"), &answer, &error));
    ck_assert_ptr_nonnull(strstr(script_seen[2].body, "<LocationConstraint>a-zone</LocationConstraint>"));
    ck_assert_str_eq(script_seen[3].body, "");
    ck_assert(!s3_client_create_bucket(client, &bucket_call, SPAN("a-zone"), &answer, &error)); /* once */
}

START_TEST(a_bucket_is_made_in_its_region)
{
    on_script(false, creations);
}
END_TEST

static void versioning(void)
{
    enum s3_versioning versioning;
    PLAY(
        {.answer = http_text(200, "", "<VersioningConfiguration/>")},
        {.answer = http_text(200, "", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")},
        {.answer = http_text(200, "", "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>")},
        {.answer = http_text(200, "", "")});
    EXPECT(s3_client_get_versioning(client, &bucket_call, &versioning, &answer, &error));
    ck_assert_int_eq(versioning, S3_VERSIONING_NEVER);
    EXPECT(s3_client_get_versioning(client, &bucket_call, &versioning, &answer, &error));
    ck_assert_int_eq(versioning, S3_VERSIONING_ENABLED);
    EXPECT(s3_client_get_versioning(client, &bucket_call, &versioning, &answer, &error));
    ck_assert_int_eq(versioning, S3_VERSIONING_SUSPENDED);
    EXPECT(s3_client_put_versioning(client, &bucket_call, S3_VERSIONING_ENABLED, &answer, &error));
    ck_assert_ptr_nonnull(strstr(script_seen[3].head, "PUT /box?versioning= HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(script_seen[3].body, "<Status>Enabled</Status>"));
}

START_TEST(a_bucket_says_whether_it_keeps_versions)
{
    on_script(false, versioning);
}
END_TEST

static void locks(void)
{
    struct s3_bucket_lock lock;
    const struct s3_bucket_lock wanted = {.mode = S3_LOCK_GOVERNANCE, .days = 3};
    PLAY({.answer = http_text(200, "",
                              "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>"
                              "<DefaultRetention><Mode>COMPLIANCE</Mode><Years>2</Years></DefaultRetention></Rule>"
                              "</ObjectLockConfiguration>")},
         {.answer = http_text(200, "",
                              "<ObjectLockConfiguration><Rule><DefaultRetention><Mode>COMPLIANCE</Mode>"
                              "</DefaultRetention></Rule></ObjectLockConfiguration>")},
         {.answer = http_text(200, "", "")}, {.answer = http_text(200, "", "")}, {.answer = http_text(200, "", "")});
    EXPECT(s3_client_get_bucket_lock(client, &bucket_call, &lock, &answer, &error));
    ck_assert(lock.is_enabled && lock.mode == S3_LOCK_COMPLIANCE && lock.days == 0 && lock.years == 2);
    ck_assert(!s3_client_get_bucket_lock(client, &bucket_call, &lock, &answer, &error)); /* for how long? */
    EXPECT(s3_client_put_bucket_lock(client, &bucket_call, &wanted, &answer, &error));
    ck_assert_ptr_nonnull(strstr(script_seen[2].body, "<Mode>GOVERNANCE</Mode><Days>3</Days>"));
    const struct s3_call call = call_of(S3_PUT_OBJECT, "key");
    EXPECT(s3_client_put_retention(client, &call, S3_LOCK_COMPLIANCE, 0, &answer, &error));
    ck_assert_ptr_nonnull(strstr(script_seen[3].head, "PUT /box/key?retention= HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(script_seen[3].body, "<RetainUntilDate>1970-01-01T00:00:00.000Z</RetainUntilDate>"));
    EXPECT(s3_client_put_legal_hold(client, &call, true, &answer, &error));
    ck_assert_ptr_nonnull(strstr(script_seen[4].body, "<Status>ON</Status>"));
}

START_TEST(locks_of_buckets_and_of_versions)
{
    on_script(false, locks);
}
END_TEST

static void versions(void)
{
    struct s3_versions_page found;
    const struct s3_versions_request request = {
        .prefix = SPAN("a"), .key_marker = SPAN("a b"), .version_marker = SPAN("v1")};
    PLAY({.answer = http_text(
              200, "",
              "<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>a%2Bc</NextKeyMarker>"
              "<NextVersionIdMarker>v3</NextVersionIdMarker><EncodingType>url</EncodingType><Version><ETag>\"e\"</ETag>"
              "<Size>7</Size><Key>a+c</Key><VersionId>v2</VersionId><IsLatest>true</IsLatest><LastModified>"
              "2026-11-29T20:00:00.000Z</LastModified></Version><DeleteMarker><Key>a%2Bc</Key><VersionId>v3</VersionId>"
              "<IsLatest>false</IsLatest></DeleteMarker><CommonPrefixes><Prefix>a%2F</Prefix></CommonPrefixes>"
              "</ListVersionsResult>")},
         {.answer = http_text(200, "",
                              "<ListVersionsResult><IsTruncated>false</IsTruncated><Version><Key>a</Key></Version>"
                              "</ListVersionsResult>")});
    EXPECT(s3_client_list_versions(client, &bucket_call, &request, &arena, &found, &answer, &error));
    ck_assert_ptr_nonnull(strstr(script_seen[0].head, "key-marker=a%20b"));
    ck_assert_ptr_nonnull(strstr(script_seen[0].head, "version-id-marker=v1"));
    ck_assert_uint_eq(found.count, 3);
    ck_assert(found.is_truncated && span_equal(found.next_key_marker, SPAN("a+c")));
    ck_assert(span_equal(found.next_version_marker, SPAN("v3")));
    ck_assert(found.entries[0].is_latest && !found.entries[0].is_delete_marker && found.entries[0].size == 7);
    ck_assert(span_equal(found.entries[0].key, SPAN("a c")) && span_equal(found.entries[0].version, SPAN("v2")));
    ck_assert(found.entries[0].modified_ms > 0 && span_equal(found.entries[0].etag, SPAN("\"e\"")));
    ck_assert(found.entries[1].is_delete_marker && !found.entries[1].is_latest && found.entries[1].etag.size == 0);
    ck_assert(found.entries[2].is_prefix && span_equal(found.entries[2].key, SPAN("a/")));
    ck_assert(!s3_client_list_versions(client, &bucket_call, &request, &arena, &found, &answer, &error)); /* no id */
}

START_TEST(versions_and_markers_come_in_the_order_of_the_document)
{
    on_script(false, versions);
}
END_TEST

static void uploads_and_parts(void)
{
    struct span id;
    struct s3_call call = call_of(S3_CREATE_UPLOAD, "key");
    PLAY({.answer = http_text(200, "",
                              "<InitiateMultipartUploadResult><UploadId></UploadId>"
                              "</InitiateMultipartUploadResult>")},
         {.answer = http_text(200, "", "")}, /* a part without ETag */
         {.answer = http_text(200, "",
                              "<ListPartsResult><IsTruncated>false</IsTruncated><Part><PartNumber>0</PartNumber>"
                              "</Part></ListPartsResult>")},
         {.answer = http_text(200, "",
                              "<ListPartsResult><IsTruncated>false</IsTruncated><Part><PartNumber>10001"
                              "</PartNumber></Part></ListPartsResult>")},
         {.answer = http_text(200, "",
                              "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><EncodingType>url"
                              "</EncodingType><NextKeyMarker>n%2B</NextKeyMarker><NextUploadIdMarker>i%2B"
                              "</NextUploadIdMarker><Upload><Key>a+b</Key><UploadId>x</UploadId></Upload>"
                              "</ListMultipartUploadsResult>")},
         {.answer = http_text(200, "",
                              "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated><Upload><Key>a</Key>"
                              "</Upload></ListMultipartUploadsResult>")});
    ck_assert(!s3_client_create_upload(client, &call, &arena, &id, &answer, &error));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    ck_assert(!s3_client_upload_part(client, &call, SPAN("id"), 1, &answer, &error));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    struct s3_parts_page parts;
    ck_assert(!s3_client_list_parts(client, &call, SPAN("id"), 0, 0, &arena, &parts, &answer, &error));
    ck_assert(!s3_client_list_parts(client, &call, SPAN("id"), 0, 0, &arena, &parts, &answer, &error));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    struct s3_uploads_page uploads;
    EXPECT(s3_client_list_uploads(client, &bucket_call, &(struct s3_uploads_request){0}, &arena, &uploads, &answer,
                                  &error));
    ck_assert(uploads.count == 1 && uploads.is_truncated);
    ck_assert(span_equal(uploads.entries[0].key, SPAN("a b")) && span_equal(uploads.next_key_marker, SPAN("n+")));
    ck_assert(span_equal(uploads.next_upload_id_marker, SPAN("i%2B")));
    ck_assert(!s3_client_list_uploads(client, &bucket_call, &(struct s3_uploads_request){0}, &arena, &uploads, &answer,
                                      &error));
    expect_played();
}

static void sums_of_parts(void)
{
    struct s3_call call = call_of(S3_LIST_PARTS, "key");
    struct s3_parts_page parts;
    PLAY({.answer = http_text(
              200, "",
              "<ListPartsResult><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT"
              "</ChecksumType><IsTruncated>false</IsTruncated><Part><PartNumber>1</PartNumber><ETag>\"e\"</ETag><Size>9"
              "</Size><ChecksumCRC64NVME>AAAAAAAAAAE=</ChecksumCRC64NVME></Part><Part><PartNumber>3</PartNumber><ETag>f"
              "</ETag><ChecksumCRC64NVME>short</ChecksumCRC64NVME></Part></ListPartsResult>")},
         {.answer = http_text(200, "",
                              "<ListPartsResult><ChecksumAlgorithm>SHA1</ChecksumAlgorithm><ChecksumType>COMPOSITE"
                              "</ChecksumType><IsTruncated>false</IsTruncated></ListPartsResult>")});
    EXPECT(s3_client_list_parts(client, &call, SPAN("id"), 0, 0, &arena, &parts, &answer, &error));
    ck_assert(parts.count == 2 && parts.algorithm == CHECKSUM_CRC64NVME && parts.type == CHECKSUM_FULL_OBJECT);
    ck_assert_ptr_nonnull(parts.parts[0].sum);
    ck_assert_int_eq(parts.parts[0].sum->algorithm, CHECKSUM_CRC64NVME);
    ck_assert_int_eq(parts.parts[0].sum->bytes[7], 1);
    ck_assert_ptr_null(parts.parts[1].sum); /* one that cannot be read is none */
    EXPECT(s3_client_list_parts(client, &call, SPAN("id"), 0, 0, &arena, &parts, &answer, &error));
    ck_assert(parts.algorithm == CHECKSUM_SHA1 && parts.type == CHECKSUM_COMPOSITE);
    expect_played();
}

START_TEST(lists_of_parts_say_their_checksums)
{
    on_script(false, sums_of_parts);
}
END_TEST

START_TEST(documents_of_uploads_are_checked)
{
    on_script(false, uploads_and_parts);
}
END_TEST

int main(void)
{
    bucket_call = (struct s3_call){.bucket = SPAN("box")};
    Suite *suite = suite_create("s3client-documents");
    TCase *tests = tcase_create("documents");
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, lists_of_all_kinds_are_understood);
    tcase_add_test(tests, lists_that_lack_something_are_refused);
    tcase_add_test(tests, lists_are_bounded);
    tcase_add_test(tests, an_error_in_an_answer_of_200_is_one);
    tcase_add_test(tests, each_deleted_key_has_its_own_result);
    tcase_add_test(tests, a_deleted_key_says_which_marker_stands_there);
    tcase_add_test(tests, a_bucket_is_made_in_its_region);
    tcase_add_test(tests, a_bucket_says_whether_it_keeps_versions);
    tcase_add_test(tests, locks_of_buckets_and_of_versions);
    tcase_add_test(tests, versions_and_markers_come_in_the_order_of_the_document);
    tcase_add_test(tests, documents_of_uploads_are_checked);
    tcase_add_test(tests, lists_of_parts_say_their_checksums);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
