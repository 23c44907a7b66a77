/* tools/bale/transfer/object_check.c -- chooses what an object is compared with, and compares. */
#include "tools/bale/transfer/object_check.h"

#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"
#include "runtime/base/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS_MAX = 10000 };

/* ---- sizes of parts ---- */

/* All of `size` bytes but the last are as large as the first. */
static bool presume_sizes(struct object_check *check, uint64_t first, uint64_t size)
{
    uint64_t before_last = first * (check->parts_count - 1);
    if (size <= before_last || size - before_last > first)
        return false;
    for (unsigned i = 0; i + 1 < check->parts_count; i++)
        check->part_sizes[i] = first;
    check->part_sizes[check->parts_count - 1] = size - before_last;
    return true;
}

SUSPENDS static bool ask_size(struct s3_client *client, const struct remote_object *object,
                              const struct object_check *check, unsigned number, uint64_t *ret_size,
                              struct error *error)
{
    unsigned count;
    return remote_object_look_at_part(client, object, number, ret_size, &count, error) &&
           (count == check->parts_count ||
            error_set(error, ERROR_UNSUPPORTED, NULL, "the server says %u parts, and %u in its digest", count,
                      check->parts_count));
}

SUSPENDS bool object_check_ask(struct s3_client *client, const struct remote_object *object, struct object_check *check,
                               bool *ret_differs, struct error *error)
{
    uint64_t total = 0;
    *ret_differs = false;
    for (unsigned i = 0; i < check->parts_count; i++) {
        uint64_t size;
        if (!ask_size(client, object, check, i + 1, &size, error))
            return false;
        *ret_differs |= size != check->part_sizes[i];
        check->part_sizes[i] = size;
        total += size;
    }
    check->is_presumed = false;
    return total == object->size ||
           error_set(error, ERROR_UNSUPPORTED, NULL, "the server's parts do not add up to the object");
}

/* One check of which the sizes cannot be had is none. */
SUSPENDS static bool find_sizes(struct s3_client *client, const struct remote_object *object, bool is_exact,
                                struct object_check *check, struct error *error)
{
    uint64_t first = 0;
    bool differs;
    check->part_sizes = calloc(check->parts_count, sizeof *check->part_sizes);
    ASSERT(check->part_sizes != NULL);
    if (!ask_size(client, object, check, 1, &first, error))
        return false;
    check->is_presumed = first <= object->size && presume_sizes(check, first, object->size);
    if (check->is_presumed && (!is_exact || check->parts_count <= 2))
        return true;
    return object_check_ask(client, object, check, &differs, error);
}

/* ---- what there is ---- */

static bool take_checksum(const struct remote_object *object, struct object_check *ret_check)
{
    const struct checksum_value *value = &object->checksum;
    if (value->algorithm == CHECKSUM_NONE)
        return false;
    *ret_check = (struct object_check){.algorithm = value->algorithm, .parts_count = value->parts_count};
    memcpy(ret_check->wanted, value->bytes, sizeof ret_check->wanted);
    return true;
}

/* 32 hex digits, with "-N" of N parts behind them. */
static bool take_etag(const struct remote_object *object, struct object_check *ret_check)
{
    struct span text = span_from_string(object->etag);
    if (text.size >= 2 && text.data[0] == '"')
        text = span_of(text.data + 1, text.size - 2);
    struct span count = text.size > 2 * MD5_BYTES ? span_skip(text, 2 * MD5_BYTES) : SPAN_EMPTY;
    uint64_t parts = 0;
    *ret_check = (struct object_check){.algorithm = CHECKSUM_MD5, .is_of_etag = true};
    if (object->is_etag_keyed || text.size < 2 * MD5_BYTES ||
        !hex_decode(span_take(text, 2 * MD5_BYTES), ret_check->wanted, MD5_BYTES))
        return false;
    if (count.size > 0 && (count.data[0] != '-' || !decimal_parse_range(span_skip(count, 1), 1, PARTS_MAX, &parts)))
        return false;
    ret_check->parts_count = (unsigned)parts;
    return true;
}

/* False: this one cannot be used; only with ERROR_UNSUPPORTED may another one be tried. */
SUSPENDS static bool complete(struct s3_client *client, const struct remote_object *object, bool is_exact,
                              struct object_check *check, struct error *error)
{
    if (check->parts_count == 0 || find_sizes(client, object, is_exact, check, error))
        return true;
    object_check_free(check);
    return false;
}

SUSPENDS bool object_check_choose(struct s3_client *client, const struct remote_object *object, enum check_wish wish,
                                  bool is_exact, struct object_check *ret_check, struct error *error)
{
    static bool (*const WAYS[])(const struct remote_object *, struct object_check *) = {take_checksum, take_etag};
    for (unsigned i = 0; i < sizeof WAYS / sizeof WAYS[0] && wish != CHECK_OFF; i++) {
        if (!WAYS[i](object, ret_check))
            continue;
        if (complete(client, object, is_exact, ret_check, error))
            return true;
        if (error->kind != ERROR_UNSUPPORTED)
            return false;
    }
    *ret_check = (struct object_check){.algorithm = CHECKSUM_NONE};
    return wish != CHECK_REQUIRED ||
           error_set(error, ERROR_UNSUPPORTED, NULL, "the server names nothing that its bytes could be compared with");
}

void object_check_free(struct object_check *check)
{
    free(check->part_sizes);
    *check = (struct object_check){.algorithm = CHECKSUM_NONE};
}

void object_check_name(const struct object_check *check, char ret_name[OBJECT_CHECK_NAME_BYTES])
{
    char parts[32] = "";
    if (check->parts_count > 0)
        (void)snprintf(parts, sizeof parts, " of %u parts", check->parts_count);
    (void)snprintf(ret_name, OBJECT_CHECK_NAME_BYTES, check->is_of_etag ? "ETag (%s%s)" : "%s%s",
                   checksum_name(check->algorithm), parts);
}

bool object_check_can_combine(const struct object_check *check)
{
    return check->parts_count == 0 && checksum_can_combine(check->algorithm);
}

bool object_check_compare(const struct object_check *check, const struct checksum_value *value, struct error *error)
{
    char name[OBJECT_CHECK_NAME_BYTES];
    if (memcmp(value->bytes, check->wanted, checksum_size(check->algorithm)) == 0)
        return true;
    object_check_name(check, name);
    return error_set(error, ERROR_DAMAGED, NULL, "what came is not what the server says that it has: its %s is another",
                     name);
}

/* ---- running sums ---- */

static void begin_part(struct object_sum *sum)
{
    checksum_begin(&sum->part, sum->check->algorithm);
    sum->part_left = sum->check->part_sizes[sum->part_number];
}

static void end_part(struct object_sum *sum)
{
    struct checksum_value value;
    checksum_end(&sum->part, &value);
    checksum_update(&sum->whole, span_of(value.bytes, checksum_size(value.algorithm)));
    if (++sum->part_number < sum->check->parts_count)
        begin_part(sum);
}

void object_sum_begin(struct object_sum *sum, const struct object_check *check)
{
    sum->check = check;
    sum->part_number = 0;
    if (check->algorithm != CHECKSUM_NONE)
        checksum_begin(&sum->whole, check->algorithm);
    if (check->parts_count > 0)
        begin_part(sum);
}

static void update_parts(struct object_sum *sum, struct span bytes)
{
    while (sum->part_number < sum->check->parts_count) {
        size_t size = bytes.size < sum->part_left ? bytes.size : (size_t)sum->part_left;
        checksum_update(&sum->part, span_take(bytes, size));
        sum->part_left -= size;
        bytes = span_skip(bytes, size);
        if (sum->part_left > 0)
            return;
        end_part(sum);
    }
}

void object_sum_update(struct object_sum *sum, struct span bytes)
{
    if (sum->check->parts_count > 0)
        update_parts(sum, bytes);
    else if (sum->check->algorithm != CHECKSUM_NONE)
        checksum_update(&sum->whole, bytes);
}

bool object_sum_end(struct object_sum *sum, struct error *error)
{
    struct checksum_value value;
    if (sum->check->algorithm == CHECKSUM_NONE)
        return true;
    checksum_end(&sum->whole, &value);
    return object_check_compare(sum->check, &value, error);
}
