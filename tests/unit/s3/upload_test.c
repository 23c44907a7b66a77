/* tests/unit/s3/upload_test.c -- the list of parts that completes an upload, claims about the whole, and tags. */
#include "s3client/wire/s3_error.h"
#include "server/s3/body/body.h"
#include "server/s3/request/tag_header.h"
#include "server/s3/upload/complete_document.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/s3/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define MD5_A "0cc175b9c0f1b6a831c399e269772661"
#define PART(number, rest) "<Part><PartNumber>" number "</PartNumber><ETag>&quot;" MD5_A "&quot;</ETag>" rest "</Part>"
#define LIST(parts) "<CompleteMultipartUpload>" parts "</CompleteMultipartUpload>"

/* The body of the request, which comes without a connection here; in pieces of three bytes. */
static struct span body;

bool s3_read_document(struct s3_request *of, const struct document_rules *rules, const struct xml_handlers *handlers,
                      void *context, bool *ret_is_present, struct error *error)
{
    (void)of;
    (void)rules;
    *ret_is_present = true;
    struct xml_reader *reader = xml_reader_create(handlers, context);
    bool ok = true;
    for (struct span rest = body; ok && rest.size > 0; rest = span_skip(rest, span_take(rest, 3).size))
        ok = xml_reader_feed(reader, span_take(rest, 3), error);
    ok = ok && xml_reader_finish(reader, error);
    xml_reader_destroy(reader);
    return ok;
}

bool s3_read_tree(struct s3_request *request, const struct document_rules *rules, const struct xml_element **ret_root,
                  struct error *error)
{
    struct xml_tree tree = {.arena = request->arena};
    bool is_present;
    bool ok = s3_read_document(request, rules, &xml_tree_handlers, &tree, &is_present, error);
    *ret_root = tree.root;
    return ok;
}

static struct s3_request *with_headers(const char *headers)
{
    char text[2048];
    (void)snprintf(text, sizeof text, "POST /b/k?uploadId=x HTTP/1.1\r\nHost: h\r\n%s\r\n", headers);
    return fixture_request(text, NULL);
}

/* The document lives in this request's memory. */
static struct s3_request *request;

static const char *read_list(const char *text, struct complete_document *ret_document)
{
    body = span_from_string(text);
    request = with_headers("");
    return complete_document_read(request, ret_document, &fixture_error) ? "" : fixture_error.code;
}

/* ---- the list ---- */

START_TEST(a_list_is_read)
{
    struct complete_document document;
    ck_assert_str_eq(read_list(LIST(PART("2", "") PART("9999", "<ChecksumCRC32>AAAAAQ==</ChecksumCRC32>")), &document),
                     "");
    ck_assert_uint_eq(document.choices.count, 2);
    ck_assert_uint_eq(document.choices.parts[0].number, 2);
    ck_assert_uint_eq(document.choices.parts[1].number, 9999);
    ck_assert_uint_eq(document.choices.parts[1].md5[0], 0x0c);
    ck_assert_uint_eq(document.choices.checksums[0].algorithm, CHECKSUM_NONE);
    ck_assert_uint_eq(document.choices.checksums[1].algorithm, CHECKSUM_CRC32);
    ck_assert_uint_eq(document.choices.checksums[1].bytes[3], 1);
    ck_assert_uint_eq(document.unreadable, UINT32_MAX);
}
END_TEST

static const struct {
    const char *text;
    const char *code;
} lists[] = {
    {LIST(""), "MalformedXML"}, /* 265 */
    {"<Other>" PART("1", "") "</Other>", "MalformedXML"},
    {LIST("<Part><PartNumber>1</PartNumber></Part>"), "MalformedXML"},
    {LIST("<Part><ETag>x</ETag></Part>"), "MalformedXML"},
    {LIST("<Piece/>"), "MalformedXML"},
    {LIST(PART("one", "")), "MalformedXML"},
    {LIST(PART("0", "")), "InvalidArgument"}, /* 267 */
    {LIST(PART("-7", "")), "InvalidArgument"},
    {LIST(PART("10001", "")), "InvalidArgument"},
    {LIST(PART("99999999999999999999", "")), "MalformedXML"},
    {LIST(PART("2", "") PART("1", "")), "InvalidPartOrder"}, /* 269 */
    {LIST(PART("2", "") PART("2", "")), "InvalidPartOrder"},
    {LIST(PART("1", "<Unknown>x</Unknown>") PART("10000", "")), ""},
};

START_TEST(wrong_lists_are_refused)
{
    struct complete_document document;
    ck_assert_msg(strcmp(read_list(lists[_i].text, &document), lists[_i].code) == 0, "%s: %s", lists[_i].text,
                  fixture_error.code);
    ck_assert_uint_eq(document.choices.count > 0, lists[_i].code[0] == 0);
}
END_TEST

START_TEST(a_part_that_cannot_be_is_named)
{
    struct complete_document document;
    const struct upload_info upload = {.checksum_algorithm = CHECKSUM_NONE};
    ck_assert_str_eq(
        read_list(LIST(PART("1", "") "<Part><PartNumber>5</PartNumber><ETag>short</ETag></Part>"), &document), "");
    ck_assert_uint_eq(document.unreadable, 1);
    ck_assert(!complete_document_check(request, &document, &upload, &fixture_error));
    ck_assert_str_eq(fixture_error.code, S3_InvalidPart);
    ck_assert_str_eq(fixture_detail(request, "PartNumber"), "5");
}
END_TEST

/* ---- claims ---- */

static const struct {
    const char *headers;
    const char *code;
} claims[] = {
    {"", ""},
    {"x-amz-mp-object-size: 10\r\n", ""}, /* 271 */
    {"x-amz-mp-object-size: 11\r\n", "InvalidRequest"},
    {"x-amz-mp-object-size: -1\r\n", "InvalidRequest"},
    {"x-amz-checksum-type: COMPOSITE\r\n", ""}, /* 108 */
    {"x-amz-checksum-type: FULL_OBJECT\r\n", "InvalidRequest"},
    {"x-amz-checksum-type: HALF\r\n", "InvalidRequest"},
    {"x-amz-checksum-crc32: AAAAAQ==-2\r\n", ""},
    {"x-amz-checksum-crc32: AAAAAQ==\r\n", ""},
    {"x-amz-checksum-crc32: AAAAAQ==-3\r\n", "BadDigest"},
    {"x-amz-checksum-crc32: AAAAAg==-2\r\n", "BadDigest"},
    {"x-amz-checksum-crc32: nonsense\r\n", "InvalidRequest"},
    {"x-amz-checksum-crc32c: AAAABw==\r\n", ""},
    {"x-amz-checksum-sha1: AAAAAQ==\r\n", "InvalidRequest"},
    {"x-amz-checksum-crc32: AAAAAQ==\r\nx-amz-checksum-crc32c: AAAABw==\r\n", "InvalidRequest"},
};

START_TEST(claims_about_the_whole)
{
    const struct object_attributes whole = {
        .original_size = 10,
        .crc32c = 7,
        .checksum = {.algorithm = CHECKSUM_CRC32, .type = CHECKSUM_COMPOSITE, .parts_count = 2, .bytes = {0, 0, 0, 1}},
    };
    struct complete_claims parsed;
    bool ok = complete_claims_parse(with_headers(claims[_i].headers), &parsed, &fixture_error) &&
              complete_claims_verify(&parsed, &whole, &fixture_error);
    ck_assert_msg(strcmp(ok ? "" : fixture_error.code, claims[_i].code) == 0, "%s", claims[_i].headers);
}
END_TEST

/* ---- tags ---- */

static const struct {
    const char *header;
    const char *code;
    unsigned count;
} headers[] = {
    {"a=b&c=d%20e&f", "", 3}, /* 139 */
    {"%C3%BC=+", "", 1},
    {"a=%zz", "InvalidArgument", 0},
    {"=b", "InvalidArgument", 0},
    {"a=1&a=2", "InvalidArgument", 0},
    {"a=%ff", "InvalidArgument", 0},
    {"a%2A=v", "InvalidTag", 0},
    {"AWS:a=v", "InvalidTag", 0},
    {"0=v&1=v&2=v&3=v&4=v&5=v&6=v&7=v&8=v&9=v", "", 10},
    {"0=v&1=v&2=v&3=v&4=v&5=v&6=v&7=v&8=v&9=v&a=v", "BadRequest", 0},
};

START_TEST(tags_in_a_header)
{
    char text[512];
    struct tag_list tags;
    tags_init(&tags);
    (void)snprintf(text, sizeof text, "x-amz-tagging: %s\r\n", headers[_i].header);
    bool ok = tag_header_take(with_headers(text), &tags, &fixture_error);
    ck_assert_msg(strcmp(ok ? "" : fixture_error.code, headers[_i].code) == 0, "%s", text);
    if (ok)
        ck_assert_uint_eq(tags.count, headers[_i].count);
    tags_free(&tags);
}
END_TEST

/* 303: limits are of characters, not of bytes. */
START_TEST(tags_have_limits)
{
    uint8_t text[2 * (TAG_VALUE_CHARACTERS_MAX + 1)];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 == 0 ? 0xc3 : 0xa4; /* two bytes each */
    struct tag_list tags;
    tags_init(&tags);
    struct span key = span_of(text, (size_t)2 * TAG_KEY_CHARACTERS_MAX);
    struct span value = span_of(text, (size_t)2 * TAG_VALUE_CHARACTERS_MAX);
    ck_assert(tags_add(&tags, key, value, &fixture_error));
    ck_assert(!tags_add(&tags, span_of(text, key.size + 2), value, &fixture_error));
    ck_assert_str_eq(fixture_error.code, S3_InvalidTag);
    ck_assert(!tags_add(&tags, SPAN("k"), span_of(text, value.size + 2), &fixture_error));
    ck_assert(!tags_add(&tags, key, SPAN("again"), &fixture_error));
    ck_assert_uint_eq(tags.count, 1);
    tags_free(&tags);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3-upload");
    TCase *tests = tcase_create("upload");
    tcase_add_test(tests, a_list_is_read);
    tcase_add_loop_test(tests, wrong_lists_are_refused, 0, sizeof lists / sizeof lists[0]);
    tcase_add_test(tests, a_part_that_cannot_be_is_named);
    tcase_add_loop_test(tests, claims_about_the_whole, 0, sizeof claims / sizeof claims[0]);
    tcase_add_loop_test(tests, tags_in_a_header, 0, sizeof headers / sizeof headers[0]);
    tcase_add_test(tests, tags_have_limits);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
