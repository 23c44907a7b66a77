/* store/tier/disk.c -- reads on fibers of their own, patience by what the disk has shown, and when it is left alone. */
#include "store/tier/disk.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/fiber/wait.h"
#include "runtime/io/io.h"

#include <stdlib.h>

enum {
    SPARE_MAX = 8,
    SAMPLES = 1024,
    SAMPLES_TO_LOOK = 128, /* so many new ones make a new patience */
    PATIENCE_FACTOR = 4,
    WINDOW_MS = 10000,
    READS_TO_JUDGE = 40, /* of a window */
    LATE_ONE_IN = 20,
    BYPASS_MS = 1000,
    TRY_ONE_IN = 100,
};

struct tier_disk {
    struct slabs *slabs;
    struct tier_disk_counters *counters;
    struct list_link spare;
    unsigned spare_count;
    unsigned under_way;
    struct wait_queue ended; /* one of them has */

    uint64_t fixed_patience_ns; /* 0: by samples */
    uint64_t patience_ns;
    uint32_t samples_us[SAMPLES];
    unsigned samples_count; /* since the beginning */

    uint64_t window_began_ns;
    unsigned window_reads;
    unsigned window_late;
    uint64_t bypassed_until_ns;
    bool is_bypassed;
    unsigned tried; /* reads that were asked for while it is bypassed */
};

struct disk_read {
    struct list_link link; /* of spare ones */
    struct tier_disk *disk;
    struct slab *slab;
    uint64_t offset;
    size_t size;
    uint64_t began_ns;
    int64_t result;
    bool is_done;
    bool is_left; /* nobody waits for it any more */
    struct wait_queue done;
    uint8_t *bytes;
};

struct tier_disk *tier_disk_create(struct slabs *slabs, uint64_t patience_ms, struct tier_disk_counters *counters)
{
    struct tier_disk *disk = calloc(1, sizeof *disk);
    ASSERT(disk != NULL);
    disk->slabs = slabs;
    disk->counters = counters;
    disk->fixed_patience_ns = patience_ms * 1000000;
    disk->patience_ns = (uint64_t)DISK_PATIENCE_MOST_MS * 1000000;
    disk->window_began_ns = loop_now_ns();
    list_init(&disk->spare);
    wait_queue_init(&disk->ended);
    return disk;
}

static void free_read(struct disk_read *read)
{
    free(read->bytes);
    free(read);
}

SUSPENDS void tier_disk_destroy(struct tier_disk *disk)
{
    struct error ignored;
    struct list_link *link;
    while (disk->under_way > 0)
        if (!wait_for(&disk->ended, DEADLINE_NONE, &ignored) && disk->under_way > 0)
            fiber_yield();
    while ((link = list_take_first(&disk->spare)) != NULL)
        free_read(LIST_ELEMENT(link, struct disk_read, link));
    free(disk);
}

/* ---- is it well? ---- */

static int compare_u32(const void *a, const void *b)
{
    uint32_t first = *(const uint32_t *)a;
    uint32_t second = *(const uint32_t *)b;
    return first < second ? -1 : first > second;
}

static uint64_t clamp_ms(uint64_t ns, uint64_t least_ms, uint64_t most_ms)
{
    const uint64_t millisecond = 1000000;
    if (ns < least_ms * millisecond)
        return least_ms * millisecond;
    return ns > most_ms * millisecond ? most_ms * millisecond : ns;
}

static void note_time(struct tier_disk *disk, uint64_t ns)
{
    disk->samples_us[disk->samples_count++ % SAMPLES] = (uint32_t)(ns / 1000 > UINT32_MAX ? UINT32_MAX : ns / 1000);
    if (disk->samples_count % SAMPLES_TO_LOOK != 0)
        return;
    uint32_t sorted[SAMPLES / 2]; /* every second one does, and fits on the stack */
    unsigned count = (disk->samples_count < SAMPLES ? disk->samples_count : SAMPLES) / 2;
    for (unsigned i = 0; i < count; i++)
        sorted[i] = disk->samples_us[2 * i];
    qsort(sorted, count, sizeof sorted[0], compare_u32);
    disk->patience_ns = clamp_ms((uint64_t)sorted[count - 1 - count / 100] * 1000 * PATIENCE_FACTOR,
                                 DISK_PATIENCE_LEAST_MS, DISK_PATIENCE_MOST_MS);
}

static void set_bypassed(struct tier_disk *disk, bool is_bypassed)
{
    disk->is_bypassed = is_bypassed;
    atomic_store_explicit(&disk->counters->is_bypassed, is_bypassed, memory_order_relaxed);
}

static void note_outcome(struct tier_disk *disk, bool is_late)
{
    uint64_t now = loop_now_ns();
    if (now - disk->window_began_ns > (uint64_t)WINDOW_MS * 1000000) {
        disk->window_began_ns = now;
        disk->window_reads = disk->window_late = 0;
    }
    disk->window_reads++;
    disk->window_late += is_late;
    if (disk->is_bypassed && !is_late) { /* the one that tried */
        set_bypassed(disk, false);
        disk->window_reads = disk->window_late = 0;
    } else if (is_late && disk->window_reads >= READS_TO_JUDGE &&
               disk->window_late * LATE_ONE_IN > disk->window_reads) {
        set_bypassed(disk, true);
        disk->tried = 0;
        disk->bypassed_until_ns = now + (uint64_t)BYPASS_MS * 1000000;
    }
}

static bool may_ask(struct tier_disk *disk)
{
    if (disk->under_way >= DISK_READS_MAX)
        return false;
    return !disk->is_bypassed || (loop_now_ns() >= disk->bypassed_until_ns && disk->tried++ % TRY_ONE_IN == 0);
}

/* ---- one read ---- */

static struct disk_read *take_read(struct tier_disk *disk)
{
    struct list_link *link = list_take_first(&disk->spare);
    if (link != NULL) {
        disk->spare_count--;
        return LIST_ELEMENT(link, struct disk_read, link);
    }
    struct disk_read *read = calloc(1, sizeof *read);
    ASSERT(read != NULL);
    read->bytes = aligned_alloc(BLOCK_UNIT_BYTES, DISK_READ_BYTES_MAX);
    ASSERT(read->bytes != NULL);
    read->disk = disk;
    wait_queue_init(&read->done);
    return read;
}

static void give_read(struct disk_read *read)
{
    struct tier_disk *disk = read->disk;
    if (disk->spare_count == SPARE_MAX) {
        free_read(read);
        return;
    }
    disk->spare_count++;
    list_prepend(&disk->spare, &read->link);
}

SUSPENDS void disk_read_end(struct disk_read *read)
{
    struct tier_disk *disk = read->disk;
    slabs_let_go(disk->slabs, read->slab);
    give_read(read);
    disk->under_way--;
    wait_wake_all(&disk->ended);
}

static void run_read(void *argument)
{
    struct disk_read *read = argument;
    read->result = io_read(read->slab->fd, read->bytes, read->size, read->offset, DEADLINE_NONE);
    note_time(read->disk, loop_now_ns() - read->began_ns);
    read->is_done = true;
    if (read->is_left)
        disk_read_end(read);
    else
        wait_wake_one(&read->done);
}

/* False: the disk has not answered in time. */
SUSPENDS static bool wait_for_disk(struct disk_read *read)
{
    struct tier_disk *disk = read->disk;
    struct error error;
    uint64_t patience = disk->fixed_patience_ns != 0 ? disk->fixed_patience_ns : disk->patience_ns;
    bool is_waiting = true;
    while (!read->is_done && is_waiting)
        is_waiting = wait_for(&read->done, read->began_ns + patience, &error);
    if (!read->is_done)
        fiber_yield(); /* this turn of the loop may have brought the answer as well: the loop was late, not the disk */
    if (read->is_done || error.kind == ERROR_TIMED_OUT)
        note_outcome(disk, !read->is_done);
    return read->is_done;
}

static void begin_read(struct disk_read *read, struct slab *slab, uint64_t offset, size_t size)
{
    ASSERT(size <= DISK_READ_BYTES_MAX && size % BLOCK_UNIT_BYTES == 0 && offset % BLOCK_UNIT_BYTES == 0);
    read->slab = slab;
    read->offset = offset;
    read->size = size;
    read->began_ns = loop_now_ns();
    read->is_done = read->is_left = false;
    read->disk->under_way++;
}

SUSPENDS enum disk_outcome tier_disk_read(struct tier_disk *disk, struct slab *slab, uint64_t offset, size_t size,
                                          struct disk_read **ret_read)
{
    struct error ignored;
    if (!may_ask(disk)) {
        metric_add(&disk->counters->bypassed, 1);
        slabs_let_go(disk->slabs, slab);
        return DISK_LATE;
    }
    struct disk_read *read = take_read(disk);
    begin_read(read, slab, offset, size);
    if (!fiber_spawn("tier read", run_read, read, &ignored)) {
        disk_read_end(read);
        return DISK_LATE;
    }
    metric_add(&disk->counters->reads, 1);
    metric_add(&disk->counters->bytes, size);
    if (!wait_for_disk(read)) {
        metric_add(&disk->counters->late, 1);
        read->is_left = true;
        return DISK_LATE;
    }
    if (read->result != (int64_t)size) {
        metric_add(&disk->counters->failed, 1);
        disk_read_end(read);
        return DISK_FAILED;
    }
    *ret_read = read;
    return DISK_READ;
}

const uint8_t *disk_read_bytes(const struct disk_read *read)
{
    return read->bytes;
}

struct slab *disk_read_slab(const struct disk_read *read)
{
    return read->slab;
}
