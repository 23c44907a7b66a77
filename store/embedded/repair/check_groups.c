/* store/embedded/repair/check_groups.c -- `bale check`: groups of longer keys (key_path.h) in which no key is.
 *
 * Where damage took the last key of a group, the row that led to it still stands. It is in nobody's way but the
 * bucket's, which would never be empty. */
#include "store/embedded/catalogue/key_path.h"
#include "store/embedded/repair/checker.h"

/* Rows of a group stand together. */
static void note_group(struct checker *checker, struct span key, struct span value)
{
    struct buffer *values = &checker->key_groups.values;
    uint64_t group = checker_group_of(key);
    (void)value;
    if (values->size == 0 || memcmp(values->data + values->size - sizeof group, &group, sizeof group) != 0)
        checker_add(&checker->key_groups, group);
}

static void check_group(struct checker *checker, MDB_dbi table, struct span key, struct span value)
{
    char shown[SHOWN_BYTES_MAX + 1];
    struct row_shape shape;
    struct span object;
    struct error ignored;
    if (key.size != KEY_ROW_BYTES || !row_open(key, value, &shape, &object, &ignored) || !shape.has_group ||
        checker_has(&checker->key_groups, shape.group))
        return;
    report_finding(checker->report, "The row of %s leads on to no key.", checker_show_key(key, shown));
    checker_doom_group(checker, table, key);
}

static void check_object_group(struct checker *checker, struct span key, struct span value)
{
    check_group(checker, checker->store->catalogue.objects, key, value);
}

static void check_versioned_group(struct checker *checker, struct span key, struct span value)
{
    check_group(checker, checker->store->catalogue.versioned, key, value);
}

bool check_groups(struct checker *checker)
{
    const struct catalogue *catalogue = &checker->store->catalogue;
    if (!checker_walk(checker, catalogue->objects, note_group) ||
        !checker_walk(checker, catalogue->versioned, note_group))
        return false;
    checker_sort(&checker->key_groups);
    return checker_walk(checker, catalogue->objects, check_object_group) &&
           checker_walk(checker, catalogue->versioned, check_versioned_group);
}
