/* journal/ground/ground.c -- reads and writes the note that the store was tested, and where. */
#include "journal/ground/ground.h"

#include "journal/format/cursor.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

enum { WRITE_ATTEMPTS = 4, OPERATOR_REQUEST_MS = 10000 };

static deadline_t deadline_of(const struct journal_environment *environment, unsigned request_ms)
{
    return clock_monotonic_ns(environment->clock) + request_ms * UINT64_C(1000000);
}

bool ground_encode(const struct ground *ground, struct buffer *ret_body, struct error *error)
{
    buffer_clear(ret_body);
    size_t begin = frame_begin(ret_body);
    frame_put_u32(ret_body, ground->test_version);
    frame_put_u32(ret_body, ground->contenders);
    buffer_append(ret_body, span_of(&ground->place, sizeof ground->place));
    frame_put_u64(ret_body, ground->tested_ms);
    return frame_end(ret_body, begin, GROUND_MAGIC, error);
}

bool ground_decode(struct span body, struct ground *ret_ground, struct error *error)
{
    struct span payload;
    if (!frame_open(body, GROUND_MAGIC, &payload, error))
        return false;
    struct cursor cursor = cursor_of(payload);
    ret_ground->test_version = cursor_u32(&cursor);
    ret_ground->contenders = cursor_u32(&cursor);
    cursor_copy(&cursor, &ret_ground->place, sizeof ret_ground->place);
    ret_ground->tested_ms = cursor_u64(&cursor);
    if (!cursor_is_done(&cursor))
        return error_set(error, ERROR_DAMAGED, NULL, "the note of the store's test has a wrong size");
    return true;
}

/* What the store answered is *ret_answer: on that the note can be written over. */
static bool read_note(const struct journal_environment *environment, unsigned request_ms, struct ground *ret_ground,
                      enum store_answer *ret_answer, struct store_etag *ret_etag, struct error *error)
{
    struct buffer body;
    bool is_read = false;
    buffer_init(&body, HEAD_BYTES_MAX);
    *ret_answer = environment->store->get(environment->store, GROUND_NAME, NULL, &body, ret_etag,
                                          deadline_of(environment, request_ms));
    switch (*ret_answer) {
    case STORE_DONE:
        is_read = ground_decode(buffer_span(&body), ret_ground, error);
        break;
    case STORE_NOT_FOUND:
        (void)error_set(error, ERROR_NOT_FOUND, NULL, "nothing says that this store was tested");
        break;
    case STORE_DAMAGED:
        (void)error_set(error, ERROR_DAMAGED, NULL, "the note of the store's test is damaged");
        break;
    default:
        (void)error_set(error, ERROR_BUSY, NULL, "the store does not answer");
    }
    buffer_free(&body);
    return is_read;
}

bool ground_read(const struct journal_environment *environment, unsigned request_ms, struct ground *ret_ground,
                 struct error *error)
{
    enum store_answer answer;
    struct store_etag etag;
    return read_note(environment, request_ms, ret_ground, &answer, &etag, error);
}

static bool is_of_a_journal(const char *name)
{
    return strcmp(name, GROUND_NAME) != 0 && strncmp(name, PROBES_PREFIX, strlen(PROBES_PREFIX)) != 0;
}

bool ground_is_empty(const struct journal_environment *environment, unsigned request_ms, bool *ret_is_empty)
{
    struct journal_store *store = environment->store;
    struct store_page *page = malloc(sizeof *page);
    ASSERT(page != NULL);
    char after[JOURNAL_NAME_BYTES] = "";
    bool is_listed;
    *ret_is_empty = true;
    do {
        is_listed = store->list(store, "", after, page, deadline_of(environment, request_ms)) == STORE_DONE;
        for (unsigned i = 0; is_listed && i < page->count && *ret_is_empty; i++)
            *ret_is_empty = !is_of_a_journal(page->names[i]);
        if (is_listed && page->count > 0)
            memcpy(after, page->names[page->count - 1], sizeof after);
    } while (is_listed && *ret_is_empty && page->is_truncated && page->count > 0);
    free(page);
    return is_listed;
}

/* ---- writing ---- */

static bool is_here(const struct journal_environment *environment, const struct ground *ground)
{
    return ground->test_version >= STORE_TEST_VERSION && journal_id_equal(&ground->place, &environment->place);
}

/* Replaces what is there, or creates it. That somebody else wrote the same meanwhile is as good. */
bool ground_note(const struct journal_environment *environment, unsigned request_ms, struct error *error)
{
    struct ground mine = {STORE_TEST_VERSION, STORE_CONTENDERS, environment->place,
                          (uint64_t)clock_wall_ms(environment->clock)};
    struct buffer body = {0};
    bool is_written = false;
    if (!ground_encode(&mine, &body, error))
        return false;
    for (unsigned i = 0; i < WRITE_ATTEMPTS && !is_written; i++) {
        struct ground there;
        enum store_answer answer;
        struct store_etag etag;
        bool is_read = read_note(environment, request_ms, &there, &answer, &etag, error);
        is_written = (i > 0 && is_read && is_here(environment, &there)) ||
                     store_put_over(environment->store, GROUND_NAME, answer, &etag, buffer_span(&body),
                                    deadline_of(environment, request_ms)) == STORE_DONE;
    }
    buffer_free(&body);
    return is_written ||
           error_set(error, ERROR_BUSY, NULL, "the store passed its test, but the note of it could not be written");
}

static enum journal_condition test_empty(const struct journal_environment *environment, unsigned request_ms,
                                         struct error *error)
{
    bool is_empty;
    if (!ground_is_empty(environment, request_ms, &is_empty))
        return JOURNAL_NOT_READY;
    if (!is_empty) { /* unless somebody wrote the note, and then the rest, since we looked for it */
        struct ground ground;
        return ground_read(environment, request_ms, &ground, error) || error->kind == ERROR_BUSY
                   ? JOURNAL_NOT_READY
                   : JOURNAL_GROUND_MISSING;
    }
    struct store_test test;
    if (!store_test_run(environment, &test, error))
        return error->kind == ERROR_BUSY ? JOURNAL_NOT_READY : JOURNAL_STORE_BROKEN;
    return ground_note(environment, request_ms, error) ? JOURNAL_RUNS : JOURNAL_NOT_READY;
}

enum journal_condition ground_check(const struct journal_environment *environment, unsigned request_ms,
                                    struct error *error)
{
    struct ground ground;
    if (!ground_read(environment, request_ms, &ground, error)) {
        if (error->kind == ERROR_BUSY)
            return JOURNAL_NOT_READY;
        return error->kind == ERROR_NOT_FOUND ? test_empty(environment, request_ms, error) : JOURNAL_GROUND_MISSING;
    }
    if (!journal_id_equal(&ground.place, &environment->place))
        return JOURNAL_IS_COPY;
    if (ground.test_version >= STORE_TEST_VERSION)
        return JOURNAL_RUNS;
    struct store_test test;
    if (!store_test_run(environment, &test, error))
        return error->kind == ERROR_BUSY ? JOURNAL_NOT_READY : JOURNAL_STORE_BROKEN;
    return ground_note(environment, request_ms, error) ? JOURNAL_RUNS : JOURNAL_NOT_READY;
}

bool ground_test_again(const struct journal_environment *environment, bool keeps_place, struct store_test *ret_test,
                       struct error *error)
{
    unsigned request_ms = OPERATOR_REQUEST_MS;
    struct ground ground;
    *ret_test = (struct store_test){0};
    if (keeps_place && ground_read(environment, request_ms, &ground, error) &&
        !journal_id_equal(&ground.place, &environment->place))
        return error_set(error, ERROR_CONFLICT, NULL,
                         "the journal was made in another store, this is a copy of it: `bale journal --adopt`");
    store_test_sweep(environment);
    return store_test_run(environment, ret_test, error) && ground_note(environment, request_ms, error);
}
