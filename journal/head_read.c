/* journal/head_read.c -- reads the head, judges it, and brings the replica to its generation. */
#include "journal/part.h"
#include "journal/replica.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

/* The segments that the generations between two heads folded, in order. */
struct folded {
    struct segment_key *keys;
    uint64_t *generations;
    size_t count;
};

static void head_is_unreadable(struct journal *journal, const struct error *error)
{
    if (error->kind == ERROR_UNSUPPORTED) {
        replica_halt(journal, JOURNAL_HEAD_NEWER, ALARM_HEAD_DAMAGED);
        return;
    }
    if (++journal->head_damaged_reads < FAILED_READS_ARE_DAMAGE)
        replica_alarm(journal, ALARM_HEAD_DAMAGED); /* it may have been the way here that damaged it */
    else
        replica_halt(journal, JOURNAL_HEAD_DAMAGED, ALARM_HEAD_DAMAGED);
}

/* A good head ends what a bad one began. That its checkpoint can be loaded shows later. */
static void recover(struct journal *journal)
{
    if (journal->halt != JOURNAL_CHECKPOINT_LOST)
        journal->is_halted = false;
}

enum store_answer head_read(struct journal *journal, struct head *ret_head, struct buffer *ret_body,
                            struct store_etag *ret_etag)
{
    struct journal_store *store = journal->environment.store;
    struct error error;
    uint64_t known = journal->has_head ? journal->head->generation : 0;
    buffer_clear(ret_body);
    enum store_answer answer = store->get(store, HEAD_NAME, NULL, ret_body, ret_etag, replica_deadline(journal));
    if (answer == STORE_NOT_FOUND && journal->has_head)
        replica_halt(journal, JOURNAL_HEAD_MISSING, ALARM_HEAD_MISSING);
    if (answer != STORE_DONE)
        return answer;
    if (!head_decode(buffer_span(ret_body), ret_head, &error)) {
        head_is_unreadable(journal, &error);
        return STORE_UNKNOWN;
    }
    journal->head_damaged_reads = 0;
    if (!journal->has_head && ret_head->generation < journal->newest_copy && !MUTATED(older_head_accepted)) {
        replica_halt(journal, JOURNAL_WENT_BACK, ALARM_GENERATION_WENT_BACK); /* the copy is of a head that was there */
        return STORE_UNKNOWN;
    }
    if (!journal->has_head) {
        recover(journal);
        return STORE_DONE;
    }
    const struct head_ancestor *now = head_ancestor(ret_head, journal->head->generation);
    if (!journal_id_equal(&ret_head->lineage, &journal->head->lineage) ||
        (now != NULL && !journal_id_equal(&now->nonce, head_nonce(journal->head)))) {
        if (MUTATED(lineage_ignored))
            return STORE_DONE;
        replica_halt(journal, JOURNAL_OTHER_LINEAGE, ALARM_LINEAGE);
        return STORE_UNKNOWN;
    }
    if (ret_head->generation < known && !MUTATED(older_head_accepted)) {
        /* asked after we knew better: not a late answer */
        replica_halt(journal, JOURNAL_WENT_BACK, ALARM_GENERATION_WENT_BACK);
        return STORE_UNKNOWN;
    }
    recover(journal);
    return STORE_DONE;
}

/* ---- ledgers ---- */

static void folded_free(struct folded *folded)
{
    free(folded->keys);
    free(folded->generations);
}

static void note_part(struct journal *journal, enum store_answer answer, bool is_good)
{
    if (answer == STORE_NOT_FOUND || (answer == STORE_DONE && !is_good))
        replica_alarm(journal, ALARM_PART_MISSING); /* counted; the head is read again anyway */
}

static bool read_ledger(struct journal *journal, uint64_t generation, const struct head_ancestor *ancestor,
                        struct folded *folded)
{
    struct part_name part = {generation, ancestor->nonce, PART_LEDGER};
    char name[JOURNAL_NAME_BYTES];
    struct buffer body;
    struct store_etag etag;
    struct error error;
    struct segment_key *keys = NULL;
    uint32_t count = 0;
    if (MUTATED(part_names_without_nonce))
        memset(&part.nonce, 0, sizeof part.nonce);
    part_name_format(&part, name);
    buffer_init(&body, PART_BYTES_MAX);
    struct journal_store *store = journal->environment.store;
    enum store_answer answer = store->get(store, name, NULL, &body, &etag, replica_deadline(journal));
    bool is_good = answer == STORE_DONE && ledger_decode(buffer_span(&body), &part, &keys, &count, &error) &&
                   count == ancestor->folded_count;
    buffer_free(&body);
    note_part(journal, answer, is_good);
    if (is_good) {
        folded->keys = realloc(folded->keys, (folded->count + count) * sizeof *keys);
        folded->generations = realloc(folded->generations, (folded->count + count) * sizeof(uint64_t));
        ASSERT(folded->keys != NULL && folded->generations != NULL);
        for (uint32_t i = 0; i < count; i++) {
            folded->keys[folded->count] = keys[i];
            folded->generations[folded->count++] = generation;
        }
    }
    free(keys);
    return is_good;
}

/* Of the generations behind `after`, as far as the head remembers. */
static bool read_ledgers(struct journal *journal, const struct head *head, uint64_t after, struct folded *folded)
{
    uint64_t oldest = head->generation - head->ancestors_count + 1;
    for (uint64_t generation = after + 1 > oldest ? after + 1 : oldest; generation <= head->generation; generation++) {
        const struct head_ancestor *ancestor = head_ancestor(head, generation);
        if (ancestor->folded_count > 0 && !read_ledger(journal, generation, ancestor, folded))
            return false;
    }
    return true;
}

static void remember_folded(struct journal *journal, const struct folded *folded)
{
    for (size_t i = 0; i < folded->count; i++) {
        uint8_t stored[SEGMENT_KEY_STORED_BYTES];
        segment_key_store(&folded->keys[i], stored);
        struct span key = span_of(stored, sizeof stored);
        (void)entries_put(&journal->ledger, key, entries_hash(key), span_of(&folded->generations[i], 8));
    }
}

static void forget_old_ledgers(struct journal *journal, const struct head *head)
{
    uint64_t horizon = MUTATED(short_ledger) ? 2 : head->horizon;
    struct entries kept = {0};
    size_t at = 0;
    for (const struct entry *entry; (entry = entries_next(&journal->ledger, &at)) != NULL;) {
        if (load_u64_le(entry_value(entry).data) + horizon > head->generation)
            (void)entries_put(&kept, entry_key(entry), entry->hash, entry_value(entry));
    }
    entries_free(&journal->ledger);
    journal->ledger = kept;
}

/* ---- the checkpoint ---- */

static bool bodies_are_here(struct journal *journal, const struct folded *folded)
{
    for (size_t i = 0; i < folded->count; i++) {
        const struct tail_segment *item = tail_find(journal, &folded->keys[i]);
        if (item == NULL || item->state != BODY_GOOD)
            return false;
    }
    return true;
}

/* Repeats what the folds did, over the base, as fold.c does it: segments, then expiry, then releases. */
static bool advance_base(struct journal *journal, const struct head *head, const struct folded *folded)
{
    if (journal->head->quarantine_count > 0)
        return false; /* releases of the generations between are not known: load */
    struct state state;
    uint64_t digest = journal->head->digest;
    size_t at = 0;
    for (uint64_t generation = journal->head->generation + 1; generation <= head->generation; generation++) {
        state_init(&state, &journal->base, digest);
        for (; at < folded->count && folded->generations[at] == generation; at++)
            apply_segment(&state, &tail_find(journal, &folded->keys[at])->segment, generation);
        if (generation > head->horizon)
            state_expire(&state, generation - head->horizon);
        digest = state.digest;
        layer_absorb(&journal->base, &state.changes);
    }
    if (digest != head->digest)
        replica_alarm(journal, ALARM_DIGEST); /* J24: warm is not cold */
    return digest == head->digest;
}

bool head_read_layer(struct journal *journal, const struct head_layer *layer, struct layer *into)
{
    struct part_name part = {layer->generation, layer->nonce, PART_STATE};
    char name[JOURNAL_NAME_BYTES];
    struct buffer body;
    struct store_etag etag;
    struct error error;
    if (MUTATED(part_names_without_nonce))
        memset(&part.nonce, 0, sizeof part.nonce);
    part_name_format(&part, name);
    buffer_init(&body, PART_BYTES_MAX);
    struct journal_store *store = journal->environment.store;
    enum store_answer answer = store->get(store, name, NULL, &body, &etag, replica_deadline(journal));
    bool is_good = answer == STORE_DONE && state_part_decode(buffer_span(&body), &part, into, &error);
    buffer_free(&body);
    note_part(journal, answer, is_good);
    return is_good;
}

static bool load_base(struct journal *journal, const struct head *head, struct layer *ret_base)
{
    struct layer stacked = {0};
    for (uint32_t i = 0; i < head->layers_count; i++) {
        if (!head_read_layer(journal, &head->layers[i], &stacked)) {
            layer_free(&stacked);
            return false;
        }
    }
    layer_absorb(ret_base, &stacked); /* what is deleted in all layers is gone */
    if (layer_digest(ret_base) == head->digest)
        return true;
    replica_alarm(journal, ALARM_DIGEST);
    layer_free(ret_base);
    return false;
}

static void install(struct journal *journal, const struct head *head, struct span body, const struct store_etag *etag,
                    const struct folded *folded)
{
    *journal->head = *head;
    journal->has_head = true;
    journal->head_etag = *etag;
    buffer_clear(&journal->head_body);
    buffer_append(&journal->head_body, body);
    journal->head_first_read_ns = replica_now(journal);
    remember_folded(journal, folded);
    forget_old_ledgers(journal, head);
    state_free(&journal->view);
    state_init(&journal->view, NULL, 0);
    journal->applied_count = 0;
    if (journal->is_ready)
        replica_publish(journal); /* without a gap for readers */
}

static bool adopt(struct journal *journal, const struct head *head, struct span body, const struct store_etag *etag)
{
    struct folded folded = {0};
    struct layer loaded = {0};
    uint64_t known = journal->has_head ? journal->head->generation : 0;
    bool is_near = journal->has_head && head_ancestor(head, known) != NULL && head->generation > known;
    if (!read_ledgers(journal, head, is_near ? known : 0, &folded)) {
        folded_free(&folded);
        return false;
    }
    /* from here to publishing a warm replica does not suspend, unless it has to load */
    if (is_near && bodies_are_here(journal, &folded) && journal->head->quarantine_count == 0 &&
        head->quarantine_count == 0) {
        if (advance_base(journal, head, &folded)) {
            install(journal, head, body, etag, &folded);
            folded_free(&folded);
            return true;
        }
        journal->is_ready = false; /* the base is spoilt: nothing is served until it has been loaded */
    }
    journal->counters.cold_loads++;
    bool is_loaded = load_base(journal, head, &loaded);
    if (is_loaded) {
        state_free(&journal->view);
        layer_free(&journal->base);
        journal->base = loaded;
        if (!is_near)
            entries_free(&journal->ledger);
        install(journal, head, body, etag, &folded);
    } else if (!journal->is_ready && journal->has_head) {
        journal->has_head = false; /* next time as if for the first time */
    }
    folded_free(&folded);
    return is_loaded;
}

/* A part that is not there belongs to a head that has been replaced meanwhile; or, when the head stays, is lost. */
static void note_failure(struct journal *journal, const struct head *head, uint64_t alarms)
{
    if (alarms == journal->counters.alarms[ALARM_PART_MISSING] + journal->counters.alarms[ALARM_DIGEST])
        return;
    if (journal->lost_generation != head->generation)
        journal->lost_loads = 0;
    journal->lost_generation = head->generation;
    if (++journal->lost_loads >= FAILED_READS_ARE_DAMAGE)
        replica_halt(journal, JOURNAL_CHECKPOINT_LOST, ALARM_PART_MISSING);
}

bool head_adopt(struct journal *journal, const struct head *head, struct span body, const struct store_etag *etag)
{
    journal->head_read_ns = replica_now(journal);
    if (journal->has_head && head->generation == journal->head->generation)
        return true;
    uint64_t alarms = journal->counters.alarms[ALARM_PART_MISSING] + journal->counters.alarms[ALARM_DIGEST];
    if (!adopt(journal, head, body, etag)) {
        note_failure(journal, head, alarms);
        return false;
    }
    journal->lost_loads = 0;
    if (journal->halt == JOURNAL_CHECKPOINT_LOST) {
        journal->halt = JOURNAL_RUNS;
        journal->is_halted = false;
    }
    return true;
}
