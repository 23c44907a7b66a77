/* tests/unit/remote/fields_test.c -- attributes as header fields of the backend, and back; what no header can carry. */
#include "store/remote/format/fields.h"

#include "codec/codec.h"
#include "runtime/base/base64.h"
#include "tests/unit/run_suite.h"

#include <stdio.h>

static struct span field(struct span fields, const char *name)
{
    struct span value = SPAN_EMPTY;
    (void)metadata_find(fields, span_from_string(name), &value);
    return value;
}

#define ck_assert_text(text, expected) \
    ck_assert_msg(span_equal(text, span_from_string(expected)), "%.*s", SPAN_FORMAT(text))

/* As an answer of the backend. */
static bool decode(struct span list, uint64_t size, struct buffer *ret_metadata, struct backend_object *ret_object,
                   struct error *error)
{
    struct http_field fields[32];
    unsigned count = 0;
    for (size_t position = 0; metadata_next(list, &position, &fields[count].name, &fields[count].value);)
        count++;
    return fields_decode(fields, count, size, (const uint8_t *)"12345678", ret_metadata, ret_object, error);
}

static struct object_attributes ordinary(struct span metadata)
{
    return (struct object_attributes){
        .original_size = 1000,
        .stored_size = 300,
        .etag = "0123456789abcdef0123456789abcdef",
        .layout = LAYOUT_FRAMED,
        .codec = CODEC_ZSTD,
        .is_s4 = true,
        .is_size_known = true,
        .has_crc32c = true,
        .crc32c = 7,
        .checksum = {.algorithm = CHECKSUM_CRC32C, .bytes = {1, 2, 3, 4}},
        .metadata = metadata,
    };
}

START_TEST(both_ways)
{
    struct buffer metadata = {0};
    struct buffer fields = {0};
    struct buffer again = {0};
    struct backend_object object;
    struct error error;
    ck_assert(metadata_append(&metadata, SPAN("content-type"), SPAN("text/plain")));
    ck_assert(metadata_append(&metadata, SPAN("x-amz-meta-colour"), SPAN("red and green")));
    struct object_attributes attributes = ordinary(buffer_span(&metadata));
    struct object_stamp stamp = {.nonce = {1}, .checksum = attributes.checksum};
    ck_assert(fields_encode(&attributes, &stamp, SPAN_EMPTY, &fields));
    ck_assert_text(field(buffer_span(&fields), "x-amz-meta-s4-codec"), "cpu-zstd");
    ck_assert_text(field(buffer_span(&fields), "x-amz-meta-s4-original-size"), "1000");
    ck_assert_text(field(buffer_span(&fields), "x-amz-meta-s4-compressed-size"), "300");
    ck_assert_text(field(buffer_span(&fields), "x-amz-meta-s4-framed"), "true");
    ck_assert_uint_eq(field(buffer_span(&fields), "x-amz-meta-s4-bale-checksum").size, 0);

    ck_assert(metadata_append(&fields, SPAN("etag"), SPAN("\"the-backend's\"")));
    ck_assert(metadata_append(&fields, SPAN("last-modified"), SPAN("Sun, 06 Nov 1994 08:49:37 GMT")));
    ck_assert(metadata_append(&fields, SPAN("x-amz-tagging-count"), SPAN("3")));
    ck_assert(metadata_append(&fields, SPAN("server"), SPAN("somebody")));
    ck_assert(decode(buffer_span(&fields), 300, &again, &object, &error));
    ck_assert(object.is_stamped && object.stamp.nonce[0] == 1);
    ck_assert_str_eq(object.attributes.etag, attributes.etag);
    ck_assert_str_eq(object.attributes.stored_etag, "the-backend's");
    ck_assert_str_eq(object.attributes.version, "null");
    ck_assert_int_eq(object.attributes.modified_ms, INT64_C(784111777000));
    ck_assert_uint_eq(object.attributes.tags_count, 3);
    ck_assert_uint_eq(object.attributes.original_size, 1000);
    ck_assert(object.attributes.checksum.algorithm == CHECKSUM_CRC32C && object.attributes.layout == LAYOUT_FRAMED);
    ck_assert(span_equal(object.attributes.metadata, buffer_span(&metadata)));
    buffer_free(&metadata);
    buffer_free(&fields);
    buffer_free(&again);
}
END_TEST

/* Beside the client's metadata, and counted with what is ours. */
/* What a client sees of an object that was packed later; of a copy under another name it says nothing. */
START_TEST(a_time_that_is_kept)
{
    static const char *const names[] = {"12345678", "another!"};
    for (unsigned i = 0; i < 2; i++) {
        struct buffer fields = {0};
        struct buffer again = {0};
        struct backend_object object;
        struct error error;
        struct buffer metadata = {0};
        metadata_with_storage_class(SPAN_EMPTY, SPAN("GLACIER"), &metadata);
        struct object_attributes attributes = ordinary(buffer_span(&metadata));
        struct object_stamp stamp = {.nonce = {1}, .kept_ms = 5000, .storage_class = "GLACIER", .made_of_count = 1};
        memcpy(stamp.name, names[i], sizeof stamp.name);
        ck_assert(fields_encode(&attributes, &stamp, SPAN_EMPTY, &fields));
        ck_assert_text(metadata_storage_class(buffer_span(&fields)), "STANDARD");
        ck_assert(metadata_append(&fields, SPAN("etag"), SPAN("\"e\"")));
        ck_assert(metadata_append(&fields, SPAN("last-modified"), SPAN("Sun, 06 Nov 1994 08:49:37 GMT")));
        ck_assert(decode(buffer_span(&fields), 300, &again, &object, &error));
        ck_assert_int_eq(object.attributes.modified_ms, INT64_C(784111777000));
        ck_assert_int_eq(backend_object_shown_ms(&object), i == 0 ? 5000 : INT64_C(784111777000));
        ck_assert_text(metadata_storage_class(object.attributes.metadata), i == 0 ? "GLACIER" : "STANDARD");
        ck_assert_uint_eq(object.stamp.made_of_count, i == 0);
        buffer_free(&metadata);
        buffer_free(&fields);
        buffer_free(&again);
    }
}
END_TEST

/* The class that clients see is that of the stamp, but of an archive, where the backend's decides. */
START_TEST(classes_of_clients_and_of_the_backend)
{
    static const struct {
        const char *place, *stamped, *shown;
    } cases[] = {{"", "", "STANDARD"},
                 {"", "GLACIER", "GLACIER"},
                 {"STANDARD_IA", "", "STANDARD_IA"},
                 {"STANDARD_IA", "GLACIER", "GLACIER"},
                 {"STANDARD", "GLACIER_IR", "GLACIER_IR"},
                 {"DEEP_ARCHIVE", "GLACIER_IR", "DEEP_ARCHIVE"},
                 {"A_CLASS_OF_SOMEBODY_ELSE", "GLACIER_IR", "A_CLASS_OF_SOMEBODY_ELSE"}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer fields = {0};
        struct buffer again = {0};
        struct backend_object object;
        struct error error;
        struct buffer metadata = {0};
        metadata_with_storage_class(SPAN_EMPTY, SPAN("ONEZONE_IA"), &metadata); /* that never goes by itself */
        struct object_attributes attributes = ordinary(buffer_span(&metadata));
        struct object_stamp stamp = {.nonce = {1}, .name = "12345678"};
        (void)snprintf(stamp.storage_class, sizeof stamp.storage_class, "%s", cases[i].stamped);
        ck_assert(fields_encode(&attributes, &stamp, span_from_string(cases[i].place), &fields));
        ck_assert(metadata_append(&fields, SPAN("etag"), SPAN("\"e\"")));
        ck_assert(decode(buffer_span(&fields), 300, &again, &object, &error));
        ck_assert_text(metadata_storage_class(object.attributes.metadata), cases[i].shown);
        ck_assert_uint_eq(object.attributes.place, storage_class_number(span_from_string(cases[i].place)));
        buffer_free(&metadata);
        buffer_free(&fields);
        buffer_free(&again);
    }
}
END_TEST

START_TEST(owner_and_list)
{
    struct buffer metadata = {0};
    struct buffer fields = {0};
    struct buffer again = {0};
    struct backend_object object;
    struct error error;
    static const uint8_t list[OBJECT_ACL_BYTES_MAX];
    struct object_stamp stamp = {.nonce = {1}};
    memcpy(stamp.name, "12345678", sizeof stamp.name);
    ck_assert(metadata_append(&metadata, SPAN("content-type"), SPAN("text/plain")));
    struct object_attributes attributes = ordinary(buffer_span(&metadata));
    size_t without = fields_own_bytes(&attributes, &stamp);
    attributes.owner = SPAN("bob");
    attributes.acl = SPAN("a list");
    ck_assert_uint_gt(fields_own_bytes(&attributes, &stamp), without);
    ck_assert(fields_encode(&attributes, &stamp, SPAN_EMPTY, &fields));
    ck_assert(metadata_append(&fields, SPAN("etag"), SPAN("\"e\"")));
    ck_assert(decode(buffer_span(&fields), 300, &again, &object, &error));
    ck_assert_text(object.attributes.owner, "bob");
    ck_assert_text(object.attributes.acl, "a list");
    ck_assert(!object.attributes.is_acl_apart);
    ck_assert(span_equal(object.attributes.metadata, buffer_span(&metadata)));

    attributes.acl = span_of(list, sizeof list); /* whatever its length, it never crowds out metadata */
    ck_assert_uint_lt(fields_own_bytes(&attributes, &stamp), without + 256);
    buffer_clear(&fields);
    buffer_clear(&again);
    ck_assert(fields_encode(&attributes, &stamp, SPAN_EMPTY, &fields));
    ck_assert(metadata_append(&fields, SPAN("etag"), SPAN("\"e\"")));
    ck_assert(decode(buffer_span(&fields), 300, &again, &object, &error));
    ck_assert(object.attributes.is_acl_apart && object.attributes.acl.size == 0);

    stamp.name[0] = 'x'; /* a copy that another tool made under another name */
    buffer_clear(&fields);
    buffer_clear(&again);
    ck_assert(fields_encode(&attributes, &stamp, SPAN_EMPTY, &fields));
    ck_assert(metadata_append(&fields, SPAN("etag"), SPAN("\"e\"")));
    ck_assert(decode(buffer_span(&fields), 300, &again, &object, &error));
    ck_assert(object.attributes.owner.size == 0 && !object.attributes.is_acl_apart);
    buffer_free(&metadata);
    buffer_free(&fields);
    buffer_free(&again);
}
END_TEST

START_TEST(foreign_objects_are_as_they_are)
{
    struct buffer fields = {0};
    struct buffer again = {0};
    struct backend_object object;
    struct error error;
    ck_assert(metadata_append(&fields, SPAN("etag"), SPAN("\"d41d8cd98f00b204e9800998ecf8427e-3\"")));
    ck_assert(metadata_append(&fields, SPAN("content-type"), SPAN("image/png")));
    ck_assert(metadata_append(&fields, SPAN("x-amz-meta-s4-bale"), SPAN("nonsense")));
    ck_assert(decode(buffer_span(&fields), 77, &again, &object, &error));
    ck_assert(!object.attributes.is_s4 && !object.is_stamped && object.attributes.is_size_known);
    ck_assert_str_eq(object.attributes.etag, "d41d8cd98f00b204e9800998ecf8427e-3");
    ck_assert_uint_eq(object.attributes.original_size, 77);
    ck_assert_text(field(object.attributes.metadata, "content-type"), "image/png");
    buffer_free(&fields);
    buffer_free(&again);
}
END_TEST

/* What S4 did not compress it did not stamp either: the backend's ETag is that of the original bytes. */
START_TEST(s4_passthrough_without_an_etag)
{
    struct buffer fields = {0};
    struct buffer again = {0};
    struct backend_object object;
    struct error error;
    ck_assert(metadata_append(&fields, SPAN("etag"), SPAN("\"f0afd90205cdbd83005918d04747fc7a\"")));
    ck_assert(metadata_append(&fields, SPAN("x-amz-meta-s4-codec"), SPAN("passthrough")));
    ck_assert(metadata_append(&fields, SPAN("x-amz-meta-s4-original-size"), SPAN("4096")));
    ck_assert(metadata_append(&fields, SPAN("x-amz-meta-s4-compressed-size"), SPAN("4096")));
    ck_assert(metadata_append(&fields, SPAN("x-amz-meta-s4-crc32c"), SPAN("1840487641")));
    ck_assert(decode(buffer_span(&fields), 4096, &again, &object, &error));
    ck_assert(object.attributes.is_s4 && object.attributes.layout == LAYOUT_RAW);
    ck_assert_str_eq(object.attributes.etag, "f0afd90205cdbd83005918d04747fc7a");
    ck_assert(metadata_append(&fields, SPAN("x-amz-meta-s4-framed"), SPAN("true")));
    buffer_clear(&again);
    ck_assert(decode(buffer_span(&fields), 4096, &again, &object, &error));
    ck_assert_str_eq(object.attributes.etag, ""); /* of frames it says nothing */
    buffer_free(&fields);
    buffer_free(&again);
}
END_TEST

START_TEST(etags)
{
    bool is_weak;
    char etag[ETAG_TEXT_BYTES];
    ck_assert_text(fields_plain_etag(SPAN("W/\"abc\""), &is_weak), "abc");
    ck_assert(is_weak);
    ck_assert_text(fields_plain_etag(SPAN(" abc "), &is_weak), "abc");
    ck_assert(!is_weak);
    ck_assert_text(fields_plain_etag(SPAN("\""), &is_weak), "\"");
    fields_foreign_etag(SPAN("an ETag with more characters than a logical one may have"), etag);
    ck_assert_uint_eq(strlen(etag), 32);

    struct buffer fields = {0};
    struct buffer again = {0};
    struct backend_object object;
    struct error error;
    ck_assert(!decode(SPAN_EMPTY, 1, &again, &object, &error));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    char text[400];
    memset(text, 'e', sizeof text);
    ck_assert(metadata_append(&fields, SPAN("etag"), span_of(text, sizeof text)));
    ck_assert(!decode(buffer_span(&fields), 1, &again, &object, &error));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    buffer_free(&fields);
    buffer_free(&again);
}
END_TEST

START_TEST(what_a_header_cannot_carry)
{
    static const char *const wrong[] = {" a", "a ", "a  b", "a\tb", "K\xc3\xb6ln", "a\x7f", " "};
    static const char *const right[] = {"", "a", "a b", "~!\"#"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct buffer list = {0};
        ck_assert(metadata_append(&list, SPAN("x-amz-meta-a"), span_from_string(wrong[i])));
        ck_assert_msg(!fields_can_carry(buffer_span(&list), 0), "'%s'", wrong[i]);
        buffer_free(&list);
    }
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        struct buffer list = {0};
        ck_assert(metadata_append(&list, SPAN("x-amz-meta-a"), span_from_string(right[i])));
        ck_assert_msg(fields_can_carry(buffer_span(&list), 0), "'%s'", right[i]);
        buffer_free(&list);
    }
}
END_TEST

/* Names count whole: x-amz-meta- and all. */
START_TEST(the_limit_counts_whole_names)
{
    struct buffer list = {0};
    char value[2048];
    memset(value, 'v', sizeof value);
    size_t own = 300;
    size_t room = FIELDS_USER_BYTES_MAX - own - strlen("x-amz-meta-a");
    ck_assert(metadata_append(&list, SPAN("content-type"), SPAN("text/plain"))); /* does not count */
    ck_assert(metadata_append(&list, SPAN("x-amz-meta-a"), span_of(value, room)));
    ck_assert(fields_can_carry(buffer_span(&list), own));
    ck_assert(!fields_can_carry(buffer_span(&list), own + 1));
    buffer_free(&list);

    struct object_attributes attributes = ordinary(SPAN_EMPTY);
    struct object_stamp stamp = {.trailer = STAMP_TRAILER_SAYS, .is_counted = true, .checksum = attributes.checksum};
    ck_assert_uint_le(fields_own_bytes(&attributes, &stamp), 420);

    size_t beside = FIELDS_USER_BYTES_MAX - fields_own_bytes(&attributes, &stamp) - strlen("x-amz-meta-a");
    for (size_t over = 0; over <= 1; over++) { /* the same of an object's own fields and metadata */
        struct buffer metadata = {0};
        ck_assert(metadata_append(&metadata, SPAN("x-amz-meta-a"), span_of(value, beside + over)));
        attributes.metadata = buffer_span(&metadata);
        ck_assert(fields_can_travel(&attributes, &stamp) == (over == 0));
        buffer_free(&metadata);
    }
}
END_TEST

/* Whatever an object has of its own, there is room for it where a client has none. */
START_TEST(own_fields_alone_always_fit)
{
    static const uint8_t bytes[OBJECT_ACL_BYTES_MAX];
    struct object_attributes attributes = ordinary(SPAN_EMPTY);
    struct object_stamp stamp = {.trailer = STAMP_TRAILER_SAYS, .is_counted = true, .kept_ms = 1, .made_of_count = 0};
    char owner[ACCOUNT_ID_BYTES_MAX];
    memset(owner, 'o', sizeof owner);
    attributes.owner = span_of(owner, sizeof owner);
    attributes.acl = span_of(bytes, sizeof bytes);
    attributes.seal = span_of(bytes, OBJECT_SEAL_BYTES_MAX);
    ck_assert_uint_le(fields_own_bytes(&attributes, &stamp), FIELDS_USER_BYTES_MAX);
    ck_assert(fields_can_travel(&attributes, &stamp));
}
END_TEST

START_TEST(metadata_from_the_trailer)
{
    struct buffer metadata = {0};
    struct buffer fields = {0};
    struct buffer again = {0};
    struct backend_object object;
    struct error error;
    ck_assert(metadata_append(&metadata, SPAN("content-type"), SPAN("text/plain")));
    ck_assert(metadata_append(&metadata, SPAN("x-amz-meta-city"), SPAN("K\xc3\xb6ln")));
    struct object_attributes attributes = ordinary(buffer_span(&metadata));
    struct object_stamp stamp = {
        .trailer = STAMP_TRAILER_BYTES, .trailer_bytes = 200, .is_metadata_in_trailer = true, .nonce = {2}};
    ck_assert(fields_encode(&attributes, &stamp, SPAN_EMPTY, &fields));
    ck_assert_text(field(buffer_span(&fields), "content-type"), "text/plain");
    ck_assert_uint_eq(field(buffer_span(&fields), "x-amz-meta-city").size, 0);
    ck_assert(metadata_append(&fields, SPAN("etag"), SPAN("\"e\"")));
    ck_assert(decode(buffer_span(&fields), 500, &again, &object, &error));
    ck_assert(object.is_stamped && object.stamp.is_metadata_in_trailer);
    const struct trailer trailer = {.facts = {.original_size = 1000}, .metadata = buffer_span(&metadata)};
    fields_apply_trailer(&object, &trailer);
    ck_assert_text(field(object.attributes.metadata, "x-amz-meta-city"), "K\xc3\xb6ln");
    ck_assert_str_eq(object.attributes.etag, attributes.etag); /* metadata wins */
    buffer_free(&metadata);
    buffer_free(&fields);
    buffer_free(&again);
}
END_TEST

static struct object_attributes encrypted(struct span seal)
{
    struct object_attributes attributes = ordinary(SPAN_EMPTY);
    attributes.seal = seal;
    return attributes;
}

static void expect_no_hashes(const struct object_attributes *attributes)
{
    ck_assert_str_eq(attributes->etag, "");
    ck_assert(!attributes->has_crc32c && attributes->crc32c == 0);
    ck_assert(attributes->checksum.algorithm == CHECKSUM_NONE);
}

/* Hashes are in no field, and those that somebody puts there are passed over. */
START_TEST(seal_of_an_encrypted_object)
{
    struct buffer fields = {0};
    struct buffer again = {0};
    struct backend_object object;
    struct error error;
    struct object_attributes attributes = encrypted(SPAN("sealed"));
    attributes.owner = SPAN("alice");
    struct object_stamp stamp = {.name = {'1', '2', '3', '4', '5', '6', '7', '8'}, .checksum = attributes.checksum};
    ck_assert(fields_encode(&attributes, &stamp, SPAN_EMPTY, &fields));
    ck_assert_text(field(buffer_span(&fields), "x-amz-meta-s4-bale-sse"), "c2VhbGVk");
    ck_assert_text(field(buffer_span(&fields), "x-amz-meta-s4-encrypted"), "aes-256-gcm");
    ck_assert_uint_eq(field(buffer_span(&fields), "x-amz-meta-s4-logical-etag").size, 0);
    ck_assert_uint_eq(field(buffer_span(&fields), "x-amz-meta-s4-crc32c").size, 0);
    ck_assert(metadata_append(&fields, SPAN("etag"), SPAN("\"e\"")));
    ck_assert(metadata_append(&fields, SPAN("x-amz-meta-s4-logical-etag"), SPAN("0123")));
    ck_assert(metadata_append(&fields, SPAN("x-amz-meta-s4-crc32c"), SPAN("5")));
    ck_assert(metadata_append(&fields, SPAN("x-amz-meta-mine"), SPAN("kept")));
    ck_assert(decode(buffer_span(&fields), 300, &again, &object, &error));
    ck_assert(object.is_stamped && !object.attributes.is_encrypted);
    ck_assert_text(object.attributes.seal, "sealed");
    ck_assert_text(object.attributes.owner, "alice");
    ck_assert_text(field(object.attributes.metadata, "x-amz-meta-mine"), "kept");
    expect_no_hashes(&object.attributes);
    const struct trailer trailer = {.facts = {.original_size = 1000, .crc32c = 7}, .seal = SPAN("another")};
    fields_apply_trailer(&object, &trailer); /* metadata wins */
    ck_assert_text(object.attributes.seal, "sealed");
    expect_no_hashes(&object.attributes);
    buffer_free(&fields);
    buffer_free(&again);
}
END_TEST

/* Such an object is encrypted, and nobody can read it. */
START_TEST(seals_that_are_none)
{
    static const char *const texts[] = {"", "%%%%", "c2VhbGV*"};
    char longest[BASE64_URL_BYTES(OBJECT_SEAL_BYTES_MAX + 1) + 1];
    memset(longest, 'A', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    for (unsigned i = 0; i < 4; i++) {
        struct buffer fields = {0};
        struct buffer again = {0};
        struct backend_object object;
        struct error error;
        ck_assert(metadata_append(&fields, SPAN("etag"), SPAN("\"e\"")));
        ck_assert(
            metadata_append(&fields, SPAN("x-amz-meta-s4-bale-sse"), span_from_string(i < 3 ? texts[i] : longest)));
        ck_assert(decode(buffer_span(&fields), 300, &again, &object, &error));
        ck_assert(object.attributes.is_encrypted && object.attributes.seal.size == 0);
        expect_no_hashes(&object.attributes);
        buffer_free(&fields);
        buffer_free(&again);
    }
}
END_TEST

/* Begun before there was a seal: the fields say that there will be one, and the trailer has it. */
START_TEST(seal_from_the_trailer)
{
    struct buffer fields = {0};
    struct buffer again = {0};
    struct backend_object object;
    struct error error;
    struct object_attributes early = {
        .is_s4 = true, .layout = LAYOUT_FRAMED, .codec = CODEC_ZSTD, .is_encrypted = true};
    struct object_stamp stamp = {.trailer = STAMP_TRAILER_SAYS};
    ck_assert(fields_encode(&early, &stamp, SPAN_EMPTY, &fields));
    ck_assert(metadata_append(&fields, SPAN("etag"), SPAN("\"e\"")));
    ck_assert(decode(buffer_span(&fields), 500, &again, &object, &error));
    ck_assert(object.attributes.is_encrypted && object.attributes.seal.size == 0);
    const struct trailer trailer = {.facts = {.original_size = 1000}, .seal = SPAN("sealed")};
    fields_apply_trailer(&object, &trailer);
    ck_assert(!object.attributes.is_encrypted && object.attributes.original_size == 1000);
    ck_assert_text(object.attributes.seal, "sealed");
    expect_no_hashes(&object.attributes);
    buffer_free(&fields);
    buffer_free(&again);
}
END_TEST

/* Written by multipart: hardly anything was known when the head was sent. */
START_TEST(attributes_from_the_trailer)
{
    struct buffer fields = {0};
    struct buffer again = {0};
    struct backend_object object;
    struct error error;
    struct object_attributes early = {.is_s4 = true, .layout = LAYOUT_FRAMED, .codec = CODEC_ZSTD};
    struct object_stamp stamp = {.trailer = STAMP_TRAILER_SAYS};
    ck_assert(fields_encode(&early, &stamp, SPAN_EMPTY, &fields));
    ck_assert_uint_eq(field(buffer_span(&fields), "x-amz-meta-s4-original-size").size, 0);
    ck_assert_uint_eq(field(buffer_span(&fields), "x-amz-meta-s4-compressed-size").size, 0);
    ck_assert(metadata_append(&fields, SPAN("etag"), SPAN("\"e\"")));
    ck_assert(decode(buffer_span(&fields), 5000, &again, &object, &error));
    ck_assert(!object.attributes.is_size_known && object.attributes.etag[0] == '\0');
    const struct trailer trailer = {
        .facts = {.original_size = 9000,
                  .digest = {0xab},
                  .parts_count = 3,
                  .crc32c = 5,
                  .checksum = {.algorithm = CHECKSUM_CRC32, .type = CHECKSUM_FULL_OBJECT}},
        .frames_count = 2,
    };
    fields_apply_trailer(&object, &trailer);
    ck_assert_uint_eq(object.attributes.original_size, 9000);
    ck_assert(object.attributes.is_size_known && object.attributes.has_crc32c);
    ck_assert_str_eq(object.attributes.etag, "ab000000000000000000000000000000-3");
    ck_assert_uint_eq(object.attributes.parts_count, 3);
    ck_assert_uint_eq(object.attributes.sidecar_size, SIDECAR_HEAD_BYTES + 2 * SIDECAR_ENTRY_BYTES);
    ck_assert_int_eq(object.attributes.checksum.algorithm, CHECKSUM_CRC32);
    buffer_free(&fields);
    buffer_free(&again);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("remote fields");
    TCase *cases = tcase_create("fields");
    tcase_add_test(cases, both_ways);
    tcase_add_test(cases, a_time_that_is_kept);
    tcase_add_test(cases, classes_of_clients_and_of_the_backend);
    tcase_add_test(cases, owner_and_list);
    tcase_add_test(cases, foreign_objects_are_as_they_are);
    tcase_add_test(cases, s4_passthrough_without_an_etag);
    tcase_add_test(cases, etags);
    tcase_add_test(cases, what_a_header_cannot_carry);
    tcase_add_test(cases, the_limit_counts_whole_names);
    tcase_add_test(cases, own_fields_alone_always_fit);
    tcase_add_test(cases, metadata_from_the_trailer);
    tcase_add_test(cases, attributes_from_the_trailer);
    tcase_add_test(cases, seal_of_an_encrypted_object);
    tcase_add_test(cases, seals_that_are_none);
    tcase_add_test(cases, seal_from_the_trailer);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
