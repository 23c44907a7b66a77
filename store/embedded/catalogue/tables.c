/* store/embedded/catalogue/tables.c -- which tables there are. */
#include "store/embedded/catalogue/catalogue.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    size_t at; /* of the table in struct catalogue */
} tables[] = {
    {"meta", offsetof(struct catalogue, meta)},           {"buckets", offsetof(struct catalogue, buckets)},
    {"objects", offsetof(struct catalogue, objects)},     {"bodies", offsetof(struct catalogue, bodies)},
    {"sidecars", offsetof(struct catalogue, sidecars)},   {"extents", offsetof(struct catalogue, extents)},
    {"volumes", offsetof(struct catalogue, volumes)},     {"space", offsetof(struct catalogue, space)},
    {"uploads", offsetof(struct catalogue, uploads)},     {"upload_ids", offsetof(struct catalogue, upload_ids)},
    {"parts", offsetof(struct catalogue, parts)},         {"completed", offsetof(struct catalogue, completed)},
    {"pieces", offsetof(struct catalogue, pieces)},       {"part_maps", offsetof(struct catalogue, part_maps)},
    {"spools", offsetof(struct catalogue, spools)},       {"spool_records", offsetof(struct catalogue, spool_records)},
    {"versioned", offsetof(struct catalogue, versioned)}, {"versions", offsetof(struct catalogue, versions)},
};

bool catalogue_has_table(const char *name)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (strcmp(tables[i].name, name) == 0)
            return true;
    }
    return false;
}

unsigned catalogue_list_tables(const struct catalogue *catalogue, MDB_dbi ret_tables[CATALOGUE_TABLES_MAX])
{
    _Static_assert(sizeof tables / sizeof tables[0] <= CATALOGUE_TABLES_MAX, "there are more tables");
    unsigned count = 0;
    for (; count < sizeof tables / sizeof tables[0]; count++)
        ret_tables[count] = *(const MDB_dbi *)(const void *)((const uint8_t *)catalogue + tables[count].at);
    return count;
}

bool catalogue_open_tables(struct catalogue *catalogue, MDB_txn *txn, unsigned flags, struct error *error)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        MDB_dbi *table = (MDB_dbi *)(void *)((uint8_t *)catalogue + tables[i].at);
        int result = mdb_dbi_open(txn, tables[i].name, flags, table);
        if (result == MDB_NOTFOUND)
            return error_set(error, ERROR_UNSUPPORTED, NULL,
                             "%s has no table `%s` yet: an earlier Bale wrote it. Start baled on the folder once.",
                             catalogue->path, tables[i].name);
        if (result != 0)
            return catalogue_failed(result, error, tables[i].name);
    }
    return true;
}
