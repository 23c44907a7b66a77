/* journal/savings/recount.c -- compares the ledger with the objects of an embedded store, and corrects it. */
#include "journal/savings/recount.h"

static void tell_differences(const struct ledger_sums *rows, const struct ledger_sums *counted, struct span amounts,
                             ledger_difference_found *found, void *context)
{
    struct spool_amounts lacking;
    bool is_damaged;
    while (found != NULL && spool_take_amounts(&amounts, &lacking, &is_damaged)) {
        const struct ledger_difference difference = {
            .bucket = lacking.bucket,
            .creation_id = lacking.creation_id,
            .rows = ledger_sums_find(rows, lacking.bucket, lacking.creation_id),
            .ledger = ledger_sums_find(counted, lacking.bucket, lacking.creation_id),
        };
        found(context, &difference);
    }
}

/* Takes what a spool holds out of the sums again. */
static bool take_out(struct spool *spool, const struct spool_info *info, struct ledger_sums *counted,
                     struct error *error)
{
    struct buffer bytes;
    buffer_init(&bytes, 0);
    bool done = true;
    for (uint64_t record = info->first; done && record != 0 && record <= info->last_frozen; record++) {
        size_t before = bytes.size;
        done = spool_read(spool, info->id, record, &bytes, error);
        if (done || (error->kind != ERROR_DAMAGED && error->kind != ERROR_NOT_FOUND))
            continue;
        bytes.size = before; /* it was left out of the sums, too */
        done = true;
    }
    struct span rest = buffer_span(&bytes);
    struct spool_amounts held;
    bool is_damaged;
    while (done && spool_take_amounts(&rest, &held, &is_damaged)) {
        const struct ledger_amounts amounts = held.amounts;
        held.amounts = (struct ledger_amounts){0};
        ledger_amounts_subtract(&held.amounts, &amounts);
        ledger_sums_add(counted, &held);
    }
    buffer_free(&bytes);
    return done;
}

/* Spools that are cut off: their records would wait for ever. */
static bool find_cut_off(struct bucket_store *snapshot, const struct state *state, struct buffer *ret_ids,
                         struct ledger_sums *counted, struct error *error)
{
    struct spool *spool = embedded_spool(snapshot);
    struct buffer infos;
    buffer_init(&infos, 0);
    bool done = spool_list(spool, &infos, error);
    const struct spool_info *info = (const struct spool_info *)(const void *)infos.data;
    for (size_t i = 0; done && i < infos.size / sizeof *info; i++) {
        if (info[i].is_own || !ledger_spool_is_cut_off(state, &info[i])) /* the own one is the next process's to find */
            continue;
        buffer_append(ret_ids, span_of(info[i].id, SPOOL_ID_BYTES));
        done = take_out(spool, &info[i], counted, error);
    }
    buffer_free(&infos);
    return done;
}

/* `ret_emptied`: NULL, or ids of spools that are to lose their records; what they hold then counts as lacking. */
static SUSPENDS bool compare(struct bucket_store *snapshot, const struct state *state, ledger_difference_found *found,
                             void *context, struct buffer *ret_amounts, struct buffer *ret_emptied, struct error *error)
{
    struct ledger_sums counted = {0};
    struct ledger_sums rows = {0};
    struct buffer bytes;
    buffer_init(&bytes, 0);
    ledger_sums_add_state(&counted, state);
    bool done = ledger_sums_add_spool(&counted, state, embedded_spool(snapshot), error) &&
                (ret_emptied == NULL || find_cut_off(snapshot, state, ret_emptied, &counted, error)) &&
                embedded_count(snapshot, &bytes, error) && ledger_sums_add_record(&rows, buffer_span(&bytes), error);
    if (done) {
        size_t start = ret_amounts->size;
        ledger_sums_difference(&rows, &counted, ret_amounts);
        tell_differences(&rows, &counted, span_skip(buffer_span(ret_amounts), start), found, context);
    }
    buffer_free(&bytes);
    ledger_sums_free(&rows);
    ledger_sums_free(&counted);
    return done;
}

SUSPENDS bool ledger_compare(struct bucket_store *snapshot, const struct state *state, ledger_difference_found *found,
                             void *context, struct buffer *ret_amounts, struct error *error)
{
    return compare(snapshot, state, found, context, ret_amounts, NULL, error);
}

SUSPENDS bool ledger_recount(struct bucket_store *store, const struct state *state, ledger_difference_found *found,
                             void *context, struct error *error)
{
    struct embedded_ledger ledger;
    struct buffer amounts;
    struct buffer emptied;
    struct bucket_store *snapshot = embedded_snapshot(store, error);
    if (snapshot == NULL)
        return false;
    buffer_init(&amounts, 0);
    buffer_init(&emptied, 0);
    bool done = embedded_ledger(snapshot, &ledger, error) &&
                compare(snapshot, state, found, context, &amounts, &emptied, error);
    embedded_close(snapshot);
    if (done && (amounts.size > 0 || emptied.size > 0 || ledger.is_in_doubt)) {
        const struct embedded_correction correction = {buffer_span(&amounts), buffer_span(&emptied), ledger.recounts};
        done = embedded_correct(store, &correction, error);
    }
    buffer_free(&amounts);
    buffer_free(&emptied);
    return done;
}
