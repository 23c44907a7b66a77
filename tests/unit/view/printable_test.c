/* tests/unit/view/printable_test.c -- no byte of a name reaches a terminal that it would obey. */
#include "tools/bale/view/printable.h"

#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdlib.h>

static void check_written(struct span text, const char *wanted)
{
    char *written = NULL;
    size_t size;
    FILE *to = open_memstream(&written, &size);
    ck_assert_ptr_nonnull(to);
    printable_write(to, text);
    ck_assert_int_eq(fclose(to), 0);
    ck_assert_str_eq(written, wanted);
    free(written);
}

START_TEST(characters_stay_and_controls_are_named)
{
    check_written(SPAN_EMPTY, "");
    check_written(SPAN("a b~\\é€𝄞\xc2\xa0"), "a b~\\\\é€𝄞\xc2\xa0");
    check_written(SPAN("\t\n\r\x1b[2J\x7f\0"), "\\x09\\x0a\\x0d\\x1b[2J\\x7f\\x00");
    check_written(SPAN("\xc2\x80\xc2\x9b"
                       "31m\xc2\x9fé"),
                  "\\xc2\\x80\\xc2\\x9b31m\\xc2\\x9fé");
}
END_TEST

START_TEST(what_is_no_utf8_is_named_byte_by_byte)
{
    check_written(SPAN("\x9b"
                       "31m"),
                  "\\x9b31m");
    check_written(SPAN("\xc2"), "\\xc2");
    check_written(SPAN("\xc2\x1b"), "\\xc2\\x1b");
    check_written(SPAN("\xc0\x9b"), "\\xc0\\x9b");          /* overlong */
    check_written(SPAN("\xe0\x82\x9b"), "\\xe0\\x82\\x9b"); /* the same in three bytes */
    check_written(SPAN("\xff\xc3\xa9"), "\\xffé");
}
END_TEST

/* 80 to 9f stand only behind the first byte of a character that is none of them. */
static bool is_free_of_controls(const char *written)
{
    for (const char *at = written; *at != '\0'; at++) {
        uint8_t byte = (uint8_t)*at;
        bool is_behind = at > written && (uint8_t)at[-1] > 0xc2;
        if (byte < ' ' || byte == 0x7f || (byte >= 0x80 && byte < 0xa0 && !is_behind))
            return false;
    }
    return true;
}

/* All texts of three bytes, of which the last is a letter. check notes each of its assertions in a file: only what is
 * wrong gets to one. */
START_TEST(nothing_written_is_a_control)
{
    for (unsigned pair = 0; pair < 0x10000; pair++) {
        const uint8_t text[] = {(uint8_t)(pair >> 8), (uint8_t)pair, 'x'};
        char written[16] = {0};
        FILE *to = fmemopen(written, sizeof written, "w");
        if (to == NULL)
            ck_abort_msg("no memory");
        printable_write(to, span_of(text, sizeof text));
        if (fclose(to) != 0 || !is_free_of_controls(written) || strchr(written, 'x') == NULL)
            ck_abort_msg("%02x %02x: %s", text[0], text[1], written);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("printable");
    TCase *cases = tcase_create("printable");
    tcase_add_test(cases, characters_stay_and_controls_are_named);
    tcase_add_test(cases, what_is_no_utf8_is_named_byte_by_byte);
    tcase_add_test(cases, nothing_written_is_a_control);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
