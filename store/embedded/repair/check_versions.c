/* store/embedded/repair/check_versions.c -- `bale check`: former versions and delete markers, and the keys that they
 * belong to. */
#include "runtime/base/byteorder.h"
#include "store/embedded/catalogue/version_rows.h"
#include "store/embedded/repair/checker.h"

/* ---- keys with versions ---- */

static void doom_key(struct checker *checker, struct span key, bool keeps_group, const char *what)
{
    char shown[SHOWN_BYTES_MAX + 1];
    report_finding(checker->report, "The row of the versions of %s %s.", checker_show_key(key, shown), what);
    checker_doom_row(checker, checker->store->catalogue.versioned, key, keeps_group);
}

static void check_key(struct checker *checker, struct span key, struct span value)
{
    struct row_shape shape;
    struct span bytes;
    struct version_group group;
    struct error ignored;
    if (key.size < KEY_GROUP_BYTES || !row_open(key, value, &shape, &bytes, &ignored) ||
        (shape.has_object && !version_group_decode(bytes, &group))) {
        doom_key(checker, key, false, "is damaged");
        return;
    }
    if (shape.has_group)
        checker_add(&checker->groups_named, shape.group);
    if (shape.has_object)
        checker_add(&checker->version_groups, group.number);
}

bool check_versioned_keys(struct checker *checker)
{
    return checker_walk(checker, checker->store->catalogue.versioned, check_key);
}

/* A key whose versions have gone, or whose bucket has. */
static void check_key_again(struct checker *checker, struct span key, struct span value)
{
    struct row_shape shape;
    struct span bytes;
    struct version_group group;
    struct error ignored;
    if (key.size < KEY_GROUP_BYTES || !row_open(key, value, &shape, &bytes, &ignored) ||
        (shape.has_object && !version_group_decode(bytes, &group)))
        return; /* is doomed already */
    if (!checker_may_be_named(checker, key))
        doom_key(checker, key, false, "belongs to no bucket");
    else if (shape.has_object && !checker_has(&checker->version_groups_used, group.number))
        doom_key(checker, key, shape.has_group, "is of none");
}

/* ---- versions ---- */

static void doom_version(struct checker *checker, struct span key, const char *version, const char *damage)
{
    report_finding(checker->report, "Version %s of an object is damaged: %s.", version, damage);
    checker_doom(checker, checker->store->catalogue.versions, key);
}

static void check_version(struct checker *checker, struct span key, struct span value)
{
    struct span object;
    struct row row;
    struct error ignored;
    const MDB_val lmdb_key = {key.size, (void *)(uintptr_t)key.data};
    const MDB_val lmdb_value = {value.size, (void *)(uintptr_t)value.data};
    if (key.size != VERSION_KEY_BYTES || !catalogue_check(&lmdb_key, &lmdb_value, &object, &ignored) ||
        !row_decode_object(object, &row, &ignored)) {
        doom_version(checker, key, "(unknown)", "its row cannot be read");
        return;
    }
    const char *damage = checker_look_at_object(checker, &row);
    uint64_t group = load_u64_be(key.data);
    if (damage == NULL && !checker_has(&checker->version_groups, group))
        damage = "it belongs to no key";
    if (damage == NULL && ~load_u64_be(key.data + 8) != row.order)
        damage = "it is not at its place";
    if (damage != NULL) {
        doom_version(checker, key, row.attributes.version, damage);
        return;
    }
    checker_add(&checker->version_groups_used, group);
    checker->report->versions += !row.attributes.is_delete_marker;
    checker->report->bodies_bytes += row.attributes.stored_size;
}

bool check_versions(struct checker *checker)
{
    checker_sort(&checker->version_groups);
    if (!checker_walk(checker, checker->store->catalogue.versions, check_version))
        return false;
    checker_sort(&checker->version_groups_used);
    return checker_walk(checker, checker->store->catalogue.versioned, check_key_again);
}
