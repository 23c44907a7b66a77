/* store/embedded/repair/check_ledger.c -- `bale check`: the rows of the ledger's spools. Whether the ledger agrees with
 * the objects takes the journal: tools/bale/view/ledger_view.c. */
#include "store/embedded/ledger/spool_rows.h"
#include "store/embedded/repair/checker.h"

static void check_spool(struct checker *checker, struct span key, struct span value)
{
    struct spool_row row;
    struct error ignored;
    (void)value;
    if (key.size == SPOOL_ID_BYTES &&
        spool_find(checker->txn, &checker->store->catalogue, key.data, &row, &ignored) == LOOKUP_FOUND)
        return;
    report_finding(checker->report, "The row of a spool of the ledger is damaged.");
    checker_doom(checker, checker->store->catalogue.spools, key);
}

static void check_record(struct checker *checker, struct span key, struct span value)
{
    struct spool_amounts amounts;
    struct spool_row row;
    struct span bytes;
    struct error ignored;
    MDB_val lmdb_key = {key.size, (void *)(uintptr_t)key.data};
    MDB_val lmdb_value = {value.size, (void *)(uintptr_t)value.data};
    if (catalogue_check(&lmdb_key, &lmdb_value, &bytes, &ignored) && spool_decode_amounts(key, bytes, &amounts) &&
        spool_find(checker->txn, &checker->store->catalogue, key.data, &row, &ignored) == LOOKUP_FOUND)
        return;
    report_finding(checker->report, "A row of a spool's record is damaged, or belongs to no spool.");
    checker_doom(checker, checker->store->catalogue.spool_records, key);
}

bool check_ledger(struct checker *checker)
{
    const struct catalogue *catalogue = &checker->store->catalogue;
    return checker_walk(checker, catalogue->spools, check_spool) &&
           checker_walk(checker, catalogue->spool_records, check_record);
}
