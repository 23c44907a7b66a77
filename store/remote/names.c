/* store/remote/names.c -- keys and buckets as the backend has them; reserved names. */
#include "store/remote/names.h"

#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/store.h"

/* U+10FFFF sorts behind every other character, and is one that every backend takes. */
#define LAST_CHARACTER "\xf4\x8f\xbf\xbf"

static const struct {
    struct span folder;
    struct span behind;
} reserved[] = {
    {SPAN(".bale/"), SPAN(".bale/" LAST_CHARACTER)},
    {SPAN(".s4dict/"), SPAN(".s4dict/" LAST_CHARACTER)},
    {SPAN(".s4mpu/"), SPAN(".s4mpu/" LAST_CHARACTER)},
};
enum { RESERVED_COUNT = sizeof reserved / sizeof reserved[0] };

static bool is_home(const struct remote *remote, struct span bucket)
{
    const char *name = remote->settings.name != NULL ? remote->settings.name : remote->settings.bucket;
    return span_equal(bucket, span_from_string(name));
}

bool remote_bucket(const struct remote *remote, struct span bucket, struct span *ret_bucket, struct error *error)
{
    bool is_known = remote->settings.is_all_buckets || is_home(remote, bucket);
    if (!is_known)
        return error_set(error, ERROR_NOT_FOUND, S3_NoSuchBucket, "The specified bucket does not exist.");
    *ret_bucket = remote->settings.is_all_buckets ? bucket : span_from_string(remote->settings.bucket);
    return true;
}

bool remote_name(const struct remote *remote, const struct object_name *name, struct backend_name *ret_name,
                 struct error *error)
{
    struct span prefix = remote->prefix;
    if (!remote_bucket(remote, name->bucket, &ret_name->bucket, error))
        return false;
    ret_name->key = name->key;
    if (prefix.size == 0)
        return true;
    if (name->key.size > sizeof ret_name->text - prefix.size)
        return error_set(error, ERROR_INVALID, S3_KeyTooLongError,
                         "Your key is too long: with the prefix of this bucket it has more than %zu bytes.",
                         sizeof ret_name->text);
    memcpy(ret_name->text, prefix.data, prefix.size);
    memcpy(ret_name->text + prefix.size, name->key.data, name->key.size);
    ret_name->key = span_of(ret_name->text, prefix.size + name->key.size);
    return true;
}

struct span remote_own_key(const struct remote *remote, struct span name, char *ret_text)
{
    ASSERT(name.size <= OBJECT_KEY_BYTES_MAX - remote->prefix.size);
    memcpy(ret_text, remote->prefix.data, remote->prefix.size);
    memcpy(ret_text + remote->prefix.size, name.data, name.size);
    return span_of(ret_text, remote->prefix.size + name.size);
}

bool name_is_internal(struct span key)
{
    return span_starts_with(key, reserved[0].folder);
}

bool name_is_reserved(struct span key)
{
    for (unsigned i = 0; i < RESERVED_COUNT; i++) {
        if (span_starts_with(key, reserved[i].folder))
            return true;
    }
    return span_ends_with(key, SPAN(".s4index"));
}

bool name_may_begin_reserved(struct span prefix)
{
    for (unsigned i = 0; i < RESERVED_COUNT; i++) {
        if (span_starts_with(prefix, reserved[i].folder) || span_starts_with(reserved[i].folder, prefix))
            return true;
    }
    return span_ends_with(prefix, SPAN(".s4index"));
}

struct span name_behind_reserved(struct span key)
{
    for (unsigned i = 0; i < RESERVED_COUNT; i++) {
        if (span_starts_with(key, reserved[i].folder))
            return reserved[i].behind;
    }
    return SPAN_EMPTY;
}
