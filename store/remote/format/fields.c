/* store/remote/format/fields.c -- attributes as header fields of the backend's requests and answers. */
#include "store/remote/format/fields.h"

#include "runtime/base/assert.h"
#include "runtime/base/base64.h"
#include "runtime/base/byteorder.h"
#include "runtime/base/decimal.h"
#include "runtime/base/hex.h"
#include "s3client/wire/date.h"
#include "store/remote/format/owner.h"
#include "store/s4_metadata.h"

#include <stdio.h>

enum {
    FIELD_NAME_BYTES_MAX = 2048,
    LIST_BYTES_LIKELY = 1024, /* of the fields of one object: what is larger grows */
};

static const struct span user_prefix = SPAN("x-amz-meta-");
static const struct span lock_mode_field = SPAN("x-amz-object-lock-mode");
static const struct span lock_date_field = SPAN("x-amz-object-lock-retain-until-date");
static const struct span lock_hold_field = SPAN("x-amz-object-lock-legal-hold");
static const struct span seal_field = SPAN("s4-bale-sse");
static const struct span class_field = SPAN("x-amz-storage-class");

/* ---- to the backend ---- */

static bool list_owner(const struct object_attributes *attributes, const struct object_stamp *stamp,
                       struct buffer *ret_list)
{
    const struct object_owner owner = {.owner = attributes->owner, .acl = attributes->acl};
    struct buffer text = {0};
    if (attributes->owner.size == 0 && attributes->acl.size == 0)
        return true;
    owner_encode(&owner, stamp->name, &text);
    bool done = metadata_append(ret_list, owner_field, buffer_span(&text));
    buffer_free(&text);
    return done;
}

static bool list_seal(struct span seal, struct buffer *ret_list)
{
    char text[BASE64_URL_BYTES(OBJECT_SEAL_BYTES_MAX)];
    if (seal.size == 0)
        return true;
    ASSERT(seal.size <= OBJECT_SEAL_BYTES_MAX);
    base64_url_encode(seal, text);
    return metadata_append(ret_list, seal_field, span_of(text, BASE64_URL_BYTES(seal.size)));
}

/* What would tell an encrypted object's content to whoever can guess it. */
static void hide_hashes(struct object_attributes *attributes)
{
    attributes->etag[0] = '\0';
    attributes->has_crc32c = false;
    attributes->crc32c = 0;
    attributes->checksum = (struct checksum_value){.algorithm = CHECKSUM_NONE};
}

/* The bare list "s4-codec" ..., the stamp, the owner and the seal. */
static bool list_own(const struct object_attributes *attributes, const struct object_stamp *stamp,
                     struct buffer *ret_list)
{
    struct object_attributes told = *attributes;
    struct object_stamp told_stamp = *stamp;
    struct buffer text = {0};
    told.checksum.algorithm = CHECKSUM_NONE;
    if (attributes->seal.size > 0 || attributes->is_encrypted) {
        hide_hashes(&told);
        told.is_encrypted = true;
        told_stamp.checksum.algorithm = CHECKSUM_NONE;
    }
    stamp_encode(&told_stamp, &text);
    bool done = s4_metadata_append(ret_list, &told) && metadata_append(ret_list, stamp_field, buffer_span(&text)) &&
                list_owner(attributes, stamp, ret_list) && list_seal(attributes->seal, ret_list);
    buffer_free(&text);
    return done;
}

size_t fields_own_bytes(const struct object_attributes *attributes, const struct object_stamp *stamp)
{
    struct buffer list = {0};
    size_t total = 0;
    struct span name;
    struct span value;
    (void)buffer_reserve(&list, LIST_BYTES_LIKELY);
    (void)list_own(attributes, stamp, &list);
    for (size_t position = 0; metadata_next(buffer_span(&list), &position, &name, &value);)
        total += user_prefix.size + name.size + value.size;
    buffer_free(&list);
    return total;
}

static bool survives(struct span value)
{
    for (size_t i = 0; i < value.size; i++) {
        bool is_blank = value.data[i] == ' ';
        bool is_at_end = i == 0 || i + 1 == value.size;
        if (value.data[i] < 0x20 || value.data[i] > 0x7e || (is_blank && (is_at_end || value.data[i + 1] == ' ')))
            return false;
    }
    return true;
}

bool fields_can_carry(struct span metadata, size_t own_bytes)
{
    size_t user_bytes = own_bytes;
    size_t all_bytes = 0;
    unsigned count = 0;
    struct span name;
    struct span value;
    for (size_t position = 0; metadata_next(metadata, &position, &name, &value);) {
        int64_t ignored;
        if (!survives(value) || (span_equal(name, SPAN("expires")) && !date_parse_http(value, &ignored)))
            return false; /* some backends drop what is no date */
        count++;
        all_bytes += name.size + value.size;
        if (span_starts_with(name, user_prefix))
            user_bytes += name.size + value.size;
    }
    return user_bytes <= FIELDS_USER_BYTES_MAX && all_bytes <= FIELDS_BYTES_MAX && count <= FIELDS_COUNT_MAX;
}

static bool has_user_field(struct span metadata)
{
    struct span name;
    struct span value;
    for (size_t position = 0; metadata_next(metadata, &position, &name, &value);) {
        if (span_starts_with(name, user_prefix))
            return true;
    }
    return false;
}

bool fields_can_travel(const struct object_attributes *attributes, const struct object_stamp *stamp)
{
    size_t own_bytes = has_user_field(attributes->metadata) ? fields_own_bytes(attributes, stamp) : 0;
    return fields_can_carry(attributes->metadata, own_bytes);
}

static void put_own(struct span list, struct buffer *ret_fields)
{
    struct span name;
    struct span value;
    for (size_t position = 0; metadata_next(list, &position, &name, &value);) {
        uint8_t whole[64];
        ASSERT(name.size <= sizeof whole - user_prefix.size);
        memcpy(whole, user_prefix.data, user_prefix.size);
        memcpy(whole + user_prefix.size, name.data, name.size);
        (void)metadata_append(ret_fields, span_of(whole, user_prefix.size + name.size), value);
    }
}

/* Standard fields that are short enough go with the head even where the trailer has them. */
static void put_metadata(struct span metadata, bool is_in_trailer, struct buffer *ret_fields)
{
    bool has_type = false;
    struct span name;
    struct span value;
    for (size_t position = 0; metadata_next(metadata, &position, &name, &value);) {
        if (is_in_trailer && (span_starts_with(name, user_prefix) || !survives(value) || value.size > 512))
            continue;
        if (span_equal(name, class_field))
            continue;
        has_type = has_type || span_equal(name, SPAN("content-type"));
        (void)metadata_append(ret_fields, name, value);
    }
    if (!has_type) /* else some backends guess one from the name */
        (void)metadata_append(ret_fields, SPAN("content-type"), SPAN("binary/octet-stream"));
}

static void put_lock(const struct object_lock *lock, struct buffer *ret_fields)
{
    char date[DATE_TEXT_BYTES];
    if (lock->mode != LOCK_NONE) {
        date_format_xml(lock->retain_until_ms, date);
        (void)metadata_append(ret_fields, lock_mode_field,
                              lock->mode == LOCK_GOVERNANCE ? SPAN("GOVERNANCE") : SPAN("COMPLIANCE"));
        (void)metadata_append(ret_fields, lock_date_field, span_from_string(date));
    }
    if (lock->hold != HOLD_UNSET)
        (void)metadata_append(ret_fields, lock_hold_field, lock->hold == HOLD_ON ? SPAN("ON") : SPAN("OFF"));
}

bool fields_encode(const struct object_attributes *attributes, const struct object_stamp *stamp, struct span place,
                   struct buffer *ret_fields)
{
    struct buffer own = {0};
    (void)buffer_reserve(&own, LIST_BYTES_LIKELY);
    (void)buffer_reserve(ret_fields, LIST_BYTES_LIKELY);
    bool done = stamp == NULL || list_own(attributes, stamp, &own);
    bool is_in_trailer = stamp != NULL && stamp->is_metadata_in_trailer;
    put_metadata(attributes->metadata, is_in_trailer, ret_fields);
    if (place.size > 0)
        (void)metadata_append(ret_fields, class_field, place);
    put_own(buffer_span(&own), ret_fields);
    put_lock(&attributes->lock, ret_fields);
    buffer_free(&own);
    return done;
}

/* ---- from the backend ---- */

static bool is_kept_field(struct span name)
{
    static const struct span kept[] = {
        SPAN("content-type"),     SPAN("cache-control"), SPAN("content-disposition"),
        SPAN("content-encoding"), SPAN("expires"),       SPAN("x-amz-website-redirect-location"),
        SPAN("content-language"),
    };
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (span_equal(name, kept[i]))
            return true;
    }
    return false;
}

/* What every backend says of an object that was given nothing. */
static bool is_default(struct span name, struct span value)
{
    return span_equal(name, SPAN("content-type")) && span_equal(value, SPAN("binary/octet-stream"));
}

/* Names that are ours to read, in lower case; others, and those that are too long to be ours, are passed over. */
static struct span lower_name(struct span name, uint8_t *restrict ret_text)
{
    if (name.size > FIELD_NAME_BYTES_MAX)
        return SPAN_EMPTY;
    for (size_t i = 0; i < name.size; i++) /* the compiler makes vectors of it */
        ret_text[i] = http_lower(name.data[i]);
    return span_of(ret_text, name.size);
}

/* All that are kept do; a fourth of what a backend says does not. */
static bool begins_like_kept(struct span name)
{
    uint8_t first = name.size > 0 ? http_lower(name.data[0]) : 0;
    return first == 'x' || first == 'c' || first == 'e';
}

static void sort_field(const struct http_field *field, struct buffer *own, struct buffer *metadata)
{
    uint8_t text[FIELD_NAME_BYTES_MAX];
    if (!begins_like_kept(field->name))
        return;
    struct span name = lower_name(field->name, text);
    bool is_user = span_starts_with(name, user_prefix);
    struct span bare = is_user ? span_skip(name, user_prefix.size) : name;
    if (is_user && s4_metadata_is_reserved(bare))
        (void)metadata_append(own, bare, field->value);
    else if ((is_user && bare.size > 0) || (is_kept_field(name) && !is_default(name, field->value)))
        (void)metadata_append(metadata, name, field->value);
}

struct span fields_plain_etag(struct span text, bool *ret_is_weak)
{
    struct span etag = span_trim(text);
    *ret_is_weak = span_starts_with(etag, SPAN("W/"));
    if (*ret_is_weak)
        etag = span_skip(etag, 2);
    if (etag.size >= 2 && etag.data[0] == '"' && etag.data[etag.size - 1] == '"')
        etag = span_of(etag.data + 1, etag.size - 2);
    return etag;
}

void fields_foreign_etag(struct span stored_etag, char ret_etag[ETAG_TEXT_BYTES])
{
    if (stored_etag.size < ETAG_TEXT_BYTES) {
        memcpy(ret_etag, stored_etag.data, stored_etag.size);
        ret_etag[stored_etag.size] = '\0';
        return;
    }
    uint8_t digest[SHA256_BYTES];
    sha256_of(stored_etag, digest);
    hex_encode(span_of(digest, MD5_BYTES), ret_etag);
    ret_etag[2 * MD5_BYTES] = '\0';
}

struct field_list {
    const struct http_field *fields;
    unsigned count;
};

static bool find(const struct field_list *list, struct span name, struct span *ret_value)
{
    for (unsigned i = 0; i < list->count; i++) {
        if (span_equal_ignore_case(list->fields[i].name, name)) {
            *ret_value = list->fields[i].value;
            return true;
        }
    }
    return false;
}

/* As it is kept, as text, and sent back in conditions. */
static bool has_control_byte(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < ' ' || text.data[i] == 0x7f)
            return true;
    }
    return false;
}

/* What binds the version, in the backend's words. */
static void read_lock(const struct field_list *list, struct object_lock *ret_lock)
{
    struct span value = SPAN_EMPTY;
    *ret_lock = (struct object_lock){.mode = LOCK_NONE};
    (void)find(list, lock_mode_field, &value);
    if (span_equal(value, SPAN("GOVERNANCE")))
        ret_lock->mode = LOCK_GOVERNANCE;
    else if (span_equal(value, SPAN("COMPLIANCE")))
        ret_lock->mode = LOCK_COMPLIANCE;
    if (ret_lock->mode != LOCK_NONE &&
        (!find(list, lock_date_field, &value) || !date_parse_xml_of_any_year(value, &ret_lock->retain_until_ms)))
        ret_lock->mode = LOCK_NONE; /* the backend still holds to it */
    if (find(list, lock_hold_field, &value))
        ret_lock->hold = span_equal(value, SPAN("ON")) ? HOLD_ON : HOLD_OFF;
}

/* The backend's own words. */
static bool read_words(const struct field_list *list, struct object_attributes *attributes, struct error *error)
{
    struct span value;
    uint64_t tags = 0;
    bool is_weak;
    if (!find(list, SPAN("etag"), &value))
        return error_set(error, ERROR_DAMAGED, NULL, "The backend's answer names no ETag.");
    value = fields_plain_etag(value, &is_weak);
    if (value.size == 0 || value.size >= sizeof attributes->stored_etag)
        return error_set(error, ERROR_DAMAGED, NULL, "The backend's ETag has %zu characters; 1 to %zu are accepted.",
                         value.size, sizeof attributes->stored_etag - 1);
    if (has_control_byte(value))
        return error_set(error, ERROR_DAMAGED, NULL, "The backend's ETag holds a control byte.");
    memcpy(attributes->stored_etag, value.data, value.size);
    if (find(list, SPAN("last-modified"), &value))
        (void)date_parse_http(value, &attributes->modified_ms);
    if (find(list, SPAN("x-amz-tagging-count"), &value))
        (void)decimal_parse_range(value, 0, UINT32_MAX, &tags);
    attributes->tags_count = (uint32_t)tags;
    read_lock(list, &attributes->lock);
    memcpy(attributes->version, "null", sizeof "null");
    if (find(list, SPAN("x-amz-version-id"), &value) && value.size > 0 && value.size < sizeof attributes->version) {
        memcpy(attributes->version, value.data, value.size);
        attributes->version[value.size] = '\0';
    }
    return true;
}

/* S4's fields and ours. */
static bool read_own(struct span own, struct backend_object *object, struct error *error)
{
    struct object_attributes *attributes = &object->attributes;
    struct span value;
    if (!s4_metadata_parse(own, attributes, error))
        return false;
    object->is_stamped = metadata_find(own, stamp_field, &value) && stamp_decode(value, &object->stamp);
    if (object->is_stamped)
        attributes->revision = load_u64_le(object->stamp.nonce);
    if (object->is_stamped && object->stamp.checksum.algorithm != CHECKSUM_NONE)
        attributes->checksum = object->stamp.checksum;
    if (metadata_find(own, seal_field, &value)) {
        hide_hashes(attributes);
        return true; /* of a seal that says nothing, too: what is encrypted has no ETag but its own */
    }
    bool is_as_it_was = attributes->layout == LAYOUT_RAW && attributes->etag[0] == '\0'; /* S4 stamps none of these */
    if (!attributes->is_s4 || is_as_it_was)
        fields_foreign_etag(span_from_string(attributes->stored_etag), attributes->etag);
    return true;
}

/* Appends the seal. One that cannot be read leaves the object encrypted, by nobody knows what. */
static void append_seal(struct span own, struct buffer *metadata, struct object_attributes *attributes)
{
    struct span text;
    if (!metadata_find(own, seal_field, &text))
        return;
    size_t size = text.size * 6 / 8;
    attributes->is_encrypted = size == 0 || size > OBJECT_SEAL_BYTES_MAX || !buffer_reserve(metadata, size) ||
                               !base64_url_decode(text, metadata->data + metadata->size, size);
    if (!attributes->is_encrypted)
        metadata->size += size;
}

/* Seal and owner, behind the metadata, in the same buffer: pointers are taken when it grows no more. */
static void read_kept(struct span own, const uint8_t *name, size_t begin, struct buffer *metadata,
                      struct object_attributes *attributes)
{
    struct span text;
    struct object_owner owner;
    size_t end = metadata->size;
    append_seal(own, metadata, attributes);
    size_t seal_end = metadata->size;
    if (name != NULL && metadata_find(own, owner_field, &text) && owner_decode(text, name, metadata, &owner)) {
        attributes->owner = owner.owner;
        attributes->acl = owner.acl;
        attributes->is_acl_apart = owner.is_acl_apart;
    }
    attributes->metadata = span_of(metadata->data + begin, end - begin);
    attributes->seal = span_of(metadata->data + end, seal_end - end);
}

/* A copy by another tool is as old, and of the class, as it is. */
static void read_rewritten(const uint8_t *name, struct backend_object *object)
{
    struct object_stamp *stamp = &object->stamp;
    if (!object->is_stamped || name == NULL || memcmp(stamp->name, name, STAMP_NAME_BYTES) != 0) {
        stamp->kept_ms = 0;
        stamp->storage_class[0] = '\0';
    }
    if (stamp->kept_ms == 0) {
        stamp->made_of_count = 0;
        stamp->level = 0;
    }
    object->attributes.level_tried = stamp->level;
}

struct span fields_shown_class(struct span place, struct span of_stamp)
{
    return of_stamp.size > 0 && !storage_class_is_archive(storage_class_number(place)) ? of_stamp : place;
}

static void read_class(const struct field_list *list, struct buffer *metadata, struct backend_object *object)
{
    struct span place = SPAN_EMPTY;
    if (find(list, class_field, &place) && span_equal(place, SPAN("STANDARD")))
        place = SPAN_EMPTY;
    object->attributes.place = storage_class_number(place);
    object->attributes.placed_s = (uint32_t)(object->attributes.modified_ms / 1000);
    struct span shown = fields_shown_class(place, span_from_string(object->stamp.storage_class));
    if (shown.size > 0)
        (void)metadata_append(metadata, class_field, shown);
}

bool fields_decode(const struct http_field *fields, unsigned count, uint64_t size, const uint8_t *name,
                   struct buffer *ret_metadata, struct backend_object *ret_object, struct error *error)
{
    const struct field_list list = {fields, count};
    struct buffer own = {0};
    size_t begin = ret_metadata->size;
    *ret_object = (struct backend_object){.attributes.stored_size = size};
    if (!read_words(&list, &ret_object->attributes, error))
        return false;
    (void)buffer_reserve(&own, LIST_BYTES_LIKELY);
    for (unsigned i = 0; i < count; i++)
        sort_field(&fields[i], &own, ret_metadata);
    bool done = read_own(buffer_span(&own), ret_object, error);
    read_rewritten(name, ret_object);
    read_class(&list, ret_metadata, ret_object);
    read_kept(buffer_span(&own), name, begin, ret_metadata, &ret_object->attributes);
    buffer_free(&own);
    return done;
}

int64_t backend_object_shown_ms(const struct backend_object *object)
{
    bool is_kept = object->is_stamped && object->stamp.kept_ms != 0;
    return is_kept ? object->stamp.kept_ms : object->attributes.modified_ms;
}

static void apply_hashes(struct object_attributes *attributes, const struct trailer_facts *facts)
{
    if (attributes->etag[0] == '\0') {
        hex_encode(span_of(facts->digest, MD5_BYTES), attributes->etag);
        if (facts->parts_count > 0)
            (void)snprintf(attributes->etag + 2 * MD5_BYTES, ETAG_TEXT_BYTES - 2 * MD5_BYTES, "-%u",
                           facts->parts_count);
    }
    if (!attributes->has_crc32c) {
        attributes->has_crc32c = true;
        attributes->crc32c = facts->crc32c;
    }
    if (attributes->checksum.algorithm == CHECKSUM_NONE)
        attributes->checksum = facts->checksum;
}

void fields_apply_trailer(struct backend_object *object, const struct trailer *trailer)
{
    struct object_attributes *attributes = &object->attributes;
    const struct trailer_facts *facts = &trailer->facts;
    if (!attributes->is_size_known) {
        attributes->is_size_known = true;
        attributes->original_size = facts->original_size;
    }
    if (attributes->seal.size == 0 && trailer->seal.size > 0) {
        attributes->seal = trailer->seal;
        attributes->is_encrypted = false;
        hide_hashes(attributes);
    }
    if (attributes->seal.size == 0)
        apply_hashes(attributes, facts);
    if (attributes->parts_count == 0)
        attributes->parts_count = facts->parts_count;
    if (object->stamp.is_metadata_in_trailer)
        attributes->metadata = trailer->metadata;
    if (trailer->frames_count > 1)
        attributes->sidecar_size = SIDECAR_HEAD_BYTES + trailer->frames_count * SIDECAR_ENTRY_BYTES;
}
