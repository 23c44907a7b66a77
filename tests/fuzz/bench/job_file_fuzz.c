/* tests/fuzz/bench/job_file_fuzz.c -- any bytes as a job file: it is refused with sentences, or gives jobs whose every
 * request lies within what they say. */
#include "bench/job/job_file.h"
#include "bench/job/plan.h"
#include "runtime/base/assert.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REQUESTS = 64 };

static void plan_some(const struct job *job)
{
    struct plan plan;
    struct assignment assignment;
    plan_begin(&plan, job);
    for (unsigned i = 0; i < REQUESTS && plan_next(&plan, &assignment); i++) {
        char key[KEY_BYTES];
        ASSERT(job->mix.weights[assignment.operation] > 0);
        ASSERT(assignment.operation == OPERATION_DELETE || assignment.operation == OPERATION_LIST ||
               assignment.offset + assignment.size <= job_size_of(job, assignment.object));
        key_format((enum key_shape)job->key_shape, job->prefix, assignment.object, key);
        ASSERT(strncmp(key, job->prefix, strlen(job->prefix)) == 0);
        plan_note_done(&plan, &assignment);
    }
}

/* Files are not opened here: what a file may hold is fuzzed by its own text. */
static bool names_a_file(struct span text)
{
    return span_find(text, '@') != SIZE_MAX;
}

static void parse_sizes(struct span text)
{
    struct size_spread spread;
    struct error error;
    if (!size_spread_parse_lines("sizes", text, &spread, &error))
        return;
    ASSERT(size_spread_draw(&spread, text.size) <= spread.largest);
    size_spread_free(&spread);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct job_overrides none = {0};
    struct span text = span_of(data, size);
    struct job_list list;
    struct buffer complaints;
    parse_sizes(text);
    if (names_a_file(text))
        return 0;
    buffer_init(&complaints, 0);
    bool good = job_list_parse("f", text, &none, &list, &complaints);
    ASSERT(good == (complaints.size == 0) && good == (list.count > 0));
    for (unsigned i = 0; i < list.count; i++)
        plan_some(&list.jobs[i]);
    job_list_free(&list);
    buffer_free(&complaints);
    return 0;
}
