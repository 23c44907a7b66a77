/* tests/unit/keys/kept_keys_test.c -- keys of services, kept for a while, and who makes room. */
#include "server/kms/kept_keys.h"
#include "tests/unit/run_suite.h"

#include <pthread.h>
#include <stdlib.h>

static struct kept_keys kept;
static const uint64_t minute_ns = 60ull * 1000 * 1000 * 1000;

static struct kept_purpose purpose_of(unsigned number)
{
    return (struct kept_purpose){.digest = {1, (uint8_t)number, (uint8_t)(number >> 8)}};
}

static void add(unsigned number, uint64_t holder, uint64_t now_ns)
{
    const struct kept_purpose purpose = purpose_of(number);
    const struct kms_key key = {.bytes = {(uint8_t)number, (uint8_t)(number >> 8)}};
    kept_keys_add(&kept, &purpose, holder, now_ns, &key);
}

static bool has(unsigned number, uint64_t now_ns)
{
    const struct kept_purpose purpose = purpose_of(number);
    struct kms_key key;
    bool found = kept_keys_look(&kept, &purpose, now_ns, &key);
    ck_assert(!found || (key.bytes[0] == (uint8_t)number && key.bytes[1] == (uint8_t)(number >> 8)));
    return found;
}

static unsigned use_up(unsigned number)
{
    const struct kept_purpose purpose = purpose_of(number);
    struct kms_key key;
    unsigned uses = 0;
    while (kept_keys_look(&kept, &purpose, 1, &key))
        uses++;
    return uses;
}

static bool is_wiped(void)
{
    static uint8_t bytes[sizeof kept];
    uint8_t any = 0;
    memcpy(bytes, &kept, sizeof kept);
    for (size_t i = 0; i < sizeof bytes; i++)
        any |= bytes[i];
    return any == 0;
}

static void set_up(void)
{
    kept_keys_forget(&kept);
}

START_TEST(keys_end_after_five_minutes_or_their_uses)
{
    add(1, 1, 0);
    ck_assert(has(1, 5 * minute_ns - 1) && !has(1, 5 * minute_ns) && !has(2, 0));
    add(2, 1, 0);
    ck_assert_uint_eq(use_up(2), KEPT_KEYS_USES_MAX);
    add(3, 1, 0);
    kept_keys_forget(&kept);
    ck_assert(!has(3, 1));
}
END_TEST

/* By a call that has to do with another one, and without any. */
START_TEST(what_has_ended_is_overwritten)
{
    add(1, 1, 0);
    ck_assert(!has(2, 5 * minute_ns - 1) && !is_wiped());
    ck_assert(!has(2, 5 * minute_ns) && is_wiped());
    add(1, 1, 0);
    ck_assert_uint_eq(use_up(1), KEPT_KEYS_USES_MAX);
    ck_assert(is_wiped());
    add(1, 1, 0);
    add(2, 2, minute_ns);
    kept_keys_forget_ended(&kept, 5 * minute_ns);
    ck_assert(!has(1, 0) && has(2, 0));
    kept_keys_forget_ended(&kept, 6 * minute_ns);
    ck_assert(is_wiped());
    for (unsigned i = 0; i < KEPT_KEYS_MAX; i++)
        add(i, 1, i);
    add(1000, 1, 5 * minute_ns + KEPT_KEYS_MAX);
    kept_keys_forget_ended(&kept, 10 * minute_ns);
    ck_assert(has(1000, 10 * minute_ns));
    kept_keys_forget_ended(&kept, 10 * minute_ns + KEPT_KEYS_MAX);
    ck_assert(is_wiped());
}
END_TEST

static const struct kept_purpose some_purpose = {.digest = {1}};
static struct kms_key some_key;

static void *keep_and_look(void *argument)
{
    static struct kms_key found;
    kept_keys_add(&kept, &some_purpose, 1, 0, &some_key);
    return kept_keys_look(&kept, &some_purpose, 1, &found) ? argument : NULL;
}

START_TEST(no_copy_stays_on_the_stack)
{
    enum { STACK_BYTES = 2 << 20 }; /* sanitizers want almost 1 MiB */
    uint8_t *stack = aligned_alloc(4096, STACK_BYTES);
    pthread_attr_t attributes;
    pthread_t thread;
    void *found;
    memset(stack, 0, STACK_BYTES);
    memset(some_key.bytes, 0x5a, sizeof some_key.bytes);
    ck_assert_int_eq(pthread_attr_init(&attributes), 0);
    ck_assert_int_eq(pthread_attr_setstack(&attributes, stack, STACK_BYTES), 0);
    ck_assert_int_eq(pthread_create(&thread, &attributes, keep_and_look, &kept), 0);
    ck_assert_int_eq(pthread_join(thread, &found), 0);
    ck_assert_ptr_eq(found, &kept);
    ck_assert_ptr_null(memmem(stack, STACK_BYTES, some_key.bytes, sizeof some_key.bytes));
    (void)pthread_attr_destroy(&attributes);
    free(stack);
}
END_TEST

START_TEST(who_asks_for_many_takes_none_from_others)
{
    for (unsigned i = 0; i < 10; i++)
        add(i, 100 + i, i); /* the oldest of all, each of a holder of its own */
    for (unsigned i = 0; i < 10 * KEPT_KEYS_MAX; i++) {
        add(1000 + i, 7, 1000 + i);
        ck_assert(has(1000 + i, 5000));
    }
    for (unsigned i = 0; i < 10; i++)
        ck_assert(has(i, 5000));
    unsigned count = 0;
    for (unsigned i = 0; i < 10 * KEPT_KEYS_MAX; i++)
        count += has(1000 + i, 5000);
    ck_assert_uint_eq(count, KEPT_KEYS_MAX - 10);
    add(10, 110, 5000); /* a newcomer gets room from whoever has most */
    ck_assert(has(10, 5000) && !has(1000 + 10 * KEPT_KEYS_MAX - (KEPT_KEYS_MAX - 10), 5000));
    for (unsigned i = 0; i < 10; i++)
        ck_assert(has(i, 5000));
}
END_TEST

START_TEST(what_has_ended_makes_room_first)
{
    add(1, 1, 0);
    for (unsigned i = 2; i <= KEPT_KEYS_MAX; i++)
        add(i, 2, minute_ns);
    add(1000, 3, 5 * minute_ns);
    for (unsigned i = 2; i <= KEPT_KEYS_MAX; i++)
        ck_assert(has(i, 5 * minute_ns));
    ck_assert(has(1000, 5 * minute_ns));
}
END_TEST

START_TEST(purposes_differ)
{
    static const struct kms_service service = {.name = "name"};
    const struct kms_context contexts[2] = {{.hash = {1}}, {.hash = {2}}};
    const struct key_request requests[] = {
        {.service = &service, .key = SPAN("a"), .context = &contexts[0]},
        {.service = &service, .key = SPAN("b"), .context = &contexts[0]},
        {.service = &service, .key = SPAN("a"), .context = &contexts[1]},
        {.service = &service, .key = SPAN("a"), .context = &contexts[0], .blob = SPAN("blob")},
        {.service = &service, .key = SPAN("a"), .context = &contexts[0], .blob = SPAN("other")},
    };
    enum { COUNT = sizeof requests / sizeof requests[0] };
    for (unsigned i = 0; i < COUNT; i++)
        for (unsigned j = 0; j < i; j++) {
            const struct kept_purpose a = kept_purpose_of(&requests[i]);
            const struct kept_purpose b = kept_purpose_of(&requests[j]);
            ck_assert_mem_ne(&a, &b, sizeof a);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kept_keys");
    TCase *tcase = tcase_create("kept_keys");
    tcase_add_checked_fixture(tcase, set_up, NULL);
    tcase_add_test(tcase, keys_end_after_five_minutes_or_their_uses);
    tcase_add_test(tcase, what_has_ended_is_overwritten);
    tcase_add_test(tcase, no_copy_stays_on_the_stack);
    tcase_add_test(tcase, who_asks_for_many_takes_none_from_others);
    tcase_add_test(tcase, what_has_ended_makes_room_first);
    tcase_add_test(tcase, purposes_differ);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
