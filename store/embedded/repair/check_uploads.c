/* store/embedded/repair/check_uploads.c -- `bale check`: open uploads and their parts, and what completed ones became.
 */
#include "runtime/base/byteorder.h"
#include "store/embedded/catalogue/key_path.h"
#include "store/embedded/catalogue/upload_rows.h"
#include "store/embedded/repair/checker.h"

static bool open_value(struct span key, struct span value, struct span *ret_bytes)
{
    struct error ignored;
    MDB_val lmdb_key = {key.size, (void *)(uintptr_t)key.data};
    MDB_val lmdb_value = {value.size, (void *)(uintptr_t)value.data};
    return catalogue_check(&lmdb_key, &lmdb_value, ret_bytes, &ignored);
}

/* ---- keys with uploads ---- */

static void check_key(struct checker *checker, struct span key, struct span value)
{
    char shown[SHOWN_BYTES_MAX + 1];
    struct row_shape shape;
    struct span group;
    struct error ignored;
    if (key.size < KEY_GROUP_BYTES || !row_open(key, value, &shape, &group, &ignored) ||
        (shape.has_object && group.size != 8)) {
        report_finding(checker->report, "The row of the uploads of %s is damaged.", checker_show_key(key, shown));
        checker_doom(checker, checker->store->catalogue.uploads, key);
        return;
    }
    if (shape.has_group)
        checker_add(&checker->groups_named, shape.group);
    if (shape.has_object)
        checker_add(&checker->upload_groups, load_u64_le(group.data));
}

bool check_upload_keys(struct checker *checker)
{
    return checker_walk(checker, checker->store->catalogue.uploads, check_key);
}

/* A key whose uploads have gone, or whose bucket has. */
static void check_key_again(struct checker *checker, struct span key, struct span value)
{
    char shown[SHOWN_BYTES_MAX + 1];
    struct row_shape shape;
    struct span group;
    struct error ignored;
    if (key.size < KEY_GROUP_BYTES || !row_open(key, value, &shape, &group, &ignored))
        return; /* is doomed already */
    bool has_uploads =
        !shape.has_object || (group.size == 8 && checker_has(&checker->groups_used, load_u64_le(group.data)));
    if (has_uploads && checker_may_be_named(checker, key))
        return;
    report_finding(checker->report, "The row of the uploads of %s belongs to no bucket or has no upload.",
                   checker_show_key(key, shown));
    checker_doom(checker, checker->store->catalogue.uploads, key);
}

/* ---- uploads and parts ---- */

static void check_upload(struct checker *checker, struct span key, struct span value)
{
    struct span bytes;
    struct upload_row row;
    struct error ignored;
    if (key.size == UPLOAD_KEY_BYTES && open_value(key, value, &bytes) && upload_decode(bytes, &row, &ignored) &&
        checker_has(&checker->upload_groups, load_u64_be(key.data))) {
        checker_add(&checker->groups_used, load_u64_be(key.data));
        checker_add(&checker->uploads, row.number);
        return;
    }
    report_finding(checker->report, "The row of an upload is damaged, or belongs to no key.");
    checker_doom(checker, checker->store->catalogue.upload_ids, key);
}

static const char *look_at_part(struct checker *checker, struct span key, struct span value)
{
    struct span bytes;
    struct part_row row;
    struct error ignored;
    uint32_t crc;
    if (!open_value(key, value, &bytes) || !part_decode(key, bytes, &row, &ignored))
        return "its row is damaged";
    if (!checker_has(&checker->uploads, load_u64_be(key.data)))
        return "its upload is not there";
    if (!checker_claim(checker, row.extents))
        return "its blocks do not exist or belong to something else";
    if (!check_read_body(checker->store, row.extents, row.attributes.stored_size, &crc))
        return "it cannot be read";
    return crc == row.stored_crc32c ? NULL : "it does not match its checksum";
}

static void check_part(struct checker *checker, struct span key, struct span value)
{
    const char *damage = look_at_part(checker, key, value);
    if (damage == NULL)
        return;
    report_finding(checker->report, "Part %u of an upload is damaged: %s.",
                   key.size == PART_KEY_BYTES ? (unsigned)key.data[8] << 8 | key.data[9] : 0, damage);
    checker_doom(checker, checker->store->catalogue.parts, key);
}

static void check_completed(struct checker *checker, struct span key, struct span value)
{
    struct span bytes;
    struct completed_row row;
    struct error ignored;
    if (key.size == UPLOAD_ID_RAW_BYTES && open_value(key, value, &bytes) && completed_decode(bytes, &row, &ignored))
        return;
    report_finding(checker->report, "The row of a completed upload is damaged.");
    checker_doom(checker, checker->store->catalogue.completed, key);
}

bool check_uploads(struct checker *checker)
{
    const struct catalogue *catalogue = &checker->store->catalogue;
    checker_sort(&checker->upload_groups);
    if (!checker_walk(checker, catalogue->upload_ids, check_upload))
        return false;
    checker_sort(&checker->groups_used);
    checker_sort(&checker->uploads);
    return checker_walk(checker, catalogue->uploads, check_key_again) &&
           checker_walk(checker, catalogue->parts, check_part) &&
           checker_walk(checker, catalogue->completed, check_completed);
}
