/* store/joiner/join.c -- pieces copied into stored parts. */
#include "store/joiner/join.h"

#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"

#include <stdlib.h>

enum { WINDOW_PIECES = LIST_ENTRIES_MAX, RUNS_ARENA_BYTES = 1 << 20 };

/* ---- claims ---- */

struct join_claim *join_claim_take(struct joiner *joiner, struct span upload_id, bool is_early)
{
    struct join_claim *found = NULL;
    bool is_busy = false;
    unsigned early = 0;
    pthread_mutex_lock(&joiner->lock);
    for (unsigned i = 0; i < JOINS_MAX; i++) {
        struct join_claim *each = &joiner->claims[i];
        if (!each->is_taken) {
            found = each;
            continue;
        }
        early += each->is_early;
        is_busy = is_busy || memcmp(each->upload_id, upload_id.data, upload_id.size) == 0;
    }
    if (is_early && (is_busy || early >= JOINS_MAX / 2))
        found = NULL;
    if (found != NULL) {
        found->is_taken = true;
        found->is_early = is_early;
        memcpy(found->upload_id, upload_id.data, upload_id.size);
    }
    pthread_mutex_unlock(&joiner->lock);
    return found;
}

void join_claim_drop(struct joiner *joiner, struct join_claim *claim)
{
    pthread_mutex_lock(&joiner->lock);
    claim->is_taken = false;
    pthread_mutex_unlock(&joiner->lock);
}

/* ---- copying ---- */

static SUSPENDS bool copy_piece(const struct join_target *target, const struct staged_piece *piece,
                                struct bucket_writer *writer, uint8_t *bytes, uint64_t *original_size,
                                struct error *error)
{
    struct staged_reader reader;
    if (!staged_open(target->joiner->inner, target->name->bucket, target->upload_id, piece->number, &reader, error))
        return false;
    bool done = (reader.part.stored_size == piece->size && memcmp(reader.part.md5, piece->md5, MD5_BYTES) == 0) ||
                error_set(error, ERROR_CONFLICT, S3_ConditionalRequestConflict,
                          "A part was sent again while it was being joined. Try again.");
    *original_size += reader.part.original_size;
    for (uint64_t offset = 0; done && offset < piece->size; offset += JOIN_BYTES) {
        size_t part = piece->size - offset < JOIN_BYTES ? (size_t)(piece->size - offset) : JOIN_BYTES;
        done =
            bucket_read(reader.object, offset, bytes, part, error) && bucket_write(writer, span_of(bytes, part), error);
    }
    staged_close(&reader);
    return done;
}

/* The pieces of a step become one stored part, of the first one's number. */
static SUSPENDS bool join(const struct join_target *target, const struct staged_piece *pieces, unsigned count,
                          uint8_t *bytes, struct error *error)
{
    struct part_attributes part = {.number = pieces[0].number};
    struct bucket_writer *writer;
    for (unsigned i = 0; i < count; i++)
        part.stored_size += pieces[i].size;
    if (!bucket_begin_part(target->joiner->inner, target->name, target->upload_id, part.number, part.stored_size,
                           &writer, error))
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (!copy_piece(target, &pieces[i], writer, bytes, &part.original_size, error)) {
            bucket_abort(writer);
            return false;
        }
    }
    run_digest(pieces, count, part.md5);
    return bucket_commit_part(writer, &part, error);
}

static SUSPENDS bool join_steps(const struct join_target *target, const struct staged_piece *pieces,
                                const struct buffer *steps, struct error *error)
{
    const struct run_step *step = (const struct run_step *)(const void *)steps->data;
    size_t count = steps->size / sizeof *step;
    uint8_t *bytes = malloc(JOIN_BYTES);
    ASSERT(bytes != NULL);
    bool done = true;
    for (size_t i = 0; done && i < count; i++)
        done = step[i].is_stored || join(target, pieces + step[i].first, step[i].count, bytes, error);
    free(bytes);
    return done;
}

/* ---- what is stored already ---- */

/* Appends struct stored_run, of numbers strictly behind `after`, up to `number_max`. */
static SUSPENDS bool list_runs(const struct join_target *target, unsigned after, unsigned number_max,
                               struct buffer *ret_runs, struct error *error)
{
    struct arena arena;
    bool is_truncated = true;
    bool done = true;
    arena_init(&arena, RUNS_ARENA_BYTES);
    while (done && is_truncated && after < number_max) {
        struct part_attributes *parts;
        unsigned count = 0;
        arena_reset(&arena);
        done = bucket_list_parts(target->joiner->inner, target->name, target->upload_id, after, WINDOW_PIECES, &arena,
                                 &parts, &count, &is_truncated, error);
        for (unsigned i = 0; done && i < count; i++) {
            struct stored_run run = {.number = parts[i].number, .size = parts[i].stored_size};
            memcpy(run.digest, parts[i].md5, MD5_BYTES);
            buffer_append(ret_runs, span_of(&run, sizeof run));
            after = run.number;
        }
    }
    arena_free(&arena);
    return done;
}

static const struct stored_run *runs_of(const struct buffer *runs)
{
    return (const struct stored_run *)(const void *)runs->data;
}

static unsigned runs_count(const struct buffer *runs)
{
    return (unsigned)(runs->size / sizeof(struct stored_run));
}

/* ---- while parts arrive ---- */

static SUSPENDS bool join_window(const struct join_target *target, unsigned after, struct buffer *pieces,
                                 struct buffer *runs, struct buffer *steps, struct error *error)
{
    bool is_truncated;
    if (!staged_list(target->joiner->inner, target->name->bucket, target->upload_id, after, WINDOW_PIECES, pieces,
                     &is_truncated, error) ||
        !list_runs(target, after, after + WINDOW_PIECES, runs, error))
        return false;
    const struct staged_piece *list = (const struct staged_piece *)(const void *)pieces->data;
    runs_ready(list, (unsigned)(pieces->size / sizeof *list), after > 0, runs_of(runs), runs_count(runs),
               target->joiner->inner->capabilities.part_bytes_min, steps);
    return join_steps(target, list, steps, error);
}

SUSPENDS void join_around(const struct join_target *target, unsigned number)
{
    struct join_claim *claim = join_claim_take(target->joiner, target->upload_id, true);
    struct buffer pieces = {0};
    struct buffer runs = {0};
    struct buffer steps = {0};
    struct error ignored;
    if (claim == NULL)
        return;
    (void)join_window(target, number > WINDOW_PIECES / 2 ? number - WINDOW_PIECES / 2 : 0, &pieces, &runs, &steps,
                      &ignored);
    join_claim_drop(target->joiner, claim);
    buffer_free(&pieces);
    buffer_free(&runs);
    buffer_free(&steps);
}

/* ---- at the end ---- */

static void append_choices(const struct staged_piece *pieces, const struct buffer *steps, struct buffer *ret_choices)
{
    const struct run_step *step = (const struct run_step *)(const void *)steps->data;
    for (size_t i = 0; i < steps->size / sizeof *step; i++) {
        struct part_choice choice = {.number = pieces[step[i].first].number};
        run_digest(pieces + step[i].first, step[i].count, choice.md5);
        buffer_append(ret_choices, span_of(&choice, sizeof choice));
    }
}

SUSPENDS bool join_all(const struct join_target *target, const struct staged_piece *pieces, unsigned count,
                       struct buffer *ret_choices, struct error *error)
{
    struct buffer runs = {0};
    struct buffer steps = {0};
    bool done = list_runs(target, 0, PART_NUMBER_MAX, &runs, error);
    if (done) {
        runs_plan(pieces, count, runs_of(&runs), runs_count(&runs), target->joiner->inner->capabilities.part_bytes_min,
                  &steps);
        done = join_steps(target, pieces, &steps, error);
    }
    if (done)
        append_choices(pieces, &steps, ret_choices);
    buffer_free(&runs);
    buffer_free(&steps);
    return done;
}
