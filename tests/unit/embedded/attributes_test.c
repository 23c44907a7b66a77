/* tests/unit/embedded/attributes_test.c -- the packed metadata list, the conditions, and S4's metadata in both
 * directions. */
#include "tests/unit/embedded/fixture.h"

#include "runtime/base/decimal.h"
#include "store/condition.h"
#include "store/s4_metadata.h"

#include <json-c/json.h>
#include <stdio.h>

/* ---- the packed list ---- */

START_TEST(metadata_is_packed_and_found)
{
    struct buffer list;
    buffer_init(&list, 0);
    ck_assert(metadata_append(&list, text("content-type"), text("text/plain")));
    ck_assert(metadata_append(&list, text("x-amz-meta-key"), text("")));
    ck_assert(metadata_append(&list, text("x-amz-meta-other"), text("value")));
    struct span value;
    ck_assert(metadata_find(buffer_span(&list), text("content-type"), &value));
    ck_assert(span_equal(value, text("text/plain")));
    ck_assert(metadata_find(buffer_span(&list), text("x-amz-meta-key"), &value));
    ck_assert_uint_eq(value.size, 0);
    ck_assert(!metadata_find(buffer_span(&list), text("x-amz-meta"), &value));
    ck_assert_uint_eq(metadata_user_bytes(buffer_span(&list)), 3 + 5 + 5);

    /* a damaged list ends early, wherever it is cut */
    for (size_t size = 0; size < list.size; size++) {
        struct span name;
        size_t position = 0;
        unsigned count = 0;
        while (metadata_next(span_take(buffer_span(&list), size), &position, &name, &value))
            count++;
        ck_assert_uint_lt(count, 3);
        ck_assert_uint_le(position, size);
    }
    static uint8_t large[65535];
    ck_assert(!metadata_append(&list, text("x"), span_of(large, sizeof large))); /* 65,535 bytes in all */
    buffer_free(&list);
}
END_TEST

/* ---- conditions ---- */

START_TEST(etag_lists_match)
{
    static const struct {
        const char *list;
        bool matches;
    } cases[] = {
        {"abc", true},
        {"\"abc\"", true},
        {"*", true},
        {"W/\"abc\"", false},
        {"\"abcd\"", false},
        {"ab", false},
        {"\"x\", \"abc\"", true},
        {"x,abc", true},
        {"x , abc ,y", true},
        {"\"a,b\",abc", true},
        {"\"abc,x\"", false},
        {"", false},
        {",,", false},
        {"\"abc", true},
        {"W/abc", false},
        {"\"*\"", true},
        {"W/\"x\", abc", true},
        {"ABC", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(etag_list_matches(text(cases[i].list), text("abc")) == cases[i].matches, "%s", cases[i].list);
    ck_assert(etag_list_matches(text("*"), text(""))); /* an object whose ETag is not known is there all the same */
    ck_assert(!etag_list_matches(text("\"\""), text("")));
}
END_TEST

static const struct object_attributes current = {.etag = "abc", .modified_ms = 5500, .original_size = 10};

static const char *write_verdict(struct write_condition condition, const struct object_attributes *object)
{
    static struct error error;
    return write_condition_holds(&condition, object, &error) ? "" : error.code;
}

START_TEST(write_conditions)
{
    const struct span abc = text("\"abc\"");
    ck_assert_str_eq(write_verdict((struct write_condition){0}, NULL), "");
    ck_assert_str_eq(write_verdict((struct write_condition){.if_match = abc}, &current), "");
    ck_assert_str_eq(write_verdict((struct write_condition){.if_match = text("x")}, &current), "PreconditionFailed");
    ck_assert_str_eq(write_verdict((struct write_condition){.if_match = abc}, NULL), "NoSuchKey"); /* statement 194 */
    ck_assert_str_eq(write_verdict((struct write_condition){.if_match = text("*")}, NULL), "NoSuchKey");
    ck_assert_str_eq(write_verdict((struct write_condition){.if_none_match = text("*")}, NULL), "");
    ck_assert_str_eq(write_verdict((struct write_condition){.if_none_match = text("*")}, &current),
                     "PreconditionFailed");
    ck_assert_str_eq(write_verdict((struct write_condition){.has_size = true, .size = 10}, &current), "");
    ck_assert_str_eq(write_verdict((struct write_condition){.has_size = true, .size = 11}, &current),
                     "PreconditionFailed");
    ck_assert_str_eq(write_verdict((struct write_condition){.has_size = true}, NULL), "NoSuchKey");
    ck_assert_str_eq(write_verdict((struct write_condition){.has_modified = true, .modified_ms = 5000}, &current), "");
    ck_assert_str_eq(write_verdict((struct write_condition){.has_modified = true, .modified_ms = 6000}, &current),
                     "PreconditionFailed");
}
END_TEST

static enum read_verdict read_verdict(struct read_condition condition)
{
    condition.now_ms = 100000;
    return read_condition_decide(&condition, &current).verdict;
}

START_TEST(read_conditions)
{
    const struct span yes = text("\"abc\"");
    const struct span no = text("\"no\"");
    ck_assert_int_eq(read_verdict((struct read_condition){0}), READ_PROCEED);
    ck_assert_int_eq(read_verdict((struct read_condition){.if_match = yes}), READ_PROCEED);
    ck_assert_int_eq(read_verdict((struct read_condition){.if_match = no}), READ_PRECONDITION_FAILED);
    ck_assert_int_eq(read_verdict((struct read_condition){.if_none_match = yes}), READ_NOT_MODIFIED);
    ck_assert_int_eq(read_verdict((struct read_condition){.if_none_match = text("W/\"abc\"")}), READ_NOT_MODIFIED);
    ck_assert_int_eq(read_verdict((struct read_condition){.if_none_match = no}), READ_PROCEED);
    ck_assert_int_eq(read_verdict((struct read_condition){.has_modified_since = true, .modified_since_ms = 5000}),
                     READ_NOT_MODIFIED); /* statement 184; the same second */
    ck_assert_int_eq(read_verdict((struct read_condition){.has_modified_since = true, .modified_since_ms = 4999}),
                     READ_PROCEED);
    ck_assert_int_eq(read_verdict((struct read_condition){.has_modified_since = true, .modified_since_ms = 200000}),
                     READ_PROCEED); /* statement 189: a future date */
    ck_assert_int_eq(read_verdict((struct read_condition){.has_unmodified_since = true, .unmodified_since_ms = 4000}),
                     READ_PRECONDITION_FAILED);
    ck_assert_int_eq(read_verdict((struct read_condition){.has_unmodified_since = true, .unmodified_since_ms = 5000}),
                     READ_PROCEED);
    ck_assert_int_eq(read_verdict((struct read_condition){
                         .if_match = yes, .has_unmodified_since = true, .unmodified_since_ms = 1000}),
                     READ_PROCEED); /* statement 185 */
    ck_assert_int_eq(read_verdict((struct read_condition){
                         .if_none_match = no, .has_modified_since = true, .modified_since_ms = 9000}),
                     READ_PROCEED); /* statement 186 */
    ck_assert_int_eq(read_verdict((struct read_condition){.if_match = no, .if_none_match = yes}),
                     READ_PRECONDITION_FAILED); /* statement 187 */
}
END_TEST

/* ---- S4's metadata ---- */

static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *found = NULL;
    (void)json_object_object_get_ex(object, name, &found);
    return found;
}

/* What a gateway stamped comes out again as it was; only its ledger's marker and a dictionary's own hash are not ours.
 */
static void compare_object(const char *set, const char *key, struct json_object *object)
{
    struct buffer list;
    struct buffer again;
    buffer_init(&list, 0);
    buffer_init(&again, 0);
    struct json_object *metadata = member(object, "metadata");
    json_object_object_foreach(metadata, name, value)
        ck_assert(metadata_append(&list, text(name), text(json_object_get_string(value))));
    struct object_attributes attributes = {.stored_size =
                                               (uint64_t)json_object_get_int64(member(object, "stored_size"))};
    struct error error;
    ck_assert(s4_metadata_parse(buffer_span(&list), &attributes, &error));
    ck_assert(s4_metadata_append(&again, &attributes));
    bool is_s4 = member(metadata, "s4-codec") != NULL;
    ck_assert(attributes.is_s4 == is_s4);
    if (is_s4 && !attributes.is_multipart)
        ck_assert_int_eq((int64_t)attributes.original_size, json_object_get_int64(member(object, "original_size")));
    ck_assert(attributes.is_multipart == (member(metadata, "s4-multipart") != NULL));
    ck_assert(attributes.is_encrypted == (strcmp(set, "sse-s4") == 0 && is_s4));
    json_object_object_foreach(metadata, field, expected)
    {
        struct span found;
        if (strncmp(field, "s4-", 3) != 0 || strcmp(field, "s4-ledger") == 0 || strcmp(field, "s4-dict-sha256") == 0)
            continue;
        if (strcmp(field, "s4-compressed-size") == 0 && attributes.is_encrypted)
            continue; /* it is the size before encryption, which only decrypting tells */
        ck_assert_msg(metadata_find(buffer_span(&again), text(field), &found), "%s/%s: %s", set, key, field);
        ck_assert(span_equal(found, text(json_object_get_string(expected))));
    }
    buffer_free(&list);
    buffer_free(&again);
}

START_TEST(metadata_of_a_gateway_comes_back)
{
    static const char *const sets[] = {"zstd", "gzip", "passthrough", "ledger", "zstd-dict", "sse-s4"};
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s/objects.json", BALE_VECTORS, sets[_i]);
    struct json_object *root = json_object_from_file(path);
    ck_assert_msg(root != NULL, "%s", path);
    unsigned count = 0;
    json_object_object_foreach(member(root, "objects"), key, object)
    {
        compare_object(sets[_i], key, object);
        count++;
    }
    ck_assert_uint_gt(count, 1);
    json_object_put(root);
}
END_TEST

START_TEST(our_own_fields_come_back)
{
    struct object_attributes attributes = {
        .is_s4 = true,
        .is_multipart = true,
        .is_size_known = true,
        .original_size = 77,
        .stored_size = 50,
        .layout = LAYOUT_FRAMED,
        .codec = 1,
        .etag = "0123456789abcdef0123456789abcdef-3",
        .parts_count = 3,
        .checksum = {.algorithm = CHECKSUM_SHA512, .type = CHECKSUM_COMPOSITE, .parts_count = 3, .bytes = {9, 8, 7}},
    };
    struct buffer list;
    buffer_init(&list, 0);
    ck_assert(s4_metadata_append(&list, &attributes));
    struct object_attributes found = {.stored_size = 50};
    struct error error;
    ck_assert(s4_metadata_parse(buffer_span(&list), &found, &error));
    ck_assert(found.is_s4 && found.is_multipart && found.is_size_known);
    ck_assert_uint_eq(found.original_size, 77);
    ck_assert_str_eq(found.etag, attributes.etag);
    ck_assert_uint_eq(found.parts_count, 3);
    ck_assert_int_eq(found.checksum.algorithm, CHECKSUM_SHA512);
    ck_assert_int_eq(found.checksum.type, CHECKSUM_COMPOSITE);
    ck_assert_uint_eq(found.checksum.parts_count, 3);
    ck_assert_mem_eq(found.checksum.bytes, attributes.checksum.bytes, CHECKSUM_BYTES_MAX);
    ck_assert(s4_metadata_is_reserved(text("S4-Codec")) && !s4_metadata_is_reserved(text("s3-codec")));

    buffer_clear(&list); /* a plain object, and one of a codec that nobody knows */
    ck_assert(metadata_append(&list, text("owner"), text("me")));
    ck_assert(s4_metadata_parse(buffer_span(&list), &found, &error));
    ck_assert(!found.is_s4 && found.layout == LAYOUT_RAW && found.original_size == 50);
    ck_assert(metadata_append(&list, text("s4-codec"), text("cpu-magic")));
    ck_assert(metadata_append(&list, text("s4-framed"), text("true")));
    ck_assert(!s4_metadata_parse(buffer_span(&list), &found, &error));
    ck_assert_int_eq(error.kind, ERROR_UNSUPPORTED);
    buffer_free(&list);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("attributes");
    TCase *tests = tcase_create("attributes");
    tcase_add_test(tests, metadata_is_packed_and_found);
    tcase_add_test(tests, etag_lists_match);
    tcase_add_test(tests, write_conditions);
    tcase_add_test(tests, read_conditions);
    tcase_add_loop_test(tests, metadata_of_a_gateway_comes_back, 0, 6);
    tcase_add_test(tests, our_own_fields_come_back);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
