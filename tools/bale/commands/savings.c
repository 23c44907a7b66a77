/* tools/bale/commands/savings.c -- bale savings: what every bucket holds, what is stored of it, and what that saves. */
#include "journal/savings/savings.h"
#include "tools/bale/command.h"
#include "tools/bale/view/bucket_ledger.h"
#include "tools/bale/view/bytes_text.h"
#include "tools/bale/view/ledger_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAGE_BUCKETS = 1000, PAGE_BYTES = 1 << 20, CELL_BYTES = 32 };

struct report {
    const struct command_line *line;
    struct savings savings;
};

/* ---- gathering ---- */

/* Every bucket that there is, also one that the ledger never heard of. */
static SUSPENDS bool add_buckets(struct report *report, struct bucket_store *snapshot, const struct ledger_sums *sums,
                                 struct error *error)
{
    char after[BUCKET_NAME_BYTES_MAX + 1] = "";
    bool is_truncated = true;
    bool done = true;
    while (done && is_truncated) {
        struct arena arena;
        struct bucket_info *buckets;
        unsigned count;
        arena_init(&arena, PAGE_BYTES);
        done = bucket_list_buckets(snapshot, SPAN_EMPTY, SPAN_EMPTY, span_from_string(after), PAGE_BUCKETS, &arena,
                                   &buckets, &count, &is_truncated, error);
        for (unsigned i = 0; done && i < count; i++) {
            struct span name = span_from_string(buckets[i].name);
            struct ledger_amounts amounts = ledger_sums_find(sums, name, buckets[i].creation_id);
            if (name.data[0] != '.') /* the journal's own */
                savings_add(&report->savings, name, &amounts);
            (void)snprintf(after, sizeof after, "%s", buckets[i].name);
        }
        arena_free(&arena);
    }
    savings_finish(&report->savings);
    return done;
}

static SUSPENDS bool add_one(struct report *report, struct bucket_store *snapshot, const struct ledger_sums *sums,
                             struct error *error)
{
    struct bucket_info info;
    struct span name = span_from_string(report->line->bucket);
    if (name.size == 0 || name.size > BUCKET_NAME_BYTES_MAX || name.data[0] == '.' ||
        !bucket_find(snapshot, name, &info, error))
        return error_set(error, ERROR_NOT_FOUND, NULL, "there is no bucket %s", report->line->bucket);
    struct ledger_amounts amounts = ledger_sums_find(sums, name, info.creation_id);
    savings_add(&report->savings, name, &amounts);
    return true;
}

static SUSPENDS bool gather(struct bucket_store *snapshot, const struct ledger_view *view, void *context,
                            struct error *error)
{
    struct report *report = context;
    struct ledger_sums sums = {0};
    struct spool *spool = embedded_spool(snapshot);
    const struct state *state = ledger_view_state(view);
    savings_free(&report->savings);
    ledger_sums_add_state(&sums, state);
    bool done = ledger_sums_add_spool(&sums, state, spool, error) &&
                savings_find_doubts(state, ledger_view_head(view), &sums, spool, report->savings.doubts, error) &&
                (report->line->bucket != NULL ? add_one(report, snapshot, &sums, error)
                                              : add_buckets(report, snapshot, &sums, error));
    ledger_sums_free(&sums);
    return done;
}

/* ---- the table ---- */

static int64_t shown(int64_t amount)
{
    return amount < 0 ? 0 : amount;
}

static bool is_negative(const struct ledger_amounts *amounts)
{
    return amounts->objects < 0 || amounts->original_bytes < 0 || amounts->stored_bytes < 0;
}

static void print_row(const char *name, const struct ledger_amounts *amounts, int name_width, double price)
{
    char original_text[BYTES_TEXT_BYTES];
    char stored_text[BYTES_TEXT_BYTES];
    char ratio[CELL_BYTES] = "-";
    char percent[CELL_BYTES] = "-";
    double original = (double)shown(amounts->original_bytes);
    double stored = (double)shown(amounts->stored_bytes);
    double saved = original > stored ? original - stored : 0;
    if (stored > 0)
        (void)snprintf(ratio, sizeof ratio, "%.2f", original / stored);
    if (original > 0)
        (void)snprintf(percent, sizeof percent, "%.1f %%", 100 * saved / original);
    bytes_text((double)shown(amounts->original_bytes), original_text);
    bytes_text((double)shown(amounts->stored_bytes), stored_text);
    printf("%-*s %12" PRId64 " %12s %12s %7s %8s %12.4f%s\n", name_width, name, shown(amounts->objects), original_text,
           stored_text, ratio, percent, saved / (1 << 30) * price, is_negative(amounts) ? " *" : "");
}

static void print_table(const struct report *report)
{
    const struct savings *savings = &report->savings;
    double price = report->line->price;
    char money[CELL_BYTES];
    int width = 6;
    bool has_negative = is_negative(&savings->total.amounts);
    for (size_t i = 0; i < savings->count; i++) {
        int length = (int)strlen(savings->rows[i].bucket);
        width = length > width ? length : width;
        has_negative |= is_negative(&savings->rows[i].amounts);
    }
    (void)snprintf(money, sizeof money, "%s/month", report->line->currency);
    printf("%-*s %12s %12s %12s %7s %8s %12s\n", width, "bucket", "objects", "original", "stored", "ratio", "saved",
           money);
    for (size_t i = 0; i < savings->count; i++)
        print_row(savings->rows[i].bucket, &savings->rows[i].amounts, width, price);
    print_row("total", &savings->total.amounts, width, price);
    const struct ledger_amounts *total = &savings->total.amounts;
    if (total->former_versions != 0) {
        char original[BYTES_TEXT_BYTES];
        char stored[BYTES_TEXT_BYTES];
        bytes_text((double)shown(total->former_original_bytes), original);
        bytes_text((double)shown(total->former_stored_bytes), stored);
        printf("\nBeside them %" PRId64 " former versions: %s, stored in %s (--json has them by bucket).\n",
               total->former_versions, original, stored);
    }
    printf("\n%s: what is saved, at %g %s per GiB and month. Objects that were imported are not counted.\n", money,
           price, report->line->currency);
    if (has_negative)
        printf("*: a figure is below zero and shown as 0; `bale savings --recount` sets it right.\n");
    if (savings->total.uncertain > 0)
        printf("Of %" PRIu64 " changes nobody knows whether they happened (--json has them by bucket); `bale savings "
               "--recount` finds out.\n",
               savings->total.uncertain);
    for (unsigned doubt = 0; doubt < SAVINGS_DOUBTS; doubt++) {
        if (savings->doubts[doubt])
            printf("The figures may be wrong: %s.\n", savings_doubt_text(doubt));
    }
}

/* ---- the command ---- */

static void print_difference(void *context, const struct ledger_difference *difference)
{
    char text[320];
    (void)context;
    ledger_view_describe(difference, text, sizeof text);
    (void)fprintf(stderr, "%s Corrected.\n", text);
}

static bool recount(const struct command_line *line, struct error *error)
{
    if (config_is_bucket(&line->where))
        return bucket_ledger_recount(&line->where, line->bucket, print_difference, NULL, error);
    if (ledger_view_recount(config_folder(&line->where), print_difference, NULL, error))
        return true;
    return error->kind == ERROR_BUSY ? error_prepend(error, "stop the server for --recount") : false;
}

static bool read_ledger(const struct command_line *line, struct report *report, struct error *error)
{
    return config_is_bucket(&line->where) ? bucket_ledger_read(&line->where, line->bucket, &report->savings, error)
                                          : ledger_view_run(config_folder(&line->where), gather, report, error);
}

bool command_savings(const struct command_line *line, struct error *error)
{
    struct report report = {.line = line};
    bool done = (!line->recount || recount(line, error)) && read_ledger(line, &report, error);
    if (done && line->json) {
        struct buffer text;
        buffer_init(&text, 0);
        savings_put_json(&report.savings, &text);
        (void)fwrite(text.data, 1, text.size, stdout);
        buffer_free(&text);
    } else if (done) {
        print_table(&report);
    }
    savings_free(&report.savings);
    return done;
}
