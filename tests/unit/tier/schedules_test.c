/* tests/unit/tier/schedules_test.c -- a tier under random schedules, beside a model: keys with many revisions, several
 * fibers that keep, read and forget at once, folders that are damaged, restarts and kills.
 *
 * The oracle: each byte that a tier gives is of the revision, the block and the place that it was asked for; and a
 * block that was never kept, or was forgotten since, is not there, whatever happened to the folder.
 * Revisions are alike on purpose: the same ETag with another second, size or key is another revision with other bytes.
 *
 * Schedules are drawn from a seed, which is printed; BALE_SCHEDULES=N runs so many at least, from BALE_SCHEDULE=SEED
 * on. */
#include "tests/unit/tier/fixture.h"

#include "runtime/base/random.h"
#include "runtime/fiber/loop.h"
#include "runtime/fiber/wait.h"
#include "runtime/io/io.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    KEYS = 4,
    ETAGS = 16,
    SECONDS = 2,
    SIZES = 3,
    REVISIONS = KEYS * ETAGS * SECONDS * SIZES,
    HOT = 24,
    BLOCKS_MAX = 10,
    FIBERS = 4,
    STEPS = 700, /* of a fiber, between two restarts */
    LIVES = 5,   /* processes, one after the other, on one folder */
    SCHEDULES = 1,
    SCHEDULES_MAX = 30, /* until everything has happened: in one of ten no slab goes */
};

static const uint64_t sizes[SIZES] = {3000, 3 * (uint64_t)BLOCK_PAYLOAD_BYTES + 10,
                                      9 * (uint64_t)BLOCK_PAYLOAD_BYTES + 1000};

/* Shared with processes that are killed. */
struct model {
    uint64_t keeps[REVISIONS][BLOCKS_MAX]; /* how often it was kept: counted before it is */
    bool may_be_there[REVISIONS][BLOCKS_MAX];
    uint64_t reads, found, unsound, moved, slabs_gone, kills, damages;
};

struct schedule {
    struct model *model;
    struct tier *tier;
    const char *folder;
    uint64_t seed;
    unsigned life;
    unsigned working; /* fibers */
    struct wait_queue ended;
    bool is_killed; /* this life ends so */
};

/* ---- revisions ---- */

static struct block_revision revision_at(struct tier *tier, unsigned id)
{
    unsigned size = id % SIZES;
    unsigned second = id / SIZES % SECONDS;
    unsigned etag = id / SIZES / SECONDS % ETAGS;
    char key[2] = {(char)('a' + id / SIZES / SECONDS / ETAGS), '\0'};
    struct object_attributes attributes = {.stored_size = sizes[size], .modified_ms = 1000 * (int64_t)(second + 1)};
    (void)snprintf(attributes.stored_etag, sizeof attributes.stored_etag, "etag-%u", etag);
    const struct object_name name = {.bucket = SPAN("bucket"), .key = span_from_string(key)};
    return tier_revision(tier, &name, &attributes);
}

static unsigned blocks_of(unsigned id)
{
    return (unsigned)block_number_at(sizes[id % SIZES] - 1) + 1;
}

/* ---- one step ---- */

struct actor {
    struct schedule *schedule;
    struct random_seeded state;
    struct random_source random;
    uint8_t bytes[4 * BLOCK_PAYLOAD_BYTES];
    uint8_t expected[4 * BLOCK_PAYLOAD_BYTES];
};

static unsigned draw(struct actor *actor, unsigned below)
{
    return (unsigned)random_below(&actor->random, below);
}

/* Else the disk would be busy, and hardly anything kept. */
SUSPENDS static void leave_room(struct tier *tier)
{
    enum { WAITING_MAX = 48 };
    const struct slab_writer_counters *writer = &tier_counters(tier, 0)->writer;
    while (metric_read(&writer->taken) - metric_read(&writer->settled) > WAITING_MAX)
        (void)io_sleep_until(deadline_after_ms(1));
}

SUSPENDS static void keep_some(struct actor *actor, unsigned id)
{
    struct schedule *schedule = actor->schedule;
    struct block_revision revision = revision_at(schedule->tier, id);
    unsigned first = draw(actor, blocks_of(id));
    for (unsigned number = first; number < blocks_of(id); number++) {
        struct block_name name = block_of(&revision, number);
        uint32_t size = block_payload_bytes(&name);
        fill_stored(id, block_offset(number), actor->bytes, size);
        if (tier_has(schedule->tier, &name))
            continue;
        schedule->model->keeps[id][number]++;
        schedule->model->may_be_there[id][number] = true;
        tier_keep(schedule->tier, &name, span_of(actor->bytes, size));
    }
    leave_room(schedule->tier);
}

SUSPENDS static void read_some(struct actor *actor, unsigned id)
{
    struct schedule *schedule = actor->schedule;
    struct model *model = schedule->model;
    struct block_revision revision = revision_at(schedule->tier, id);
    uint64_t offset = random_below(&actor->random, revision.stored_size);
    uint64_t left = revision.stored_size - offset;
    size_t size = 1 + (size_t)random_below(&actor->random, left < sizeof actor->bytes ? left : sizeof actor->bytes);
    bool may_before[BLOCKS_MAX];
    memcpy(may_before, model->may_be_there[id], sizeof may_before);
    size_t got = tier_read(schedule->tier, &revision, offset, actor->bytes, size);
    ck_assert_uint_le(got, size);
    fill_stored(id, offset, actor->expected, got);
    model->reads++;
    model->found += got > 0;
    ck_assert_msg(memcmp(actor->bytes, actor->expected, got) == 0,
                  "schedule %llu, life %u: wrong bytes of revision %u behind %llu", (unsigned long long)schedule->seed,
                  schedule->life, id, (unsigned long long)offset);
    for (uint64_t number = block_number_at(offset); got > 0 && block_offset(number) < offset + got; number++)
        ck_assert_msg(may_before[number] || model->may_be_there[id][number],
                      "schedule %llu, life %u: block %u of revision %u was never kept, or is forgotten",
                      (unsigned long long)schedule->seed, schedule->life, (unsigned)number, id);
}

/* A block that somebody keeps meanwhile may be there, and one of a slab that has not been looked at since the start. */
SUSPENDS static void forget_one(struct actor *actor, unsigned id)
{
    struct tier_usage usage;
    struct schedule *schedule = actor->schedule;
    struct model *model = schedule->model;
    struct block_revision revision = revision_at(schedule->tier, id);
    unsigned number = draw(actor, blocks_of(id));
    struct block_name name = block_of(&revision, number);
    uint64_t keeps = model->keeps[id][number];
    tier_usage(schedule->tier, &usage);
    if (usage.slabs.is_loaded && tier_forget(schedule->tier, &name) && model->keeps[id][number] == keeps &&
        !tier_has(schedule->tier, &name))
        model->may_be_there[id][number] = false;
}

SUSPENDS static void forget_everything(struct schedule *schedule)
{
    struct model *model = schedule->model;
    uint64_t(*keeps)[BLOCKS_MAX] = malloc(sizeof model->keeps);
    ck_assert_ptr_nonnull(keeps);
    memcpy(keeps, model->keeps, sizeof model->keeps);
    bool is_done = tier_drop_all(schedule->tier);
    for (unsigned id = 0; is_done && id < REVISIONS; id++) {
        for (unsigned number = 0; number < BLOCKS_MAX; number++)
            model->may_be_there[id][number] &= keeps[id][number] != model->keeps[id][number];
    }
    free(keeps);
}

/* ---- damage, under a tier that is open, and between two lives ---- */

static int open_some_slab(struct actor *actor)
{
    char path[512];
    int fd = -1;
    unsigned seen = 0;
    DIR *entries = opendir(actor->schedule->folder);
    const struct dirent *entry;
    ck_assert_ptr_nonnull(entries);
    while ((entry = readdir(entries)) != NULL) {
        if (!span_ends_with(span_from_string(entry->d_name), SPAN(".slab")) || draw(actor, ++seen) != 0)
            continue;
        if (fd >= 0)
            (void)close(fd);
        (void)snprintf(path, sizeof path, "%s/%s", actor->schedule->folder, entry->d_name);
        fd = open(path, O_RDWR);
    }
    (void)closedir(entries);
    return fd;
}

/* Old and new sectors in any mixture, as after a loss of power: a piece of one slab in the place of another one. */
static void copy_units(struct actor *actor, int to)
{
    static uint8_t units[16 * BLOCK_UNIT_BYTES];
    int from = open_some_slab(actor);
    size_t size = (1 + draw(actor, 16)) * (size_t)BLOCK_UNIT_BYTES;
    if (from < 0)
        return;
    off_t source = (off_t)draw(actor, SLAB_BYTES_LEAST / BLOCK_UNIT_BYTES) * BLOCK_UNIT_BYTES;
    off_t target = (off_t)draw(actor, SLAB_BYTES_LEAST / BLOCK_UNIT_BYTES) * BLOCK_UNIT_BYTES;
    ssize_t got = pread(from, units, size, source);
    if (got > 0)
        (void)!pwrite(to, units, (size_t)got, target);
    (void)close(from);
}

static void damage_some(struct actor *actor)
{
    uint8_t byte;
    int fd = open_some_slab(actor);
    unsigned kind = draw(actor, 100);
    if (fd < 0)
        return;
    actor->schedule->model->damages++;
    off_t at = (off_t)draw(actor, SLAB_BYTES_LEAST);
    if (kind < 60) {
        for (unsigned i = 0; i < 4 && pread(fd, &byte, 1, at) == 1; i++, at = (off_t)draw(actor, SLAB_BYTES_LEAST)) {
            byte ^= (uint8_t)(1 << draw(actor, 8));
            (void)!pwrite(fd, &byte, 1, at);
        }
    } else if (kind < 98) {
        copy_units(actor, fd);
    } else {
        (void)!ftruncate(fd, at);
    }
    (void)close(fd);
}

/* ---- a life ---- */

SUSPENDS static void run_actor(void *argument)
{
    struct actor *actor = argument;
    struct schedule *schedule = actor->schedule;
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned kind = draw(actor, 10000);
        unsigned id = draw(actor, draw(actor, 2) == 0 ? REVISIONS : HOT); /* some are hot, and moved on */
        if (kind < 5000)
            read_some(actor, id);
        else if (kind < 9700)
            keep_some(actor, id);
        else if (kind < 9900)
            forget_one(actor, id);
        else if (kind < 9950)
            damage_some(actor);
        else if (kind < 9999)
            read_some(actor, id);
        else
            forget_everything(schedule);
    }
    free(actor);
    schedule->working--;
    wait_wake_all(&schedule->ended);
}

static void begin_actor(struct schedule *schedule, unsigned index)
{
    struct error error;
    struct actor *actor = calloc(1, sizeof *actor);
    ck_assert_ptr_nonnull(actor);
    actor->schedule = schedule;
    actor->random = random_seeded(&actor->state, (schedule->seed * LIVES + schedule->life) * FIBERS + index);
    schedule->working++;
    ck_assert(fiber_spawn("actor", run_actor, actor, &error));
}

static void run_life(struct tier *tier, void *argument)
{
    struct schedule *schedule = argument;
    struct error error;
    schedule->tier = tier;
    schedule->working = 0;
    wait_queue_init(&schedule->ended);
    for (unsigned i = 0; i < FIBERS; i++)
        begin_actor(schedule, i);
    while (schedule->working > 0)
        ck_assert(wait_for(&schedule->ended, DEADLINE_NONE, &error));
    const struct tier_counters *counters = tier_counters(tier, 0);
    schedule->model->unsound += metric_read(&counters->unsound);
    schedule->model->moved += metric_read(&counters->writer.moved);
    schedule->model->slabs_gone += metric_read(&counters->writer.slabs_gone);
    if (schedule->is_killed)
        (void)kill(getpid(), SIGKILL);
}

/* In a process of its own: its end is a kill, or closes the tier as a server does. */
static void live(struct schedule *schedule)
{
    int status;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct tier_options options = options_of(schedule->folder);
        options.memory_bytes = schedule->life % 2 == 0 ? 0 : 4 << 20;
        with_tier(&options, run_life, schedule);
        _exit(0);
    }
    ck_assert(waitpid(child, &status, 0) == child);
    bool was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    ck_assert_msg(schedule->is_killed ? was_killed : WIFEXITED(status) && WEXITSTATUS(status) == 0,
                  "schedule %llu, life %u: it failed (status %d)", (unsigned long long)schedule->seed, schedule->life,
                  status);
    schedule->model->kills += was_killed;
}

static void damage_between(struct schedule *schedule)
{
    struct actor *actor = calloc(1, sizeof *actor);
    ck_assert_ptr_nonnull(actor);
    actor->schedule = schedule;
    actor->random = random_seeded(&actor->state, ~(schedule->seed * LIVES + schedule->life));
    for (unsigned i = draw(actor, 16); i > 0; i--)
        damage_some(actor);
    free(actor);
}

/* What was kept more than once may lie in a slab once more, of which the index knew nothing: a word that made room for
 * others. The next process finds it. */
static void allow_former_copies(struct model *model)
{
    for (unsigned id = 0; id < REVISIONS; id++) {
        for (unsigned number = 0; number < BLOCKS_MAX; number++)
            model->may_be_there[id][number] |= model->keeps[id][number] > 1;
    }
}

static void run_schedule(uint64_t seed, struct model *model)
{
    char folder[64];
    folder_make(folder);
    struct schedule schedule = {.model = model, .folder = folder, .seed = seed};
    memset(model->may_be_there, 0, sizeof model->may_be_there);
    memset(model->keeps, 0, sizeof model->keeps);
    for (; schedule.life < LIVES; schedule.life++) {
        schedule.is_killed = schedule.life % 3 == 1;
        live(&schedule);
        damage_between(&schedule);
        allow_former_copies(model);
    }
    folder_remove(folder);
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static bool has_seen_everything(const struct model *model)
{
    return model->found > model->reads / 20 && model->unsound > 0 && model->slabs_gone > 0;
}

START_TEST(no_schedule_gives_a_wrong_byte)
{
    struct model *model = mmap(NULL, sizeof *model, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(model != MAP_FAILED);
    uint64_t first = number_of("BALE_SCHEDULE", random_u64(random_system()) % 1000000);
    uint64_t count = number_of("BALE_SCHEDULES", SCHEDULES);
    (void)printf("schedules from %llu on\n", (unsigned long long)first);
    (void)fflush(stdout);
    uint64_t run = 0;
    for (; run < count || (run < SCHEDULES_MAX && !has_seen_everything(model)); run++)
        run_schedule(first + run, model);
    (void)printf(
        "%llu schedules: %llu reads, of which %llu found something; %llu damages, %llu unsound blocks, %llu moved, "
        "%llu slabs gone, %llu kills\n",
        (unsigned long long)run, (unsigned long long)model->reads, (unsigned long long)model->found,
        (unsigned long long)model->damages, (unsigned long long)model->unsound, (unsigned long long)model->moved,
        (unsigned long long)model->slabs_gone, (unsigned long long)model->kills);
    ck_assert(has_seen_everything(model));
    ck_assert_uint_eq(model->kills, run * 2);
    (void)munmap(model, sizeof *model);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("schedules");
    tcase_set_timeout(all, 0);
    tcase_add_test(all, no_schedule_gives_a_wrong_byte);
    Suite *suite = suite_create("tier under random schedules");
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
