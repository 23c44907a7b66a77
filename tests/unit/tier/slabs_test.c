/* tests/unit/tier/slabs_test.c -- who holds a slab reads what lay in it, whatever becomes of it; and writers of several
 * shards have one place for a block. */
#include "tests/unit/tier/fixture.h"

#include "runtime/fiber/offload.h"
#include "runtime/io/io.h"
#include "store/tier/slab_writer.h"

static uint8_t page[BLOCK_UNIT_BYTES] __attribute__((aligned(BLOCK_UNIT_BYTES)));

static void expect_all(const struct slab *slab, uint8_t byte)
{
    ck_assert_int_eq(io_read(slab->fd, page, sizeof page, 0, DEADLINE_NONE), (int64_t)sizeof page);
    for (size_t i = 0; i < sizeof page; i++)
        ck_assert_uint_eq(page[i], byte);
}

static struct slab *make_slab_of(struct slabs *slabs, uint8_t byte)
{
    struct error error;
    struct slab *slab = slabs_make(slabs, &error);
    ck_assert_msg(slab != NULL, "%s", slab == NULL ? error.message : "");
    memset(page, byte, sizeof page);
    ck_assert_int_eq(io_write(slab->fd, page, sizeof page, 0, DEADLINE_NONE), (int64_t)sizeof page);
    return slab;
}

static void hold_one(struct tier *unused, void *argument)
{
    struct error error;
    struct slabs *slabs = argument;
    (void)unused;
    struct slab *first = make_slab_of(slabs, 1);
    uint32_t slot = first->slot;
    slabs_seal(slabs, first, 1);
    struct slab *held = slabs_hold(slabs, slot);
    ck_assert_ptr_eq(held, first);
    ck_assert_ptr_eq(slabs_take_oldest(slabs), first);
    slabs_drop(slabs, first);
    ck_assert_ptr_null(slabs_hold(slabs, slot)); /* nobody else comes to it */

    unsigned others = 0; /* all for which there is room, beside the held one */
    for (struct slab *other; slabs_have_room(slabs); others++) {
        other = make_slab_of(slabs, 2);
        slabs_seal(slabs, other, 2);
    }
    ck_assert_uint_eq(others, FIXTURE_DISK_BYTES / SLAB_BYTES_LEAST - 1);
    ck_assert_ptr_null(slabs_make(slabs, &error)); /* the held one counts */
    ck_assert_int_eq(error.kind, ERROR_FULL);
    expect_all(held, 1);
    slabs_let_go(slabs, held);
    ck_assert(slabs_have_room(slabs));
    struct slab *oldest;
    while ((oldest = slabs_take_oldest(slabs)) != NULL)
        slabs_drop(slabs, oldest);
}

/* On a fiber. */
static void with_slabs(unsigned writers, tier_body *body)
{
    char folder_path[64];
    struct error error;
    struct tier_folder folder;
    folder_make(folder_path);
    ck_assert(tier_folder_open(folder_path, "a backend", random_system(), &folder, &error));
    struct offload *offload = offload_create("slabs", 1, 64, &error);
    struct slabs *slabs = slabs_open(&(struct slabs_options){.folder = &folder,
                                                             .bytes_max = FIXTURE_DISK_BYTES,
                                                             .slab_bytes = SLAB_BYTES_LEAST,
                                                             .writers = writers,
                                                             .offload = offload},
                                     &error);
    ck_assert_ptr_nonnull(slabs);
    struct tier_options options = options_of(NULL); /* for its fiber */
    options.disk_bytes = 0;
    options.memory_bytes = 1 << 20;
    with_tier(&options, body, slabs);
    slabs_close(slabs);
    offload_destroy(offload);
    tier_folder_close(&folder);
    folder_remove(folder_path);
}

START_TEST(a_slab_that_is_held_keeps_its_bytes)
{
    with_slabs(1, hold_one);
}
END_TEST

/* ---- writers of two shards ---- */

enum { SHARDS = 2, BLOCKS_OF_BOTH = 10 };

static void take_blocks(struct slab_writer *writer, const struct block_revision *revision)
{
    static const uint8_t payload[BLOCK_PAYLOAD_BYTES];
    for (uint64_t number = 0; number < BLOCKS_OF_BOTH; number++) {
        struct block_name name = block_of(revision, number);
        ck_assert(slab_writer_add(writer, &name, span_of(payload, sizeof payload)));
        ck_assert(slab_writer_has(writer, &name));
    }
}

/* Times that the tables of all slabs name the revision. */
static unsigned count_named(struct slabs *slabs, const struct block_revision *revision)
{
    unsigned named = 0;
    struct slab *slab;
    while ((slab = slabs_take_oldest(slabs)) != NULL) {
        struct buffer bytes = {0};
        struct contents_entry entry;
        uint32_t count;
        int64_t second;
        ck_assert(slabs_read_contents(slabs, slab, &bytes, &count, &second));
        for (uint32_t i = 0; i < count; i++) {
            ck_assert(contents_entry(buffer_span(&bytes), i, SLAB_BYTES_LEAST, &entry));
            named += memcmp(entry.revision, revision->bytes, REVISION_BYTES) == 0;
        }
        buffer_free(&bytes);
        slabs_drop(slabs, slab);
    }
    return named;
}

/* Each has fetched it, before the other had written it. */
static void write_of_both(struct tier *tier, void *argument)
{
    static struct slab_writer_counters counters[SHARDS];
    static const atomic_uint drops;
    struct slab_writer *writers[SHARDS];
    struct error error;
    struct slabs *slabs = argument;
    struct tier_index *index = index_create(1 << 16);
    struct block_revision revision = revision_of(tier, 1, BLOCKS_OF_BOTH * BLOCK_PAYLOAD_BYTES);
    for (unsigned i = 0; i < SHARDS; i++) {
        writers[i] = slab_writer_start(&(struct slab_writer_options){.slabs = slabs,
                                                                     .index = index,
                                                                     .counters = &counters[i],
                                                                     .drops = &drops,
                                                                     .bytes_a_day = UINT64_C(1) << 40},
                                       &error);
        ck_assert_ptr_nonnull(writers[i]);
        take_blocks(writers[i], &revision);
    }
    for (unsigned i = 0; i < SHARDS; i++)
        slab_writer_stop(writers[i]);
    ck_assert_uint_eq(index_count(index), BLOCKS_OF_BOTH);
    ck_assert_uint_eq(metric_read(&counters[0].blocks) + metric_read(&counters[1].blocks), SHARDS * BLOCKS_OF_BOTH);
    ck_assert_uint_eq(count_named(slabs, &revision), BLOCKS_OF_BOTH);
    index_destroy(index);
}

START_TEST(shards_have_one_place_for_a_block)
{
    with_slabs(SHARDS, write_of_both);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("slabs");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, a_slab_that_is_held_keeps_its_bytes);
    tcase_add_test(all, shards_have_one_place_for_a_block);
    Suite *suite = suite_create("slabs of a tier");
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
