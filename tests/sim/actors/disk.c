/* tests/sim/actors/disk.c -- the disks. */
#include "tests/sim/actors/disk.h"

#include "journal/savings/ledger.h"
#include "runtime/base/assert.h"
#include "tests/sim/actors/pipes.h"
#include "tests/sim/coverage.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 6, SPOOLS_MAX = 256, RECORDS_MAX = 4096, COMMIT_MS_MAX = 30 };

struct disk_spool {
    struct journal_id id;
    bool is_own;
    uint64_t first, last_frozen; /* records first .. last_frozen, and last_frozen + 1 if has_open; first: 0 if none */
    bool has_open;
    char bucket[8];
    struct ledger_amounts records[RECORDS_MAX]; /* record n at n - 1 */
};

struct disk {
    struct ledger_amounts rows[ROWS]; /* objects is 1 or 0 */
    struct ledger_amounts held;       /* their sum: the truth */
    struct disk_spool *spools[SPOOLS_MAX];
    unsigned spools_count;
    bool is_shared; /* spools of it lie on another disk too, or another's here */
    char bucket[8];
};

struct machine {
    struct spool spool; /* the first member: what the sender holds */
    struct disk *disk;
};

static struct machine machines[REPLICAS_MAX + 1];
static struct disk disks[REPLICAS_MAX + 1];

static struct disk *disk_of(struct spool *spool)
{
    return ((struct machine *)(void *)spool)->disk;
}

/* ---- the spool ---- */

static struct disk_spool *find(const struct disk *disk, const uint8_t *id)
{
    for (unsigned i = 0; i < disk->spools_count; i++) {
        if (memcmp(disk->spools[i]->id.bytes, id, SPOOL_ID_BYTES) == 0)
            return disk->spools[i];
    }
    return NULL;
}

static bool freeze_open(struct disk_spool *spool)
{
    if (spool->has_open)
        spool->last_frozen++;
    spool->has_open = false;
    return true;
}

/* A commit takes time; the process may die before it and after it. */
static bool commit_begins(struct error *error)
{
    world_sleep_ms(world_below(COMMIT_MS_MAX));
    world_meet_fate();
    return !world_is_dead() || error_set(error, ERROR_BUSY, NULL, "the process has died");
}

static bool commit_ends(struct error *error)
{
    world_meet_fate();
    return !world_is_dead() || error_set(error, ERROR_BUSY, NULL, "the process has died");
}

static struct spool_info describe(const struct disk_spool *row)
{
    struct spool_info info = {.is_own = row->is_own, .last_frozen = row->last_frozen, .has_open = row->has_open};
    memcpy(info.id, &row->id, sizeof info.id);
    info.first = row->first <= row->last_frozen || row->has_open ? row->first : 0;
    return info;
}

static bool list(struct spool *spool, struct buffer *ret_infos, struct error *error)
{
    const struct disk *disk = disk_of(spool);
    (void)error;
    for (unsigned i = 0; i < disk->spools_count; i++) {
        const struct disk_spool *row = disk->spools[i];
        if (row->is_own && row->last_frozen == 0 && !row->has_open)
            continue; /* appears with its first amounts */
        struct spool_info info = describe(row);
        buffer_append(ret_infos, span_of(&info, sizeof info));
    }
    return true;
}

static bool freeze(struct spool *spool, uint64_t *ret_last, struct error *error)
{
    struct disk *disk = disk_of(spool);
    if (!commit_begins(error))
        return false;
    struct disk_spool *own = disk->spools[disk->spools_count - 1];
    (void)freeze_open(own);
    *ret_last = own->last_frozen;
    return commit_ends(error);
}

static bool read_record(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], uint64_t record,
                        struct buffer *ret_amounts, struct error *error)
{
    const struct disk *disk = disk_of(spool);
    const struct disk_spool *row = find(disk, id);
    if (row == NULL || record < row->first || record > row->last_frozen + row->has_open)
        return error_set(error, ERROR_NOT_FOUND, NULL, "no such record");
    const struct spool_amounts amounts = {span_from_string(row->bucket), 1, row->records[record - 1]};
    spool_put_amounts(ret_amounts, &amounts);
    return true;
}

static bool trim(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], uint64_t record, struct error *error)
{
    if (!commit_begins(error))
        return false;
    struct disk_spool *row = find(disk_of(spool), id);
    if (row != NULL && record >= row->first)
        row->first = (record < row->last_frozen ? record : row->last_frozen) + 1;
    return commit_ends(error);
}

static bool remove_spool(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], struct error *error)
{
    if (!commit_begins(error))
        return false;
    struct disk *disk = disk_of(spool);
    for (unsigned i = 0; i < disk->spools_count; i++) {
        struct disk_spool *row = disk->spools[i];
        if (memcmp(row->id.bytes, id, SPOOL_ID_BYTES) != 0 || row->is_own || row->first <= row->last_frozen)
            continue;
        free(row);
        disk->spools_count--;
        for (; i < disk->spools_count; i++)
            disk->spools[i] = disk->spools[i + 1];
        break;
    }
    return commit_ends(error);
}

/* Nothing of a spool is damaged here. */
static bool doubt(struct spool *spool, struct error *error)
{
    (void)spool, (void)error;
    UNREACHABLE();
}

static bool is_in_doubt(struct spool *spool, bool *ret_is_in_doubt, struct error *error)
{
    (void)spool, (void)error;
    *ret_is_in_doubt = false;
    return true;
}

static const struct spool_operations operations = {list, freeze, read_record, trim, remove_spool, doubt, is_in_doubt};

/* ---- the machine ---- */

void disks_begin(void)
{
    for (unsigned i = 0; i <= REPLICAS_MAX; i++) {
        for (unsigned s = 0; s < disks[i].spools_count; s++)
            free(disks[i].spools[s]);
        disks[i] = (struct disk){.spools_count = 0};
        (void)snprintf(disks[i].bucket, sizeof disks[i].bucket, "disk%u", i);
        machines[i] = (struct machine){{&operations}, &disks[i]};
    }
}

struct spool *disk_attach(unsigned machine)
{
    struct disk *disk = machines[machine].disk;
    unsigned kept = 0;
    for (unsigned i = 0; i < disk->spools_count; i++) {
        struct disk_spool *found = disk->spools[i];
        bool is_empty = found->is_own && found->last_frozen == 0 && !found->has_open;
        found->is_own = false;
        (void)freeze_open(found);
        if (is_empty)
            free(found);
        else
            disk->spools[kept++] = found;
    }
    ASSERT(kept < SPOOLS_MAX);
    struct disk_spool *own = calloc(1, sizeof *own);
    ASSERT(own != NULL);
    random_fill(world_random(), &own->id, sizeof own->id);
    own->is_own = true;
    own->first = 1;
    (void)snprintf(own->bucket, sizeof own->bucket, "%s", disk->bucket);
    disk->spools[kept++] = own;
    disk->spools_count = kept;
    return &machines[machine].spool;
}

void disks_swap(unsigned a, unsigned b)
{
    struct disk *disk = machines[a].disk;
    machines[a].disk = machines[b].disk;
    machines[b].disk = disk;
}

bool disks_copy(unsigned from, unsigned to)
{
    bool is_copied = false;
    struct disk *source = machines[from].disk;
    struct disk *target = machines[to].disk;
    for (unsigned i = 0; i < source->spools_count && target->spools_count < SPOOLS_MAX / 2; i++) {
        const struct disk_spool *spool = source->spools[i];
        if (find(target, spool->id.bytes) != NULL || (spool->last_frozen == 0 && !spool->has_open))
            continue;
        struct disk_spool *copy = malloc(sizeof *copy);
        ASSERT(copy != NULL);
        *copy = *spool;
        copy->is_own = false;
        (void)freeze_open(copy);
        target->spools[target->spools_count++] = copy;
        source->is_shared = target->is_shared = is_copied = true;
        COVER(copied_disks);
    }
    return is_copied;
}

void disk_recount(unsigned machine, const struct state *state)
{
    struct disk *disk = machines[machine].disk;
    for (unsigned i = 0; i < disk->spools_count; i++) {
        struct disk_spool *row = disk->spools[i];
        struct spool_info info = describe(row);
        if (info.is_own || !ledger_spool_is_cut_off(state, &info))
            continue;
        if (!disk->is_shared)
            violate("Annex C", -1, "a spool that nobody else has is cut off");
        row->first = 1;
        row->last_frozen = 0;
        COVER(recounted);
    }
}

unsigned disks_spools_waiting(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i <= REPLICAS_MAX; i++) {
        for (unsigned s = 0; s < disks[i].spools_count; s++) {
            const struct disk_spool *row = disks[i].spools[s];
            count += !row->is_own || row->has_open || row->first <= row->last_frozen;
        }
    }
    return count;
}

/* ---- what is written ---- */

/* One transaction: the row, and what it changes in the open record. */
static void commit_row(struct disk *disk, unsigned row, const struct ledger_amounts *old,
                       const struct ledger_amounts *new)
{
    struct disk_spool *own = disk->spools[disk->spools_count - 1];
    ASSERT(own->is_own && own->last_frozen < RECORDS_MAX);
    struct ledger_amounts *record = &own->records[own->last_frozen];
    if (!own->has_open)
        *record = (struct ledger_amounts){0};
    own->has_open = true;
    ledger_amounts_add(record, new);
    ledger_amounts_subtract(record, old);
    ledger_amounts_add(&disk->held, new);
    ledger_amounts_subtract(&disk->held, &disk->rows[row]);
    disk->rows[row] = *new;
}

void disk_run(void *argument)
{
    struct actor *actor = argument;
    unsigned machine = (unsigned)(actor - sim.actors);
    while (!actor->process.is_dead && !sim.is_ending) {
        world_sleep_ms(world_below(400));
        unsigned row = (unsigned)world_below(ROWS);
        struct disk *disk = machines[machine].disk;
        struct ledger_amounts head = disk->rows[row]; /* what a HEAD before the write would have said */
        struct ledger_amounts new = {0};
        if (world_below(3) != 0)
            new = (struct ledger_amounts){1, 1 + (int64_t)world_below(1000000), 1 + (int64_t)world_below(1000)};
        world_sleep_ms(world_below(COMMIT_MS_MAX));
        if (actor->process.is_dead || sim.is_ending)
            break;
        commit_row(disk, row, MUTATED(old_amounts_from_head) ? &head : &disk->rows[row], &new);
        if (journal_state(actor->journal) != NULL && !actor->journal->locks.is_deriving)
            check_savings(machine, journal_state(actor->journal));
    }
}

/* ---- oracles ---- */

static bool are_equal(const struct ledger_amounts *a, const struct ledger_amounts *b)
{
    return a->objects == b->objects && a->original_bytes == b->original_bytes && a->stored_bytes == b->stored_bytes;
}

void check_savings(unsigned machine, const struct state *state)
{
    const struct disk *disk = machines[machine].disk;
    struct ledger_sums waiting = {0};
    if (disk->is_shared)
        return;
    struct error error;
    struct span bucket = span_from_string(disk->bucket);
    struct ledger_amounts said = ledger_in_state(state, bucket, 1);
    bool is_read = ledger_sums_add_spool(&waiting, state, &machines[machine].spool, &error);
    struct ledger_amounts spooled = ledger_sums_find(&waiting, bucket, 1);
    ledger_amounts_add(&said, &spooled);
    if (!is_read || !are_equal(&said, &disk->held))
        violate("Annex C", -1, "the ledger and the spool together do not say what the disk holds");
    ledger_sums_free(&waiting);
}

static unsigned spools_in(const struct layer *layer)
{
    unsigned count = 0;
    size_t at = 0;
    for (const struct entry *entry; (entry = entries_next(&layer->data, &at)) != NULL;)
        count += !entry->is_deleted && entry->bytes[0] == SPACE_JOURNAL && entry->bytes[1] == TYPE_SPOOL;
    return count;
}

void check_ledger(const struct state *state)
{
    for (unsigned i = 0; i <= REPLICAS_MAX; i++) {
        struct ledger_amounts said = ledger_in_state(state, span_from_string(disks[i].bucket), 1);
        if (!disks[i].is_shared && !are_equal(&said, &disks[i].held))
            violate("Annex C", -1, "the ledger is not the sum of what was committed");
        if (disks[i].spools_count > 1)
            violate("J32", -1, "a spool stays on its disk that was drained, or emptied by a recount");
    }
    if (spools_in(reference_layer()) > sim.actors_count + pipes_open())
        violate("J32", -1, "entries of spools pile up in the state");
}
