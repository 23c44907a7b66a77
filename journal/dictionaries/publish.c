/* journal/dictionaries/publish.c -- look, put on a condition, look again. */
#include "journal/dictionaries/publish.h"

enum { LOOKS = 4, LOOK_PAUSE_NS = 200000000, TRIES = 10 };

/* What was answered before, also by another replica, is in the state. */
SUSPENDS static bool look(struct journal *journal, const struct journal_environment *environment, struct error *error)
{
    struct journal_scheduler *scheduler = environment->scheduler;
    bool is_flushed = journal_flush(journal, error);
    for (unsigned looks = 1; looks < LOOKS && !is_flushed; looks++) {
        if (!scheduler->sleep_until(scheduler, clock_monotonic_ns(environment->clock) + LOOK_PAUSE_NS))
            break;
        is_flushed = journal_flush(journal, error);
    }
    return is_flushed &&
           (journal_state(journal) != NULL || error_set(error, ERROR_BUSY, NULL, "the journal has not been read yet"));
}

/* *ret_is_rejected: it surely was not applied; another try may do. */
SUSPENDS static bool submit(struct journal *journal, const struct buffer *ops, bool *ret_is_rejected,
                            struct error *error)
{
    const struct journal_batch batch = {.ops = buffer_span(ops)};
    struct journal_answer answer = journal_submit(journal, &batch, error);
    if (answer.outcome == JOURNAL_UNKNOWN && answer.has_key)
        answer = journal_resolve(journal, &answer.key);
    *ret_is_rejected = answer.outcome == JOURNAL_REJECTED;
    if (answer.outcome == JOURNAL_COMMITTED || answer.outcome == JOURNAL_REJECTED)
        return true;
    if (answer.outcome == JOURNAL_REFUSED)
        return false;
    return error_set(error, ERROR_BUSY, NULL,
                     "the journal does not say whether the change was made; it may show later");
}

static bool is_id(const uint8_t *digest, const uint8_t *id)
{
    return memcmp(digest, id, DICTIONARY_ID_DIGEST_BYTES) == 0;
}

/* Is it there, or has it been followed by another one already? */
static bool is_published(const struct state *state, const struct dictionary_mapping *mapping)
{
    struct dictionary_mapping now;
    return dictionary_mapping_find(state, mapping->creation_id, mapping->prefix, &now) &&
           (is_id(now.digest, mapping->digest) || (now.has_previous && is_id(now.previous, mapping->digest)));
}

static bool may_publish(const struct state *state, const struct dictionary_mapping *mapping)
{
    struct dictionary_mapping now;
    bool is_mapped = dictionary_mapping_find(state, mapping->creation_id, mapping->prefix, &now);
    return is_mapped == mapping->has_previous && (!is_mapped || is_id(now.digest, mapping->previous));
}

bool dictionaries_publish(struct journal *journal, const struct journal_environment *environment,
                          const struct dictionary_mapping *mapping, struct error *error)
{
    bool is_rejected = true;
    if (!look(journal, environment, error))
        return false;
    for (unsigned tries = 0; tries < TRIES && is_rejected; tries++) {
        struct buffer ops;
        if (!may_publish(journal_state(journal), mapping))
            return error_set(error, ERROR_CONFLICT, NULL,
                             "another dictionary has been published for this prefix meanwhile");
        buffer_init(&ops, 0);
        dictionaries_put_mapping(&ops, journal_state(journal), mapping, random_u64(environment->random));
        bool is_answered = submit(journal, &ops, &is_rejected, error);
        buffer_free(&ops);
        if (!is_answered || !look(journal, environment, error))
            return false;
    }
    if (is_rejected)
        return error_set(error, ERROR_BUSY, NULL, "the journal does not take the change now");
    return is_published(journal_state(journal), mapping) ||
           error_set(error, ERROR_CONFLICT, NULL, "another dictionary has been published for this prefix meanwhile");
}

bool dictionaries_unmap(struct journal *journal, const struct journal_environment *environment, uint64_t creation_id,
                        struct span prefix, struct error *error)
{
    struct dictionary_mapping now;
    if (!look(journal, environment, error))
        return false;
    for (unsigned tries = 0; tries < TRIES; tries++) {
        struct buffer ops;
        bool is_rejected;
        if (!dictionary_mapping_find(journal_state(journal), creation_id, prefix, &now))
            return true;
        buffer_init(&ops, 0);
        dictionaries_put_unmap(&ops, journal_state(journal), creation_id, prefix, random_u64(environment->random));
        bool is_answered = submit(journal, &ops, &is_rejected, error);
        buffer_free(&ops);
        if (!is_answered || !look(journal, environment, error))
            return false;
    }
    return error_set(error, ERROR_BUSY, NULL, "others change the same mapping all the time");
}

bool dictionaries_forget(struct journal *journal, const struct journal_environment *environment, uint64_t creation_id,
                         const uint8_t id[DICTIONARY_ID_DIGEST_BYTES], struct error *error)
{
    bool is_rejected = true;
    for (unsigned tries = 0; tries < TRIES && is_rejected; tries++) {
        struct buffer ops;
        buffer_init(&ops, 0);
        dictionaries_put_forget(&ops, creation_id, id, random_u64(environment->random));
        bool is_answered = submit(journal, &ops, &is_rejected, error);
        buffer_free(&ops);
        if (!is_answered)
            return false;
    }
    return !is_rejected || error_set(error, ERROR_BUSY, NULL, "the journal does not take the change now");
}
