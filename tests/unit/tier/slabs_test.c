/* tests/unit/tier/slabs_test.c -- who holds a slab reads what lay in it, whatever becomes of it. */
#include "tests/unit/tier/fixture.h"

#include "runtime/fiber/offload.h"
#include "runtime/io/io.h"
#include "store/tier/slabs.h"

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

START_TEST(a_slab_that_is_held_keeps_its_bytes)
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
                                                             .writers = 1,
                                                             .offload = offload},
                                     &error);
    ck_assert_ptr_nonnull(slabs);
    struct tier_options options = options_of(NULL); /* for its fiber */
    options.disk_bytes = 0;
    options.memory_bytes = 1 << 20;
    with_tier(&options, hold_one, slabs);
    slabs_close(slabs);
    offload_destroy(offload);
    tier_folder_close(&folder);
    folder_remove(folder_path);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("slabs");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, a_slab_that_is_held_keeps_its_bytes);
    Suite *suite = suite_create("slabs of a tier");
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
