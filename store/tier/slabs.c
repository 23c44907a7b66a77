/* store/tier/slabs.c -- slabs: made, held, taken out. */
#include "store/tier/slabs.h"

#include "runtime/base/assert.h"
#include "runtime/io/io.h"
#include "runtime/log/log.h"
#include "store/tier/policy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SLAB_IS_LIVE (UINT32_C(1) << 31)

/* A file of an earlier process. */
struct found_slab {
    uint64_t sequence;
    uint32_t slot;
};

struct slabs {
    struct slabs_options options;
    uint64_t slabs_max;
    atomic_bool is_buffered;
    atomic_bool were_full;

    pthread_mutex_t lock; /* of what follows */
    uint64_t next_sequence;
    uint32_t next_slot; /* where a free one is looked for: slots are used in turn, so that old places lead nowhere */
    uint64_t on_disk;   /* slabs whose bytes are there */
    struct list_link sealed;
    struct found_slab *to_load; /* of an earlier process, youngest last */
    size_t to_load_count;
    unsigned loading; /* fibers that read one */

    uint32_t slots_count;
    struct slab slots[];
};

static void lock(struct slabs *slabs)
{
    int failed = pthread_mutex_lock(&slabs->lock);
    ASSERT(failed == 0);
}

static void unlock(struct slabs *slabs)
{
    int failed = pthread_mutex_unlock(&slabs->lock);
    ASSERT(failed == 0);
}

uint64_t slabs_choose_bytes(uint64_t bytes_max)
{
    const uint64_t mebibyte = 1 << 20;
    uint64_t bytes = bytes_max / 128 / mebibyte * mebibyte;
    if (bytes < SLAB_BYTES_LEAST)
        return SLAB_BYTES_LEAST;
    return bytes > SLAB_BYTES_MOST ? SLAB_BYTES_MOST : bytes;
}

uint64_t slabs_files(const struct slabs_options *options)
{
    return options->bytes_max / options->slab_bytes;
}

uint64_t slabs_bytes_each(const struct slabs *slabs)
{
    return slabs->options.slab_bytes;
}

/* ---- slots ---- */

/* Under the lock. There are twice as many slots as slabs. */
static struct slab *take_slot(struct slabs *slabs)
{
    struct slab *slab;
    do {
        slab = &slabs->slots[slabs->next_slot];
        slabs->next_slot = (slabs->next_slot + 1) % slabs->slots_count;
    } while (slab->is_taken);
    slab->is_taken = true;
    slabs->on_disk++;
    if (policy_is_full(slabs->on_disk, slabs->slabs_max))
        atomic_store_explicit(&slabs->were_full, true, memory_order_relaxed);
    return slab;
}

static void give_slot(struct slabs *slabs, struct slab *slab)
{
    lock(slabs);
    slab->is_taken = false;
    slabs->on_disk--;
    unlock(slabs);
}

/* The file is open: from now on it can be held. `holders`: how many do already. */
static void enliven(struct slab *slab, uint64_t sequence, int fd, uint32_t holders)
{
    slab->sequence = sequence;
    slab->fd = fd;
    slab->sealed_s = 0;
    atomic_store_explicit(&slab->faults, 0, memory_order_relaxed);
    atomic_store_explicit(&slab->holders, SLAB_IS_LIVE | holders, memory_order_release);
}

struct slab *slabs_hold(struct slabs *slabs, uint32_t slot)
{
    if (slot >= slabs->slots_count)
        return NULL;
    struct slab *slab = &slabs->slots[slot];
    uint32_t holders = atomic_load_explicit(&slab->holders, memory_order_relaxed);
    while ((holders & SLAB_IS_LIVE) != 0) {
        if (atomic_compare_exchange_weak_explicit(&slab->holders, &holders, holders + 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return slab;
    }
    return NULL;
}

SUSPENDS void slabs_let_go(struct slabs *slabs, struct slab *slab)
{
    uint32_t before = atomic_fetch_sub_explicit(&slab->holders, 1, memory_order_acq_rel);
    ASSERT((before & ~SLAB_IS_LIVE) > 0);
    if (before != 1)
        return;
    (void)io_close(slab->fd); /* the last of an unlinked one: its bytes go now */
    give_slot(slabs, slab);
}

/* ---- opening ---- */

static int compare_found(const void *a, const void *b)
{
    uint64_t first = ((const struct found_slab *)a)->sequence;
    uint64_t second = ((const struct found_slab *)b)->sequence;
    return first < second ? -1 : first > second;
}

static bool list_files(const struct tier_folder *folder, struct buffer *ret_found)
{
    DIR *entries = fdopendir(openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const struct dirent *entry;
    if (entries == NULL)
        return false;
    while ((entry = readdir(entries)) != NULL) {
        struct found_slab found = {0};
        if (slab_name_parse(entry->d_name, &found.sequence))
            buffer_append(ret_found, span_of(&found, sizeof found));
    }
    (void)closedir(entries);
    if (ret_found->size > 0)
        qsort(ret_found->data, ret_found->size / sizeof(struct found_slab), sizeof(struct found_slab), compare_found);
    return true;
}

/* Where the page cache has to do, it is said once. */
static int open_file(struct slabs *slabs, const char *name, int flags)
{
    const struct tier_folder *folder = slabs->options.folder;
    if (!atomic_load_explicit(&slabs->is_buffered, memory_order_relaxed)) {
        int fd = openat(folder->fd, name, O_RDWR | O_CLOEXEC | O_DIRECT | flags, 0600);
        if (fd >= 0 || errno != EINVAL)
            return fd;
        (void)unlinkat(folder->fd, name, 0); /* some make it before they refuse it */
        if (!atomic_exchange(&slabs->is_buffered, true))
            log_message(LOG_INFO, "The file system of %s refuses O_DIRECT: the tier goes through the page cache",
                        folder->path);
    }
    return openat(folder->fd, name, O_RDWR | O_CLOEXEC | flags, 0600);
}

/* A file that is not as long as slabs are now was another tier's, or was cut: -1. */
static int open_found(struct slabs *slabs, const char *name)
{
    struct stat status;
    int fd = open_file(slabs, name, 0);
    if (fd < 0 || (fstat(fd, &status) == 0 && (uint64_t)status.st_size == slabs->options.slab_bytes))
        return fd;
    (void)close(fd);
    return -1;
}

/* All but as many of the oldest as there is no room for. */
static void adopt(struct slabs *slabs, struct found_slab *found, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[SLAB_NAME_BYTES];
        slab_name_format(found[i].sequence, name);
        int fd = count - i > slabs->slabs_max ? -1 : open_found(slabs, name);
        if (fd < 0) {
            (void)unlinkat(slabs->options.folder->fd, name, 0);
            continue;
        }
        struct slab *slab = take_slot(slabs);
        enliven(slab, found[i].sequence, fd, 0);
        list_append(&slabs->sealed, &slab->order);
        slabs->to_load[slabs->to_load_count++] = (struct found_slab){found[i].sequence, slab->slot};
    }
    if (count > 0)
        slabs->next_sequence = found[count - 1].sequence + 1;
}

struct slabs *slabs_open(const struct slabs_options *options, struct error *error)
{
    ASSERT(options->slab_bytes >= SLAB_BYTES_LEAST && options->slab_bytes <= SLAB_BYTES_MOST);
    uint64_t slabs_max = options->bytes_max / options->slab_bytes;
    ASSERT(slabs_max >= 2 * (uint64_t)options->writers && 2 * slabs_max <= INDEX_SLABS_MAX);
    struct slabs *slabs = calloc(1, sizeof *slabs + 2 * slabs_max * sizeof slabs->slots[0]);
    ASSERT(slabs != NULL);
    slabs->options = *options;
    slabs->slabs_max = slabs_max;
    slabs->slots_count = (uint32_t)(2 * slabs_max);
    for (uint32_t slot = 0; slot < slabs->slots_count; slot++) {
        slabs->slots[slot].slot = slot;
        list_init(&slabs->slots[slot].order);
    }
    list_init(&slabs->sealed);
    (void)pthread_mutex_init(&slabs->lock, NULL);
    slabs->to_load = calloc(slabs_max, sizeof *slabs->to_load);
    ASSERT(slabs->to_load != NULL);
    struct buffer found = {0};
    bool done = list_files(options->folder, &found);
    if (done)
        adopt(slabs, (struct found_slab *)(void *)found.data, found.size / sizeof(struct found_slab));
    buffer_free(&found);
    if (done)
        return slabs;
    (void)error_set_errno(error, errno, "%s cannot be read", options->folder->path);
    slabs_close(slabs);
    return NULL;
}

void slabs_close(struct slabs *slabs)
{
    for (uint32_t slot = 0; slot < slabs->slots_count; slot++) {
        struct slab *slab = &slabs->slots[slot];
        ASSERT((atomic_load(&slab->holders) & ~SLAB_IS_LIVE) == 0);
        if (slab->is_taken)
            (void)close(slab->fd);
    }
    (void)pthread_mutex_destroy(&slabs->lock);
    free(slabs->to_load);
    free(slabs);
}

/* ---- making and dropping ---- */

struct file_work {
    struct slabs *slabs;
    uint64_t sequence;
    int fd;
    int failed; /* errno */
};

/* Would others find less of the file system free than they may count on? */
static bool is_too_full(const struct slabs *slabs)
{
    struct statvfs status;
    if (fstatvfs(slabs->options.folder->fd, &status) != 0)
        return false;
    uint64_t unit = status.f_frsize;
    uint64_t kept = status.f_blocks * unit / 100 * slabs->options.keep_free;
    return (uint64_t)status.f_bavail * unit < kept + slabs->options.slab_bytes;
}

static void make_file(void *argument)
{
    struct file_work *work = argument;
    char name[SLAB_NAME_BYTES];
    slab_name_format(work->sequence, name);
    work->failed = is_too_full(work->slabs) ? ENOSPC : 0;
    if (work->failed != 0)
        return;
    work->fd = open_file(work->slabs, name, O_CREAT | O_EXCL);
    if (work->fd < 0) {
        work->failed = errno;
        return;
    }
    off_t size = (off_t)work->slabs->options.slab_bytes;
    bool is_there = ftruncate(work->fd, size) == 0 &&
                    (fallocate(work->fd, 0, 0, size) == 0 || errno == EOPNOTSUPP || errno == ENOSYS);
    if (is_there)
        return;
    work->failed = errno;
    (void)unlinkat(work->slabs->options.folder->fd, name, 0);
    (void)close(work->fd);
}

static void unlink_file(void *argument)
{
    const struct file_work *work = argument;
    char name[SLAB_NAME_BYTES];
    slab_name_format(work->sequence, name);
    (void)unlinkat(work->slabs->options.folder->fd, name, 0);
}

bool slabs_have_room(struct slabs *slabs)
{
    lock(slabs);
    bool has_room = slabs->on_disk < slabs->slabs_max;
    unlock(slabs);
    return has_room;
}

bool slabs_were_full(const struct slabs *slabs)
{
    return atomic_load_explicit(&slabs->were_full, memory_order_relaxed);
}

static bool take_room(struct slabs *slabs, struct slab **ret_slab, uint64_t *ret_sequence)
{
    lock(slabs);
    bool has_room = slabs->on_disk < slabs->slabs_max;
    if (has_room) {
        *ret_slab = take_slot(slabs);
        *ret_sequence = slabs->next_sequence++;
    }
    unlock(slabs);
    return has_room;
}

SUSPENDS struct slab *slabs_make(struct slabs *slabs, struct error *error)
{
    struct slab *slab;
    struct file_work work = {.slabs = slabs, .fd = -1};
    if (!take_room(slabs, &slab, &work.sequence)) {
        (void)error_set(error, ERROR_FULL, NULL, "the tier has no room for a further slab");
        return NULL;
    }
    bool done = offload_run(slabs->options.offload, make_file, &work, error);
    if (done && work.failed != 0)
        done = error_set_errno(error, work.failed, "a slab cannot be made in %s", slabs->options.folder->path);
    if (!done) {
        give_slot(slabs, slab);
        return NULL;
    }
    enliven(slab, work.sequence, work.fd, 1);
    return slab;
}

void slabs_seal(struct slabs *slabs, struct slab *slab, int64_t second)
{
    lock(slabs);
    slab->sealed_s = second;
    list_append(&slabs->sealed, &slab->order);
    unlock(slabs);
    uint32_t before = atomic_fetch_sub_explicit(&slab->holders, 1, memory_order_acq_rel);
    ASSERT((before & SLAB_IS_LIVE) != 0);
}

SUSPENDS void slabs_drop(struct slabs *slabs, struct slab *slab)
{
    struct file_work work = {.slabs = slabs, .sequence = slab->sequence};
    struct error ignored;
    if (!offload_run(slabs->options.offload, unlink_file, &work, &ignored))
        unlink_file(&work); /* the pool is full: this happens once in a while, and must */
    (void)atomic_fetch_and_explicit(&slab->holders, ~SLAB_IS_LIVE, memory_order_acq_rel);
    slabs_let_go(slabs, slab);
}

/* Under the lock. It is live as long as it is in the order, so that it can be held. */
static void take_out(struct slab *slab)
{
    list_remove(&slab->order);
    (void)atomic_fetch_add_explicit(&slab->holders, 1, memory_order_acquire);
}

/* Under the lock. NULL: there is none. */
static struct slab *oldest_of(const struct slabs *slabs)
{
    return list_is_empty(&slabs->sealed) ? NULL : LIST_ELEMENT(slabs->sealed.next, struct slab, order);
}

struct slab *slabs_take_oldest(struct slabs *slabs)
{
    lock(slabs);
    struct slab *oldest = oldest_of(slabs);
    if (oldest != NULL)
        take_out(oldest);
    unlock(slabs);
    return oldest;
}

struct slab *slabs_take_aged(struct slabs *slabs, int64_t second)
{
    lock(slabs);
    struct slab *oldest = oldest_of(slabs);
    bool is_aged = oldest != NULL && oldest->sealed_s != 0 && oldest->sealed_s < second;
    if (is_aged)
        take_out(oldest);
    unlock(slabs);
    return is_aged ? oldest : NULL;
}

/* Unless somebody else has, or it is still being filled. */
static bool take_out_if_there(struct slabs *slabs, struct slab *slab)
{
    lock(slabs);
    bool is_there = !list_is_empty(&slab->order);
    if (is_there)
        take_out(slab);
    unlock(slabs);
    return is_there;
}

bool slabs_note_fault(struct slabs *slabs, struct slab *slab)
{
    return atomic_fetch_add_explicit(&slab->faults, 1, memory_order_relaxed) + 1 >= SLAB_FAULTS_MAX &&
           take_out_if_there(slabs, slab);
}

/* ---- what lies in them ---- */

SUSPENDS bool slabs_erase(struct slabs *slabs, const struct block_place *place)
{
    static _Alignas(BLOCK_UNIT_BYTES) const uint8_t zeroes[BLOCK_BYTES];
    struct slab *slab = slabs_hold(slabs, place->slab);
    size_t size = (size_t)place->units * BLOCK_UNIT_BYTES;
    if (slab == NULL)
        return true; /* with all that was in it */
    int64_t written = io_write(slab->fd, zeroes, size, (uint64_t)place->unit * BLOCK_UNIT_BYTES, DEADLINE_NONE);
    slabs_let_go(slabs, slab);
    return written == (int64_t)size;
}

SUSPENDS static bool read_end(const struct slabs *slabs, const struct slab *slab, uint64_t size,
                              struct buffer *ret_bytes)
{
    uint64_t first = slabs->options.slab_bytes - size;
    uint8_t *bytes = aligned_alloc(BLOCK_UNIT_BYTES, size);
    if (bytes == NULL)
        return false;
    bool done = io_read(slab->fd, bytes, size, first, DEADLINE_NONE) == (int64_t)size;
    if (done)
        *ret_bytes = (struct buffer){.data = bytes, .size = size, .capacity = size};
    else
        free(bytes);
    return done;
}

SUSPENDS bool slabs_read_contents(struct slabs *slabs, const struct slab *slab, struct buffer *ret_bytes,
                                  uint32_t *ret_count, int64_t *ret_second)
{
    enum { TAIL_BYTES = 64 << 10 };
    uint64_t second;
    uint64_t slab_bytes = slabs->options.slab_bytes;
    if (!read_end(slabs, slab, TAIL_BYTES, ret_bytes))
        return false;
    bool done = contents_find(buffer_span(ret_bytes), slab->sequence, slab_bytes, ret_count, &second);
    uint64_t size = done ? contents_bytes(*ret_count) : 0;
    if (done && size > TAIL_BYTES) {
        buffer_free(ret_bytes);
        done = read_end(slabs, slab, size, ret_bytes);
    } else if (done) {
        memmove(ret_bytes->data, ret_bytes->data + (TAIL_BYTES - size), size);
        ret_bytes->size = size;
    }
    if (done && contents_check(buffer_span(ret_bytes), *ret_count)) {
        *ret_second = (int64_t)second;
        return true;
    }
    buffer_free(ret_bytes);
    return false;
}

static void index_contents(struct slabs *slabs, const struct slab *slab, struct span bytes, uint32_t count,
                           struct tier_index *index)
{
    struct contents_entry entry;
    for (uint32_t i = 0; i < count; i++) {
        if (!contents_entry(bytes, i, slabs->options.slab_bytes, &entry))
            continue;
        const struct block_place place = {.slab = slab->slot, .unit = entry.unit, .units = entry.units};
        index_put(index, block_hash(entry.revision, entry.number), &place);
    }
}

/* False: it has no table, because a kill or a loss of power came before. */
SUSPENDS static bool load(struct slabs *slabs, struct slab *slab, struct tier_index *index)
{
    struct buffer bytes = {0};
    uint32_t count;
    int64_t second;
    if (!slabs_read_contents(slabs, slab, &bytes, &count, &second))
        return false;
    index_contents(slabs, slab, buffer_span(&bytes), count, index);
    buffer_free(&bytes);
    lock(slabs);
    slab->sealed_s = second;
    unlock(slabs);
    return true;
}

static bool take_found(struct slabs *slabs, struct found_slab *ret_found)
{
    lock(slabs);
    bool has_more = slabs->to_load_count > 0;
    if (has_more) {
        *ret_found = slabs->to_load[--slabs->to_load_count];
        slabs->loading++;
    }
    unlock(slabs);
    return has_more;
}

static void end_loading(struct slabs *slabs)
{
    lock(slabs);
    slabs->loading--;
    unlock(slabs);
}

SUSPENDS bool slabs_load_next(struct slabs *slabs, struct tier_index *index)
{
    struct found_slab found;
    if (!take_found(slabs, &found))
        return false;
    struct slab *slab = slabs_hold(slabs, found.slot);
    if (slab != NULL) {
        bool is_good = slab->sequence != found.sequence || load(slabs, slab, index);
        if (!is_good && take_out_if_there(slabs, slab))
            slabs_drop(slabs, slab);
        slabs_let_go(slabs, slab);
    }
    end_loading(slabs);
    return true;
}

void slabs_usage(struct slabs *slabs, struct slabs_usage *ret_usage)
{
    lock(slabs);
    *ret_usage = (struct slabs_usage){
        .bytes = slabs->on_disk * slabs->options.slab_bytes,
        .bytes_max = slabs->slabs_max * slabs->options.slab_bytes,
        .count = slabs->on_disk,
        .is_loaded = slabs->to_load_count == 0 && slabs->loading == 0,
        .is_buffered = atomic_load_explicit(&slabs->is_buffered, memory_order_relaxed),
    };
    const struct slab *oldest = oldest_of(slabs);
    ret_usage->oldest_s = oldest == NULL ? 0 : oldest->sealed_s;
    unlock(slabs);
}
