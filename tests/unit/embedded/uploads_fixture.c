/* tests/unit/embedded/uploads_fixture.c -- a bucket, what it takes, and its uploads. */
#include "tests/unit/embedded/uploads_fixture.h"

const struct span bucket = SPAN("bucket");
const struct span key = SPAN("key");

void make_bucket(struct bucket_store *store)
{
    struct error error;
    bool done = bucket_create(store, &(struct bucket_intent){.name = bucket, .owner = text("alice")}, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
}

void expect_blocks(struct bucket_store *store, uint64_t blocks)
{
    struct embedded_usage usage;
    embedded_usage(store, &usage);
    ck_assert_uint_eq(usage.body_bytes, blocks * 4096);
}

unsigned count_uploads(struct bucket_store *store, struct span prefix)
{
    struct arena arena;
    arena_init(&arena, 4 << 20);
    struct upload_list_page page;
    struct error error;
    struct upload_list_request request = {.bucket = bucket, .prefix = prefix, .entries_max = 1000};
    bool done = bucket_list_uploads(store, &request, &arena, &page, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    ck_assert(!page.is_truncated);
    arena_free(&arena);
    return page.count;
}
