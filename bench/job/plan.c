/* bench/job/plan.c -- objects in order where loops or writing want it, else at random. */
#include "bench/job/plan.h"

#include "bench/job/random.h"
#include "runtime/base/assert.h"

void plan_begin(struct plan *plan, const struct job *job)
{
    *plan = (struct plan){.job = job, .random = random_mix(~job->seed)}; /* not the sequence of job_size_of */
}

static uint64_t draw(struct plan *plan)
{
    return random_mix(plan->random++);
}

static uint64_t any_object(struct plan *plan)
{
    return draw(plan) % plan->job->objects;
}

/* What a job of one kind reads: in order when each has its turn, else at random. */
static uint64_t object_to_read(struct plan *plan)
{
    return plan->job->loops != 0 ? (plan->begun - 1) % plan->job->objects : any_object(plan);
}

static bool is_mixed(const struct plan *plan)
{
    return plan->job->rw == OPERATIONS;
}

static uint64_t object_to_write(struct plan *plan)
{
    return is_mixed(plan) ? plan->job->objects + plan->made_begun++ : (plan->begun - 1) % plan->job->objects;
}

/* In an object that is shorter than a range, the range is the object. */
static uint64_t range_size(const struct plan *plan, uint64_t object)
{
    uint64_t size = job_size_of(plan->job, object);
    return size < plan->job->range_size ? size : plan->job->range_size;
}

static void assign_random_range(struct plan *plan, struct assignment *assignment)
{
    assignment->object = any_object(plan);
    assignment->size = range_size(plan, assignment->object);
    assignment->offset = draw(plan) % (job_size_of(plan->job, assignment->object) - assignment->size + 1);
}

/* All ranges of an object, then those of the next one; the last may be shorter. */
static void assign_next_range(struct plan *plan, struct assignment *assignment)
{
    uint64_t left = job_size_of(plan->job, plan->range_object) - plan->range_offset;
    assignment->object = plan->range_object;
    assignment->offset = plan->range_offset;
    assignment->size = left < plan->job->range_size ? left : plan->job->range_size;
    plan->range_offset += assignment->size;
    if (left > assignment->size)
        return;
    plan->range_offset = 0;
    plan->range_object = (plan->range_object + 1) % plan->job->objects;
}

/* In order, each object once; the last batch may be smaller. */
static void assign_next_batch(const struct plan *plan, struct assignment *assignment)
{
    assignment->object = (plan->begun - 1) * plan->job->batch;
    uint64_t left = plan->job->objects - assignment->object;
    assignment->count = left < plan->job->batch ? left : plan->job->batch;
}

static void assign(struct plan *plan, struct assignment *assignment)
{
    switch (assignment->operation) {
    case OPERATION_GET:
    case OPERATION_HEAD:
        assignment->object = object_to_read(plan);
        assignment->size = job_size_of(plan->job, assignment->object);
        break;
    case OPERATION_PUT:
    case OPERATION_MULTIPART:
        assignment->object = object_to_write(plan);
        assignment->size = job_size_of(plan->job, assignment->object);
        break;
    case OPERATION_DELETE:
        assignment->object = is_mixed(plan) ? plan->job->objects + plan->deleted++ : plan->begun - 1;
        break;
    case OPERATION_DELETE_OBJECTS:
        assign_next_batch(plan, assignment);
        break;
    case OPERATION_LIST:
        assignment->object = any_object(plan);
        break;
    case OPERATION_RANDRANGE:
        assign_random_range(plan, assignment);
        break;
    case OPERATION_SEQRANGE:
        assign_next_range(plan, assignment);
        break;
    case OPERATION_COPY:
        assignment->object = object_to_read(plan);
        assignment->target = plan->job->objects + plan->made_begun++;
        assignment->size = job_size_of(plan->job, assignment->object);
        break;
    case OPERATIONS:
        UNREACHABLE();
    }
}

bool plan_next(struct plan *plan, struct assignment *ret_assignment)
{
    const struct job *job = plan->job;
    uint64_t all = job_requests(job);
    bool deletes = job->rw == OPERATION_DELETE || job->rw == OPERATION_DELETE_OBJECTS;
    bool is_spent = deletes && plan->begun * job_objects_of_request(job) >= job->objects;
    if (is_spent || (all != 0 && plan->begun == all))
        return false;
    plan->begun++;
    *ret_assignment = (struct assignment){.operation = operation_mix_draw(&job->mix, draw(plan)), .count = 1};
    if (ret_assignment->operation == OPERATION_DELETE && is_mixed(plan) && plan->deleted == plan->made)
        ret_assignment->operation = OPERATION_PUT; /* there is nothing to delete yet */
    assign(plan, ret_assignment);
    return true;
}

void plan_note_done(struct plan *plan, const struct assignment *assignment)
{
    if (assignment->operation == OPERATION_PUT && is_mixed(plan))
        plan->made++;
}
