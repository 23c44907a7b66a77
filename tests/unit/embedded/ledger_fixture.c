/* tests/unit/embedded/ledger_fixture.c -- a journal that never fails, and what it must agree with. */
#include "tests/unit/embedded/ledger_fixture.h"

const struct span bucket = SPAN("bucket");

/* ---- a journal of one replica that never fails: what was sent is in its state ---- */

struct state state;

static void send_record(const struct journal_id *id, uint64_t record, struct span amounts)
{
    struct error error;
    struct buffer ops;
    uint32_t count;
    buffer_init(&ops, 0);
    uint64_t last;
    if (!state_spool_last(&state, id, &last))
        op_put_spool_open(&ops, id);
    ck_assert(ledger_put_record(&ops, id, record, amounts, &error));
    bool is_sound = ops_check(buffer_span(&ops), &count, &error);
    ck_assert_msg(is_sound, "%s", is_sound ? "" : error.message);
    const struct journal_id none = {{0}};
    ck_assert(state_apply_batch(&state, &none, 1, buffer_span(&ops)));
    buffer_free(&ops);
}

/* Sends what is frozen, everything twice; with `trim` it leaves the spool. */
void send_all(struct bucket_store *store, bool trim)
{
    struct error error;
    struct spool *spool = embedded_spool(store);
    struct buffer infos;
    struct buffer amounts;
    buffer_init(&infos, 0);
    buffer_init(&amounts, 0);
    ck_assert(spool_list(spool, &infos, &error));
    const struct spool_info *info = (const struct spool_info *)(const void *)infos.data;
    for (size_t i = 0; i < infos.size / sizeof *info; i++) {
        struct journal_id id;
        memcpy(id.bytes, info[i].id, sizeof id.bytes);
        for (uint64_t record = info[i].first; record != 0 && record <= info[i].last_frozen; record++) {
            buffer_clear(&amounts);
            ck_assert(spool_read(spool, info[i].id, record, &amounts, &error));
            send_record(&id, record, buffer_span(&amounts));
            send_record(&id, record, buffer_span(&amounts));
        }
        if (trim && info[i].last_frozen > 0)
            ck_assert(spool_trim(spool, info[i].id, info[i].last_frozen, &error));
        if (trim && !info[i].is_own && !info[i].has_open)
            ck_assert(spool_remove(spool, info[i].id, &error));
    }
    buffer_free(&infos);
    buffer_free(&amounts);
}

uint64_t freeze(struct bucket_store *store)
{
    struct error error;
    uint64_t last;
    ck_assert(spool_freeze(embedded_spool(store), &last, &error));
    return last;
}

unsigned count_spools(struct bucket_store *store)
{
    struct error error;
    struct buffer infos;
    buffer_init(&infos, 0);
    ck_assert(spool_list(embedded_spool(store), &infos, &error));
    unsigned count = (unsigned)(infos.size / sizeof(struct spool_info));
    buffer_free(&infos);
    return count;
}

/* ---- what is expected ---- */

static void fail_on_difference(void *context, const struct ledger_difference *difference)
{
    (void)context;
    const struct ledger_amounts *rows = &difference->rows;
    const struct ledger_amounts *ledger = &difference->ledger;
    ck_abort_msg("bucket %.*s: the rows have %lld, %lld, %lld, the ledger %lld, %lld, %lld",
                 SPAN_FORMAT(difference->bucket), (long long)rows->objects, (long long)rows->original_bytes,
                 (long long)rows->stored_bytes, (long long)ledger->objects, (long long)ledger->original_bytes,
                 (long long)ledger->stored_bytes);
}

void expect_agreement_in(struct bucket_store *snapshot)
{
    struct error error;
    struct buffer amounts;
    buffer_init(&amounts, 0);
    bool done = ledger_compare(snapshot, &state, fail_on_difference, NULL, &amounts, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    ck_assert_uint_eq(amounts.size, 0);
    buffer_free(&amounts);
}

/* Rows = state + spools, in one transaction. */
void expect_agreement(struct bucket_store *store)
{
    struct error error;
    struct bucket_store *snapshot = embedded_snapshot(store, &error);
    ck_assert_ptr_nonnull(snapshot);
    expect_agreement_in(snapshot);
    embedded_close(snapshot);
}

struct ledger_amounts figure_of(struct bucket_store *store, struct span name)
{
    struct error error;
    struct bucket_info info;
    struct ledger_sums sums = {0};
    ck_assert(bucket_find(store, name, &info, &error));
    ledger_sums_add_state(&sums, &state);
    ck_assert(ledger_sums_add_spool(&sums, &state, embedded_spool(store), &error));
    struct ledger_amounts amounts = ledger_sums_find(&sums, name, info.creation_id);
    ledger_sums_free(&sums);
    return amounts;
}

/* ---- changes ---- */

bool try_write(struct bucket_store *store, struct span name, const char *key, const struct thing *thing,
               struct error *error)
{
    struct write_intent intent = {.name = name_of(name, text(key))};
    struct bucket_writer *writer;
    if (!bucket_begin(store, &intent, &writer, error))
        return false;
    ck_assert(bucket_write(writer, text(thing->body), error));
    struct object_attributes attributes = {.original_size = thing->original, .is_size_known = true};
    etag_of_body(text(thing->body), attributes.etag);
    struct write_result result = {.attributes = &attributes,
                                  .sidecar = thing->sidecar == NULL ? SPAN_EMPTY : text(thing->sidecar),
                                  .condition = thing->condition,
                                  .is_uncounted = thing->is_uncounted};
    struct object_attributes stored;
    return bucket_commit(writer, &result, &stored, error);
}

void write_thing(struct bucket_store *store, const char *key, const struct thing *thing)
{
    struct error error;
    bool done = try_write(store, bucket, key, thing, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
}

void copy_thing(struct bucket_store *store, const char *from, const char *to)
{
    struct error error;
    struct object_name source = name_of(bucket, text(from));
    struct object_name target = name_of(bucket, text(to));
    struct bucket_object *object;
    ck_assert(bucket_open(store, &source, NULL, &object, &error));
    struct object_attributes attributes = object->attributes;
    struct object_attributes stored;
    ck_assert(bucket_copy(object, &target, &(struct write_result){.attributes = &attributes}, &stored, &error));
    bucket_close(object);
}

void drop(struct bucket_store *store, const char *key)
{
    struct error error;
    ck_assert(try_delete(store, bucket, text(key), &error));
}

void make_bucket(struct bucket_store *store)
{
    struct error error;
    ck_assert(bucket_create(store, &(struct bucket_intent){.name = bucket, .owner = text("alice")}, &error));
}

void make_first(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_bucket(store);
}

void begin_test(void)
{
    state_free(&state);
    state_init(&state, NULL, 0);
}
