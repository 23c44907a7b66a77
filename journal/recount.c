/* journal/recount.c -- compares the ledger with the objects of an embedded store, and corrects it. */
#include "journal/recount.h"

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

SUSPENDS bool ledger_compare(struct bucket_store *snapshot, const struct state *state, ledger_difference_found *found,
                             void *context, struct buffer *ret_amounts, struct error *error)
{
    struct ledger_sums counted = {0};
    struct ledger_sums rows = {0};
    struct buffer bytes;
    buffer_init(&bytes, 0);
    ledger_sums_add_state(&counted, state);
    bool done = ledger_sums_add_spool(&counted, state, embedded_spool(snapshot), error) &&
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

SUSPENDS bool ledger_recount(struct bucket_store *store, const struct state *state, ledger_difference_found *found,
                             void *context, struct error *error)
{
    struct embedded_ledger ledger;
    struct buffer amounts;
    struct bucket_store *snapshot = embedded_snapshot(store, error);
    if (snapshot == NULL)
        return false;
    buffer_init(&amounts, 0);
    bool done =
        embedded_ledger(snapshot, &ledger, error) && ledger_compare(snapshot, state, found, context, &amounts, error);
    embedded_close(snapshot);
    if (done && (amounts.size > 0 || ledger.is_in_doubt))
        done = embedded_correct(store, buffer_span(&amounts), ledger.recounts, error);
    buffer_free(&amounts);
    return done;
}
