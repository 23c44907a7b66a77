/* store/embedded/catalogue/value.c -- values with their checksums, and what LMDB's errors mean. */
#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/catalogue/catalogue.h"

#include <errno.h>
#include <string.h>

enum { CHECKSUM_BYTES = 4 };

static struct span span_of_value(const MDB_val *value)
{
    return span_of(value->mv_data, value->mv_size);
}

bool catalogue_is_sound(const MDB_val *key, const MDB_val *value)
{
    struct span bytes = span_of_value(value);
    return bytes.size >= CHECKSUM_BYTES && crc32c_update(crc32c_update(0, span_of_value(key)),
                                                         span_skip(bytes, CHECKSUM_BYTES)) == load_u32_le(bytes.data);
}

bool catalogue_failed(int result, struct error *error, const char *what)
{
    ASSERT(result != 0);
    switch (result) {
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
        return error_set(error, ERROR_FULL, S3_InsufficientStorage, "The catalogue has no room left (%s: %s).", what,
                         mdb_strerror(result));
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_BAD_VALSIZE:
    case MDB_INCOMPATIBLE:
        return error_set(error, ERROR_DAMAGED, S3_InternalError, "The catalogue is damaged (%s: %s). Run `bale check`.",
                         what, mdb_strerror(result));
    default:
        return error_set(error, ERROR_IO, S3_InternalError, "The catalogue failed (%s): %s", what,
                         mdb_strerror(result));
    }
}

bool catalogue_open_cursor(MDB_txn *txn, MDB_dbi table, MDB_cursor **ret_cursor, struct error *error)
{
    int result = mdb_cursor_open(txn, table, ret_cursor);
    return result == 0 || catalogue_failed(result, error, "open a cursor");
}

bool catalogue_check(const MDB_val *key, const MDB_val *value, struct span *ret_value, struct error *error)
{
    if (!catalogue_is_sound(key, value))
        return error_set(error, ERROR_DAMAGED, S3_InternalError,
                         "A value of the catalogue does not match its checksum. Run `bale check`.");
    *ret_value = span_skip(span_of_value(value), CHECKSUM_BYTES);
    return true;
}

enum lookup catalogue_missed(bool met_damage, struct error *error)
{
    if (!met_damage)
        return LOOKUP_MISSING;
    error_set(error, ERROR_DAMAGED, S3_InternalError,
              "A row of the catalogue is damaged; it may be this one. Run `bale check`.");
    return LOOKUP_FAILED;
}
