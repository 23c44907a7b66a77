/* tests/unit/remote/verdicts_test.c -- verdicts as text, and what they mean to those above. */
#include "store/remote/verdicts/verdicts.h"

#include "store/bucket.h"
#include "tests/unit/run_suite.h"

#define ALL ((UINT64_C(1) << VERDICTS) - 1)

START_TEST(as_text)
{
    struct verdicts verdicts = {.held = ALL, .tested_ms = 1234567890123, .version = "1.2.3", .server = "somebody's"};
    struct buffer text = {0};
    struct verdicts again;
    verdicts.held &= ~(UINT64_C(1) << VERDICT_TAGS | UINT64_C(1) << VERDICT_LOCKS);
    verdicts.untried = UINT64_C(1) << VERDICT_LOCKS;
    verdicts_encode(&verdicts, &text);
    ck_assert_uint_le(text.size, VERDICTS_BYTES_MAX);
    ck_assert(verdicts_decode(buffer_span(&text), &again));
    ck_assert_uint_eq(again.held, verdicts.held);
    ck_assert_uint_eq(again.untried, verdicts.untried);
    ck_assert_int_eq(again.tested_ms, verdicts.tested_ms);
    ck_assert_str_eq(again.version, "1.2.3");
    ck_assert_str_eq(again.server, "somebody's");
    ck_assert(!verdicts_decode(SPAN("bale backend 2\n"), &again)); /* of a later test */
    ck_assert(!verdicts_decode(span_take(buffer_span(&text), text.size - 40), &again));
    ck_assert(!verdicts_decode(SPAN_EMPTY, &again));
    buffer_free(&text);
}
END_TEST

static struct bucket_capabilities without(enum verdict verdict)
{
    const struct verdicts verdicts = {.held = ALL & ~(UINT64_C(1) << verdict)};
    struct bucket_capabilities capabilities;
    verdicts_apply(&verdicts, 8 << 20, &capabilities);
    return capabilities;
}

START_TEST(what_they_mean)
{
    const struct verdicts all = {.held = ALL};
    struct bucket_capabilities capabilities;
    verdicts_apply(&all, 8 << 20, &capabilities);
    ck_assert_uint_eq(capabilities.conditions, DECIDES_ALL);
    ck_assert(capabilities.refused_keys == 0 && capabilities.has_tags && !capabilities.labels_slip);
    ck_assert(capabilities.keeps_sidecar && capabilities.needs_frames_beyond == 8 << 20);

    ck_assert_uint_eq(without(VERDICT_PUT_CREATE).conditions & (DECIDES_PUT_CREATE | DECIDES_COMPLETE_CREATE), 0);
    ck_assert_uint_ne(without(VERDICT_PUT_CREATE).conditions & DECIDES_PUT_REPLACE, 0);
    ck_assert_uint_eq(without(VERDICT_COMPLETE_REPLACE).conditions & DECIDES_PUT_REPLACE, 0);
    ck_assert_uint_eq(without(VERDICT_DELETE_MATCH).conditions & (DECIDES_DELETE | DECIDES_DELETE_MANY), 0);
    ck_assert_uint_eq(without(VERDICT_COPY_CREATE).conditions, DECIDES_ALL); /* done another way */
    ck_assert_uint_eq(without(VERDICT_NAME_EMPTY_SEGMENT).refused_keys, KEY_EMPTY_SEGMENT);
    ck_assert_uint_eq(without(VERDICT_NAME_PARENT).refused_keys, 0);
    ck_assert(!without(VERDICT_TAGS).has_tags && without(VERDICT_LABELS_HOLD).labels_slip);
    ck_assert(capabilities.has_versions && !without(VERDICT_VERSIONS).has_versions);
    ck_assert(!capabilities.forgets_versions && without(VERDICT_VERSION_LISTS).forgets_versions);
    ck_assert(without(VERDICT_VERSION_LISTS).has_versions && without(VERDICT_VERSION_MARKERS).has_versions);
    ck_assert(capabilities.has_lock && !without(VERDICT_VERSIONS).has_lock && !without(VERDICT_LOCKS).has_lock);
}
END_TEST

START_TEST(what_goes_without_saying)
{
    const struct verdicts all = {.held = ALL};
    const struct verdicts no_versions = {.held = ALL & ~(UINT64_C(1) << VERDICT_VERSIONS)};
    ck_assert(!verdict_is_moot(&all, VERDICT_LOCKS) && verdict_is_moot(&no_versions, VERDICT_LOCKS));
    ck_assert(verdict_is_moot(&no_versions, VERDICT_VERSION_LISTS));
    ck_assert(!verdict_is_moot(&no_versions, VERDICT_VERSIONS) && !verdict_is_moot(&no_versions, VERDICT_TAGS));
}
END_TEST

START_TEST(classes_are_kept_refused_or_forgotten)
{
    struct verdicts verdicts = {.held = ALL};
    enum verdict found;
    ck_assert(verdict_of_class(SPAN("GLACIER_IR"), &found) && found == VERDICT_CLASS_GLACIER_IR);
    ck_assert(!verdict_of_class(SPAN("GLACIER"), &found) && !verdict_of_class(SPAN("STANDARD"), &found));
    ck_assert(span_equal(verdict_class(VERDICT_CLASS_STANDARD_IA), SPAN("STANDARD_IA")));
    ck_assert_str_eq(verdict_word_of_class(&verdicts, VERDICT_CLASS_GLACIER_IR), "keeps");
    verdicts.held &= ~(UINT64_C(1) << VERDICT_CLASS_GLACIER_IR);
    ck_assert_str_eq(verdict_word_of_class(&verdicts, VERDICT_CLASS_GLACIER_IR), "refuses");
    verdicts.held &= ~(UINT64_C(1) << VERDICT_CLASSES_TOLD);
    ck_assert_str_eq(verdict_word_of_class(&verdicts, VERDICT_CLASS_GLACIER_IR), "forgets");
}
END_TEST

START_TEST(a_lost_race_stays_lost)
{
    const struct verdicts before = {.held = ALL & ~(UINT64_C(1) << VERDICT_DELETE_MATCH | UINT64_C(1) << VERDICT_TAGS)};
    struct verdicts verdicts = {.held = ALL & ~(UINT64_C(1) << VERDICT_LABELS_HOLD)};
    verdicts_keep_lost_races(&verdicts, &before);
    ck_assert(!verdict_holds(&verdicts, VERDICT_DELETE_MATCH));
    ck_assert(!verdict_holds(&verdicts, VERDICT_LABELS_HOLD)); /* seen now, and not before */
    ck_assert(verdict_holds(&verdicts, VERDICT_TAGS));         /* no race: the last test knows */
    ck_assert(verdict_holds(&verdicts, VERDICT_PUT_CREATE));
}
END_TEST

/* A new version tries more than the one before, and knows no less of races. */
START_TEST(a_lost_race_stays_lost_when_more_is_tried)
{
    static const char rest[] = "COMPLETE_GONE yes\n";
    const struct verdicts old = {.held = ALL & ~(UINT64_C(1) << VERDICT_PUT_REPLACE)};
    struct verdicts before;
    struct verdicts verdicts = {.held = ALL};
    struct buffer text = {0};
    verdicts_encode(&old, &text);
    char *found = memmem(text.data, text.size, rest, strlen(rest));
    ck_assert_ptr_nonnull(found);
    memcpy(found, "LATER", strlen("LATER"));
    ck_assert(!verdicts_decode(buffer_span(&text), &before));
    verdicts_keep_lost_races(&verdicts, &before);
    ck_assert(!verdict_holds(&verdicts, VERDICT_PUT_REPLACE));
    ck_assert_uint_eq(verdicts.held, old.held);
    /* one that the text lacks, though it is raced, is not lost */
    verdicts.held = ALL;
    (void)verdicts_decode(SPAN("bale backend 1\nLABELS_HOLD no\n"), &before);
    verdicts_keep_lost_races(&verdicts, &before);
    ck_assert_uint_eq(verdicts.held, ALL & ~(UINT64_C(1) << VERDICT_LABELS_HOLD));
    (void)verdicts_decode(SPAN("none\n"), &before);
    verdicts.held = ALL;
    verdicts_keep_lost_races(&verdicts, &before);
    ck_assert_uint_eq(verdicts.held, ALL);
    buffer_free(&text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("remote verdicts");
    TCase *cases = tcase_create("verdicts");
    tcase_add_test(cases, as_text);
    tcase_add_test(cases, what_they_mean);
    tcase_add_test(cases, what_goes_without_saying);
    tcase_add_test(cases, classes_are_kept_refused_or_forgotten);
    tcase_add_test(cases, a_lost_race_stays_lost);
    tcase_add_test(cases, a_lost_race_stays_lost_when_more_is_tried);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
