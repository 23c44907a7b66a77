/* journal/report/report.c -- gathers what an operator sees: of a journal that runs, or cold of a store. */
#include "journal/report/report.h"

#include "journal/format/part.h"
#include "journal/ground/ground.h"
#include "journal/repair/cold.h"
#include "journal/replica/replica.h"
#include "journal/savings/ledger.h"
#include "runtime/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

enum { SCANNED_ENTRIES_MAX = 1 << 16 }; /* of a journal that serves: a shard waits for it */

/* ---- lists ---- */

static void add_finding(struct journal_report *report, const char *name, const char *text, bool is_harmless)
{
    if (report->findings_count == REPORT_FINDINGS_MAX) {
        report->findings_dropped++;
        return;
    }
    if (report->findings == NULL)
        report->findings = calloc(REPORT_FINDINGS_MAX, sizeof *report->findings);
    ASSERT(report->findings != NULL);
    struct report_finding *finding = &report->findings[report->findings_count++];
    (void)snprintf(finding->name, sizeof finding->name, "%s", name);
    (void)snprintf(finding->text, sizeof finding->text, "%s", text);
    finding->is_harmless = is_harmless;
    report->harmless_count += is_harmless;
}

static struct report_spool *add_spool(struct journal_report *report, const uint8_t id[SPOOL_ID_BYTES])
{
    for (unsigned i = 0; i < report->spools_count; i++) {
        if (memcmp(report->spools[i].id, id, SPOOL_ID_BYTES) == 0)
            return &report->spools[i];
    }
    report->spools = realloc(report->spools, (report->spools_count + 1) * sizeof *report->spools);
    ASSERT(report->spools != NULL);
    struct report_spool *added = &report->spools[report->spools_count++];
    *added = (struct report_spool){0};
    memcpy(added->id, id, SPOOL_ID_BYTES);
    return added;
}

static void add_open_spool(struct journal_report *report, const struct state *state, struct span id)
{
    struct journal_id spool;
    uint64_t last;
    if (id.size != sizeof spool)
        return;
    memcpy(&spool, id.data, sizeof spool);
    if (!state_spool_last(state, &spool, &last))
        return;
    struct report_spool *added = add_spool(report, spool.bytes);
    added->is_open = true;
    added->last = last;
}

static void find_open_spools(struct journal_report *report, const struct state *state, const struct entries *entries)
{
    size_t at = 0;
    for (const struct entry *entry; (entry = entries_next(entries, &at)) != NULL;) {
        struct span key = entry_key(entry);
        if (key.size > 3 && key.data[0] == SPACE_JOURNAL && key.data[1] == TYPE_SPOOL)
            add_open_spool(report, state, span_skip(key, 3));
    }
}

static void find_local_spools(struct journal_report *report, const struct state *state, struct spool *spool)
{
    struct buffer infos = {0};
    struct error error;
    if (spool == NULL || !spool->operations->list(spool, &infos, &error)) {
        buffer_free(&infos);
        return;
    }
    for (size_t at = 0; at + sizeof(struct spool_info) <= infos.size; at += sizeof(struct spool_info)) {
        struct spool_info info;
        memcpy(&info, infos.data + at, sizeof info);
        if (state != NULL)
            add_open_spool(report, state, span_of(info.id, sizeof info.id));
        struct report_spool *added = add_spool(report, info.id);
        added->is_local = true;
        added->is_own = info.is_own;
        added->last_frozen = info.last_frozen;
        added->has_unsent = info.has_open || (info.first != 0 && info.last_frozen > added->last);
        added->created_ms = info.created_ms;
        added->is_cut_off = state != NULL && ledger_spool_is_cut_off(state, &info);
    }
    buffer_free(&infos);
}

/* ---- writers ---- */

struct writer_seen {
    uint64_t segments, clock;
};

static void saw_segment(struct entries *writers, const struct segment_key *key, bool is_live)
{
    struct span id = span_of(&key->writer, sizeof key->writer);
    uint64_t hash = entries_hash(id);
    const struct entry *entry = entries_find(writers, id, hash);
    struct writer_seen seen = {0};
    if (entry != NULL)
        memcpy(&seen, entry_value(entry).data, sizeof seen);
    seen.segments += is_live;
    if (key->clock > seen.clock)
        seen.clock = key->clock;
    (void)entries_put(writers, id, hash, span_of(&seen, sizeof seen));
}

static void saw_roll(struct entries *writers, const struct entries *covered)
{
    size_t at = 0;
    for (const struct entry *entry; (entry = entries_next(covered, &at)) != NULL;) {
        struct segment_key key = segment_key_load(entry_key(entry).data);
        saw_segment(writers, &key, false);
    }
}

static void take_writers(struct journal_report *report, struct entries *writers)
{
    const struct entry **sorted = entries_sorted(writers);
    report->writers = calloc(writers->count + 1, sizeof *report->writers);
    ASSERT(report->writers != NULL);
    for (size_t i = 0; i < writers->count; i++) {
        struct writer_seen seen;
        struct report_writer *writer = &report->writers[report->writers_count++];
        memcpy(&writer->id, entry_key(sorted[i]).data, sizeof writer->id);
        memcpy(&seen, entry_value(sorted[i]).data, sizeof seen);
        writer->segments = seen.segments;
        writer->clock = seen.clock;
    }
    free(sorted);
    entries_free(writers);
}

static void count_live(struct journal_report *report, struct entries *writers, const struct segment_key *key,
                       bool is_live, size_t bytes)
{
    saw_segment(writers, key, is_live);
    report->live_segments += is_live;
    report->held_segments += !is_live;
    report->live_bytes += bytes;
    if (report->oldest_clock == 0 || key->clock < report->oldest_clock)
        report->oldest_clock = key->clock;
}

/* ---- a journal that runs ---- */

void report_of_journal(const struct journal *journal, struct spool *spool, struct journal_report *ret_report)
{
    struct entries writers = {0};
    *ret_report = (struct journal_report){.is_running = true, .condition = journal_condition(journal)};
    (void)snprintf(ret_report->detail, sizeof ret_report->detail, "%s", journal_condition_detail(journal));
    ret_report->now_ms = clock_wall_ms(journal->environment.clock);
    ret_report->age_ms = journal_age_ns(journal) / 1000000;
    ret_report->counters = journal->counters;
    ret_report->has_head = journal->shown.has_head;
    const struct state *state = journal_state(journal);
    if (journal->shown.has_head)
        ret_report->head = *journal->shown.head;
    for (size_t i = 0; i < journal->tail.count; i++) {
        const struct tail_segment *item = journal->tail.items[i];
        count_live(ret_report, &writers, &item->key, item->is_live, item->body.size);
    }
    saw_roll(&writers, &journal->shown.covered.by_key);
    take_writers(ret_report, &writers);
    if (state == NULL)
        return;
    ret_report->entries = layer_count(&journal->shown.base) + layer_count(&state->changes);
    ret_report->state_bytes = layer_bytes(&journal->shown.base) + layer_bytes(&state->changes);
    find_open_spools(ret_report, state, &state->changes.data);
    find_open_spools(ret_report, state, &journal->shown.recent.data);
    if (journal->shown.base.data.count <= SCANNED_ENTRIES_MAX)
        find_open_spools(ret_report, state, &journal->shown.base.data);
    find_local_spools(ret_report, state, spool);
}

/* ---- every object ---- */

struct verifying {
    const struct journal_environment *environment;
    struct journal_report *report;
    const struct checkpoint *checkpoint; /* NULL: no good head */
    struct buffer body;
    struct checkpoint *copy;
    bool is_leftover; /* nothing depends on the object that is looked at */
};

/* Bytes of the object, or false: gone since it was listed. Damage is read again: it may be the way's. */
static bool read_object(struct verifying *verifying, const char *name, size_t limit, struct error *error)
{
    struct store_etag etag;
    verifying->body.limit = limit;
    return cold_get(verifying->environment, name, &verifying->body, &etag, error);
}

static bool is_named(const struct head *head, const struct part_name *part)
{
    const struct head_ancestor *ancestor = head_ancestor(head, part->generation);
    if (part->kind == PART_ROLL)
        return ancestor != NULL && journal_id_equal(&ancestor->nonce, &part->nonce);
    for (uint32_t i = 0; i < head->layers_count; i++) {
        if (head->layers[i].generation == part->generation && journal_id_equal(&head->layers[i].nonce, &part->nonce))
            return true;
    }
    return false;
}

static bool verify_segment(struct verifying *verifying, const struct segment_key *key, const char *name,
                           struct error *error)
{
    struct segment segment;
    const struct checkpoint *checkpoint = verifying->checkpoint;
    bool is_settled = checkpoint != NULL && checkpoint_settles(checkpoint, key);
    verifying->is_leftover = is_settled && head_find_quarantined(&checkpoint->head, key) == NULL;
    if (!read_object(verifying, name, SEGMENT_BYTES_MAX, error) ||
        !segment_decode_named(buffer_span(&verifying->body), key, &segment, error))
        return false;
    if (checkpoint != NULL && !is_settled && !journal_id_equal(&segment.lineage, &checkpoint->head.lineage))
        return error_set(error, ERROR_DAMAGED, NULL, "it is of another lineage and never counts");
    return true;
}

static bool verify_part(struct verifying *verifying, const struct part_name *part, const char *name,
                        struct error *error)
{
    verifying->is_leftover = verifying->checkpoint != NULL && !is_named(&verifying->checkpoint->head, part);
    if (!read_object(verifying, name, PART_BYTES_MAX, error))
        return false;
    if (part->kind == PART_ROLL) {
        struct segment_key *keys = NULL;
        uint32_t count;
        bool is_good = roll_decode(buffer_span(&verifying->body), part, &keys, &count, error);
        free(keys);
        return is_good;
    }
    struct layer layer = {0};
    bool is_good = state_part_decode(buffer_span(&verifying->body), part, &layer, error);
    layer_free(&layer);
    return is_good;
}

static bool verify_copy(struct verifying *verifying, uint64_t generation, const struct journal_id *nonce,
                        const char *name, struct error *error)
{
    const struct head *head = &verifying->copy->head;
    if (!cold_read_head(verifying->environment, name, verifying->copy, error))
        return false;
    buffer_clear(&verifying->body);
    buffer_append(&verifying->body, buffer_span(&verifying->copy->head_body));
    if (head->generation != generation || !journal_id_equal(head_nonce(head), nonce))
        return error_set(error, ERROR_DAMAGED, NULL, "it holds another head than its name says");
    const struct checkpoint *checkpoint = verifying->checkpoint;
    const struct head_ancestor *known = checkpoint == NULL ? NULL : head_ancestor(&checkpoint->head, generation);
    if (known != NULL && !journal_id_equal(&known->nonce, nonce))
        return error_set(error, ERROR_DAMAGED, NULL, "it is a copy of a head that the head does not descend from");
    return true;
}

static bool verify_object(struct verifying *verifying, const char *name, struct error *error)
{
    struct span span = span_from_string(name);
    struct segment_key key;
    struct part_name part;
    struct journal_id nonce;
    uint64_t generation;
    struct ground ground;
    if (segment_name_parse(span, &key))
        return verify_segment(verifying, &key, name, error);
    if (part_name_parse(span, &part))
        return verify_part(verifying, &part, name, error);
    if (head_copy_name_parse(span, &generation, &nonce))
        return verify_copy(verifying, generation, &nonce, name, error);
    if (strcmp(name, HEAD_NAME) == 0)
        return read_object(verifying, name, HEAD_BYTES_MAX, error) &&
               head_decode(buffer_span(&verifying->body), &verifying->copy->head, error);
    if (strcmp(name, GROUND_NAME) == 0)
        return read_object(verifying, name, HEAD_BYTES_MAX, error) &&
               ground_decode(buffer_span(&verifying->body), &ground, error);
    if (strcmp(name, BELL_NAME) == 0)
        return read_object(verifying, name, HEAD_BYTES_MAX, error);
    if (strncmp(name, PROBES_PREFIX, strlen(PROBES_PREFIX)) != 0)
        return error_set(error, ERROR_DAMAGED, NULL, "this is no object of a journal");
    verifying->is_leftover = true;
    return read_object(verifying, name, HEAD_BYTES_MAX, error);
}

static bool verify_name(const char *name, void *context, struct error *error)
{
    struct verifying *verifying = context;
    struct error found = {0};
    bool is_good = false;
    buffer_clear(&verifying->body);
    verifying->is_leftover = false;
    for (unsigned i = 0; i < FAILED_READS_ARE_DAMAGE && !is_good; i++) {
        is_good = verify_object(verifying, name, &found);
        if (!is_good && found.kind == ERROR_NOT_FOUND)
            return true; /* removed since it was listed; what must not be removed is looked for elsewhere */
        if (!is_good && found.kind == ERROR_BUSY) {
            *error = found;
            return false;
        }
    }
    verifying->report->checked_objects++;
    verifying->report->leftovers += verifying->is_leftover;
    verifying->report->checked_bytes += verifying->body.size;
    if (!is_good)
        add_finding(verifying->report, name, found.message, verifying->is_leftover);
    return true;
}

static bool verify_all(const struct journal_environment *environment, const struct checkpoint *checkpoint,
                       struct journal_report *report, struct error *error)
{
    struct verifying verifying = {environment, report, checkpoint, {0}, calloc(1, sizeof *verifying.copy), false};
    ASSERT(verifying.copy != NULL);
    report->is_verified = true;
    bool is_read = cold_list(environment, "", "", verify_name, &verifying, error);
    checkpoint_free(verifying.copy);
    free(verifying.copy);
    buffer_free(&verifying.body);
    return is_read;
}

/* ---- cold ---- */

static bool note_copy(const char *name, void *context, struct error *error)
{
    (void)error;
    cold_take_copy(context, name);
    return true;
}

/* They were read while the head stayed: one that was written under a later head says that this is an old one. */
static bool have_later_base(const struct cold_segments *segments, const struct head *head)
{
    bool have_later = false;
    for (size_t i = 0; i < segments->count; i++) {
        const struct cold_segment *item = &segments->items[i];
        have_later |= item->state == COLD_GOOD && !item->is_other_lineage && item->key.base > head->generation;
    }
    return have_later;
}

static void report_segments(struct journal_report *report, const struct cold_segments *segments,
                            const struct checkpoint *checkpoint)
{
    struct entries writers = {0};
    for (size_t i = 0; i < segments->count; i++) {
        const struct cold_segment *item = &segments->items[i];
        char name[JOURNAL_NAME_BYTES];
        segment_name_format(&item->key, name);
        count_live(report, &writers, &item->key, item->is_live, item->body.size);
        if (item->state == COLD_GONE)
            add_finding(report, name, "it was listed and is gone, and no fold has taken it", false);
        else if (item->state == COLD_DAMAGED && !report->is_verified) /* else it has been named already */
            add_finding(report, name, "it is damaged; a fold will put it into quarantine", false);
        else if (item->state == COLD_NEWER)
            add_finding(report, name, "it is of a later version, nothing is folded past it: upgrade this program",
                        false);
    }
    saw_roll(&writers, &checkpoint->covered.by_key);
    take_writers(report, &writers);
}

static void report_state(struct journal_report *report, const struct checkpoint *checkpoint,
                         const struct cold_segments *segments, struct spool *spool)
{
    struct state state;
    cold_derive(checkpoint, segments, false, checkpoint->head.generation + 1, &state);
    report->entries = layer_count(&checkpoint->base) + layer_count(&state.changes);
    report->state_bytes = layer_bytes(&checkpoint->base) + layer_bytes(&state.changes);
    find_open_spools(report, &state, &checkpoint->base.data);
    find_open_spools(report, &state, &state.changes.data);
    find_local_spools(report, &state, spool);
    state_free(&state);
}

static enum journal_condition condition_of_head(const struct journal_environment *environment,
                                                const struct error *error, struct journal_report *report)
{
    bool is_empty = false;
    if (error->kind == ERROR_NOT_FOUND && !report->has_head)
        return ground_is_empty(environment, COLD_REQUEST_MS, &is_empty) && is_empty ? JOURNAL_NOT_READY
                                                                                    : JOURNAL_HEAD_MISSING;
    if (error->kind == ERROR_UNSUPPORTED)
        return JOURNAL_HEAD_NEWER;
    return report->has_head ? JOURNAL_CHECKPOINT_LOST : JOURNAL_HEAD_DAMAGED;
}

static bool look_at_place(const struct journal_environment *environment, struct journal_report *report,
                          struct error *error)
{
    struct ground ground;
    if (ground_read(environment, COLD_REQUEST_MS, &ground, error)) {
        if (!journal_id_equal(&ground.place, &environment->place) && !journal_id_is_zero(&environment->place))
            report->condition = JOURNAL_IS_COPY;
        return true;
    }
    if (error->kind == ERROR_BUSY)
        return false;
    report->condition = JOURNAL_GROUND_MISSING;
    return true;
}

/* True: it could be said how the journal stands; *ret_is_whole: by a head whose checkpoint was loaded. */
static bool look_at_journal(const struct journal_environment *environment, struct journal_report *report,
                            struct checkpoint *checkpoint, struct cold_segments *segments, bool *ret_is_whole,
                            struct error *error)
{
    struct cold_copies copies = {0};
    if (!look_at_place(environment, report, error) ||
        !cold_list(environment, HEADS_PREFIX, HEADS_PREFIX, note_copy, &copies, error))
        return false;
    *ret_is_whole = cold_read(environment, checkpoint, segments, error);
    if (!*ret_is_whole && error->kind == ERROR_BUSY)
        return false;
    struct error found = *ret_is_whole ? (struct error){0} : *error;
    report->has_head = *ret_is_whole || cold_read_head(environment, HEAD_NAME, checkpoint, error);
    if (report->has_head)
        report->head = checkpoint->head;
    if (*ret_is_whole) {
        uint64_t denying;
        if (!cold_find_denying_copy(environment, &checkpoint->head, &copies, &denying, error))
            return false;
        if (denying != 0 || have_later_base(segments, &checkpoint->head))
            report->condition = JOURNAL_WENT_BACK;
        return true;
    }
    report->condition = condition_of_head(environment, &found, report);
    if (report->condition != JOURNAL_NOT_READY)
        add_finding(report, "", found.message, false);
    else
        (void)snprintf(report->detail, sizeof report->detail, "there is no journal here yet");
    return true;
}

bool report_of_store(const struct journal_environment *environment, bool verify, struct spool *spool,
                     struct journal_report *ret_report, struct error *error)
{
    *ret_report = (struct journal_report){.now_ms = clock_wall_ms(environment->clock)};
    struct checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
    struct cold_segments segments = {0};
    bool is_whole = false;
    ASSERT(checkpoint != NULL);
    bool is_known = look_at_journal(environment, ret_report, checkpoint, &segments, &is_whole, error) &&
                    (!verify || verify_all(environment, is_whole ? checkpoint : NULL, ret_report, error));
    if (is_known && is_whole) {
        report_segments(ret_report, &segments, checkpoint);
        report_state(ret_report, checkpoint, &segments, spool);
    } else if (is_known) {
        find_local_spools(ret_report, NULL, spool);
    }
    cold_segments_free(&segments);
    checkpoint_free(checkpoint);
    free(checkpoint);
    if (!is_known)
        report_free(ret_report);
    return is_known;
}

void report_free(struct journal_report *report)
{
    free(report->spools);
    free(report->writers);
    free(report->findings);
    report->spools = NULL;
    report->writers = NULL;
    report->findings = NULL;
    report->spools_count = report->writers_count = report->findings_count = report->harmless_count = 0;
}

static bool has_cut_off(const struct journal_report *report)
{
    for (unsigned i = 0; i < report->spools_count; i++) {
        if (report->spools[i].is_cut_off)
            return true;
    }
    return false;
}

bool report_is_sound(const struct journal_report *report)
{
    bool is_absent = report->condition == JOURNAL_NOT_READY && !report->has_head && !report->is_running;
    return (report->condition == JOURNAL_RUNS || is_absent) && report->head.quarantine_count == 0 &&
           !has_cut_off(report) && report->findings_count == report->harmless_count;
}
