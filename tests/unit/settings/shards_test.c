/* tests/unit/settings/shards_test.c -- settings of buckets through shards, keeper and journal, on an embedded store. */
#include "journal/settings/change.h"
#include "journal/settings/documents.h"
#include "server/journal_service.h"
#include "server/settings/keeper.h"
#include "tests/unit/embedded/fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { AT_ONCE = 50, WAIT_MS = 30000 };

/* too large for a fiber's stack */
static struct journal_service service;
static struct backend backend;
static struct settings_keeper keeper;
static struct journal_service_options wanted;

static const struct bucket_info ALICES = {.name = "alices", .owner = "alice", .creation_id = 1001};
static const struct bucket_info BOBS = {.name = "bobs", .owner = "bob", .creation_id = 1002};

/* "bad ..." does not compile. */
static bool compile(const struct bucket_info *bucket, struct span document, struct arena *arena,
                    const void **ret_compiled, struct error *error)
{
    ck_assert_uint_gt(bucket->creation_id, 0);
    if (span_starts_with(document, SPAN("bad")))
        return error_set(error, ERROR_INVALID, "MalformedXML", "It is bad.");
    *ret_compiled = arena_copy(arena, document).data;
    return *ret_compiled != NULL;
}

static const struct setting_kind KINDS[SETTINGS_COUNT] = {
    [SETTING_POLICY] = {.name = "policy", .document_bytes_max = 20 << 10, .compile = compile},
    [SETTING_CORS] = {.name = "cors", .document_bytes_max = 64 << 10},
};

static void pause_ms(uint64_t milliseconds)
{
    struct wait_queue nobody;
    struct error error;
    wait_queue_init(&nobody);
    (void)wait_for(&nobody, deadline_after_ms(milliseconds), &error);
}

static void wait_until(bool (*is_so)(void *argument), void *argument)
{
    deadline_t deadline = deadline_after_ms(WAIT_MS);
    while (!is_so(argument)) {
        ck_assert(loop_now_ns() < deadline);
        pause_ms(5);
    }
}

/* ---- a process ---- */

/* As the server has one that is opened. */
static struct backend backend_of(struct bucket_store *store)
{
    static const struct backend_operations operations; /* no object tells that there was a journal */
    struct backend opened = {.operations = &operations,
                             .store = store,
                             .requests = store,
                             .spool = embedded_spool(store),
                             .home = journal_home_of_store(store)};
    embedded_id(store, opened.home.place.bytes);
    return opened;
}

static void prepare(uint64_t grace_ms, uint64_t sweep_ms)
{
    memset(&service, 0, sizeof service);
    memset(&keeper, 0, sizeof keeper);
    wanted = (struct journal_service_options){
        .poll_ms = 100, .keeper = &keeper, .settings_grace_ms = grace_ms, .settings_sweep_ms = sweep_ms};
}

static struct settings *open_shard(struct bucket_store *store, size_t cache_bytes)
{
    const struct journal_home home = journal_home_of_store(store);
    const struct settings_options options = {
        .keeper = &keeper, .kinds = KINDS, .home = &home, .cache_bytes = cache_bytes};
    return settings_open(&options);
}

static void close_shard(struct settings *settings)
{
    settings_close(settings);
    settings_free(settings);
}

static bool is_known(void *argument)
{
    (void)argument;
    return keeper.journal != NULL && journal_state(keeper.journal) != NULL;
}

/* On shard 0. */
static void start(struct bucket_store *store)
{
    struct error error;
    backend = backend_of(store);
    ck_assert(journal_service_start(&service, &backend, &wanted, &error));
    wait_until(is_known, NULL);
}

/* ---- settings in one call ---- */

static void set(struct settings *settings, const struct bucket_info *bucket, enum bucket_setting setting,
                const char *document)
{
    struct error error;
    bool is_done = settings_put(settings, bucket, setting, text(document), &error);
    ck_assert_msg(is_done, "%s", is_done ? "" : error.message);
}

static void unset(struct settings *settings, const struct bucket_info *bucket, enum bucket_setting setting)
{
    struct error error;
    bool is_done = settings_delete(settings, bucket, setting, &error);
    ck_assert_msg(is_done, "%s", is_done ? "" : error.message);
}

static const struct bucket_settings *pin(struct settings *settings, const struct bucket_info *bucket)
{
    const struct bucket_settings *pinned;
    struct error error;
    bool is_done = settings_pin(settings, bucket, &pinned, &error);
    ck_assert_msg(is_done, "%s", is_done ? "" : error.message);
    return pinned;
}

static void expect(struct settings *settings, const struct bucket_info *bucket, enum bucket_setting setting,
                   const char *document)
{
    const struct bucket_settings *pinned = pin(settings, bucket);
    struct span found = settings_document(pinned, setting);
    ck_assert_msg(span_equal(found, text(document)), "%.*s, not %s", SPAN_FORMAT(found), document);
    if (setting == SETTING_POLICY && document[0] != '\0')
        ck_assert_str_eq(settings_compiled(pinned, setting), document);
    settings_unpin(settings, pinned);
}

static void expect_refused(struct settings *settings, const struct bucket_info *bucket)
{
    const struct bucket_settings *pinned;
    struct error error;
    ck_assert(!settings_pin(settings, bucket, &pinned, &error));
    ck_assert_int_eq(error.kind, ERROR_BUSY);
    ck_assert_str_eq(error.code, "ServiceUnavailable");
}

/* ---- what is set is seen ---- */

static void live(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    prepare(60000, 60000);
    start(store);
    struct settings *settings = open_shard(store, 1 << 20);
    ck_assert_ptr_eq(pin(settings, &ALICES), settings_none());
    set(settings, &ALICES, SETTING_POLICY, "one");
    expect(settings, &ALICES, SETTING_POLICY, "one");
    expect(settings, &ALICES, SETTING_CORS, "");
    ck_assert_ptr_eq(pin(settings, &BOBS), settings_none());

    const struct bucket_settings *before = pin(settings, &ALICES);
    uint64_t misses = metric_read(&settings_counters(settings)->misses);
    expect(settings, &ALICES, SETTING_POLICY, "one");
    ck_assert_uint_eq(metric_read(&settings_counters(settings)->misses), misses);
    set(settings, &ALICES, SETTING_POLICY, "two");
    set(settings, &ALICES, SETTING_CORS, "three");
    expect(settings, &ALICES, SETTING_POLICY, "two");
    expect(settings, &ALICES, SETTING_CORS, "three");
    ck_assert(span_equal(settings_document(before, SETTING_POLICY), text("one")));
    settings_unpin(settings, before);

    ck_assert(!settings_put(settings, &ALICES, SETTING_POLICY, text("bad one"), &error));
    ck_assert_str_eq(error.code, "MalformedXML");
    ck_assert(!settings_put(settings, &ALICES, SETTING_TAGS, text("not offered"), &error));
    ck_assert_str_eq(error.code, "NotImplemented");
    expect(settings, &ALICES, SETTING_POLICY, "two");
    unset(settings, &ALICES, SETTING_POLICY);
    unset(settings, &ALICES, SETTING_POLICY);
    expect(settings, &ALICES, SETTING_POLICY, "");
    expect(settings, &ALICES, SETTING_CORS, "three");
    close_shard(settings);
    journal_service_stop(&service, 0);
}

static bool has_none(void *argument)
{
    struct settings *settings = argument;
    const struct bucket_settings *pinned = pin(settings, &ALICES);
    bool is_none = pinned == settings_none();
    settings_unpin(settings, pinned);
    return is_none;
}

struct pin_beside_load {
    struct settings *settings;
    bool is_done;
};

/* Two fibers: a pin, and one that holds up the loop again and again, as a machine does that has no time. */
static void pin_beside_load(unsigned index, void *argument)
{
    static const struct timespec busy = {.tv_nsec = 150000000};
    struct pin_beside_load *both = argument;
    if (index == 0) {
        ck_assert_ptr_eq(pin(both->settings, &BOBS), settings_none());
        both->is_done = true;
    }
    while (!both->is_done) {
        (void)nanosleep(&busy, NULL);
        pause_ms(1);
    }
}

static void live_again(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    prepare(60000, 60000);
    struct settings *settings = open_shard(store, 1 << 20);
    run_fibers(2, pin_beside_load, &(struct pin_beside_load){.settings = settings}); /* no journal is needed for that */
    start(store);
    expect(settings, &ALICES, SETTING_CORS, "three");
    settings_forget(settings, ALICES.creation_id);
    wait_until(has_none, settings);
    close_shard(settings);
    journal_service_stop(&service, 0);
}

START_TEST(what_is_set_is_seen_and_kept)
{
    char path[64];
    folder_make(path);
    with_store(path, live, NULL);
    with_store(path, live_again, NULL);
    folder_remove(path);
}
END_TEST

/* ---- several shards ---- */

static struct {
    _Atomic unsigned step;
} together;

static bool has_come_to(void *argument)
{
    return atomic_load(&together.step) >= *(unsigned *)argument;
}

static void wait_for_step(unsigned step)
{
    wait_until(has_come_to, &step);
}

static void put_numbered(unsigned index, void *argument)
{
    char document[32];
    (void)snprintf(document, sizeof document, "number %u", index);
    set(argument, &ALICES, SETTING_POLICY, document);
}

static void on_both(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)argument;
    struct settings *settings = open_shard(store, 1 << 20);
    if (shard == 0) {
        start(store);
        atomic_store(&together.step, 1);
        wait_for_step(2);
        expect(settings, &ALICES, SETTING_POLICY, "of shard 1");
        set(settings, &ALICES, SETTING_POLICY, "of shard 0");
        atomic_store(&together.step, 3);
        wait_for_step(4);
        const struct bucket_settings *pinned = pin(settings, &ALICES);
        ck_assert(span_starts_with(settings_document(pinned, SETTING_POLICY), SPAN("number ")));
        settings_unpin(settings, pinned);
        ck_assert_uint_eq(metric_read(&keeper.counters.changes), 2 + AT_ONCE);
        ck_assert_uint_eq(metric_read(&keeper.counters.changes_failed), 0);
        close_shard(settings);
        journal_service_stop(&service, 0);
        return;
    }
    wait_for_step(1);
    ck_assert_ptr_eq(pin(settings, &ALICES), settings_none());
    set(settings, &ALICES, SETTING_POLICY, "of shard 1");
    expect(settings, &ALICES, SETTING_POLICY, "of shard 1");
    atomic_store(&together.step, 2);
    wait_for_step(3);
    expect(settings, &ALICES, SETTING_POLICY, "of shard 0");
    uint64_t began = loop_now_ns();
    run_fibers(AT_ONCE, put_numbered, settings);
    (void)fprintf(stderr, "%d changes of one setting at once: %llu ms\n", (int)AT_ONCE,
                  (unsigned long long)(loop_now_ns() - began) / 1000000);
    const struct bucket_settings *pinned = pin(settings, &ALICES);
    ck_assert(span_starts_with(settings_document(pinned, SETTING_POLICY), SPAN("number ")));
    settings_unpin(settings, pinned);
    close_shard(settings);
    atomic_store(&together.step, 4);
}

START_TEST(every_shard_sees_it_at_once)
{
    char path[64];
    folder_make(path);
    prepare(60000, 60000);
    atomic_store(&together.step, 0);
    const struct embedded_options options = {.shards = 2};
    struct bucket_store *store = open_store(path, &options);
    run_shards(store, 2, on_both, NULL);
    embedded_close(store);
    folder_remove(path);
}
END_TEST

/* ---- never open by default ---- */

static void damage(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    prepare(60000, 60000);
    start(store);
    struct settings *settings = open_shard(store, 1 << 20);
    set(settings, &ALICES, SETTING_POLICY, "one");
    set(settings, &ALICES, SETTING_CORS, "two");
    expect(settings, &ALICES, SETTING_CORS, "two");
    struct setting_record record;
    char name[JOURNAL_NAME_BYTES];
    ck_assert(setting_record_find(journal_state(keeper.journal), ALICES.creation_id, SETTING_POLICY, &record));
    document_name_format(&(struct document_name){ALICES.creation_id, record.document, SETTING_POLICY}, name);
    put(store, SETTINGS_SYSTEM_BUCKET, text(name), text("one!"));
    const struct bucket_settings *pinned = pin(settings, &ALICES);
    ck_assert(settings_are_whole(pinned, &error));
    settings_unpin(settings, pinned);

    unset(settings, &ALICES, SETTING_CORS); /* so that it is read again */
    pinned = pin(settings, &ALICES);
    ck_assert(!settings_are_whole(pinned, &error));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    ck_assert_ptr_null(settings_compiled(pinned, SETTING_POLICY));
    settings_unpin(settings, pinned);
    ck_assert(try_delete(store, SETTINGS_SYSTEM_BUCKET, text(name), &error));
    set(settings, &ALICES, SETTING_CORS, "three");
    pinned = pin(settings, &ALICES);
    ck_assert(!settings_are_whole(pinned, &error));
    ck_assert(span_equal(settings_document(pinned, SETTING_CORS), text("three")));
    settings_unpin(settings, pinned);

    set(settings, &ALICES, SETTING_POLICY, "repaired");
    pinned = pin(settings, &ALICES);
    ck_assert(settings_are_whole(pinned, &error));
    settings_unpin(settings, pinned);
    close_shard(settings);
    journal_service_stop(&service, 0);
}

START_TEST(damage_is_seen_and_can_be_repaired)
{
    with_new_store(damage, NULL);
}
END_TEST

static bool has_lapsed(void *argument)
{
    (void)argument;
    return metric_read(&keeper.counters.lapses) > 0;
}

static bool is_served(void *argument)
{
    const struct bucket_settings *pinned;
    struct error error;
    bool is_done = settings_pin(argument, &ALICES, &pinned, &error);
    if (is_done)
        settings_unpin(argument, pinned);
    return is_done;
}

/* The journal's head, as it is. */
static void read_head(struct bucket_store *store, struct buffer *ret_body)
{
    struct object_name name = name_of(JOURNAL_SYSTEM_BUCKET, text(HEAD_NAME));
    struct bucket_object *object;
    struct error error;
    ck_assert(bucket_open(store, &name, NULL, &object, &error));
    uint64_t size = object->attributes.stored_size;
    buffer_init(ret_body, 0);
    ck_assert(buffer_reserve(ret_body, size));
    ck_assert(bucket_read(object, 0, ret_body->data, size, &error));
    ret_body->size = size;
    bucket_close(object);
}

static void lose_journal(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    prepare(1500, 60000);
    start(store);
    struct settings *settings = open_shard(store, 1 << 20);
    set(settings, &ALICES, SETTING_POLICY, "one");
    pause_ms(
        7000); /* it is folded, and no further fold is due: the head that is taken away is the one that comes back */
    struct buffer head;
    read_head(store, &head);
    ck_assert(try_delete(store, JOURNAL_SYSTEM_BUCKET, text(HEAD_NAME), &error));
    ck_assert(!journal_flush(keeper.journal, &error)); /* now it is noticed */
    expect(settings, &ALICES, SETTING_POLICY, "one");  /* the last that is known holds for a while */
    wait_until(has_lapsed, NULL);
    expect_refused(settings, &ALICES);
    ck_assert_ptr_eq(pin(settings, &BOBS), settings_none()); /* nothing could forbid anything there */
    ck_assert(!settings_put(settings, &BOBS, SETTING_POLICY, text("two"), &error));
    ck_assert_str_eq(error.code, "ServiceUnavailable");

    put(store, JOURNAL_SYSTEM_BUCKET, text(HEAD_NAME), buffer_span(&head));
    wait_until(is_served, settings);
    expect(settings, &ALICES, SETTING_POLICY, "one");
    set(settings, &ALICES, SETTING_POLICY, "again");
    buffer_free(&head);
    ck_assert(try_delete(store, JOURNAL_SYSTEM_BUCKET, text(HEAD_NAME), &error));
    close_shard(settings);
    journal_service_stop(&service, 0);
}

static void start_without_journal(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    prepare(60000, 60000);
    struct settings *settings = open_shard(store, 1 << 20);
    struct error error;
    backend = backend_of(store);
    ck_assert(journal_service_start(&service, &backend, &wanted, &error)); /* its head is missing */
    static const struct bucket_info third = {.name = "third", .owner = "bob", .creation_id = 1003};
    ck_assert_ptr_eq(pin(settings, &third), settings_none());
    expect_refused(settings, &ALICES);
    close_shard(settings);
    journal_service_stop(&service, 0);
}

START_TEST(what_is_not_known_is_refused)
{
    char path[64];
    folder_make(path);
    with_store(path, lose_journal, NULL);
    with_store(path, start_without_journal, NULL);
    folder_remove(path);
}
END_TEST

/* ---- what nobody needs goes ---- */

static unsigned documents_of(struct bucket_store *store, uint64_t creation_id)
{
    char prefix[JOURNAL_NAME_BYTES];
    struct arena arena;
    struct list_page page;
    struct error error;
    (void)snprintf(prefix, sizeof prefix, "%016llx/", (unsigned long long)creation_id);
    const struct list_request request = {
        .bucket = SETTINGS_SYSTEM_BUCKET, .prefix = text(prefix), .entries_max = LIST_ENTRIES_MAX};
    arena_init(&arena, 1 << 20);
    ck_assert(bucket_list(store, &request, &arena, &page, &error));
    arena_free(&arena);
    return page.count;
}

struct leftovers {
    struct bucket_store *store;
    uint64_t creation_id;
    unsigned wanted;
};

static bool has_so_many(void *argument)
{
    const struct leftovers *leftovers = argument;
    return documents_of(leftovers->store, leftovers->creation_id) == leftovers->wanted;
}

static void expect_documents(struct bucket_store *store, uint64_t creation_id, unsigned count)
{
    struct leftovers leftovers = {store, creation_id, count};
    wait_until(has_so_many, &leftovers);
}

static void litter(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    struct bucket_info real;
    prepare(60000, 1000);
    start(store);
    struct settings *settings = open_shard(store, 1 << 20);
    ck_assert(bucket_create(
        store, &(struct bucket_intent){.name = text("real"), .owner = text("alice"), .creation_id = 0}, &error));
    ck_assert(bucket_find(store, text("real"), &real, &error));
    set(settings, &real, SETTING_CORS, "kept");
    for (unsigned i = 0; i < 10; i++)
        put_numbered(i, settings); /* of a bucket that is not there */
    set(settings, &real, SETTING_POLICY, "replaced");
    set(settings, &real, SETTING_POLICY, "kept, too");
    expect_documents(store, real.creation_id, 2);
    expect_documents(store, ALICES.creation_id, 0);
    struct setting_record record;
    ck_assert(!setting_record_find(journal_state(keeper.journal), ALICES.creation_id, SETTING_POLICY, &record));
    expect(settings, &real, SETTING_CORS, "kept");
    expect(settings, &real, SETTING_POLICY, "kept, too");
    ck_assert(bucket_delete(store, text("real"), &error));
    settings_forget(settings, real.creation_id);
    expect_documents(store, real.creation_id, 0);
    ck_assert(!setting_record_find(journal_state(keeper.journal), real.creation_id, SETTING_CORS, &record));
    close_shard(settings);
    journal_service_stop(&service, 0);
}

START_TEST(what_nobody_needs_goes)
{
    with_new_store(litter, NULL);
}
END_TEST

static bool is_not_known(void *creation_id)
{
    return !settings_are_known(journal_state(keeper.journal), *(const uint64_t *)creation_id);
}

/* The bucket goes, and the process dies before it could say so: there is no document by which a sweep would meet it. */
static void unset_and_gone(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    struct bucket_info bucket;
    prepare(60000, 300);
    start(store);
    struct settings *settings = open_shard(store, 1 << 20);
    ck_assert(bucket_create(store, &(struct bucket_intent){.name = text("real"), .owner = text("alice")}, &error));
    ck_assert(bucket_find(store, text("real"), &bucket, &error));
    set(settings, &bucket, SETTING_POLICY, "unset");
    ck_assert(settings_delete(settings, &bucket, SETTING_POLICY, &error));
    expect_documents(store, bucket.creation_id, 0);
    ck_assert(!is_not_known(&bucket.creation_id)); /* as long as the bucket is there */
    ck_assert(bucket_delete(store, text("real"), &error));
    set(settings, &ALICES, SETTING_POLICY, "litter");
    wait_until(is_not_known, &bucket.creation_id);
    close_shard(settings);
    journal_service_stop(&service, 0);
}

START_TEST(what_was_unset_goes_with_its_bucket)
{
    with_new_store(unset_and_gone, NULL);
}
END_TEST

/* ---- memory ---- */

static void many(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    enum { BUCKETS = 60, CACHE_BYTES = 256 << 10 };
    static char document[20 << 10];
    prepare(60000, 60000);
    start(store);
    struct settings *settings = open_shard(store, CACHE_BYTES);
    memset(document, 'x', sizeof document - 1);
    for (uint64_t turn = 0; turn < 2; turn++) {
        for (uint64_t i = 0; i < BUCKETS; i++) {
            const struct bucket_info bucket = {.name = "one", .creation_id = 2000 + i};
            (void)snprintf(document, sizeof document, "document %02llu", (unsigned long long)i);
            document[11] = 'x';
            if (turn == 0)
                set(settings, &bucket, SETTING_POLICY, document);
            expect(settings, &bucket, SETTING_POLICY, document);
            ck_assert_uint_le(metric_read(&settings_counters(settings)->cache_bytes), CACHE_BYTES);
        }
    }
    close_shard(settings);
    journal_service_stop(&service, 0);
}

START_TEST(memory_is_bounded)
{
    with_new_store(many, NULL);
}
END_TEST

START_TEST(a_backend_without_them_has_none)
{
    struct error error;
    const struct settings_options options = {.kinds = KINDS, .cache_bytes = 1 << 20};
    struct settings *settings = settings_open(&options);
    const struct bucket_settings *pinned;
    ck_assert(settings_pin(settings, &ALICES, &pinned, &error));
    ck_assert_ptr_eq(pinned, settings_none());
    settings_unpin(settings, pinned);
    ck_assert(!settings_put(settings, &ALICES, SETTING_POLICY, text("one"), &error));
    ck_assert_str_eq(error.code, "NotImplemented");
    ck_assert(settings_delete(settings, &ALICES, SETTING_POLICY, &error));
    settings_forget(settings, ALICES.creation_id);
    close_shard(settings);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settings-shards");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 120);
    tcase_add_test(all, what_is_set_is_seen_and_kept);
    tcase_add_test(all, every_shard_sees_it_at_once);
    tcase_add_test(all, damage_is_seen_and_can_be_repaired);
    tcase_add_test(all, what_is_not_known_is_refused);
    tcase_add_test(all, what_nobody_needs_goes);
    tcase_add_test(all, what_was_unset_goes_with_its_bucket);
    tcase_add_test(all, memory_is_bounded);
    tcase_add_test(all, a_backend_without_them_has_none);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
