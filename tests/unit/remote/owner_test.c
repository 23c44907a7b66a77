/* tests/unit/remote/owner_test.c -- `s4-bale-owner`: both ways, of another name, and what is refused. */
#include "store/remote/format/owner.h"

#include "runtime/base/base64.h"
#include "store/bucket.h"
#include "tests/unit/run_suite.h"

static const uint8_t name[STAMP_NAME_BYTES] = {0x80, 0xff};
static const uint8_t another[STAMP_NAME_BYTES] = {0x80, 0xfe};

static bool decode(const char *text, struct object_owner *ret_owner)
{
    static struct buffer bytes;
    buffer_clear(&bytes);
    return owner_decode(span_from_string(text), name, &bytes, ret_owner);
}

START_TEST(writes_and_reads)
{
    const struct object_owner owner = {.owner = SPAN("alice"), .acl = SPAN("\x01\x00\x01")};
    struct object_owner again;
    struct buffer text = {0};
    struct buffer bytes = {0};
    owner_encode(&owner, name, &text);
    ck_assert_msg(span_equal(buffer_span(&text), SPAN("gP8AAAAAAAA/YWxpY2U/AQAB")), "%.*s",
                  SPAN_FORMAT(buffer_span(&text)));
    buffer_append_string(&bytes, "what was there");
    ck_assert(owner_decode(buffer_span(&text), name, &bytes, &again));
    ck_assert(span_equal(again.owner, owner.owner) && span_equal(again.acl, owner.acl) && !again.is_acl_apart);
    ck_assert(span_starts_with(buffer_span(&bytes), SPAN("what was there")));
    buffer_free(&text);
    buffer_free(&bytes);
}
END_TEST

START_TEST(the_owner_or_the_list_alone)
{
    struct object_owner owner;
    ck_assert(decode("gP8AAAAAAAA/YWxpY2U/", &owner));
    ck_assert(span_equal(owner.owner, SPAN("alice")) && owner.acl.size == 0 && !owner.is_acl_apart);
    ck_assert(decode("gP8AAAAAAAA//AQAB", &owner));
    ck_assert(owner.owner.size == 0 && owner.acl.size == 3);
}
END_TEST

START_TEST(a_long_list_lies_apart)
{
    uint8_t list[OWNER_ACL_BYTES_MAX + 1] = {1};
    char longest[ACCOUNT_ID_BYTES_MAX];
    struct object_owner owner = {.owner = span_of(longest, sizeof longest), .acl = span_of(list, sizeof list)};
    struct object_owner again;
    struct buffer text = {0};
    struct buffer bytes = {0};
    memset(longest, 'x', sizeof longest);
    ck_assert(owner_puts_acl_apart(owner.acl));
    owner_encode(&owner, name, &text);
    ck_assert(owner_decode(buffer_span(&text), name, &bytes, &again));
    ck_assert(again.is_acl_apart && again.acl.size == 0 && again.owner.size == sizeof longest);
    buffer_clear(&text);
    owner.acl = span_take(owner.acl, OWNER_ACL_BYTES_MAX);
    ck_assert(!owner_puts_acl_apart(owner.acl));
    owner_encode(&owner, name, &text);
    ck_assert_uint_le(text.size, OWNER_TEXT_BYTES_MAX);
    ck_assert(owner_decode(buffer_span(&text), name, &bytes, &again));
    ck_assert(span_equal(again.acl, owner.acl) && !again.is_acl_apart);
    buffer_free(&text);
    buffer_free(&bytes);
}
END_TEST

/* A copy that another tool made has the field, and another name. */
START_TEST(of_another_name_it_says_nothing)
{
    struct object_owner owner;
    struct buffer bytes = {0};
    ck_assert(!owner_decode(SPAN("gP8AAAAAAAA/YWxpY2U/AQAB"), another, &bytes, &owner));
    ck_assert(owner.owner.size == 0 && owner.acl.size == 0 && bytes.size == 0);
}
END_TEST

START_TEST(what_is_malformed_says_nothing)
{
    static const char *const texts[] = {
        "",
        "gP8AAAAAAAA",
        "gP8AAAAAAAA/YWxpY2U",
        "gP8AAAAAAAA/YWxpY2U/AQAB/",
        "gP8AAAAAAAA/YWxpY2U/AQAB+",
        "gP8AAAAAAAA/YWxpY2U=/AQAB",
        "gP8AAAAAAAA/YWxpY/AQAB",
        "gP8AAAAAAA/YWxpY2U/AQAB",
    };
    struct object_owner owner;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_msg(!decode(texts[i], &owner), "%s", texts[i]);
        ck_assert(owner.owner.size == 0 && owner.acl.size == 0 && !owner.is_acl_apart);
    }
}
END_TEST

START_TEST(what_is_too_long_says_nothing)
{
    struct object_owner owner;
    struct buffer text = {0};
    struct buffer bytes = {0};
    buffer_append_string(&text, "gP8AAAAAAAA/");
    for (size_t i = 0; i < BASE64_URL_BYTES(ACCOUNT_ID_BYTES_MAX + 1); i++)
        buffer_append_byte(&text, 'A');
    buffer_append_byte(&text, '/');
    ck_assert(!owner_decode(buffer_span(&text), name, &bytes, &owner));
    buffer_free(&text);
    buffer_free(&bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("owner");
    TCase *cases = tcase_create("owner");
    tcase_add_test(cases, writes_and_reads);
    tcase_add_test(cases, the_owner_or_the_list_alone);
    tcase_add_test(cases, a_long_list_lies_apart);
    tcase_add_test(cases, of_another_name_it_says_nothing);
    tcase_add_test(cases, what_is_malformed_says_nothing);
    tcase_add_test(cases, what_is_too_long_says_nothing);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
