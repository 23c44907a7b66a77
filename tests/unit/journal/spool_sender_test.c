/* tests/unit/journal/spool_sender_test.c -- records of spools in memory, through a journal on a real embedded store,
 * with senders that are dropped between any two steps. */
#include "journal/bucket_store.h"
#include "journal/fiber_scheduler.h"
#include "journal/savings/savings.h"
#include "journal/savings/spool_sender.h"
#include "tests/unit/embedded/fixture.h"

#include <stdlib.h>

#define SYSTEM SPAN(".bale")
enum { SPOOLS_MAX = 8, RECORDS_MAX = 64 };

/* ---- a store's spools ---- */

struct memory_spool {
    uint8_t id[SPOOL_ID_BYTES];
    uint64_t first, last_frozen;
    bool has_open;
    int64_t amounts[RECORDS_MAX]; /* by record number; 0 stands for nothing */
};

struct memory_spools {
    struct spool base;
    struct memory_spool spools[SPOOLS_MAX];
    unsigned count;   /* the last one is the own one */
    unsigned fail_in; /* so many changes from now one fails, as all later do: the process "died". 0: never */
    bool is_dead, is_in_doubt;
};

static struct memory_spools *memory_of(struct spool *spool)
{
    return (struct memory_spools *)spool;
}

static bool may_change(struct memory_spools *memory, struct error *error)
{
    if (memory->fail_in > 0 && --memory->fail_in == 0)
        memory->is_dead = true;
    return !memory->is_dead || error_set(error, ERROR_IO, NULL, "dead");
}

static struct memory_spool *find_spool(struct memory_spools *memory, const uint8_t *id)
{
    for (unsigned i = 0; i < memory->count; i++) {
        if (memcmp(memory->spools[i].id, id, SPOOL_ID_BYTES) == 0)
            return &memory->spools[i];
    }
    ck_abort_msg("no such spool");
}

static bool list(struct spool *spool, struct buffer *ret_infos, struct error *error)
{
    (void)error;
    struct memory_spools *memory = memory_of(spool);
    for (unsigned i = 0; i < memory->count; i++) {
        const struct memory_spool *from = &memory->spools[i];
        bool is_own = i == memory->count - 1;
        if (is_own && from->last_frozen == 0 && !from->has_open)
            continue;
        struct spool_info info = {.is_own = is_own,
                                  .first = from->first <= from->last_frozen + from->has_open ? from->first : 0,
                                  .last_frozen = from->last_frozen,
                                  .has_open = from->has_open};
        memcpy(info.id, from->id, sizeof info.id);
        buffer_append(ret_infos, span_of(&info, sizeof info));
    }
    return true;
}

static bool freeze(struct spool *spool, uint64_t *ret_last, struct error *error)
{
    struct memory_spools *memory = memory_of(spool);
    struct memory_spool *own = &memory->spools[memory->count - 1];
    if (!may_change(memory, error))
        return false;
    own->last_frozen += own->has_open;
    own->has_open = false;
    *ret_last = own->last_frozen;
    return true;
}

static bool read_record(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], uint64_t record,
                        struct buffer *ret_amounts, struct error *error)
{
    const struct memory_spool *from = find_spool(memory_of(spool), id);
    if (record < from->first || record > from->last_frozen + from->has_open)
        return error_set(error, ERROR_NOT_FOUND, NULL, "no such record");
    spool_put_amounts(
        ret_amounts,
        &(struct spool_amounts){.bucket = text("bucket"), .creation_id = 7, .amounts = {1, from->amounts[record], 0}});
    return true;
}

static bool trim(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], uint64_t record, struct error *error)
{
    struct memory_spools *memory = memory_of(spool);
    struct memory_spool *from = find_spool(memory, id);
    if (!may_change(memory, error))
        return false;
    ck_assert_uint_le(record, from->last_frozen);
    if (from->first <= record)
        from->first = record + 1;
    return true;
}

static bool remove_spool(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], struct error *error)
{
    struct memory_spools *memory = memory_of(spool);
    struct memory_spool *gone = find_spool(memory, id);
    ck_assert(gone != &memory->spools[memory->count - 1] && gone->first > gone->last_frozen && !gone->has_open);
    if (!may_change(memory, error))
        return false;
    memmove(gone, gone + 1, (size_t)(&memory->spools[memory->count] - (gone + 1)) * sizeof *gone);
    memory->count--;
    return true;
}

static bool doubt(struct spool *spool, struct error *error)
{
    memory_of(spool)->is_in_doubt = true;
    return may_change(memory_of(spool), error);
}

static bool is_in_doubt(struct spool *spool, bool *ret_is_in_doubt, struct error *error)
{
    (void)error;
    *ret_is_in_doubt = memory_of(spool)->is_in_doubt;
    return true;
}

static const struct spool_operations operations = {list, freeze, read_record, trim, remove_spool, doubt, is_in_doubt};

/* A process starts: what is open is frozen, and it gets a spool of its own. */
static void start_spools(struct memory_spools *memory)
{
    memory->base.operations = &operations;
    memory->is_dead = false;
    memory->fail_in = 0;
    if (memory->count > 0) {
        struct memory_spool *last = &memory->spools[memory->count - 1];
        last->last_frozen += last->has_open;
        last->has_open = false;
        if (last->last_frozen == 0)
            memory->count--; /* it took nothing */
    }
    ck_assert_uint_lt(memory->count, SPOOLS_MAX);
    struct memory_spool *own = &memory->spools[memory->count++];
    *own = (struct memory_spool){.first = 1};
    random_fill(random_system(), own->id, sizeof own->id);
}

static void add_amount(struct memory_spools *memory, int64_t amount)
{
    struct memory_spool *own = &memory->spools[memory->count - 1];
    own->has_open = true;
    ck_assert_uint_lt(own->last_frozen + 1, RECORDS_MAX);
    own->amounts[own->last_frozen + 1] += amount;
}

/* ---- a process: journal and sender ---- */

struct process {
    bool folds_late; /* what is committed stays in its segments */
    struct journal_bucket *bucket;
    struct fiber_scheduler scheduler;
    struct journal *journal;
    struct spool_sender *sender;
};

static void start_process(struct process *process, struct bucket_store *objects, struct memory_spools *memory)
{
    process->bucket = journal_bucket_open(objects, SYSTEM, SPAN_EMPTY);
    fiber_scheduler_init(&process->scheduler);
    const struct journal_environment environment = {.store = journal_bucket_store(process->bucket),
                                                    .clock = clock_system(),
                                                    .random = random_system(),
                                                    .scheduler = &process->scheduler.base};
    const struct journal_options options = {
        .may_seed = true, .fold_gap_ms = 20, .poll_ms = 50, .fold_age_ms = process->folds_late ? 600000 : 60};
    const struct spool_sender_options sending = {.interval_ms = 10, .backoff_max_ms = 40};
    process->journal = journal_open(&environment, &options);
    start_spools(memory);
    process->sender = spool_sender_start(&environment, process->journal, &memory->base, &sending);
}

static void stop_process(struct process *process)
{
    journal_stop(process->journal);
    ck_assert(fiber_scheduler_stop(&process->scheduler, deadline_after_ms(300000)));
    ck_assert(journal_is_idle(process->journal) && spool_sender_is_idle(process->sender));
    spool_sender_free(process->sender);
    journal_free(process->journal);
    journal_bucket_close(process->bucket);
}

static void pause_ms(uint64_t milliseconds)
{
    struct wait_queue nobody;
    struct error error;
    wait_queue_init(&nobody);
    (void)wait_for(&nobody, deadline_after_ms(milliseconds), &error);
}

static struct ledger_amounts counted(const struct process *process)
{
    return ledger_in_state(journal_state(process->journal), text("bucket"), 7);
}

static unsigned entries_of_spools(const struct process *process, const struct memory_spools *memory)
{
    unsigned count = 0;
    uint64_t last;
    for (unsigned i = 0; i < memory->count; i++) {
        struct journal_id id;
        memcpy(id.bytes, memory->spools[i].id, sizeof id.bytes);
        count += state_spool_last(journal_state(process->journal), &id, &last);
    }
    return count;
}

/* What is drained is removed when it stands in a published head. */
static void wait_for_spools(const struct process *process, const struct memory_spools *memory, unsigned most)
{
    deadline_t deadline = deadline_after_ms(300000);
    ck_assert(spool_sender_flush(process->sender, deadline));
    while (memory->count > most) {
        ck_assert(loop_now_ns() < deadline);
        pause_ms(5);
    }
}

/* ---- tests ---- */

static void send_plain(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static struct memory_spools memory;
    static struct process process;
    struct error error;
    ck_assert(bucket_create(objects, &(struct bucket_intent){.name = SYSTEM}, &error));
    start_process(&process, objects, &memory);
    ck_assert(spool_sender_flush(process.sender, deadline_after_ms(300000))); /* nothing is there: as soon as it can */
    ck_assert_uint_eq(spool_sender_counters(process.sender)->records_committed, 0);
    for (int i = 1; i <= 20; i++) {
        add_amount(&memory, i);
        if (i % 5 == 0)
            ck_assert(spool_sender_flush(process.sender, deadline_after_ms(300000)));
    }
    ck_assert_int_eq(counted(&process).original_bytes, 210);
    add_amount(&memory, 90);
    deadline_t deadline = deadline_after_ms(300000);
    while (counted(&process).original_bytes != 300 && loop_now_ns() < deadline)
        pause_ms(5); /* without being asked */
    ck_assert_int_eq(counted(&process).original_bytes, 300);
    ck_assert_uint_eq(spool_sender_counters(process.sender)->batches_failed, 0);
    stop_process(&process);

    start_process(&process, objects, &memory); /* the earlier spool is closed and removed */
    wait_for_spools(&process, &memory, 1);
    ck_assert_uint_eq(memory.count, 1);
    ck_assert_uint_eq(spool_sender_counters(process.sender)->spools_removed, 1);
    ck_assert_int_eq(counted(&process).original_bytes, 300);
    ck_assert_uint_eq(entries_of_spools(&process, &memory), 0);
    stop_process(&process);
}

START_TEST(records_arrive)
{
    with_new_store(send_plain, NULL);
}
END_TEST

/* The spool refuses from its n-th change on, the scheduler drops everything, another process goes on. */
static void send_with_crashes(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static struct memory_spools memory;
    static struct process process;
    struct error error;
    int64_t expected = 0;
    ck_assert(bucket_create(objects, &(struct bucket_intent){.name = SYSTEM}, &error));
    for (unsigned life = 0; life < 60; life++) {
        start_process(&process, objects, &memory);
        memory.fail_in = 1 + life % 7;
        for (unsigned i = 0; i < 4 && !memory.is_dead; i++) {
            add_amount(&memory, life * 10 + i);
            expected += life * 10 + i;
            pause_ms(random_below(random_system(), 25));
        }
        stop_process(&process);
        while (memory.count > SPOOLS_MAX - 2) { /* lives without faults, so that they do not pile up */
            start_process(&process, objects, &memory);
            wait_for_spools(&process, &memory, SPOOLS_MAX - 4);
            ck_assert_int_eq(counted(&process).original_bytes, expected);
            stop_process(&process);
        }
    }
    start_process(&process, objects, &memory);
    ck_assert(spool_sender_flush(process.sender, deadline_after_ms(300000)));
    ck_assert_int_eq(counted(&process).original_bytes, expected);
    wait_for_spools(&process, &memory, 1);
    ck_assert_int_eq(counted(&process).original_bytes, expected);
    ck_assert_uint_eq(memory.count, 1);
    ck_assert_uint_eq(spool_sender_counters(process.sender)->spools_cut_off, 0);
    stop_process(&process);
}

START_TEST(records_count_once_across_crashes)
{
    with_new_store(send_with_crashes, NULL);
}
END_TEST

static void send_into_nothing(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static struct memory_spools memory;
    static struct process process;
    struct error error;
    start_process(&process, objects, &memory); /* there is no bucket: the journal never becomes ready */
    for (int i = 0; i < 10; i++) {
        add_amount(&memory, 1);
        pause_ms(20);
    }
    ck_assert(!spool_sender_flush(process.sender, deadline_after_ms(100)));
    ck_assert_uint_eq(memory.spools[0].last_frozen, 0); /* one record that grows */
    ck_assert(bucket_create(objects, &(struct bucket_intent){.name = SYSTEM}, &error));
    ck_assert(spool_sender_flush(process.sender, deadline_after_ms(300000)));
    ck_assert_int_eq(counted(&process).original_bytes, 10);

    struct error ignored; /* the head goes: the journal halts, the sender asks seldom */
    ck_assert(try_delete(objects, SYSTEM, text("head"), &ignored));
    add_amount(&memory, 5);
    pause_ms(1000);
    ck_assert_uint_le(spool_sender_counters(process.sender)->batches_failed, 60);
    ck_assert_int_eq(counted(&process).original_bytes, 10);
    ck_assert_uint_le(memory.spools[memory.count - 1].last_frozen, 2);
    ck_assert_uint_ne(spool_sender_counters(process.sender)->waiting_since_ns, 0);
    stop_process(&process);
}

START_TEST(trouble_is_waited_out)
{
    with_new_store(send_into_nothing, NULL);
}
END_TEST

/* ---- segments that are lost before they are folded ---- */

enum loss { LOSS_DAMAGE, LOSS_DELETION };

struct losing {
    enum loss loss;
    bool is_running; /* while the process runs, or between two */
    bool comes_back; /* the segments do, and are released */
};

struct lost_segment {
    char name[JOURNAL_NAME_BYTES];
    struct buffer body;
};

/* All segments that are there: damaged or deleted; their bytes are kept. */
static unsigned lose_segments(struct bucket_store *objects, const struct losing *losing, struct lost_segment *ret_lost)
{
    struct journal_bucket *bucket = journal_bucket_open(objects, SYSTEM, SPAN_EMPTY);
    struct journal_store *store = journal_bucket_store(bucket);
    struct store_page *page = malloc(sizeof *page);
    struct error error;
    ck_assert_int_eq(store->list(store, SEGMENTS_PREFIX, SEGMENTS_PREFIX, page, deadline_after_ms(300000)), STORE_DONE);
    for (unsigned i = 0; i < page->count; i++) {
        struct store_etag etag;
        memcpy(ret_lost[i].name, page->names[i], JOURNAL_NAME_BYTES);
        buffer_init(&ret_lost[i].body, 0);
        ck_assert_int_eq(store->get(store, page->names[i], NULL, &ret_lost[i].body, &etag, deadline_after_ms(300000)),
                         STORE_DONE);
        if (losing->loss == LOSS_DAMAGE)
            put(objects, SYSTEM, text(page->names[i]), span_take(buffer_span(&ret_lost[i].body), 60));
        else
            ck_assert(try_delete(objects, SYSTEM, text(page->names[i]), &error));
    }
    unsigned count = page->count;
    free(page);
    journal_bucket_close(bucket);
    return count;
}

static void wait_for_sum(const struct process *process, int64_t expected)
{
    deadline_t deadline = deadline_after_ms(300000);
    while (journal_state(process->journal) == NULL || counted(process).original_bytes != expected) {
        ck_assert(loop_now_ns() < deadline);
        pause_ms(5);
    }
}

static void wait_for_quarantine(const struct process *process, unsigned count)
{
    deadline_t deadline = deadline_after_ms(300000);
    while (journal_head(process->journal)->quarantine_count != count) {
        ck_assert(loop_now_ns() < deadline);
        pause_ms(5);
    }
}

static void release_segment(const struct process *process, const char *name)
{
    struct segment_key key;
    struct buffer ops = {0};
    struct error error;
    ck_assert(segment_name_parse(text(name), &key));
    op_put_release(&ops, &key);
    const struct journal_batch batch = {.ops = buffer_span(&ops)};
    ck_assert_int_eq(journal_submit(process->journal, &batch, &error).outcome, JOURNAL_COMMITTED);
    buffer_free(&ops);
}

static void lose_and_count(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard;
    const struct losing *losing = argument;
    static struct memory_spools memory;
    static struct lost_segment lost[64];
    struct process process = {.folds_late = true};
    struct error error;
    memory = (struct memory_spools){.count = 0};
    ck_assert(bucket_create(objects, &(struct bucket_intent){.name = SYSTEM}, &error));
    start_process(&process, objects, &memory);
    for (int i = 1; i <= 4; i++) { /* a segment each, and one that opens */
        add_amount(&memory, i * 100);
        ck_assert(spool_sender_flush(process.sender, deadline_after_ms(300000)));
    }
    ck_assert_int_eq(counted(&process).original_bytes, 1000);
    ck_assert_uint_eq(memory.spools[0].first, 1); /* nothing of it stands in a published head */
    if (!losing->is_running)
        stop_process(&process);
    unsigned count = lose_segments(objects, losing, lost);
    ck_assert_uint_ge(count, 5);
    process.folds_late = false;
    if (!losing->is_running)
        start_process(&process, objects, &memory);
    add_amount(&memory, 1);
    if (losing->is_running) { /* it holds them in memory, until it starts again */
        stop_process(&process);
        start_process(&process, objects, &memory);
    }
    wait_for_sum(&process, 1001);
    if (losing->loss == LOSS_DAMAGE)
        wait_for_quarantine(&process, count);
    wait_for_sum(&process, 1001);
    if (losing->comes_back) {
        for (unsigned i = 0; i < count; i++)
            put(objects, SYSTEM, text(lost[i].name), buffer_span(&lost[i].body));
    }
    for (unsigned i = 0; losing->loss == LOSS_DAMAGE && i < count; i++)
        release_segment(&process, lost[i].name);
    for (unsigned i = 0; losing->loss == LOSS_DAMAGE && journal_head(process.journal)->quarantine_count > 0; i++) {
        ck_assert_uint_lt(i, 1000); /* what is given up waits until its base has left the window */
        add_amount(&memory, 0);
        ck_assert(spool_sender_flush(process.sender, deadline_after_ms(300000)));
        pause_ms(10);
    }
    wait_for_spools(&process, &memory, 1);
    ck_assert_int_eq(counted(&process).original_bytes, 1001);
    ck_assert_uint_eq(spool_sender_counters(process.sender)->spools_cut_off, 0);
    ck_assert(!memory.is_in_doubt);
    stop_process(&process);
    for (unsigned i = 0; i < count; i++)
        buffer_free(&lost[i].body);
}

START_TEST(what_is_lost_before_it_is_folded_is_sent_again)
{
    static const struct losing ways[] = {
        {LOSS_DAMAGE, false, false}, {LOSS_DAMAGE, false, true},    {LOSS_DAMAGE, true, false},
        {LOSS_DAMAGE, true, true},   {LOSS_DELETION, false, false}, {LOSS_DELETION, true, false},
    };
    for (unsigned i = 0; i < sizeof ways / sizeof ways[0]; i++)
        with_new_store(lose_and_count, (void *)(uintptr_t)&ways[i]);
}
END_TEST

/* What was trimmed is gone with the state: nobody can send it again, and everybody is told. */
static void lose_state(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static struct memory_spools memory;
    static struct process process;
    struct error error;
    struct journal_store *store;
    struct store_page *page = malloc(sizeof *page);
    ck_assert(bucket_create(objects, &(struct bucket_intent){.name = SYSTEM}, &error));
    start_process(&process, objects, &memory);
    for (int i = 1; i <= 3; i++) {
        add_amount(&memory, i);
        ck_assert(spool_sender_flush(process.sender, deadline_after_ms(300000)));
    }
    deadline_t deadline = deadline_after_ms(300000);
    for (; memory.spools[0].first < 4; pause_ms(5))
        ck_assert(loop_now_ns() < deadline);
    add_amount(&memory, 10); /* waits */
    stop_process(&process);
    struct journal_bucket *bucket = journal_bucket_open(objects, SYSTEM, SPAN_EMPTY);
    store = journal_bucket_store(bucket); /* a journal begins anew */
    ck_assert_int_eq(store->list(store, "", "", page, deadline_after_ms(300000)), STORE_DONE);
    ck_assert_int_eq(store->delete_names(store, page->names, page->count, deadline_after_ms(300000)), STORE_DONE);
    journal_bucket_close(bucket);
    free(page);
    start_process(&process, objects, &memory);
    add_amount(&memory, 100); /* of another spool, which goes on */
    wait_for_sum(&process, 100);
    ck_assert_uint_eq(spool_sender_counters(process.sender)->spools_cut_off, 1);
    ck_assert_uint_eq(memory.count, 2);
    struct ledger_sums sums = {0};
    bool doubts[SAVINGS_DOUBTS];
    ck_assert(savings_find_doubts(journal_state(process.journal), journal_head(process.journal), &sums, &memory.base,
                                  doubts, &error));
    ck_assert(doubts[SAVINGS_CUT_OFF] && !savings_are_exact(doubts));
    stop_process(&process);
}

START_TEST(a_state_that_lost_what_was_trimmed_is_told)
{
    with_new_store(lose_state, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spool sender");
    TCase *tests = tcase_create("sender");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, records_arrive);
    tcase_add_test(tests, records_count_once_across_crashes);
    tcase_add_test(tests, trouble_is_waited_out);
    tcase_add_test(tests, what_is_lost_before_it_is_folded_is_sent_again);
    tcase_add_test(tests, a_state_that_lost_what_was_trimmed_is_told);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
