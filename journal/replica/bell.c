/* journal/replica/bell.c -- the small object that replicas poll: it changes after a segment was stored, before it is
 * acknowledged. */
#include "journal/replica/rules.h"

enum { BELL_BYTES = 32, RING_ATTEMPTS = 4 };

/* Nothing is lost with it, but until somebody writes over it every poll has to look at everything. */
static void mend(struct journal *journal, const struct store_etag *etag)
{
    uint8_t bytes[BELL_BYTES];
    replica_alarm_of(journal, ALARM_BELL_DAMAGED, BELL_NAME);
    random_fill(journal->environment.random, bytes, sizeof bytes);
    if (replica_may_write(journal))
        (void)store_put_over(journal->environment.store, BELL_NAME, STORE_DAMAGED, etag, span_of(bytes, sizeof bytes),
                             replica_deadline(journal));
}

bool bell_has_changed(struct journal *journal)
{
    struct journal_store *store = journal->environment.store;
    struct buffer body;
    struct store_etag etag;
    buffer_init(&body, 4096);
    enum store_answer answer =
        store->get(store, BELL_NAME, &journal->poller.bell, &body, &etag, replica_deadline(journal));
    buffer_free(&body);
    if (answer == STORE_DONE)
        journal->poller.bell = etag;
    if (answer == STORE_DAMAGED)
        mend(journal, &etag);
    if (answer == STORE_NOT_FOUND) { /* nobody has rung yet, or it was taken away: that is looked at once */
        bool was_there = journal->poller.bell.text[0] != '\0';
        journal->poller.bell.text[0] = '\0';
        return was_there;
    }
    return answer != STORE_UNCHANGED; /* without an answer: look */
}

void bell_ring_once(const struct journal_environment *environment, deadline_t deadline)
{
    struct journal_store *store = environment->store;
    uint8_t bytes[BELL_BYTES];
    struct buffer body;
    struct store_etag etag;
    random_fill(environment->random, bytes, sizeof bytes);
    buffer_init(&body, 4096);
    enum store_answer answer = store->get(store, BELL_NAME, NULL, &body, &etag, deadline);
    buffer_free(&body);
    (void)store_put_over(store, BELL_NAME, answer, &etag, span_of(bytes, sizeof bytes), deadline);
}

bool bell_ring(struct journal *journal)
{
    struct journal_store *store = journal->environment.store;
    for (unsigned attempt = 0; attempt < RING_ATTEMPTS && !journal->is_stopping; attempt++) {
        uint8_t bytes[BELL_BYTES] = {0};
        rule_fill_bell(journal, bytes, sizeof bytes);
        struct buffer body;
        struct store_etag etag;
        buffer_init(&body, 4096);
        enum store_answer answer = store->get(store, BELL_NAME, NULL, &body, &etag, replica_deadline(journal));
        buffer_free(&body);
        if (answer == STORE_DAMAGED)
            replica_alarm_of(journal, ALARM_BELL_DAMAGED, BELL_NAME);
        answer =
            store_put_over(store, BELL_NAME, answer, &etag, span_of(bytes, sizeof bytes), replica_deadline(journal));
        /* who wins against what was read after the segment was stored rings for us as well */
        if (answer == STORE_DONE || answer == STORE_CONDITION_FAILED)
            return true;
    }
    return false;
}
