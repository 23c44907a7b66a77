/* tests/unit/journal/cards_test.c -- cards of replicas: as text, as objects of a server that answers as a script says,
 * and what they mean. */
#include "journal/fleet/cards.h"
#include "journal/fleet/fleet_report.h"
#include "runtime/io/io.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/s3client/script.h"

#include <stdio.h>
#include <string.h>

#define DIGITS "0102030405060708090a0b0c0d0e0f10"
#define OTHER_DIGITS "ffffffffffffffffffffffffffffffff"
#define TEXT "bale card 1\nid " DIGITS "\nstart " OTHER_DIGITS "\nwritten_ms 1000\nevery_ms 60000\n"

static struct cards_room *room;

static const struct journal_id id_of_card = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

static void open_room(void)
{
    static struct journal_home home;
    home = (struct journal_home){.endpoint = endpoint, .bucket = SPAN("box"), .prefix = SPAN("below/")};
    room = cards_room_open(&home);
}

static struct fleet_card a_card(void)
{
    return (struct fleet_card){.id = id_of_card,
                               .start = {{7}},
                               .name = "one",
                               .version = "1.2.3",
                               .s3 = "10.0.0.1:8014",
                               .journal = "running",
                               .started_ms = 1764000000000,
                               .written_ms = 1764000060000,
                               .every_ms = 60000,
                               .lag_ms = 1500};
}

/* ---- text ---- */

START_TEST(as_text)
{
    struct fleet_card card = a_card();
    struct fleet_card again;
    struct buffer text = {0};
    card.is_stopped = true;
    card_encode(&card, &text);
    ck_assert_uint_le(text.size, CARD_BYTES_MAX);
    ck_assert(card_decode(buffer_span(&text), &again));
    ck_assert_mem_eq(&card, &again, sizeof card);
    buffer_free(&text);
}
END_TEST

START_TEST(the_longest_fits)
{
    struct fleet_card card = a_card();
    struct fleet_card again;
    struct buffer text = {0};
    char *const texts[] = {card.name, card.version, card.s3, card.admin, card.journal};
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++)
        memset(texts[i], i == 0 ? '\n' : 'x', CARD_TEXT_BYTES - 1);
    card.written_ms = INT64_MAX;
    card.lag_ms = card.spool_ms = INT64_MAX;
    card_encode(&card, &text);
    ck_assert_uint_le(text.size, CARD_BYTES_MAX);
    ck_assert(card_decode(buffer_span(&text), &again));
    ck_assert_int_eq(again.name[0], '?'); /* a name is a line's part, whatever it holds */
    ck_assert_str_eq(again.journal, card.journal);
    buffer_free(&text);
}
END_TEST

START_TEST(what_is_no_card)
{
    static const char *const texts[] = {
        "",
        "bale card 2\nid " DIGITS "\n",
        "bale card 1\nid " DIGITS "\nwritten_ms 1\nevery_ms 1\n",
        TEXT "name a\033[31m\n",
        TEXT "lag_ms -1\n",
        TEXT "lag_ms 9223372036854775808\n",
        TEXT "every_ms 0\n",
        TEXT "id 00\n",
    };
    struct fleet_card card;
    ck_assert(card_decode(SPAN(TEXT), &card));
    ck_assert(card_decode(SPAN(TEXT "of_a_later_version x\n\nnothing\n"), &card));
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++)
        ck_assert_msg(!card_decode(span_from_string(texts[i]), &card), "%s", texts[i]);
}
END_TEST

/* ---- requests ---- */

static void write_cards(void)
{
    struct fleet_card card = a_card();
    char etag[CARD_ETAG_BYTES] = "";
    open_room();
    PLAY({.answer = http_text(200, "ETag: \"one\"\r\n", "")}, {.answer = http_text(200, "ETag: \"two\"\r\n", "")},
         {.answer = error_text(412, "PreconditionFailed")}, {.answer = error_text(404, "NoSuchKey")});
    EXPECT(cards_write(room, &card, etag, &error));
    EXPECT(cards_write(room, &card, etag, &error));
    ck_assert_str_eq(etag, "\"two\"");
    ck_assert(!cards_write(room, &card, etag, &error) && error.kind == ERROR_CONFLICT);
    ck_assert(!cards_write(room, &card, etag, &error) && error.kind == ERROR_CONFLICT);
    ck_assert_str_eq(etag, "\"two\"");
    expect_played();
    ck_assert_ptr_nonnull(strstr(script_seen[0].head, "PUT /box/below/.bale/fleet/" DIGITS " HTTP/1.1"));
    ck_assert_ptr_nonnull(strstr(script_seen[0].head, "if-none-match: *\r\n"));
    ck_assert_ptr_nonnull(strstr(script_seen[1].head, "if-match: \"one\"\r\n"));
    ck_assert_uint_eq(cards_room_counters(room)->writes, 4);
    cards_room_close(room);
}

START_TEST(a_card_replaces_what_was_written_last)
{
    on_script(false, write_cards);
}
END_TEST

#define RECEIVED "Last-Modified: Thu, 01 Jan 1970 02:00:00 GMT\r\n"

static void read_cards(void)
{
    struct seen_card seen;
    open_room();
    PLAY({.answer = http_text(200, "ETag: \"e\"\r\n" RECEIVED "Date: Thu, 01 Jan 1970 02:03:00 GMT\r\n", TEXT)},
         {.answer = http_text(200, "ETag: \"e\"\r\n" RECEIVED "Date: Thu, 01 Jan 1970 02:03:01 GMT\r\n", TEXT)},
         {.answer = http_text(200, "ETag: \"e\"\r\n" RECEIVED, "nonsense")}, {.answer = error_text(404, "NoSuchKey")});
    EXPECT(cards_read(room, &id_of_card, &seen, &error));
    ck_assert_uint_eq(seen.age_ms, 180000);
    ck_assert_int_eq(card_standing(&seen), CARD_RUNS);
    ck_assert_int_eq(card_clock_ahead_s(&seen), 1 - 7200); /* its writer believes in the first second of 1970 */
    EXPECT(cards_read(room, &id_of_card, &seen, &error));
    ck_assert_int_eq(card_standing(&seen), CARD_GONE);
    seen.card.is_stopped = true;
    ck_assert_int_eq(card_standing(&seen), CARD_STOPPED);
    seen.card.written_ms = seen.received_ms - 5999;
    ck_assert_int_eq(card_clock_ahead_s(&seen), 0);
    ck_assert(!cards_read(room, &id_of_card, &seen, &error) && error.kind == ERROR_DAMAGED);
    ck_assert_str_eq(seen.etag, "\"e\"");
    ck_assert(!cards_read(room, &id_of_card, &seen, &error) && error.kind == ERROR_NOT_FOUND);
    expect_played();
    cards_room_close(room);
}

START_TEST(ages_are_by_the_backends_clock)
{
    on_script(false, read_cards);
}
END_TEST

#define ENTRY_OF(key, day, etag)                                                                               \
    "<Contents><Key>below/.bale/fleet/" key "</Key><LastModified>2026-11-" day "T00:00:00.000Z</LastModified>" \
    "<ETag>\"" etag "\"</ETag><Size>1</Size></Contents>"
#define ENTRY(key, day) ENTRY_OF(key, day, "e")
#define LIST(entries) "<ListBucketResult><IsTruncated>false</IsTruncated>" entries "</ListBucketResult>"

static void sweep_cards(void)
{
    enum { WEEK_MS = 7 * 24 * 3600 * 1000 };
    unsigned removed;
    open_room();
    PLAY({.answer = http_text(200, "",
                              LIST(ENTRY(DIGITS, "29") ENTRY(OTHER_DIGITS, "22") ENTRY("nothing-of-ours", "01")
                                       ENTRY("fffffffffffffffffffffffffffffffe", "23")))},
         {.answer = "HTTP/1.1 204 No Content\r\n\r\n"},
         {.answer = http_text(200, "", LIST(ENTRY(OTHER_DIGITS, "22")))});
    EXPECT(cards_sweep(room, &id_of_card, WEEK_MS, &removed, &error));
    ck_assert_uint_eq(removed, 1);
    ck_assert(!cards_sweep(room, &id_of_card, WEEK_MS, &removed, &error)); /* nobody says what time it is */
    ck_assert_uint_eq(removed, 0);
    expect_played();
    ck_assert_ptr_nonnull(strstr(script_seen[1].head, "DELETE /box/below/.bale/fleet/" OTHER_DIGITS " HTTP/1.1"));
    cards_room_close(room);
}

START_TEST(the_cards_of_the_dead_are_swept)
{
    on_script(false, sweep_cards);
}
END_TEST

static void read_all_cards(void)
{
    struct card_list list;
    struct buffer text = {0};
    open_room();
    PLAY({.answer = http_text(200, "", LIST(ENTRY(DIGITS, "29") ENTRY(OTHER_DIGITS, "22")))},
         {.answer = http_text(200, "ETag: \"e\"\r\n" RECEIVED, TEXT "name \"quoted\\\n")},
         {.answer = error_text(404, "NoSuchKey")});
    EXPECT(cards_read_all(room, &list, &error));
    ck_assert_uint_eq(list.count, 1); /* the other one has gone since */
    fleet_put_json(&list, &id_of_card, &text);
    buffer_append_byte(&text, '\0');
    ck_assert_ptr_nonnull(strstr((const char *)text.data, "\"name\":\"\\\"quoted\\\\\","));
    ck_assert_ptr_nonnull(strstr((const char *)text.data, "\"is_self\":true}],\"omitted\":0}\n"));
    buffer_free(&text);
    card_list_free(&list);
    PLAY({.answer = http_text(200, "", LIST(ENTRY_OF(DIGITS, "29", "f")))},
         {.answer = error_text(403, "AccessDenied")});
    ck_assert(!cards_read_all(room, &list, &error)); /* half a fleet would be a wrong answer */
    expect_played();
    cards_room_close(room);
}

/* Who has gone is not asked for again and again; nor who lives, by a process that ends. */
static void read_what_has_changed(void)
{
    struct card_list list;
    open_room();
    PLAY({.answer = http_text(200, "", LIST(ENTRY_OF(DIGITS, "29", "e")))},
         {.answer = http_text(200, "ETag: \"e\"\r\n" RECEIVED, TEXT "name first\n")},
         {.answer = http_text(200, "", LIST(ENTRY_OF(DIGITS, "29", "e")))},
         {.answer = http_text(200, "", LIST(ENTRY_OF(DIGITS, "29", "f")))},
         {.answer = http_text(200, "ETag: \"f\"\r\n" RECEIVED, TEXT "name second\n")},
         {.answer = http_text(200, "", LIST(ENTRY_OF(DIGITS, "29", "g")))});
    EXPECT(cards_read_all(room, &list, &error));
    uint64_t age_ms = list.cards[0].age_ms;
    card_list_free(&list);
    ck_assert_int_eq(io_sleep_until(deadline_after_ms(20)), 0);
    EXPECT(cards_read_all(room, &list, &error));
    ck_assert_uint_eq(list.count, 1);
    ck_assert_str_eq(list.cards[0].card.name, "first");
    ck_assert_uint_ge(list.cards[0].age_ms, age_ms + 19);
    card_list_free(&list);
    EXPECT(cards_read_all(room, &list, &error));
    ck_assert_str_eq(list.cards[0].card.name, "second");
    card_list_free(&list);
    cards_room_end(room);
    ck_assert(!cards_read_all(room, &list, &error));
    ck_assert_int_eq(error.kind, ERROR_CANCELLED);
    expect_played();
    cards_room_close(room);
}

START_TEST(what_has_changed)
{
    on_script(false, read_what_has_changed);
}
END_TEST

#define PAGE(entries, token)                                                         \
    "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>" token \
    "</NextContinuationToken>" entries "</ListBucketResult>"

/* However many keys lie before it that are no cards, or those of others. */
static void read_pages_of_cards(void)
{
    struct card_list list;
    open_room();
    PLAY({.answer = http_text(200, "", PAGE(ENTRY("000-nothing-of-ours", "01"), "on"))},
         {.answer = http_text(200, "", PAGE(ENTRY("001-nothing-of-ours", "01"), ""))},
         {.answer = http_text(200, "", LIST(ENTRY(DIGITS, "29")))},
         {.answer = http_text(200, "ETag: \"e\"\r\n" RECEIVED, TEXT "name first\n")});
    EXPECT(cards_read_all(room, &list, &error));
    ck_assert_uint_eq(list.count, 1);
    ck_assert_uint_eq(list.omitted, 0);
    ck_assert_ptr_nonnull(strstr(script_seen[1].head, "continuation-token=on"));
    ck_assert_ptr_nonnull(strstr(script_seen[2].head, "start-after=below%2F.bale%2Ffleet%2F001-nothing-of-ours"));
    card_list_free(&list);
    expect_played();
    cards_room_close(room);
}

START_TEST(pages_of_them)
{
    on_script(false, read_pages_of_cards);
}
END_TEST

START_TEST(all_of_them)
{
    on_script(false, read_all_cards);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cards");
    TCase *text = tcase_create("text");
    tcase_add_test(text, as_text);
    tcase_add_test(text, the_longest_fits);
    tcase_add_test(text, what_is_no_card);
    suite_add_tcase(suite, text);
    TCase *requests = tcase_create("requests");
    tcase_add_test(requests, a_card_replaces_what_was_written_last);
    tcase_add_test(requests, ages_are_by_the_backends_clock);
    tcase_add_test(requests, the_cards_of_the_dead_are_swept);
    tcase_add_test(requests, pages_of_them);
    tcase_add_test(requests, all_of_them);
    tcase_add_test(requests, what_has_changed);
    suite_add_tcase(suite, requests);
    return run_suite(suite);
}
