/* store/tier/slab_writer.c -- gathers blocks, writes them, and makes the oldest slab go. */
#include "store/tier/slab_writer.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/fiber/wait.h"
#include "runtime/io/io.h"
#include "runtime/log/log.h"
#include "store/tier/policy.h"

#include <stdlib.h>

enum {
    PIECE_BLOCKS = PIECE_BYTES / BLOCK_UNIT_BYTES,
    LOOK_MS = 1000, /* for slabs that are too old, and whether all is to be forgotten */
    FULL_PAUSE_MS = 60 * 1000,
    FAILED_PAUSE_LEAST_MS = 1000,
    FAILED_PAUSE_MOST_MS = 60 * 60 * 1000,
    SECONDS_A_DAY = 24 * 60 * 60,
};

struct piece {
    uint8_t *bytes;
    size_t size;
    unsigned count;
    struct contents_entry entries[PIECE_BLOCKS]; /* units count from the piece's beginning */
};

struct slab_writer {
    struct slab_writer_options options;
    struct piece pieces[WRITER_PIECES];
    unsigned first;      /* the next one to be written */
    unsigned filling;    /* the one that blocks go into: the same, or behind it */
    uint64_t since_ns;   /* when it got its first block */
    struct piece moving; /* blocks that stay though their slab goes */

    struct slab *slab;      /* NULL: there is none */
    uint64_t position;      /* in it */
    struct buffer contents; /* struct contents_entry */

    uint64_t paused_until_ns;
    uint64_t failed_pause_ms; /* the last one; 0: the last write went well */
    double allowance;         /* bytes that may be written now */
    uint64_t allowance_ns;
    uint64_t looked_ns;

    bool is_stopping;
    bool is_ended;
    struct wait_queue work;
    struct wait_queue ended;
};

static int64_t now_s(void)
{
    return loop_wall_ms() / 1000;
}

/* Whoever sees the count by slab_writer_has_caught_up sees what was done to the index before, too. */
static void count_after(metric_counter *counter, uint64_t count)
{
    atomic_thread_fence(memory_order_release);
    metric_add(counter, count);
}

struct slab_writer_progress slab_writer_progress(const struct slab_writer_counters *counters)
{
    return (struct slab_writer_progress){.taken = metric_read(&counters->taken),
                                         .emptyings = metric_read(&counters->emptyings)};
}

bool slab_writer_has_caught_up(const struct slab_writer_counters *counters, const struct slab_writer_progress *progress)
{
    bool has_caught_up =
        metric_read(&counters->settled) >= progress->taken && metric_read(&counters->emptied) >= progress->emptyings;
    atomic_thread_fence(memory_order_acquire);
    return has_caught_up;
}

/* ---- pieces ---- */

static void piece_init(struct piece *piece)
{
    piece->bytes = aligned_alloc(BLOCK_UNIT_BYTES, PIECE_BYTES);
    ASSERT(piece->bytes != NULL);
    piece->size = piece->count = 0;
}

static bool piece_has_room(const struct piece *piece, uint32_t units)
{
    return piece->size + (size_t)units * BLOCK_UNIT_BYTES <= PIECE_BYTES;
}

static bool piece_is_full(const struct piece *piece)
{
    return !piece_has_room(piece, BLOCK_UNITS);
}

/* Where the block goes; it must be written there at once. */
static uint8_t *piece_take(struct piece *piece, const struct block_name *name, uint32_t units)
{
    uint8_t *place = piece->bytes + piece->size;
    struct contents_entry *entry = &piece->entries[piece->count++];
    memcpy(entry->revision, name->revision.bytes, REVISION_BYTES);
    entry->number = name->number;
    entry->unit = (uint16_t)(piece->size / BLOCK_UNIT_BYTES);
    entry->units = (uint16_t)units;
    piece->size += (size_t)units * BLOCK_UNIT_BYTES;
    return place;
}

static void piece_clear(struct piece *piece)
{
    piece->size = piece->count = 0;
}

static unsigned next_of(unsigned index)
{
    return (index + 1) % WRITER_PIECES;
}

bool slab_writer_add(struct slab_writer *writer, const struct block_name *name, struct span payload)
{
    uint32_t units = block_units((uint32_t)payload.size);
    if (!piece_has_room(&writer->pieces[writer->filling], units)) {
        if (next_of(writer->filling) == writer->first) {
            metric_add(&writer->options.counters->dropped_busy, 1);
            return false;
        }
        writer->filling = next_of(writer->filling);
        wait_wake_one(&writer->work);
    }
    struct piece *piece = &writer->pieces[writer->filling];
    if (piece->count == 0) {
        writer->since_ns = loop_now_ns();
        wait_wake_one(&writer->work);
    }
    block_write(name, payload, (uint64_t)now_s(), piece_take(piece, name, units));
    metric_add(&writer->options.counters->taken, 1);
    if (piece_is_full(piece))
        wait_wake_one(&writer->work);
    return true;
}

/* An entry of no revision: its place stays, and nothing names it. */
static const uint8_t no_revision[REVISION_BYTES];

static bool is_forgotten(const struct contents_entry *entry)
{
    return memcmp(entry->revision, no_revision, REVISION_BYTES) == 0;
}

static void forget(struct contents_entry *entry)
{
    memcpy(entry->revision, no_revision, REVISION_BYTES);
}

static bool is_of(const struct contents_entry *entry, const struct block_name *name)
{
    return entry->number == name->number && memcmp(entry->revision, name->revision.bytes, REVISION_BYTES) == 0;
}

static bool piece_has(const struct piece *piece, const struct block_name *name)
{
    for (unsigned i = 0; i < piece->count; i++)
        if (is_of(&piece->entries[i], name))
            return true;
    return false;
}

bool slab_writer_has(const struct slab_writer *writer, const struct block_name *name)
{
    bool has = piece_has(&writer->moving, name);
    for (unsigned i = 0; i < WRITER_PIECES; i++)
        has = has || piece_has(&writer->pieces[i], name);
    return has;
}

static void piece_forget(struct piece *piece, const struct block_name *name)
{
    for (unsigned i = 0; i < piece->count; i++)
        if (is_of(&piece->entries[i], name))
            forget(&piece->entries[i]);
}

void slab_writer_forget(struct slab_writer *writer, const struct block_name *name)
{
    for (unsigned i = 0; i < WRITER_PIECES; i++)
        piece_forget(&writer->pieces[i], name);
    piece_forget(&writer->moving, name);
}

/* ---- pauses ---- */

static void pause_writing(struct slab_writer *writer, uint64_t milliseconds, const char *why)
{
    writer->paused_until_ns = deadline_after_ms(milliseconds);
    if (atomic_exchange(&writer->options.counters->pause, why) == NULL)
        log_message(LOG_WARNING, "tier: writing is paused: %s", why);
}

static void note_failure(struct slab_writer *writer, const char *why)
{
    metric_add(&writer->options.counters->failures, 1);
    writer->failed_pause_ms *= 2;
    if (writer->failed_pause_ms < FAILED_PAUSE_LEAST_MS)
        writer->failed_pause_ms = FAILED_PAUSE_LEAST_MS;
    if (writer->failed_pause_ms > FAILED_PAUSE_MOST_MS)
        writer->failed_pause_ms = FAILED_PAUSE_MOST_MS;
    pause_writing(writer, writer->failed_pause_ms, why);
}

static bool is_paused(struct slab_writer *writer)
{
    if (loop_now_ns() < writer->paused_until_ns)
        return true;
    atomic_store(&writer->options.counters->pause, NULL);
    return false;
}

/* More than a day's share was written of late. What is moved is not held up: it was paid for once. */
static bool is_beyond_limit(struct slab_writer *writer, size_t size)
{
    double most = (double)writer->options.bytes_a_day;
    uint64_t now = loop_now_ns();
    writer->allowance += most / SECONDS_A_DAY * (double)(now - writer->allowance_ns) / 1e9;
    writer->allowance_ns = now;
    if (writer->allowance > most)
        writer->allowance = most;
    return writer->allowance < (double)size;
}

/* ---- the slab that is being filled ---- */

static uint64_t contents_count(const struct slab_writer *writer)
{
    return writer->contents.size / sizeof(struct contents_entry);
}

/* How many blocks of the piece, from `first` on, go into the slab. */
static unsigned count_fitting(const struct slab_writer *writer, const struct piece *piece, unsigned first)
{
    uint64_t position = writer->position;
    unsigned count = 0;
    if (writer->slab == NULL)
        return 0;
    for (unsigned i = first; i < piece->count; i++, count++) {
        uint64_t size = (uint64_t)piece->entries[i].units * BLOCK_UNIT_BYTES;
        if (!policy_fits(position, contents_count(writer) + count, size, slabs_bytes_each(writer->options.slabs)))
            break;
        position += size;
    }
    return count;
}

SUSPENDS static bool write_bytes(const struct slab_writer *writer, const uint8_t *bytes, size_t size, uint64_t offset)
{
    size_t done = 0;
    while (done < size) {
        int64_t written = io_write(writer->slab->fd, bytes + done, size - done, offset + done, DEADLINE_NONE);
        if (written <= 0)
            return false;
        done += (size_t)written;
    }
    return true;
}

static struct block_place place_of(const struct slab *slab, const struct contents_entry *entry)
{
    return (struct block_place){.slab = slab->slot, .unit = entry->unit, .units = entry->units};
}

/* The slab cannot be relied on: what the index says of it is taken back. */
SUSPENDS static void give_up_slab(struct slab_writer *writer)
{
    const struct contents_entry *entries = (const struct contents_entry *)(const void *)writer->contents.data;
    for (uint64_t i = 0; i < contents_count(writer); i++) {
        const struct block_place place = place_of(writer->slab, &entries[i]);
        unsigned uses;
        (void)index_drop(writer->options.index, block_hash(entries[i].revision, entries[i].number), &place, &uses);
    }
    struct slab *slab = writer->slab;
    writer->slab = NULL;
    buffer_clear(&writer->contents);
    slabs_drop(writer->options.slabs, slab);
}

SUSPENDS static void seal_slab(struct slab_writer *writer)
{
    uint32_t count = (uint32_t)contents_count(writer);
    size_t size = contents_bytes(count);
    uint8_t *bytes = aligned_alloc(BLOCK_UNIT_BYTES, size);
    ASSERT(bytes != NULL);
    contents_write((const struct contents_entry *)(const void *)writer->contents.data, count, writer->slab->sequence,
                   (uint64_t)now_s(), bytes);
    bool done = write_bytes(writer, bytes, size, slabs_bytes_each(writer->options.slabs) - size);
    free(bytes);
    if (!done) {
        give_up_slab(writer);
        note_failure(writer, "the disk refuses to write");
        return;
    }
    struct slab *slab = writer->slab;
    writer->slab = NULL;
    buffer_clear(&writer->contents);
    slabs_seal(writer->options.slabs, slab, now_s());
}

/* Its bytes lie in the slab. Another shard may have written the block meanwhile: one place of it is enough, which all
 * who forget it find. */
static void name_block(struct slab_writer *writer, struct contents_entry *entry)
{
    const uint64_t hash = block_hash(entry->revision, entry->number);
    const struct block_place place = place_of(writer->slab, entry);
    struct block_place there;
    if (!is_forgotten(entry) && index_find(writer->options.index, hash, &there))
        forget(entry);
    buffer_append(&writer->contents, span_of(entry, sizeof *entry));
    if (!is_forgotten(entry))
        index_put(writer->options.index, hash, &place);
}

/* `count` blocks of the piece, from `first` on, into the slab, which has room for them. */
SUSPENDS static bool write_blocks(struct slab_writer *writer, const struct piece *piece, unsigned first, unsigned count)
{
    const struct contents_entry *begin = &piece->entries[first];
    const struct contents_entry *last = &piece->entries[first + count - 1];
    size_t size = (size_t)(last->unit + last->units - begin->unit) * BLOCK_UNIT_BYTES;
    if (!write_bytes(writer, piece->bytes + (size_t)begin->unit * BLOCK_UNIT_BYTES, size, writer->position)) {
        give_up_slab(writer);
        note_failure(writer, "the disk refuses to write");
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        struct contents_entry entry = begin[i];
        entry.unit = (uint16_t)(entry.unit - begin->unit + writer->position / BLOCK_UNIT_BYTES);
        name_block(writer, &entry);
    }
    writer->position += size;
    writer->failed_pause_ms = 0;
    writer->allowance -= (double)size;
    metric_add(&writer->options.counters->blocks, count);
    metric_add(&writer->options.counters->bytes, size);
    return true;
}

/* ---- the slab that goes ---- */

/* Writes what was gathered to stay; false: the slab has no room for more. */
SUSPENDS static bool write_moving(struct slab_writer *writer)
{
    struct piece *moving = &writer->moving;
    unsigned count = count_fitting(writer, moving, 0);
    bool done = count == moving->count && (count == 0 || write_blocks(writer, moving, 0, count));
    if (done)
        metric_add(&writer->options.counters->moved, count);
    piece_clear(moving);
    return done;
}

/* There is room for it. Its bytes are verified: a block that went bad goes. It is named before they are read, so that
 * whoever forgets it meanwhile finds it. */
SUSPENDS static void move_block(struct slab_writer *writer, const struct slab *from, const struct contents_entry *entry)
{
    struct piece *moving = &writer->moving;
    struct block_name name = {.number = entry->number};
    uint64_t second;
    size_t size = (size_t)entry->units * BLOCK_UNIT_BYTES;
    memcpy(name.revision.bytes, entry->revision, REVISION_BYTES);
    uint8_t *bytes = piece_take(moving, &name, entry->units);
    struct contents_entry *taken = &moving->entries[moving->count - 1];
    bool is_good =
        io_read(from->fd, bytes, size, (uint64_t)entry->unit * BLOCK_UNIT_BYTES, DEADLINE_NONE) == (int64_t)size &&
        block_read_name(span_of(bytes, size), &name, &second) && name.number == entry->number &&
        memcmp(name.revision.bytes, entry->revision, REVISION_BYTES) == 0;
    if (!is_good)
        forget(taken);
}

/* Forgets what lies in it; `stays_max` bytes of what is in use are moved. */
SUSPENDS static void empty_slab(struct slab_writer *writer, struct slab *slab, uint64_t stays_max)
{
    struct slabs *slabs = writer->options.slabs;
    struct buffer bytes = {0};
    uint32_t count;
    int64_t second;
    if (!slabs_read_contents(slabs, slab, &bytes, &count, &second))
        return;
    for (uint32_t i = 0; i < count; i++) {
        struct contents_entry entry;
        unsigned uses;
        if (!contents_entry(buffer_span(&bytes), i, slabs_bytes_each(slabs), &entry))
            continue;
        const struct block_place place = place_of(slab, &entry);
        uint64_t size = (uint64_t)entry.units * BLOCK_UNIT_BYTES;
        if (!piece_has_room(&writer->moving, entry.units) && !write_moving(writer))
            stays_max = 0;
        if (!index_drop(writer->options.index, block_hash(entry.revision, entry.number), &place, &uses) ||
            !policy_stays(uses, size, stays_max))
            continue;
        move_block(writer, slab, &entry);
        stays_max -= size;
    }
    (void)write_moving(writer);
    buffer_free(&bytes);
}

SUSPENDS static void make_go(struct slab_writer *writer, struct slab *slab, uint64_t stays_max)
{
    metric_add(&writer->options.counters->emptyings, 1);
    empty_slab(writer, slab, stays_max);
    count_after(&writer->options.counters->emptied, 1);
    slabs_drop(writer->options.slabs, slab);
    metric_add(&writer->options.counters->slabs_gone, 1);
}

SUSPENDS static bool make_oldest_go(struct slab_writer *writer, uint64_t stays_max)
{
    struct slab *oldest = slabs_take_oldest(writer->options.slabs);
    if (oldest != NULL)
        make_go(writer, oldest, stays_max);
    return oldest != NULL;
}

SUSPENDS static void make_aged_go(struct slab_writer *writer)
{
    struct slab *aged;
    uint64_t now = loop_now_ns();
    if (writer->options.age_max_s == 0 || now - writer->looked_ns < (uint64_t)LOOK_MS * 1000000)
        return;
    writer->looked_ns = now;
    while ((aged = slabs_take_aged(writer->options.slabs, now_s() - (int64_t)writer->options.age_max_s)) != NULL)
        make_go(writer, aged, 0);
}

/* ---- a new slab ---- */

/* One that was taken for its oldness may still be held by readers: then there is no room for a while. */
SUSPENDS static bool make_slab(struct slab_writer *writer)
{
    struct slabs *slabs = writer->options.slabs;
    struct error error;
    if (!slabs_have_room(slabs))
        (void)make_oldest_go(writer, 0);
    writer->slab = slabs_make(slabs, &error);
    if (writer->slab == NULL && error.kind == ERROR_FULL && make_oldest_go(writer, 0))
        writer->slab = slabs_make(slabs, &error);
    writer->position = 0;
    if (writer->slab != NULL)
        return true;
    if (error.kind == ERROR_FULL)
        pause_writing(writer, FULL_PAUSE_MS, "there is no room for a further slab");
    else
        note_failure(writer, "a slab cannot be made");
    return false;
}

/* In place of the one that is full. */
SUSPENDS static bool next_slab(struct slab_writer *writer)
{
    if (writer->slab != NULL)
        seal_slab(writer);
    if (is_paused(writer) || !make_slab(writer))
        return false;
    if (!slabs_have_room(writer->options.slabs))
        (void)make_oldest_go(writer, policy_stays_max(slabs_bytes_each(writer->options.slabs)));
    return writer->slab != NULL;
}

/* What cannot be written is dropped, and counted. */
SUSPENDS static void write_piece(struct slab_writer *writer, const struct piece *piece)
{
    unsigned first = 0;
    if (is_beyond_limit(writer, piece->size)) {
        metric_add(&writer->options.counters->dropped_limit, piece->count);
        return;
    }
    while (first < piece->count) {
        unsigned count = count_fitting(writer, piece, first);
        if (count == 0 ? !next_slab(writer) : !write_blocks(writer, piece, first, count))
            break;
        first += count;
    }
    metric_add(&writer->options.counters->dropped_full, piece->count - first);
}

/* ---- forgetting everything ---- */

/* No piece is being written. */
SUSPENDS static void drop_if_told(struct slab_writer *writer)
{
    unsigned told = atomic_load(writer->options.drops);
    if (told == atomic_load(&writer->options.counters->dropped))
        return;
    for (unsigned i = 0; i < WRITER_PIECES; i++) {
        metric_add(&writer->options.counters->dropped_full, writer->pieces[i].count);
        count_after(&writer->options.counters->settled, writer->pieces[i].count);
        piece_clear(&writer->pieces[i]);
    }
    writer->first = writer->filling;
    if (writer->slab != NULL)
        give_up_slab(writer);
    atomic_store(&writer->options.counters->dropped, told);
}

/* ---- the fiber ---- */

/* NULL: there is nothing left, and none will come. */
SUSPENDS static const struct piece *wait_for_piece(struct slab_writer *writer)
{
    struct error ignored;
    for (;;) {
        drop_if_told(writer);
        const struct piece *piece = &writer->pieces[writer->first];
        if (writer->first != writer->filling)
            return piece;
        uint64_t due_ns = writer->since_ns + (uint64_t)WRITER_PATIENCE_MS * 1000000;
        writer->is_stopping = writer->is_stopping || fiber_is_cancelled();
        if (piece_is_full(piece) || (piece->count > 0 && (writer->is_stopping || loop_now_ns() >= due_ns))) {
            writer->filling = next_of(writer->filling);
            return piece;
        }
        if (writer->is_stopping)
            return NULL;
        make_aged_go(writer);
        (void)wait_for(&writer->work, piece->count > 0 ? due_ns : deadline_after_ms(LOOK_MS), &ignored);
    }
}

static void run(void *argument)
{
    struct slab_writer *writer = argument;
    const struct piece *piece;
    while ((piece = wait_for_piece(writer)) != NULL) {
        write_piece(writer, piece);
        count_after(&writer->options.counters->settled, piece->count);
        piece_clear(&writer->pieces[writer->first]);
        writer->first = next_of(writer->first);
    }
    if (writer->slab != NULL)
        seal_slab(writer);
    writer->is_ended = true;
    wait_wake_all(&writer->ended);
}

struct slab_writer *slab_writer_start(const struct slab_writer_options *options, struct error *error)
{
    struct slab_writer *writer = calloc(1, sizeof *writer);
    ASSERT(writer != NULL);
    writer->options = *options;
    writer->allowance = (double)options->bytes_a_day;
    writer->allowance_ns = writer->looked_ns = loop_now_ns();
    for (unsigned i = 0; i < WRITER_PIECES; i++)
        piece_init(&writer->pieces[i]);
    piece_init(&writer->moving);
    wait_queue_init(&writer->work);
    wait_queue_init(&writer->ended);
    if (fiber_spawn("slab writer", run, writer, error))
        return writer;
    writer->is_ended = writer->is_stopping = true;
    slab_writer_stop(writer);
    return NULL;
}

SUSPENDS void slab_writer_stop(struct slab_writer *writer)
{
    struct error ignored;
    writer->is_stopping = true;
    wait_wake_all(&writer->work);
    while (!writer->is_ended)
        if (!wait_for(&writer->ended, DEADLINE_NONE, &ignored) && !writer->is_ended)
            fiber_yield();
    for (unsigned i = 0; i < WRITER_PIECES; i++)
        free(writer->pieces[i].bytes);
    free(writer->moving.bytes);
    buffer_free(&writer->contents);
    free(writer);
}
