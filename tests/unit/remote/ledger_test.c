/* tests/unit/remote/ledger_test.c -- the ledger of a process: intents, records, and what a process that was killed at
 * any step leaves to the next one. */
#include "store/remote/ledger/ledger.h"

#include "runtime/base/byteorder.h"
#include "store/ledger_uncertain.h"
#include "store/remote/ledger/files.h"
#include "store/remote/ledger/state.h"
#include "tests/unit/run_suite.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHARDS = 2 };

static char folder[64];

static void run(const char *format, const char *a, const char *b)
{
    char command[256];
    (void)snprintf(command, sizeof command, format, a, b);
    ck_assert_int_eq(system(command), 0);
}

static void make_folder(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/bale-ledger-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    run("rm -rf %s%s", folder, "");
}

static struct ledger *open_in(const char *path)
{
    struct error error;
    const struct ledger_options options = {
        .folder = path, .shards = SHARDS, .clock = clock_system(), .random = random_system(), .home = "home"};
    struct ledger *ledger = ledger_open(&options, &error);
    ck_assert_ptr_nonnull(ledger);
    return ledger;
}

static struct ledger_intent intent_of(const char *key, int64_t objects, int64_t bytes)
{
    return (struct ledger_intent){.kind = INTENT_WRITE,
                                  .nonce = "0123456789abcdef",
                                  .amounts = {.objects = objects, .original_bytes = bytes, .stored_bytes = bytes / 2},
                                  .creation_id = 7,
                                  .etag = SPAN("e-1"),
                                  .name = {.bucket = SPAN("photos"), .key = span_from_string(key)}};
}

static struct noted_intent *note(struct ledger *ledger, unsigned shard, const char *key)
{
    const struct ledger_intent intent = intent_of(key, 1, 100);
    return log_note(ledger_log(ledger, shard), &intent);
}

static void write_one(struct ledger *ledger, unsigned shard)
{
    log_end(ledger_log(ledger, shard), note(ledger, shard, "k"), INTENT_DONE);
}

/* ---- what the spools say ---- */

struct totals {
    int64_t objects;
    int64_t bytes;
    int64_t uncertain;
    unsigned spools;
    unsigned records; /* frozen */
};

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

static struct totals totals_of(struct ledger *ledger)
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

static struct spool_info info_of(struct ledger *ledger, bool is_own)
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

static uint64_t freeze(struct ledger *ledger)
{
    uint64_t last;
    struct error error;
    ck_assert(spool_freeze(ledger_spool(ledger), &last, &error));
    return last;
}

static void trim(struct ledger *ledger, const struct spool_info *info, uint64_t record)
{
    struct error error;
    ck_assert(spool_trim(ledger_spool(ledger), info->id, record, &error));
}

static unsigned count_waiting(struct ledger *ledger)
{
    return (unsigned)ledger_intents_open(ledger);
}

/* ---- bytes ---- */

START_TEST(entries_come_back_and_torn_ones_do_not)
{
    struct buffer log = {0};
    const struct log_head head = {
        .spool = "spool-0123456789", .boot = "boot-0123456789a", .created_ms = -5, .recounts = 7};
    struct ledger_intent intent = intent_of("some/key", -1, -100);
    const struct spool_amounts amounts = {SPAN("photos"), 9, {.objects = 3, .former_versions = 2}};
    intent.number = 77;
    log_put_head(&log, &head);
    log_put_intent(&log, &intent);
    log_put_outcome(&log, 77, INTENT_UNCERTAIN);
    log_put_amounts(&log, &amounts);
    log_put_end(&log);
    struct span rest = buffer_span(&log);
    struct log_head read;
    struct log_entry entry;
    ck_assert(log_take_head(&rest, &read));
    ck_assert_int_eq(read.created_ms, -5);
    ck_assert_uint_eq(read.recounts, 7);
    ck_assert(log_take_entry(&rest, &entry));
    ck_assert(entry.kind == LOG_INTENT && entry.intent.number == 77 && entry.intent.amounts.original_bytes == -100);
    ck_assert(span_equal(entry.intent.name.key, SPAN("some/key")) && span_equal(entry.intent.etag, SPAN("e-1")));
    ck_assert(log_take_entry(&rest, &entry) && entry.kind == LOG_OUTCOME && entry.outcome == INTENT_UNCERTAIN);
    ck_assert(log_take_entry(&rest, &entry) && entry.kind == LOG_AMOUNTS && entry.amounts.amounts.former_versions == 2);
    ck_assert(log_take_entry(&rest, &entry) && entry.kind == LOG_END);
    ck_assert(rest.size == 0 && !log_take_entry(&rest, &entry));
    for (size_t size = 0; size < log.size; size++) { /* wherever it was cut, or one byte is wrong */
        struct span cut = span_take(buffer_span(&log), size);
        unsigned entries = 0;
        if (log_take_head(&cut, &read))
            for (; log_take_entry(&cut, &entry); entries++)
                ;
        ck_assert_uint_lt(entries, 4);
        log.data[size] ^= 1;
        struct span wrong = buffer_span(&log);
        entries = 0;
        if (log_take_head(&wrong, &read))
            for (; log_take_entry(&wrong, &entry); entries++)
                ;
        ck_assert_uint_lt(entries, 4);
        log.data[size] ^= 1;
    }
    buffer_free(&log);
}
END_TEST

START_TEST(records_come_back_and_damaged_ones_are_known)
{
    struct buffer bytes = {0};
    struct record_head head = {.spool = "spool-0123456789", .created_ms = 5, .number = 3, .generation = 8};
    struct record_head read;
    struct span amounts;
    bool is_trimmed;
    record_encode(&head, SPAN("amounts"), &bytes);
    ck_assert(record_decode(buffer_span(&bytes), &read, &amounts, &is_trimmed) && !is_trimmed);
    ck_assert(span_equal(amounts, SPAN("amounts")) && read.number == 3 && read.generation == 8);
    ck_assert(record_decode(span_take(buffer_span(&bytes), RECORD_HEAD_BYTES), &read, &amounts, &is_trimmed));
    ck_assert(is_trimmed);
    ck_assert(!record_decode(span_take(buffer_span(&bytes), bytes.size - 1), &read, &amounts, &is_trimmed));
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 4;
        ck_assert(!record_decode(buffer_span(&bytes), &read, &amounts, &is_trimmed));
        bytes.data[i] ^= 4;
    }
    buffer_free(&bytes);
}
END_TEST

/* ---- one process ---- */

START_TEST(outcomes_add_up)
{
    struct ledger *ledger = open_in(folder);
    ck_assert_uint_eq(totals_of(ledger).spools, 0);
    write_one(ledger, 0);
    write_one(ledger, 1);
    log_end(ledger_log(ledger, 0), note(ledger, 0, "refused"), INTENT_NOT_DONE);
    log_end(ledger_log(ledger, 0), note(ledger, 0, "nobody knows"), INTENT_UNCERTAIN);
    log_end(ledger_log(ledger, 0), note(ledger, 0, "blind"), INTENT_DONE_BLIND);
    struct noted_intent *open = note(ledger, 0, "again");
    const struct ledger_amounts less = {.original_bytes = 11};
    log_note_again(ledger_log(ledger, 0), open, SPAN("another-etag"), &less);
    log_end(ledger_log(ledger, 0), open, INTENT_DONE);
    struct totals totals = totals_of(ledger);
    ck_assert_int_eq(totals.objects, 3);
    ck_assert_int_eq(totals.bytes, 311);
    ck_assert_int_eq(totals.uncertain, 2);
    ledger_close(ledger);
}
END_TEST

START_TEST(frozen_records_stay_until_they_are_trimmed)
{
    struct error error;
    struct ledger *ledger = open_in(folder);
    write_one(ledger, 0);
    ck_assert_uint_eq(freeze(ledger), 1);
    ck_assert_uint_eq(freeze(ledger), 1); /* nothing has come since */
    write_one(ledger, 1);
    write_one(ledger, 1);
    ck_assert_uint_eq(freeze(ledger), 2);
    write_one(ledger, 0);
    struct totals totals = totals_of(ledger);
    ck_assert_int_eq(totals.objects, 4);
    ck_assert_uint_eq(totals.records, 2);
    struct spool_info info = info_of(ledger, true);
    ck_assert(!spool_trim(ledger_spool(ledger), info.id, 3, &error));
    trim(ledger, &info, 1);
    ck_assert_int_eq(totals_of(ledger).objects, 3);
    trim(ledger, &info, 2);
    ck_assert_int_eq(totals_of(ledger).objects, 1);
    ck_assert(!spool_remove(ledger_spool(ledger), info.id, &error));
    ledger_close(ledger); /* what waits becomes record 3 */
    ledger = open_in(folder);
    info = info_of(ledger, false);
    ck_assert(info.first == 3 && info.last_frozen == 3 && !info.has_open);
    trim(ledger, &info, 3);
    info = info_of(ledger, false);
    ck_assert(info.first == 0 && info.last_frozen == 3);
    ledger_close(ledger);
    ledger = open_in(folder); /* how far it has come is known once more */
    info = info_of(ledger, false);
    ck_assert(info.first == 0 && info.last_frozen == 3);
    ck_assert(spool_remove(ledger_spool(ledger), info.id, &error));
    ck_assert_uint_eq(totals_of(ledger).spools, 0);
    ledger_close(ledger);
    ledger = open_in(folder);
    ck_assert_uint_eq(totals_of(ledger).spools, 0);
    ledger_close(ledger);
}
END_TEST

START_TEST(a_long_log_is_written_anew)
{
    struct ledger *ledger = open_in(folder);
    struct noted_intent *open = note(ledger, 0, "open all the time");
    for (unsigned i = 0; i < 40000; i++)
        write_one(ledger, 0);
    ck_assert_int_eq(totals_of(ledger).objects, 40000);
    struct ledger *next = open_in(folder); /* as after a kill */
    ck_assert_int_eq(totals_of(next).objects, 40000);
    ck_assert_uint_eq(count_waiting(next), 1);
    ledger_close(next);
    log_end(ledger_log(ledger, 0), open, INTENT_NOT_DONE);
    run("test $(cat %s/*.intents%s | wc -c) -lt 4300000", folder, "");
    ledger_close(ledger);
}
END_TEST

START_TEST(many_open_intents_are_appended)
{
    enum { MANY = 6000, KEY_BYTES = 1000 };
    static struct noted_intent *open[MANY];
    char key[KEY_BYTES + 1] = "";
    struct stat before, after;
    struct ledger *ledger = open_in(folder);
    struct intent_log *log = ledger_log(ledger, 0);
    unsigned files = 0;
    memset(key, 'k', KEY_BYTES);
    open[0] = note(ledger, 0, key);
    ck_assert_int_eq(fstat(log->fd, &before), 0);
    for (unsigned i = 1; i < MANY; i++) {
        open[i] = note(ledger, 0, key);
        ck_assert_int_eq(fstat(log->fd, &after), 0);
        files += after.st_ino != before.st_ino;
        before = after;
    }
    ck_assert_uint_le(files, 1);
    struct ledger *next = open_in(folder); /* as after a kill */
    ck_assert_uint_eq(count_waiting(next), MANY);
    ledger_close(next);
    for (unsigned i = 0; i < MANY; i++)
        log_end(log, open[i], INTENT_DONE);
    ck_assert_int_eq(totals_of(ledger).objects, MANY);
    ledger_close(ledger);
}
END_TEST

/* Ended in another order than begun, and in part after the log has begun anew. */
START_TEST(many_outcomes_find_their_intents)
{
    enum { MANY = 5000, PRIME = 1009 };
    static struct noted_intent *open[MANY];
    struct ledger *ledger = open_in(folder);
    struct intent_log *log = ledger_log(ledger, 0);
    for (unsigned i = 0; i < MANY; i++) {
        const struct ledger_intent intent = intent_of("k", 1, 100 + i);
        open[i] = log_note(log, &intent);
    }
    int64_t bytes = 0;
    for (unsigned i = 0; i < MANY; i++) {
        unsigned chosen = i * PRIME % MANY;
        if (i == MANY / 4)
            ck_assert_uint_eq(freeze(ledger), 1);
        if (i < MANY / 2)
            log_end(log, open[chosen], chosen % 2 == 0 ? INTENT_DONE : INTENT_NOT_DONE);
        bytes += i < MANY / 2 && chosen % 2 == 0 ? 100 + (int64_t)chosen : 0;
    }
    struct ledger *next = open_in(folder); /* as after a kill */
    ck_assert_uint_eq(count_waiting(next), MANY - MANY / 2);
    ck_assert_int_eq(totals_of(next).bytes, bytes);
    ledger_close(next);
    for (unsigned i = MANY / 2; i < MANY; i++)
        log_end(log, open[i * PRIME % MANY], INTENT_NOT_DONE);
    ledger_close(ledger);
}
END_TEST

enum { BUCKETS = 2 * SPOOL_RECORD_BUCKETS_MAX + 100 };

static void write_to_buckets(struct ledger *ledger)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "bucket-%u", i);
        const struct spool_amounts amounts = {span_from_string(name), 7, {.objects = 1, .original_bytes = i}};
        log_add(ledger_log(ledger, i % SHARDS), &amounts);
    }
}

static void check_buckets(struct ledger *ledger, unsigned records)
{
    struct totals totals = totals_of(ledger);
    ck_assert_int_eq(totals.objects, BUCKETS);
    ck_assert_int_eq(totals.bytes, (int64_t)BUCKETS * (BUCKETS - 1) / 2);
    ck_assert_int_eq(totals.uncertain, 0);
    ck_assert_uint_eq(totals.records, records);
}

START_TEST(many_buckets_become_several_records)
{
    struct ledger *ledger = open_in(folder);
    write_to_buckets(ledger);
    check_buckets(ledger, 0);
    ck_assert_uint_eq(freeze(ledger), 3);
    check_buckets(ledger, 3);
    struct spool_info info = info_of(ledger, true);
    struct ledger *next = open_in(folder);
    check_buckets(next, 3);
    ledger_close(next);
    trim(ledger, &info, 2);
    ck_assert_uint_eq(totals_of(ledger).records, 1);
    ck_assert_int_eq(totals_of(ledger).objects, BUCKETS - 2 * SPOOL_RECORD_BUCKETS_MAX);
    write_one(ledger, 0);
    ck_assert_uint_eq(freeze(ledger), 4);
    ledger_close(ledger);
}
END_TEST

/* Killed between the records of one freeze: they do not count, and the logs do; `_i` of the three are there. */
START_TEST(a_freeze_that_was_cut_off_is_none)
{
    static const char *const missing[] = {"rm %s/*.1.record %s/*.2.record", "rm %s/*.2.record%s", "true"};
    char kept[sizeof folder + 8];
    struct ledger *ledger = open_in(folder);
    (void)snprintf(kept, sizeof kept, "%s.kept", folder);
    write_to_buckets(ledger);
    run("mkdir %s%s", kept, "");
    run("cp %s/*.intents %s/", folder, kept);
    ck_assert_uint_eq(freeze(ledger), 3);
    run("rm %s/*.3.record%s", folder, "");
    run(missing[_i], folder, _i == 0 ? folder : "");
    run("cp %s/* %s/", kept, folder);
    struct ledger *next = open_in(folder);
    check_buckets(next, 0);
    struct error error;
    ck_assert(ledger_freeze_found(next, &error));
    check_buckets(next, 3);
    ledger_close(next);
    ledger_close(ledger);
    run("rm -r %s%s", kept, "");
}
END_TEST

START_TEST(a_record_that_cannot_be_named_waits)
{
    char command[256];
    struct spool_info info;
    uint64_t last;
    struct error error;
    struct ledger *ledger = open_in(folder);
    write_one(ledger, 0);
    info = info_of(ledger, true);
    struct ledger_file_name name = {.is_record = true, .generation = 1};
    char text[LEDGER_FILE_NAME_BYTES];
    memcpy(name.spool, info.id, SPOOL_ID_BYTES);
    ledger_file_name_encode(&name, text);
    (void)snprintf(command, sizeof command, "%s/%s", folder, text);
    ck_assert_int_eq(mkdir(command, 0700), 0);
    errno = 0;
    ck_assert(!spool_freeze(ledger_spool(ledger), &last, &error));
    ck_assert_int_eq(totals_of(ledger).objects, 1);
    ck_assert_int_eq(rmdir(command), 0);
    ck_assert_uint_eq(freeze(ledger), 1);
    ck_assert_int_eq(totals_of(ledger).objects, 1);
    ledger_close(ledger);
}
END_TEST

START_TEST(what_the_disk_refuses_is_uncertain)
{
    struct ledger *ledger = open_in(folder);
    remove_folder();
    write_one(ledger, 0);
    struct totals totals = totals_of(ledger);
    ck_assert_int_eq(totals.objects, 1);
    ck_assert_int_eq(totals.uncertain, 1);
    ck_assert_uint_eq(ledger_entries_unwritten(ledger), 2);
    uint64_t last;
    struct error error;
    ck_assert(!spool_freeze(ledger_spool(ledger), &last, &error));
    ck_assert_int_eq(totals_of(ledger).objects, 1);
    ledger_close(ledger);
    ck_assert_int_eq(mkdir(folder, 0700), 0);
}
END_TEST

START_TEST(what_the_disk_refused_is_uncertain_after_a_kill)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        const struct rlimit full = {LOG_HEAD_BYTES, LOG_HEAD_BYTES};
        struct ledger *ledger = open_in(folder);
        if (_i == 0)
            write_one(ledger, 0);
        (void)signal(SIGXFSZ, SIG_IGN);
        (void)setrlimit(RLIMIT_FSIZE, &full);
        write_one(ledger, 0);
        write_one(ledger, 0);
        _exit(ledger_entries_unwritten(ledger) == 4 ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    struct ledger *ledger = open_in(folder);
    ck_assert_int_eq(totals_of(ledger).objects, _i == 0 ? 1 : 0);
    ck_assert_int_eq(totals_of(ledger).uncertain, 1);
    ledger_close(ledger);
}
END_TEST

/* ---- a process that is killed ---- */

/* A child takes so many of these steps, and ends without another word. */
static void step_of(struct ledger *ledger, unsigned step, struct noted_intent *open[3])
{
    struct spool_info info;
    switch (step) {
    case 0:
        open[0] = note(ledger, 1, "k");
        break;
    case 1:
        log_end(ledger_log(ledger, 1), open[0], INTENT_DONE);
        break;
    case 2:
        open[1] = note(ledger, 1, "k");
        break;
    case 3:
    case 7:
        (void)freeze(ledger);
        break;
    case 4:
        log_end(ledger_log(ledger, 1), open[1], INTENT_DONE);
        break;
    case 5:
        open[2] = note(ledger, 0, "k");
        break;
    case 6:
        log_end(ledger_log(ledger, 0), open[2], INTENT_NOT_DONE);
        break;
    default:
        info = info_of(ledger, true);
        trim(ledger, &info, 1);
        break;
    }
}

static void run_killed(unsigned steps)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct ledger *ledger = open_in(folder);
        struct noted_intent *open[3] = {NULL};
        for (unsigned step = 0; step < steps; step++)
            step_of(ledger, step, open);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

START_TEST(a_kill_at_each_step_loses_nothing)
{
    static const int64_t counted[] = {0, 0, 1, 1, 1, 2, 2, 2, 2, 1}; /* and not trimmed, after so many steps */
    static const unsigned open[] = {0, 1, 0, 1, 1, 0, 1, 0, 0, 0};   /* intents */
    unsigned steps = (unsigned)_i;
    run_killed(steps);
    struct ledger *ledger = open_in(folder);
    ck_assert_int_eq(totals_of(ledger).objects, counted[steps]);
    ck_assert_int_eq(totals_of(ledger).uncertain, 0);
    ck_assert_uint_eq(count_waiting(ledger), open[steps]);
    ledger_close(ledger);
    ledger = open_in(folder); /* and it is found as often as it is looked for */
    ck_assert_int_eq(totals_of(ledger).objects, counted[steps]);
    ck_assert_uint_eq(count_waiting(ledger), open[steps]);
    ledger_close(ledger);
}
END_TEST

START_TEST(what_was_open_is_settled_once)
{
    static const enum intent_outcome outcomes[] = {INTENT_DONE, INTENT_NOT_DONE, INTENT_UNCERTAIN};
    struct waiting_intent waiting;
    struct error error;
    run_killed(4); /* one is counted, one open */
    struct ledger *ledger = open_in(folder);
    ck_assert(info_of(ledger, false).has_open);
    ck_assert(ledger_find_waiting(ledger, 1000, &waiting));
    ck_assert(span_equal(waiting.open->intent.name.key, SPAN("k")));
    ledger_defer(ledger, &waiting, 3000);
    ck_assert(!ledger_find_waiting(ledger, 2999, &waiting));
    ck_assert(ledger_find_waiting(ledger, 3000, &waiting));
    ck_assert_uint_eq(waiting_since_ms(&waiting), 1000);
    ck_assert(ledger_freeze_found(ledger, &error));
    ck_assert(info_of(ledger, false).has_open); /* not before it is settled */
    ledger_settle(ledger, &waiting, outcomes[_i]);
    ck_assert(ledger_freeze_found(ledger, &error));
    struct spool_info info = info_of(ledger, false);
    ck_assert(!info.has_open);
    struct totals totals = totals_of(ledger);
    ck_assert_int_eq(totals.objects, outcomes[_i] == INTENT_DONE ? 2 : 1);
    ck_assert_int_eq(totals.uncertain, outcomes[_i] == INTENT_UNCERTAIN ? 1 : 0);
    ledger_close(ledger);
    ledger = open_in(folder);
    ck_assert_int_eq(totals_of(ledger).objects, totals.objects);
    ck_assert(!info_of(ledger, false).has_open);
    ledger_close(ledger);
}
END_TEST

/* What is known of a tombstone is known after a kill, too. */
START_TEST(what_was_buried_is_found_as_such)
{
    struct waiting_intent waiting;
    struct ledger *ledger = open_in(folder);
    struct noted_intent *open = note(ledger, 0, "k");
    log_note_buried(ledger_log(ledger, 0), open);
    struct ledger *next = open_in(folder); /* as after a kill */
    ck_assert_uint_eq(count_waiting(next), 1);
    ck_assert(ledger_find_waiting(next, 1000, &waiting));
    ck_assert(waiting.open->intent.kind == INTENT_BURIED && waiting.open->intent.amounts.objects == 1);
    ledger_close(next);
    log_end(ledger_log(ledger, 0), open, INTENT_DONE);
    ck_assert_int_eq(totals_of(ledger).objects, 1);
    ledger_close(ledger);
}
END_TEST

static bool is_recounted(struct ledger *ledger, const char *key)
{
    struct waiting_intent waiting;
    for (uint64_t now_ms = 1000; ledger_find_waiting(ledger, now_ms, &waiting); now_ms++) {
        if (span_equal(waiting.open->intent.name.key, span_from_string(key)))
            return ledger_was_recounted(ledger, &waiting);
        ledger_defer(ledger, &waiting, UINT64_MAX);
    }
    ck_abort_msg("%s is not there", key);
    return false;
}

/* Of what a killed process noted, whether it was before the last recount; where one file has both, all of it was. */
START_TEST(intents_know_how_often_objects_were_counted)
{
    struct ledger *ledger = open_in(folder);
    ck_assert(!ledger_knows_recounts(ledger));
    ck_assert_uint_eq(ledger_log(ledger, 1)->head.recounts, 0);
    ledger_note_recounts(ledger, 4);
    ck_assert(ledger_knows_recounts(ledger));
    struct noted_intent *old = note(ledger, 0, "old");
    struct noted_intent *other = note(ledger, 1, "other");
    ledger_note_recounts(ledger, 5);
    log_end(ledger_log(ledger, 1), other, INTENT_DONE);
    ck_assert_uint_eq(freeze(ledger), 1);
    struct noted_intent *beside = note(ledger, 0, "beside");
    struct noted_intent *new = note(ledger, 1, "new");
    struct ledger *next = open_in(folder); /* as after a kill */
    ledger_note_recounts(next, 5);
    ck_assert(is_recounted(next, "old"));
    ck_assert(is_recounted(next, "beside"));
    ck_assert(!is_recounted(next, "new"));
    ledger_close(next);
    log_end(ledger_log(ledger, 0), old, INTENT_NOT_DONE);
    log_end(ledger_log(ledger, 0), beside, INTENT_NOT_DONE);
    log_end(ledger_log(ledger, 1), new, INTENT_NOT_DONE);
    ledger_close(ledger);
}
END_TEST

START_TEST(own_intents_that_nobody_knows_wait)
{
    struct waiting_intent waiting;
    struct ledger *ledger = open_in(folder);
    struct noted_intent *open = note(ledger, 1, "k");
    ck_assert(!ledger_find_waiting(ledger, 5000, &waiting)); /* its request is under way */
    log_leave(ledger_log(ledger, 1), open, 5000);
    ck_assert(ledger_find_waiting(ledger, 5000, &waiting));
    ledger_settle(ledger, &waiting, INTENT_DONE);
    ck_assert(!ledger_find_waiting(ledger, 9000, &waiting));
    ck_assert_int_eq(totals_of(ledger).objects, 1);
    open = note(ledger, 1, "k");
    log_leave(ledger_log(ledger, 1), open, 5000);
    ledger_close(ledger); /* it is the next process's to settle */
    ledger = open_in(folder);
    ck_assert_uint_eq(count_waiting(ledger), 1);
    ck_assert_int_eq(totals_of(ledger).objects, 1);
    ck_assert_int_eq(totals_of(ledger).uncertain, 0);
    ledger_close(ledger);
}
END_TEST

START_TEST(copies_of_a_folder_make_the_same_record)
{
    char copy[80];
    struct waiting_intent waiting;
    struct error error;
    run_killed(4);
    (void)snprintf(copy, sizeof copy, "%s-copy", folder);
    run("cp -r %s %s", folder, copy);
    struct ledger *original = open_in(folder);
    struct ledger *clone = open_in(copy);
    ck_assert(ledger_find_waiting(original, 1, &waiting));
    ledger_settle(original, &waiting, INTENT_DONE);
    ck_assert(ledger_find_waiting(clone, 1, &waiting));
    ledger_settle(clone, &waiting, INTENT_UNCERTAIN); /* somebody has replaced it meanwhile */
    ck_assert(ledger_freeze_found(original, &error) && ledger_freeze_found(clone, &error));
    struct spool_info first = info_of(original, false);
    struct spool_info second = info_of(clone, false);
    ck_assert_mem_eq(first.id, second.id, SPOOL_ID_BYTES); /* so the journal takes one of them */
    ck_assert_uint_eq(first.last_frozen, second.last_frozen);
    ledger_close(original);
    ledger_close(clone);
    run("rm -rf %s%s", copy, "");
}
END_TEST

/* ---- a machine that lost its power ---- */

START_TEST(a_log_of_another_start_is_uncertain)
{
    struct buffer log = {0};
    struct error error;
    struct log_head head = {.spool = "spool-0123456789", .boot = "another start of", .created_ms = 1};
    struct ledger_intent intent = intent_of("k", 1, 100);
    struct ledger_file_name name = {.spool = "spool-0123456789", .shard = 1, .generation = 4};
    char text[LEDGER_FILE_NAME_BYTES];
    intent.number = 1;
    log_put_head(&log, &head);
    log_put_intent(&log, &intent);
    log_put_outcome(&log, 1, INTENT_DONE);
    if (_i == 1)
        log_put_end(&log); /* it was put on the disk whole */
    if (_i == 2)
        log.size = 0; /* nothing of it was */
    ledger_file_name_encode(&name, text);
    int folder_fd = open(folder, O_RDONLY | O_DIRECTORY);
    ck_assert(ledger_file_write(folder_fd, text, buffer_span(&log), false, &error));
    (void)close(folder_fd);
    buffer_free(&log);
    struct ledger *ledger = open_in(folder);
    ck_assert_int_eq(totals_of(ledger).objects, _i == 2 ? 0 : 1);
    ck_assert_int_eq(totals_of(ledger).uncertain, _i == 1 ? 0 : 1);
    ck_assert(ledger_freeze_found(ledger, &error));
    ck_assert_int_eq(totals_of(ledger).uncertain, _i == 1 ? 0 : 1);
    ledger_close(ledger);
}
END_TEST

/* ---- a log that the disk has damaged ---- */

static size_t make_log(struct buffer *log, const struct log_head *head)
{
    struct ledger_intent intent = intent_of("k", 1, 100);
    size_t second = 0;
    log_put_head(log, head);
    for (intent.number = 1; intent.number <= 40; intent.number++) {
        if (intent.number == 2)
            second = log->size;
        log_put_intent(log, &intent);
        log_put_outcome(log, intent.number, INTENT_DONE);
    }
    return second;
}

START_TEST(a_damaged_log_is_uncertain)
{
    enum { CHECKSUM, LENGTH, CONTENT, NO_FILE, CUT };
    struct buffer log = {0};
    struct error error;
    struct log_head head = {.spool = "spool-0123456789", .created_ms = 1};
    struct ledger_file_name name = {.spool = "spool-0123456789", .shard = 1, .generation = 4};
    char text[LEDGER_FILE_NAME_BYTES];
    ledger_boot_id(head.boot);
    size_t second = make_log(&log, &head);
    if (_i == CHECKSUM || _i == CONTENT)
        log.data[second + (_i == CHECKSUM ? 0 : 20)] ^= 1;
    if (_i == LENGTH)
        log.data[second + 5] ^= 0x80;
    if (_i == CUT)
        log.size = second + 20;
    ledger_file_name_encode(&name, text);
    int folder_fd = open(folder, O_RDONLY | O_DIRECTORY);
    if (_i == NO_FILE)
        ck_assert_int_eq(mkdirat(folder_fd, text, 0700), 0);
    else
        ck_assert(ledger_file_write(folder_fd, text, buffer_span(&log), false, &error));
    (void)close(folder_fd);
    buffer_free(&log);
    struct ledger *ledger = open_in(folder);
    ck_assert_int_eq(totals_of(ledger).objects, _i == NO_FILE ? 0 : 1);
    ck_assert_int_eq(totals_of(ledger).uncertain, _i == CUT ? 0 : 1);
    ledger_close(ledger);
}
END_TEST

START_TEST(doubts_are_uncertain_changes)
{
    struct error error;
    bool is_in_doubt;
    struct ledger *ledger = open_in(folder);
    ck_assert(spool_doubt(ledger_spool(ledger), &error));
    ck_assert(spool_is_in_doubt(ledger_spool(ledger), &is_in_doubt, &error) && !is_in_doubt);
    ck_assert_int_eq(totals_of(ledger).uncertain, 1);
    ledger_close(ledger);
}
END_TEST

int main(void)
{
    TCase *bytes = tcase_create("bytes");
    tcase_add_test(bytes, entries_come_back_and_torn_ones_do_not);
    tcase_add_test(bytes, records_come_back_and_damaged_ones_are_known);
    TCase *folders = tcase_create("folders");
    tcase_add_checked_fixture(folders, make_folder, remove_folder);
    tcase_add_test(folders, outcomes_add_up);
    tcase_add_test(folders, frozen_records_stay_until_they_are_trimmed);
    tcase_add_test(folders, a_long_log_is_written_anew);
    tcase_add_test(folders, many_open_intents_are_appended);
    tcase_add_test(folders, many_outcomes_find_their_intents);
    tcase_add_test(folders, many_buckets_become_several_records);
    tcase_add_loop_test(folders, a_freeze_that_was_cut_off_is_none, 0, 3);
    tcase_add_test(folders, a_record_that_cannot_be_named_waits);
    tcase_add_test(folders, what_the_disk_refuses_is_uncertain);
    tcase_add_loop_test(folders, what_the_disk_refused_is_uncertain_after_a_kill, 0, 2);
    tcase_add_loop_test(folders, a_kill_at_each_step_loses_nothing, 0, 10);
    tcase_add_loop_test(folders, what_was_open_is_settled_once, 0, 3);
    tcase_add_test(folders, what_was_buried_is_found_as_such);
    tcase_add_test(folders, intents_know_how_often_objects_were_counted);
    tcase_add_test(folders, own_intents_that_nobody_knows_wait);
    tcase_add_test(folders, copies_of_a_folder_make_the_same_record);
    tcase_add_loop_test(folders, a_log_of_another_start_is_uncertain, 0, 3);
    tcase_add_loop_test(folders, a_damaged_log_is_uncertain, 0, 5);
    tcase_add_test(folders, doubts_are_uncertain_changes);
    Suite *suite = suite_create("ledger");
    suite_add_tcase(suite, bytes);
    suite_add_tcase(suite, folders);
    return run_suite(suite);
}
