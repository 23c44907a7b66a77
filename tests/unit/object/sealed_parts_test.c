/* tests/unit/object/sealed_parts_test.c -- the parts of an encrypted object, and what somebody who may write to the
 * store makes of their list: refused each time. */
#include "server/object/forms/sealed_parts.h"

#include "server/keys/upload_secret.h"
#include "store/bucket_operations.h"
#include "tests/unit/object/bodies.h"

enum { PARTS = 2500, PART_BYTES = 1000 }; /* some pages */

static struct object_part parts[PARTS + 1];
static uint8_t seals[PARTS + 1][PART_SEAL_BYTES_MAX];
static unsigned parts_count;
static struct object_secret secret;

SUSPENDS static bool read_parts(struct bucket_object *object, unsigned after, unsigned parts_max, struct arena *arena,
                                struct object_part **ret_parts, unsigned *ret_count, bool *ret_truncated,
                                struct error *error)
{
    (void)object;
    (void)error;
    unsigned first = 0;
    while (first < parts_count && parts[first].number <= after)
        first++;
    unsigned left = parts_count - first;
    *ret_count = left < parts_max ? left : parts_max;
    *ret_truncated = left > *ret_count;
    *ret_parts = arena_allocate(arena, (*ret_count + 1) * sizeof **ret_parts);
    memcpy(*ret_parts, parts + first, *ret_count * sizeof **ret_parts);
    return true;
}

static const struct bucket_store_operations operations = {.read_parts = read_parts};
static const struct bucket_store store = {.operations = &operations};
static struct bucket_object object = {.attributes.original_size = (uint64_t)PARTS * PART_BYTES, .store = &store};

static void make_parts(void)
{
    struct sha256_sum sum;
    sha256_begin(&sum);
    for (unsigned i = 0; i < PARTS; i++) {
        random_fill(random_system(), seals[i], sizeof seals[i]);
        parts[i] = (struct object_part){2 * i + 1, PART_BYTES, .seal = span_of(seals[i], sizeof seals[i])};
        part_map_hash(&sum, &parts[i]);
    }
    secret = (struct object_secret){.parts_count = PARTS};
    sha256_end(&sum, secret.map);
    parts_count = PARTS;
}

static void must_load(void)
{
    struct sealed_parts loaded;
    struct error error;
    uint64_t first = 0;
    ck_assert(sealed_parts_load(&object, &secret, &loaded, &error));
    for (unsigned i = 0; i < PARTS; i++) {
        for (unsigned at = 0; at < 2; at++) {
            const struct sealed_part *part =
                sealed_parts_find(&loaded, (uint64_t)i * PART_BYTES + at * (PART_BYTES - 1), &first);
            ck_assert(part != NULL && part->number == 2 * i + 1 && first == (uint64_t)i * PART_BYTES);
            ck_assert_uint_eq(part->end, first + PART_BYTES);
            ck_assert_mem_eq(part->salt, seals[i], XAES_SALT_BYTES);
        }
    }
    ck_assert_ptr_null(sealed_parts_find(&loaded, (uint64_t)PARTS * PART_BYTES, &first));
    sealed_parts_free(&loaded);
}

static void must_refuse(const char *what)
{
    struct sealed_parts loaded;
    struct error error;
    ck_assert_msg(!sealed_parts_load(&object, &secret, &loaded, &error), "%s", what);
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    ck_assert_ptr_null(loaded.parts);
    make_parts();
}

static void tamper(void *argument)
{
    (void)argument;
    make_parts();
    must_load();
    seals[1234][3] ^= 1;
    must_refuse("another attempt");
    struct span kept = parts[7].seal;
    parts[7].seal = parts[8].seal;
    parts[8].seal = kept;
    must_refuse("two parts exchanged");
    parts[7].original_size++;
    parts[8].original_size--;
    must_refuse("another size");
    parts[7].number++;
    must_refuse("another number");
    parts_count--;
    must_refuse("one less");
    parts[PARTS] = parts[PARTS - 1];
    parts[PARTS].number++;
    parts_count++;
    must_refuse("one more");
    parts[5].seal = SPAN_EMPTY;
    must_refuse("no seal");
    parts[5].original_size = UINT64_MAX;
    must_refuse("sizes that overflow");
    parts_count = 0;
    must_refuse("no list");
}

START_TEST(lists_that_were_changed_are_refused)
{
    run_on_loop(tamper, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sealed_parts");
    TCase *tcase = tcase_create("sealed_parts");
    tcase_add_test(tcase, lists_that_were_changed_are_refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
