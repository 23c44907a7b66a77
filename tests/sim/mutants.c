/* tests/sim/mutants.c -- mutations of the journal that are not a predicate (journal/replica/rules.h): what the mutant
 * does, and, of rules about the order of requests, a store that answers as if they had come in another order. */
#include "tests/sim/mutants.h"

#include "journal/replica/rules.h"
#include "tests/sim/world/objects.h"
#include "tests/sim/world/world.h"

#include <stdlib.h>
#include <string.h>

enum { AFTER_ACK_MS = 300 };

/* ---- predicates of more than a line ---- */

uint64_t mutant_coverage_by_stamp(const struct journal *journal, const struct segment_key *key)
{
    if (journal->shown.covered.generations_count > 0) {
        const struct covered_generation *newest =
            &journal->shown.covered.generations[journal->shown.covered.generations_count - 1];
        if (newest->count > 0 && key->clock <= newest->keys[newest->count - 1].clock)
            return newest->generation;
    }
    return covered_generation(&journal->shown.covered, key);
}

void mutant_tidy(struct journal *journal, const struct head *head)
{
    struct part_name part = {head->generation, *head_nonce(head), PART_STATE};
    char name[1][JOURNAL_NAME_BYTES];
    part_name_format(&part, name[0]);
    (void)journal->environment.store->delete_names(journal->environment.store, name, 1, replica_deadline(journal));
}

/* ---- another order of requests ---- */

/* What a process's task would have been answered, had it asked earlier. */
struct earlier {
    uint64_t at; /* 0: nothing is kept */
    const struct progress *asks;
    struct store_page page;
    struct buffer head;
    struct store_etag etag;
    bool has_head;
};

static struct earlier folds[PROCESSES_MAX], ticks[PROCESSES_MAX];

void mutants_begin(void)
{
    for (unsigned i = 0; i < PROCESSES_MAX; i++) {
        folds[i].at = ticks[i].at = 0;
        buffer_free(&ticks[i].head);
    }
}

static bool is_task(const struct progress *progress, const char *name)
{
    return progress->task != NULL && strcmp(progress->task, name) == 0;
}

static bool begins_window(enum verb verb, const char *name, const char *after)
{
    struct segment_key key;
    return verb == VERB_LIST && strcmp(name, SEGMENTS_PREFIX) == 0 && strcmp(after, SEGMENTS_PREFIX) != 0 &&
           !segment_name_parse(span_from_string(after), &key);
}

void mutants_before(const struct progress *progress, enum verb verb, const char *name, const char *after)
{
    const struct process *process = world_process();
    if (process == NULL || process->number >= PROCESSES_MAX)
        return;
    bool reads_head = verb == VERB_GET && strcmp(name, HEAD_NAME) == 0;
    if (MUTATED(list_before_head_on_fold) && reads_head && is_task(progress, "journal-compactor")) {
        struct earlier *fold = &folds[process->number];
        fold->at = world_now();
        objects_list(SEGMENTS_PREFIX, SEGMENTS_PREFIX, STORE_PAGE_NAMES_MAX, &fold->page);
    }
    if (MUTATED(head_before_list_on_read) && begins_window(verb, name, after) &&
        !is_task(progress, "journal-compactor")) {
        struct earlier *tick = &ticks[process->number];
        const struct object *head = object_find(HEAD_NAME);
        tick->has_head = false;
        tick->at = world_now();
        tick->asks = progress;
        buffer_clear(&tick->head);
        if (head != NULL && !head->is_unreadable) {
            tick->has_head = true;
            buffer_append(&tick->head, buffer_span(&head->body));
            tick->etag = head->etag;
        }
    }
}

bool mutants_list(const struct progress *progress, const char *prefix, const char *after, struct store_page *page,
                  uint64_t *ret_at)
{
    const struct process *process = world_process();
    if (process == NULL || process->number >= PROCESSES_MAX || !is_task(progress, "journal-compactor") ||
        !begins_window(VERB_LIST, prefix, after) || folds[process->number].at == 0)
        return false;
    struct earlier *fold = &folds[process->number];
    page->count = 0;
    page->is_truncated = false;
    for (unsigned i = 0; i < fold->page.count; i++) {
        if (strcmp(fold->page.names[i], after) <= 0)
            continue;
        page->is_damaged[page->count] = false;
        memcpy(page->names[page->count++], fold->page.names[i], JOURNAL_NAME_BYTES);
    }
    *ret_at = fold->at;
    fold->at = 0; /* once */
    return true;
}

bool mutants_head(const struct progress *progress, struct buffer *body, struct store_etag *etag)
{
    const struct process *process = world_process();
    if (process == NULL || process->number >= PROCESSES_MAX || ticks[process->number].asks != progress)
        return false;
    struct earlier *tick = &ticks[process->number];
    bool is_kept = tick->at != 0 && tick->has_head;
    tick->at = 0;
    if (!is_kept)
        return false;
    buffer_clear(body);
    buffer_append(body, buffer_span(&tick->head));
    *etag = tick->etag;
    return true;
}

uint64_t mutants_delay(const struct progress *progress, enum verb verb, const char *name)
{
    bool rings = verb <= VERB_REPLACE && strcmp(name, BELL_NAME) == 0 && is_task(progress, "journal-writer");
    return MUTATED(bell_after_ack) && rings ? AFTER_ACK_MS * (uint64_t)MS : 0;
}
