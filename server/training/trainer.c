/* server/training/trainer.c -- sample, train, judge, publish. */
#include "server/training/trainer.h"

#include "codec/dictionary/dictionary_train.h"
#include "journal/dictionaries/publish.h"
#include "runtime/base/assert.h"
#include "runtime/log/log.h"
#include "s3client/wire/checksum.h"
#include "server/dictionaries/fetch.h"
#include "server/dictionaries/store.h"
#include "server/training/samples.h"

#include <stdlib.h>
#include <string.h>

enum {
    PLAIN_PERCENT_MAX = 90,   /* of what it takes without */
    CURRENT_PERCENT_MAX = 95, /* ... with the dictionary in force */
};

/* One training, on its fiber and on the thread. */
struct session {
    struct dictionary_trainer *trainer;
    struct span bucket;
    struct span prefix;
    uint64_t wanted_creation_id; /* 0: whatever the bucket has */
    uint64_t creation_id;
    struct dictionary_mapping mapping; /* that is wanted */
    struct samples drawn;
    const struct samples *samples; /* the drawn ones, or those that were given */
    struct buffer current;         /* the dictionary in force; empty: none */
    struct training training;
    struct trained trained;
    bool is_trained;
    struct error error;
};

static bool need_journal(const struct dictionary_keeper *keeper, struct error *error)
{
    return (keeper->journal != NULL && journal_state(keeper->journal) != NULL) ||
           error_set(error, ERROR_BUSY, NULL, "the journal has not been read yet");
}

/* Without a mapping of its own a prefix may have that of a shorter one in force. */
static void take_shorter(struct session *session)
{
    const struct dictionary_rules *rules = session->trainer->keeper->board.current;
    const struct dictionary_rule *rule =
        rules == NULL ? NULL : dictionary_rules_find(rules, session->creation_id, session->prefix);
    if (rule != NULL)
        buffer_append(&session->current, dictionary_bytes(rule->dictionary));
}

/* Also without the mapped one's bytes a new one can be made. */
SUSPENDS static bool look(struct session *session, struct training_report *report, struct error *error)
{
    struct dictionary_trainer *trainer = session->trainer;
    struct bucket_info info;
    struct dictionary_mapping mapped;
    if (!bucket_find(trainer->store, session->bucket, &info, error) || !need_journal(trainer->keeper, error) ||
        !journal_flush(trainer->keeper->journal, error)) /* what another replica has published shall be seen */
        return false;
    if (session->wanted_creation_id != 0 && session->wanted_creation_id != info.creation_id)
        return error_set(error, ERROR_CONFLICT, NULL, "the bucket has been made anew");
    session->creation_id = info.creation_id;
    session->mapping = (struct dictionary_mapping){
        .creation_id = info.creation_id, .prefix = session->prefix, .bucket = session->bucket};
    const struct state *state = journal_state(trainer->keeper->journal);
    if (!dictionary_mapping_find(state, info.creation_id, session->prefix, &mapped)) {
        take_shorter(session);
        return true;
    }
    session->mapping.has_previous = true;
    memcpy(session->mapping.previous, mapped.digest, DICTIONARY_ID_DIGEST_BYTES);
    dictionary_id_format(mapped.digest, report->current);
    if (!dictionary_fetch(trainer->store, session->bucket, span_from_string(report->current), &session->current, error))
        buffer_clear(&session->current);
    return true;
}

/* On the thread. */
static void train(void *argument)
{
    struct session *session = argument;
    session->is_trained = dictionary_train(&session->training, &session->trained, &session->error);
}

SUSPENDS static bool make(struct session *session, struct error *error)
{
    struct dictionary_trainer *trainer = session->trainer;
    if (session->samples == NULL) {
        session->samples = &session->drawn;
        if (!samples_draw(trainer->codecs, trainer->store, session->bucket, session->prefix, random_system(),
                          &session->drawn, error))
            return false;
    }
    session->training = (struct training){
        .samples = buffer_span(&session->samples->bytes),
        .sizes = session->samples->sizes,
        .count = session->samples->count,
        .level = trainer->keeper->level,
        .may_be_block = object_codecs_write_blocks(trainer->codecs, trainer->store),
        .current = buffer_span(&session->current),
    };
    if (!offload_run(trainer->thread, train, session, error))
        return false;
    if (!session->is_trained)
        *error = session->error;
    return session->is_trained;
}

static void tell(const struct session *session, struct training_report *report)
{
    const struct trained *trained = &session->trained;
    dictionary_id_of(buffer_span(&trained->dictionary), report->id);
    report->bytes = (uint32_t)trained->dictionary.size;
    report->samples = session->samples->count;
    report->objects = session->samples->seen;
    report->original_bytes = trained->original_bytes;
    report->plain_bytes = trained->plain_bytes;
    report->dictionary_bytes = trained->dictionary_bytes;
    report->current_bytes = trained->current_bytes;
    report->is_worth_it = trained->dictionary_bytes * 100 <= trained->plain_bytes * PLAIN_PERCENT_MAX &&
                          (trained->current_bytes == 0 ||
                           trained->dictionary_bytes * 100 <= trained->current_bytes * CURRENT_PERCENT_MAX);
}

/* The object first: whoever sees the mapping finds it. */
SUSPENDS static bool publish(struct session *session, struct error *error)
{
    struct dictionary_keeper *keeper = session->trainer->keeper;
    const struct trained *trained = &session->trained;
    struct dictionary_mapping *mapping = &session->mapping;
    sha256_of(buffer_span(&trained->dictionary), mapping->digest);
    mapping->bytes = (uint32_t)trained->dictionary.size;
    mapping->saving_permille = (uint16_t)(1000 - trained->dictionary_bytes * 1000 / trained->plain_bytes);
    mapping->samples = session->samples->count;
    mapping->published_ms = clock_wall_ms(clock_system());
    if (!dictionary_put(session->trainer->store, session->bucket, buffer_span(&trained->dictionary), error) ||
        !need_journal(keeper, error) || !dictionaries_publish(keeper->journal, keeper->environment, mapping, error))
        return false;
    dictionary_keeper_refresh(keeper);
    return true;
}

SUSPENDS static bool run(struct session *session, bool is_trial, struct training_report *report, struct error *error)
{
    if (!look(session, report, error) || !make(session, error))
        return false;
    tell(session, report);
    if (is_trial || !report->is_worth_it)
        return true;
    report->is_published = publish(session, error);
    if (report->is_published)
        log_message(LOG_INFO, "new objects under %.*s/%.*s are compressed with the dictionary %s of %u bytes",
                    SPAN_FORMAT(session->bucket), SPAN_FORMAT(session->prefix), report->id, report->bytes);
    return report->is_published;
}

/* What is asked for. */
struct order {
    struct span bucket;
    struct span prefix;
    uint64_t creation_id;          /* 0: whatever the bucket has */
    const struct samples *samples; /* NULL: they are drawn */
    bool is_trial;
};

SUSPENDS static bool train_once(struct dictionary_trainer *trainer, const struct order *order,
                                struct training_report *ret_report, struct error *error)
{
    *ret_report = (struct training_report){0};
    if (trainer->is_busy)
        return error_set(error, ERROR_BUSY, NULL, "another dictionary is being trained, or retired");
    struct session *session = calloc(1, sizeof *session);
    ASSERT(session != NULL);
    trainer->is_busy = true;
    session->trainer = trainer;
    session->bucket = order->bucket;
    session->prefix = order->prefix;
    session->wanted_creation_id = order->creation_id;
    session->samples = order->samples;
    buffer_init(&session->current, DICTIONARY_BYTES_MAX + 1);
    bool done = run(session, order->is_trial, ret_report, error);
    samples_free(&session->drawn);
    buffer_free(&session->trained.dictionary);
    buffer_free(&session->current);
    free(session);
    trainer->is_busy = false;
    return done;
}

SUSPENDS bool trainer_train(struct dictionary_trainer *trainer, struct span bucket, struct span prefix, bool is_trial,
                            struct training_report *ret_report, struct error *error)
{
    const struct order order = {.bucket = bucket, .prefix = prefix, .is_trial = is_trial};
    return train_once(trainer, &order, ret_report, error);
}

SUSPENDS bool trainer_train_on(struct dictionary_trainer *trainer, const struct reservoir_place *place,
                               const struct samples *samples, struct training_report *ret_report, struct error *error)
{
    const struct order order = {
        .bucket = span_from_string(place->bucket),
        .prefix = span_of(place->prefix, place->prefix_size),
        .creation_id = place->creation_id,
        .samples = samples,
    };
    return train_once(trainer, &order, ret_report, error);
}

SUSPENDS bool trainer_unmap(struct dictionary_trainer *trainer, struct span bucket, struct span prefix,
                            struct error *error)
{
    struct dictionary_keeper *keeper = trainer->keeper;
    struct bucket_info info;
    if (!bucket_find(trainer->store, bucket, &info, error) || !need_journal(keeper, error) ||
        !dictionaries_unmap(keeper->journal, keeper->environment, info.creation_id, prefix, error))
        return false;
    dictionary_keeper_refresh(keeper);
    return true;
}
