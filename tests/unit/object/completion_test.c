/* tests/unit/object/completion_test.c -- the end of an upload: one look at its parts, and the frames of all of them. */
#include "server/object/object_upload.h"
#include "store/bucket_operations.h"
#include "store/frames.h"
#include "tests/unit/object/bodies.h"

#include <stdlib.h>

enum { PARTS = 2500, FRAME_STORED = 1000 };

/* ---- a store that has nothing but parts ---- */

static struct {
    struct bucket_store store;
    unsigned frames_a_part;
    unsigned lists;
    uint64_t frames; /* that came with the Complete */
    uint64_t frames_stored;
    unsigned resent; /* a part that another one takes the place of after the first look; 0: none */
} parts;

static SUSPENDS bool list_parts(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                unsigned after, unsigned parts_max, struct arena *arena,
                                struct part_attributes **ret_parts, unsigned *ret_count, bool *ret_truncated,
                                struct error *error)
{
    (void)store, (void)name, (void)upload_id, (void)error;
    unsigned count = after + parts_max < PARTS ? parts_max : PARTS - after;
    struct part_attributes *listed = arena_allocate(arena, (count + 1) * sizeof *listed);
    ck_assert_ptr_nonnull(listed);
    *ret_truncated = after + count < PARTS;
    *ret_parts = listed;
    parts.lists++;
    for (*ret_count = 0; *ret_count < count; ++*ret_count) {
        unsigned number = after + *ret_count + 1;
        struct buffer frames = {0};
        for (unsigned i = 0; i < parts.frames_a_part; i++)
            frames_append(&frames, (struct frame_sizes){MIB, FRAME_STORED});
        struct part_attributes *part = &listed[*ret_count];
        *part = (struct part_attributes){.number = number,
                                         .original_size = parts.frames_a_part * MIB,
                                         .stored_size = parts.frames_a_part * FRAME_STORED,
                                         .md5 = {(uint8_t)number, (uint8_t)(number >> 8)}};
        if (number == parts.resent && parts.lists > (PARTS + 999) / 1000)
            part->stored_size++;
        part->frames = arena_copy(arena, buffer_span(&frames));
        buffer_free(&frames);
        if (part->frames.data == NULL) {
            *ret_truncated = true;
            return *ret_count > 0;
        }
    }
    return true;
}

static SUSPENDS bool complete_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                     const struct part_choice *choices, unsigned count,
                                     const struct write_result *result, struct object_attributes *ret_attributes,
                                     struct error *error)
{
    (void)store, (void)name, (void)upload_id, (void)choices, (void)error;
    ck_assert_uint_eq(count, PARTS);
    struct frame_sizes sizes;
    for (struct span rest = result->frames; frames_next(&rest, &sizes);) {
        ck_assert_uint_eq(sizes.original, MIB);
        parts.frames++;
        parts.frames_stored += sizes.stored;
    }
    *ret_attributes = *result->attributes;
    return true;
}

static const struct bucket_store_operations operations = {.list_parts = list_parts, .complete_upload = complete_upload};

static void set_up(unsigned frames_a_part)
{
    memset(&parts, 0, sizeof parts);
    parts.store = (struct bucket_store){.operations = &operations, .capabilities = {.conditions = DECIDES_ALL}};
    parts.frames_a_part = frames_a_part;
}

static bool complete_all(struct error *error)
{
    static struct part_choice choices[PARTS];
    static struct checksum_value claims[PARTS];
    const struct upload_choices chosen = {choices, claims, PARTS};
    const struct upload_info upload = {.id = "0123456789abcdef0123456789abcdef"};
    const struct object_name name = name_of("key");
    struct object_settings settings = ordinary_settings();
    settings.frame_buffers_max = 64;
    struct object_codecs *codecs = object_codecs_create(&settings);
    struct upload_plan plan;
    struct object_attributes attributes;
    for (unsigned i = 0; i < PARTS; i++)
        choices[i] = (struct part_choice){i + 1, {(uint8_t)(i + 1), (uint8_t)((i + 1) >> 8)}};
    ck_assert(object_upload_plan(codecs, &parts.store, &name, &upload, &chosen, &plan, error));
    ck_assert_uint_eq(plan.frames_count, (uint64_t)PARTS * parts.frames_a_part);
    bool done = object_upload_complete(codecs, &parts.store, &name, &upload, &chosen, &plan, NULL, &attributes, error);
    object_upload_plan_free(&plan);
    object_codecs_destroy(codecs);
    return done;
}

/* ---- tests ---- */

static void one_look_body(void *argument)
{
    (void)argument;
    struct error error;
    set_up(8); /* 20,000 frames */
    ck_assert(complete_all(&error));
    ck_assert_uint_eq(parts.lists, 3); /* of 1,000 rows each */
    ck_assert_uint_eq(parts.frames, PARTS * 8);
    ck_assert_uint_eq(parts.frames_stored, PARTS * 8 * FRAME_STORED);
}

static void long_list_body(void *argument)
{
    (void)argument;
    struct error error;
    set_up(400); /* a million frames: more than are kept, and a page of rows holds fewer than 1,000 parts */
    ck_assert(complete_all(&error));
    ck_assert_uint_gt(parts.lists, 2 * 3);
    ck_assert_uint_eq(parts.frames, PARTS * 400);
}

static void resent_body(void *argument)
{
    (void)argument;
    struct error error;
    set_up(16); /* 40,000 frames: listed twice */
    parts.resent = 1700;
    ck_assert(!complete_all(&error));
    ck_assert_str_eq(error.code, "InvalidPart");
}

LOOP_TEST(parts_are_looked_at_once, one_look_body)
LOOP_TEST(a_long_list_is_read_again, long_list_body)
LOOP_TEST(a_part_that_was_sent_again_is_noticed, resent_body)

int main(void)
{
    Suite *suite = suite_create("completion");
    TCase *tests = tcase_create("completion");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, parts_are_looked_at_once);
    tcase_add_test(tests, a_long_list_is_read_again);
    tcase_add_test(tests, a_part_that_was_sent_again_is_noticed);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
