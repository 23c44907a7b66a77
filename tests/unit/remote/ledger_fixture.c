/* tests/unit/remote/ledger_fixture.c -- makes the folder, writes intents, adds up what the spools hold. */
#include "tests/unit/remote/ledger_fixture.h"

#include "store/ledger_uncertain.h"
#include "tests/unit/run_suite.h"

#include <stdio.h>
#include <stdlib.h>

char folder[64];

void run(const char *format, const char *a, const char *b)
{
    char command[256];
    (void)snprintf(command, sizeof command, format, a, b);
    ck_assert_int_eq(system(command), 0);
}

void make_folder(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/bale-ledger-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

void remove_folder(void)
{
    run("rm -rf %s%s", folder, "");
}

struct ledger *open_in(const char *path)
{
    struct error error;
    const struct ledger_options options = {
        .folder = path, .shards = SHARDS, .clock = clock_system(), .random = random_system(), .home = "home"};
    struct ledger *ledger = ledger_open(&options, &error);
    ck_assert_ptr_nonnull(ledger);
    return ledger;
}

struct ledger_intent intent_of(const char *key, int64_t objects, int64_t bytes)
{
    return (struct ledger_intent){.kind = INTENT_WRITE,
                                  .nonce = "0123456789abcdef",
                                  .made = {.objects = objects, .original_bytes = bytes, .stored_bytes = bytes / 2},
                                  .creation_id = 7,
                                  .etag = SPAN("e-1"),
                                  .name = {.bucket = SPAN("photos"), .key = span_from_string(key)}};
}

struct noted_intent *note(struct ledger *ledger, unsigned shard, const char *key)
{
    const struct ledger_intent intent = intent_of(key, 1, 100);
    return log_note(ledger_log(ledger, shard), &intent);
}

void write_one(struct ledger *ledger, unsigned shard)
{
    log_end(ledger_log(ledger, shard), note(ledger, shard, "k"), INTENT_DONE);
}

/* ---- what the spools say ---- */

static void add_record(struct spool *spool, const struct spool_info *info, uint64_t record, struct totals *totals)
{
    struct buffer encoded = {0};
    struct error error;
    struct spool_amounts amounts;
    bool is_damaged;
    bool is_there = spool_read(spool, info->id, record, &encoded, &error);
    ck_assert(is_there || (error.kind == ERROR_NOT_FOUND && record > info->last_frozen));
    struct span rest = buffer_span(&encoded);
    while (spool_take_amounts(&rest, &amounts, &is_damaged)) {
        bool is_uncertain = amounts.creation_id == LEDGER_UNCERTAIN_ID;
        totals->uncertain += is_uncertain ? amounts.amounts.objects : 0;
        totals->objects += is_uncertain ? 0 : amounts.amounts.objects;
        totals->bytes += amounts.amounts.original_bytes;
    }
    ck_assert(!is_damaged);
    buffer_free(&encoded);
}

struct totals totals_of(struct ledger *ledger)
{
    struct totals totals = {0};
    struct buffer infos = {0};
    struct error error;
    struct spool *spool = ledger_spool(ledger);
    ck_assert(spool_list(spool, &infos, &error));
    const struct spool_info *info = (const struct spool_info *)(void *)infos.data;
    totals.spools = (unsigned)(infos.size / sizeof *info);
    for (unsigned i = 0; i < totals.spools; i++) {
        for (uint64_t record = info[i].first; record != 0 && record <= info[i].last_frozen; record++, totals.records++)
            add_record(spool, &info[i], record, &totals);
        if (info[i].has_open)
            add_record(spool, &info[i], info[i].last_frozen + 1, &totals);
    }
    buffer_free(&infos);
    return totals;
}

struct spool_info info_of(struct ledger *ledger, bool is_own)
{
    struct spool_info found = {0};
    struct buffer infos = {0};
    struct error error;
    ck_assert(spool_list(ledger_spool(ledger), &infos, &error));
    const struct spool_info *info = (const struct spool_info *)(void *)infos.data;
    for (size_t i = 0; i < infos.size / sizeof *info; i++) {
        if (info[i].is_own == is_own)
            found = info[i];
    }
    buffer_free(&infos);
    return found;
}

uint64_t freeze(struct ledger *ledger)
{
    uint64_t last;
    struct error error;
    ck_assert(spool_freeze(ledger_spool(ledger), &last, &error));
    return last;
}

void trim(struct ledger *ledger, const struct spool_info *info, uint64_t record)
{
    struct error error;
    ck_assert(spool_trim(ledger_spool(ledger), info->id, record, &error));
}

unsigned count_waiting(struct ledger *ledger)
{
    return (unsigned)ledger_intents_open(ledger);
}
