/* tests/unit/remote/ledger_test.c -- the ledger of a process: its bytes, intents and records. */
#include "tests/unit/remote/ledger_fixture.h"

#include "codec/format/crc.h"
#include "runtime/base/byteorder.h"
#include "runtime/io/io.h"
#include "store/ledger_uncertain.h"
#include "store/remote/ledger/files.h"
#include "tests/unit/runtime/fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- bytes ---- */

START_TEST(entries_come_back_and_torn_ones_do_not)
{
    struct buffer log = {0};
    const struct log_head head = {
        .spool = "spool-0123456789", .boot = "boot-0123456789a", .created_ms = -5, .recounts = 7};
    struct ledger_intent intent = intent_of("some/key", -1, -100);
    const struct spool_amounts amounts = {SPAN("photos"), 9, {.objects = 3, .former_versions = 2}};
    intent.number = 77;
    intent.replaced.stored_bytes = 5;
    intent.null_covers = true;
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
    ck_assert_uint_eq(read.version, LOG_VERSION);
    ck_assert(log_take_entry(&rest, read.version, &entry));
    ck_assert(entry.kind == LOG_INTENT && entry.intent.number == 77 && entry.intent.made.original_bytes == -100);
    ck_assert(entry.intent.replaced.stored_bytes == 5 && entry.intent.null_covers && !entry.intent.is_old);
    ck_assert(span_equal(entry.intent.name.key, SPAN("some/key")) && span_equal(entry.intent.etag, SPAN("e-1")));
    ck_assert(log_take_entry(&rest, read.version, &entry) && entry.kind == LOG_OUTCOME &&
              entry.outcome == INTENT_UNCERTAIN);
    ck_assert(log_take_entry(&rest, read.version, &entry) && entry.kind == LOG_AMOUNTS &&
              entry.amounts.amounts.former_versions == 2);
    ck_assert(log_take_entry(&rest, read.version, &entry) && entry.kind == LOG_END);
    ck_assert(rest.size == 0 && !log_take_entry(&rest, read.version, &entry));
    for (size_t size = 0; size < log.size; size++) { /* wherever it was cut, or one byte is wrong */
        struct span cut = span_take(buffer_span(&log), size);
        unsigned entries = 0;
        if (log_take_head(&cut, &read))
            for (; log_take_entry(&cut, read.version, &entry); entries++)
                ;
        ck_assert_uint_lt(entries, 4);
        log.data[size] ^= 1;
        struct span wrong = buffer_span(&log);
        entries = 0;
        if (log_take_head(&wrong, &read))
            for (; log_take_entry(&wrong, read.version, &entry); entries++)
                ;
        ck_assert_uint_lt(entries, 4);
        log.data[size] ^= 1;
    }
    buffer_free(&log);
}
END_TEST

/* A log as version 1 had it: an intent whose outcome is there, and one that is open. */
static void put_old_log(struct buffer *log, const struct log_head *head, unsigned version)
{
    enum { AT_VERSION = 8, AT_CHECKSUM = 60, FIXED_BYTES = 61, NAMES_BYTES = 9 };
    uint8_t *bytes;
    log_put_head(log, head);
    store_u16_le(log->data + AT_VERSION, (uint16_t)version);
    store_u32_le(log->data + AT_CHECKSUM, crc32c_update(0, span_of(log->data, AT_CHECKSUM)));
    for (uint64_t number = 1; number <= 2; number++) {
        uint8_t entry[7 + FIXED_BYTES + NAMES_BYTES] = {0};
        store_u16_le(entry + 4, FIXED_BYTES + NAMES_BYTES);
        entry[6] = LOG_INTENT;
        bytes = entry + 7;
        store_u64_le(bytes, number);
        bytes[8] = INTENT_WRITE;
        store_u64_le(bytes + 25, 1);
        store_u64_le(bytes + 33, 200);
        store_u64_le(bytes + 41, 100);
        store_u64_le(bytes + 49, 7);
        bytes[57] = 2; /* of the ETag, the bucket and the key */
        bytes[58] = 6;
        bytes[59] = 1;
        memcpy(bytes + FIXED_BYTES, "e1photosk", NAMES_BYTES);
        store_u32_le(entry, crc32c_update(0, span_of(entry + 4, sizeof entry - 4)));
        buffer_append(log, span_of(entry, sizeof entry));
    }
    log_put_outcome(log, 1, INTENT_DONE);
}

static void write_log(const struct buffer *log, const struct log_head *head)
{
    char text[LEDGER_FILE_NAME_BYTES];
    char path[256];
    struct ledger_file_name name = {.generation = 3};
    memcpy(name.spool, head->spool, SPOOL_ID_BYTES);
    ledger_file_name_encode(&name, text);
    (void)snprintf(path, sizeof path, "%s/%s", folder, text);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(log->data, 1, log->size, file), log->size);
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(logs_of_an_older_bale_are_read)
{
    struct buffer log = {0};
    struct log_head head = {.spool = "spool-0123456789"};
    struct waiting_intent waiting;
    (void)boot_id_read(head.boot);
    put_old_log(&log, &head, 1);
    write_log(&log, &head);
    struct ledger *ledger = open_in(folder);
    struct totals totals = totals_of(ledger);
    ck_assert_int_eq(totals.objects, 1);
    ck_assert_int_eq(totals.bytes, 200);
    ck_assert_int_eq(totals.uncertain, 0);
    ck_assert(ledger_find_waiting(ledger, UINT64_MAX, &waiting));
    const struct ledger_intent *intent = &waiting.open->intent;
    ck_assert(span_equal(intent->etag, SPAN("e1")) && span_equal(intent->name.bucket, SPAN("photos")));
    ck_assert(intent_outcome_done(intent, "null", false) == INTENT_DONE);
    ck_assert(intent_outcome_done(intent, "an-id", false) ==
              INTENT_COVERED_BLIND); /* of what it replaced is not known */
    ledger_close(ledger);
    buffer_free(&log);
}
END_TEST

START_TEST(logs_of_a_later_bale_refuse_a_start)
{
    struct buffer log = {0};
    struct error error;
    const struct log_head head = {.spool = "spool-0123456789"};
    const struct ledger_options options = {
        .folder = folder, .shards = SHARDS, .clock = clock_system(), .random = random_system(), .home = "home"};
    put_old_log(&log, &head, LOG_VERSION + 1);
    write_log(&log, &head);
    ck_assert_ptr_null(ledger_open(&options, &error));
    ck_assert_int_eq(error.kind, ERROR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error.message, "later version of Bale"));
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
    const struct ledger_intent less = {.made = {.original_bytes = 11}, .etag = SPAN("another-etag")};
    log_note_again(ledger_log(ledger, 0), open, &less);
    log_end(ledger_log(ledger, 0), open, INTENT_DONE);
    struct totals totals = totals_of(ledger);
    ck_assert_int_eq(totals.objects, 3);
    ck_assert_int_eq(totals.bytes, 311);
    ck_assert_int_eq(totals.uncertain, 2);
    ledger_close(ledger);
}
END_TEST

/* What stands afterwards says what has become of what was there. */
START_TEST(what_is_covered_is_a_former_version)
{
    static const struct {
        const char *version;
        bool null_covers;
        bool is_blind;
        int64_t former;
        int64_t uncertain;
    } cases[] = {
        {"an-id", false, false, 1, 0}, /* Enabled */
        {"an-id", true, true, 1, 1},   /* ... over a server that decides no condition */
        {"null", false, false, 0, 0},  /* never versioned, or the null version takes its own place */
        {"null", true, false, 1, 1},   /* Suspended: it lies over another, and a null version below may go */
        {NULL, true, false, 0, 0},     /* a deletion that left no marker */
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct amounts_table sums = {0};
        struct ledger_intent intent = intent_of("k", 1, 100);
        struct ledger_amounts found = {0};
        int64_t uncertain = 0;
        intent.replaced = (struct ledger_amounts){.objects = 1, .original_bytes = 30, .stored_bytes = 3};
        intent.null_covers = cases[i].null_covers;
        intent_add_outcome(&sums, &intent, intent_outcome_done(&intent, cases[i].version, cases[i].is_blind));
        for (unsigned line = 0; line < sums.count; line++) {
            if (sums.lines[line].creation_id == LEDGER_UNCERTAIN_ID)
                uncertain += sums.lines[line].amounts.objects;
            else
                ledger_amounts_add(&found, &sums.lines[line].amounts);
        }
        ck_assert(found.objects == 0 && found.original_bytes == 70 && found.stored_bytes == 47);
        ck_assert_int_eq(found.former_versions, cases[i].former);
        ck_assert_int_eq(found.former_original_bytes, 30 * cases[i].former);
        ck_assert_int_eq(found.former_stored_bytes, 3 * cases[i].former);
        ck_assert_int_eq(uncertain, cases[i].uncertain);
        amounts_table_free(&sums);
    }
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

/* Where this process's first record goes. */
static void path_of_record(struct ledger *ledger, char ret_path[256])
{
    struct ledger_file_name name = {.is_record = true, .generation = 1};
    char text[LEDGER_FILE_NAME_BYTES];
    struct spool_info info = info_of(ledger, true);
    memcpy(name.spool, info.id, SPOOL_ID_BYTES);
    ledger_file_name_encode(&name, text);
    (void)snprintf(ret_path, 256, "%s/%s", folder, text);
}

START_TEST(a_record_that_cannot_be_named_waits)
{
    char path[256];
    uint64_t last;
    struct error error;
    struct ledger *ledger = open_in(folder);
    write_one(ledger, 0);
    path_of_record(ledger, path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    errno = 0;
    ck_assert(!spool_freeze(ledger_spool(ledger), &last, &error));
    ck_assert_int_eq(totals_of(ledger).objects, 1);
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert_uint_eq(freeze(ledger), 1);
    ck_assert_int_eq(totals_of(ledger).objects, 1);
    ledger_close(ledger);
}
END_TEST

/* That the next entry would begin anew, at the end of a process whose last record the disk refuses. */
START_TEST(a_long_log_ends_as_it_is)
{
    enum { LONG_BYTES = 4 << 20 };
    char path[256];
    int64_t written = 0;
    const struct spool_amounts one = {.bucket = SPAN("photos"), .amounts = {.objects = 1}};
    struct ledger *ledger = open_in(folder);
    for (; ledger_log(ledger, 0)->size <= LONG_BYTES; written++)
        log_add(ledger_log(ledger, 0), &one);
    path_of_record(ledger, path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ledger_close(ledger);
    ck_assert_int_eq(rmdir(path), 0);
    run("test $(tail -c 1 %s/*.intents%s | od -An -tu1) -eq 4", folder, ""); /* LOG_END */
    ledger = open_in(folder);
    ck_assert_int_eq(totals_of(ledger).objects, written);
    ck_assert_int_eq(totals_of(ledger).uncertain, 0);
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

/* A disk that for a while does not even take what goes over bytes that are there. */
START_TEST(what_could_not_be_said_is_said_later)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct rlimit full = {0, LOG_HEAD_BYTES};
        struct ledger *ledger = open_in(folder);
        write_one(ledger, 0);
        (void)signal(SIGXFSZ, SIG_IGN);
        (void)setrlimit(RLIMIT_FSIZE, &full);
        write_one(ledger, 0);
        full.rlim_cur = LOG_HEAD_BYTES;
        (void)setrlimit(RLIMIT_FSIZE, &full);
        write_one(ledger, 0);
        _exit(ledger_entries_unwritten(ledger) == 4 ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    struct ledger *ledger = open_in(folder);
    ck_assert_int_eq(totals_of(ledger).objects, 1);
    ck_assert_int_eq(totals_of(ledger).uncertain, 1);
    ledger_close(ledger);
}
END_TEST

/* ---- on a loop ---- */

static off_t size_of(const struct intent_log *log)
{
    struct stat stat;
    ck_assert_int_eq(fstat(log->fd, &stat), 0);
    return stat.st_size;
}

static void wait_a_turn(void)
{
    ck_assert_int_eq(io_sleep_until(deadline_after_ms(1)), 0);
}

static unsigned count_after_a_kill(void)
{
    struct ledger *next = open_in(folder);
    unsigned count = count_waiting(next);
    ledger_close(next);
    return count;
}

static void note_in_turns(void *argument)
{
    struct ledger *ledger = argument;
    struct intent_log *log = ledger_log(ledger, 0);
    struct noted_intent *first = note(ledger, 0, "first");
    wait_a_turn();
    off_t before = size_of(log);
    struct noted_intent *second = note(ledger, 0, "second");
    struct noted_intent *third = note(ledger, 0, "third");
    log_end(log, first, INTENT_DONE);
    ck_assert_int_eq(size_of(log), before);
    wait_a_turn();
    ck_assert_int_gt(size_of(log), before);
    ck_assert_uint_eq(count_after_a_kill(), 2);
    log_end(log, second, INTENT_DONE); /* is gathered when the sums are taken, and counts once */
    ck_assert_uint_eq(freeze(ledger), 1);
    log_end(log, third, INTENT_NOT_DONE);
}

START_TEST(entries_of_one_turn_are_written_together)
{
    struct ledger *ledger = open_in(folder);
    run_on_loop(note_in_turns, ledger);
    ck_assert_int_eq(totals_of(ledger).objects, 2);
    ck_assert_uint_eq(count_after_a_kill(), 0);
    struct ledger *next = open_in(folder); /* as after a kill */
    ck_assert_int_eq(totals_of(next).objects, 2);
    ledger_close(next);
    ledger_close(ledger);
}
END_TEST

static void note_very_much(void *argument)
{
    struct ledger *ledger = argument;
    struct intent_log *log = ledger_log(ledger, 0);
    char key[1001] = "";
    memset(key, 'k', sizeof key - 1);
    write_one(ledger, 0);
    wait_a_turn();
    off_t before = size_of(log);
    for (unsigned i = 0; i < 100; i++)
        log_end(log, note(ledger, 0, key), INTENT_DONE);
    ck_assert_int_gt(size_of(log), before);
    ck_assert_uint_le(log->gathered.capacity, 1 << 17);
}

START_TEST(what_is_gathered_is_bounded)
{
    struct ledger *ledger = open_in(folder);
    run_on_loop(note_very_much, ledger);
    ck_assert_int_eq(totals_of(ledger).objects, 101);
    ledger_close(ledger);
}
END_TEST

static void note_what_is_refused(void *argument)
{
    struct ledger *ledger = argument;
    struct intent_log *log = ledger_log(ledger, 0);
    const struct ledger_intent again = intent_of("first", 2, 200);
    struct noted_intent *first = note(ledger, 0, "first");
    log_note_again(log, first, &again);
    log_end(log, note(ledger, 0, "second"), INTENT_DONE);
    ck_assert_uint_eq(ledger_entries_unwritten(ledger), 0);
    wait_a_turn();
    ck_assert_uint_eq(ledger_entries_unwritten(ledger), 4);
    ck_assert_int_eq(totals_of(ledger).uncertain, 2);
    log_note_again(log, first, &again);
    wait_a_turn();
    ck_assert_uint_eq(ledger_entries_unwritten(ledger), 5);
    ck_assert_int_eq(totals_of(ledger).uncertain, 2);
    log_end(log, first, INTENT_DONE);
}

START_TEST(each_intent_of_a_refused_turn_is_uncertain_once)
{
    struct ledger *ledger = open_in(folder);
    remove_folder();
    run_on_loop(note_what_is_refused, ledger);
    ck_assert_int_eq(totals_of(ledger).objects, 3);
    ck_assert_int_eq(totals_of(ledger).uncertain, 2);
    ledger_close(ledger);
    ck_assert_int_eq(mkdir(folder, 0700), 0);
}
END_TEST

int main(void)
{
    TCase *bytes = tcase_create("bytes");
    tcase_add_test(bytes, entries_come_back_and_torn_ones_do_not);
    tcase_add_test(bytes, records_come_back_and_damaged_ones_are_known);
    tcase_add_test(bytes, what_is_covered_is_a_former_version);
    TCase *folders = tcase_create("folders");
    tcase_add_checked_fixture(folders, make_folder, remove_folder);
    tcase_add_test(folders, logs_of_an_older_bale_are_read);
    tcase_add_test(folders, logs_of_a_later_bale_refuse_a_start);
    tcase_add_test(folders, outcomes_add_up);
    tcase_add_test(folders, frozen_records_stay_until_they_are_trimmed);
    tcase_add_test(folders, a_long_log_is_written_anew);
    tcase_add_test(folders, many_open_intents_are_appended);
    tcase_add_test(folders, many_outcomes_find_their_intents);
    tcase_add_test(folders, many_buckets_become_several_records);
    tcase_add_loop_test(folders, a_freeze_that_was_cut_off_is_none, 0, 3);
    tcase_add_test(folders, a_record_that_cannot_be_named_waits);
    tcase_add_test(folders, a_long_log_ends_as_it_is);
    tcase_add_test(folders, what_the_disk_refuses_is_uncertain);
    tcase_add_loop_test(folders, what_the_disk_refused_is_uncertain_after_a_kill, 0, 2);
    tcase_add_test(folders, what_could_not_be_said_is_said_later);
    tcase_add_test(folders, entries_of_one_turn_are_written_together);
    tcase_add_test(folders, what_is_gathered_is_bounded);
    tcase_add_test(folders, each_intent_of_a_refused_turn_is_uncertain_once);
    Suite *suite = suite_create("ledger");
    suite_add_tcase(suite, bytes);
    suite_add_tcase(suite, folders);
    return run_suite(suite);
}
