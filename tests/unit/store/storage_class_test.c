/* tests/unit/store/storage_class_test.c -- which classes hold what can be read, and for how long they bill. */
#include "store/storage_class.h"

#include "tests/unit/run_suite.h"

#include <string.h>

#define DAY_MS INT64_C(86400000)

START_TEST(names)
{
    ck_assert_str_eq(storage_class_find(SPAN("GLACIER_IR"))->name, "GLACIER_IR");
    ck_assert(storage_class_find(SPAN("GLACIER_IR"))->can_hold && !storage_class_find(SPAN("GLACIER"))->can_hold);
    ck_assert(storage_class_find(SPAN("STANDARD")) == NULL && storage_class_find(SPAN("glacier")) == NULL);
    ck_assert(storage_class_find(SPAN_EMPTY) == NULL);
    ck_assert_ptr_eq(storage_class_of(storage_class_number(SPAN("SNOW"))), storage_class_find(SPAN("SNOW")));
    ck_assert(storage_class_number(SPAN("STANDARD")) == 0 && storage_class_of(0) == NULL);
    ck_assert(storage_class_number(SPAN("COLD")) == STORAGE_CLASS_UNKNOWN);
    ck_assert(storage_class_of(STORAGE_CLASS_UNKNOWN) == NULL && storage_class_of(STORAGE_CLASSES_MAX + 1) == NULL);
}
END_TEST

START_TEST(archives)
{
    static const char *const read[] = {
        "", "STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "REDUCED_REDUNDANCY"};
    static const char *const archived[] = {"GLACIER", "DEEP_ARCHIVE", "A_CLASS_OF_SOMEBODY"};
    for (unsigned i = 0; i < sizeof read / sizeof read[0]; i++)
        ck_assert_msg(!storage_class_is_archive(storage_class_number(span_from_string(read[i]))), "%s", read[i]);
    for (unsigned i = 0; i < sizeof archived / sizeof archived[0]; i++)
        ck_assert_msg(storage_class_is_archive(storage_class_number(span_from_string(archived[i]))), "%s", archived[i]);
}
END_TEST

START_TEST(what_binds)
{
    static const struct {
        const char *name;
        int days;
    } cases[] = {{"STANDARD_IA", 30},        {"ONEZONE_IA", 30}, {"GLACIER_IR", 90},
                 {"INTELLIGENT_TIERING", 0}, {"STANDARD", 0},    {"", 0}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t name = storage_class_number(span_from_string(cases[i].name));
        ck_assert_msg(!storage_class_binds(name, 1, 1000 + cases[i].days * DAY_MS), "%s", cases[i].name);
        ck_assert_msg(storage_class_binds(name, 1, 999 + cases[i].days * DAY_MS) == (cases[i].days > 0), "%s",
                      cases[i].name);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("storage classes");
    TCase *all = tcase_create("all");
    tcase_add_test(all, names);
    tcase_add_test(all, archives);
    tcase_add_test(all, what_binds);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
