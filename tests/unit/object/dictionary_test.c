/* tests/unit/object/dictionary_test.c -- bodies that are written by a rule for dictionaries, and read again. */
#include "server/dictionaries/table.h"
#include "server/object/codecs_private.h"
#include "tests/unit/object/bodies.h"

#include <stdio.h>
#include <stdlib.h>

enum { CREATION_ID = 77, EVENT_BYTES_MAX = 256 };

static struct memory_store store;
static struct object_codecs *codecs;
static struct dictionary_table *table;
static struct dictionary_board board;
static struct dictionary_rule *rule; /* the board's */

static size_t make_event(char text[EVENT_BYTES_MAX], unsigned number)
{
    return (size_t)snprintf(text, EVENT_BYTES_MAX,
                            "{\"time\":\"2026-01-02T03:04:%02uZ\",\"level\":\"info\",\"service\":\"checkout\","
                            "\"request\":\"%08x\",\"user\":%u,\"path\":\"/cart/%u\",\"status\":200}",
                            number % 60, number * 2654435761U, number * 7919, number % 97);
}

/* `bytes` is published for keys that begin with "events/". */
static void set_up(struct span bytes)
{
    struct error error;
    struct object_settings settings = ordinary_settings();
    char key[DICTIONARY_KEY_BYTES];
    memory_store_init(&store);
    table = dictionary_table_create(1 << 20);
    dictionary_board_init(&board);
    settings.dictionaries = table;
    settings.store = &store.store;
    settings.board = &board;
    settings.columns = true;
    codecs = object_codecs_create(&settings);

    struct dictionary_mapping mapping = {
        .creation_id = CREATION_ID, .prefix = SPAN("events/"), .bucket = SPAN("bucket")};
    sha256_of(bytes, mapping.digest);
    rule = dictionary_rule_create(&mapping, dictionary_create_for_level(bytes, settings.level, &error), 1);
    dictionary_board_publish(&board, dictionary_rules_create(&rule, 1));
    const struct object_attributes attributes = {.original_size = bytes.size, .is_size_known = true};
    memory_store_put(&store, (const char *)dictionary_key(span_from_string(rule->id), key).data, &attributes, bytes,
                     SPAN_EMPTY);
}

static void tear_down(void)
{
    object_codecs_destroy(codecs);
    dictionary_board_free(&board);
    dictionary_table_destroy(table);
    memory_store_free(&store);
}

static const struct object_attributes *upload(const char *key, struct span body, bool is_size_known,
                                              uint64_t creation_id)
{
    struct error error;
    struct object_digest digest;
    const struct upload upload = {.key = key,
                                  .body = body,
                                  .is_size_known = is_size_known,
                                  .checksum = CHECKSUM_CRC64NVME,
                                  .creation_id = creation_id};
    bool done = upload_body(codecs, &store, &upload, &digest, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    must_download(codecs, &store, key, body, 0, body.size);
    if (body.size > 20)
        must_download(codecs, &store, key, body, 7, 11);
    return &memory_store_find(&store, key)->attributes;
}

static void put_events(bool are_blocks)
{
    char common[EVENT_BYTES_MAX];
    char event[EVENT_BYTES_MAX];
    size_t common_size = make_event(common, 1);
    set_up(span_of(common, common_size));
    store.store.capabilities.keeps_attributes = are_blocks;
    for (unsigned number = 2; number < 600; number++) {
        struct span body = span_of(event, make_event(event, number));
        const struct object_attributes *attributes = upload("events/1", body, number % 2 == 0, CREATION_ID);
        ck_assert_uint_eq(attributes->codec, are_blocks ? CODEC_DICTIONARY_BLOCK : CODEC_ZSTD_DICTIONARY);
        ck_assert_str_eq(attributes->dictionary, rule->id);
        ck_assert_int_eq(attributes->layout, are_blocks ? LAYOUT_CODEC : LAYOUT_FRAMED);
        ck_assert_uint_lt(attributes->stored_size, body.size * 2 / 3);
    }
    ck_assert_uint_eq(metric_read(&rule->uses[0].puts), 598);
    ck_assert_uint_ge(metric_read(&rule->uses[0].tried), DICTIONARY_OUTCOMES + (598 - DICTIONARY_OUTCOMES) / 16);
    ck_assert_uint_lt(metric_read(&rule->uses[0].tried), DICTIONARY_OUTCOMES + 50);
    ck_assert_uint_eq(metric_read(&dictionary_table_counters(table)->fetched), 1);
    tear_down();
}

static void events_body(void *argument)
{
    (void)argument;
    put_events(false);
    put_events(true);
}

static void without_body(void *argument)
{
    (void)argument;
    char common[EVENT_BYTES_MAX];
    char event[EVENT_BYTES_MAX];
    size_t common_size = make_event(common, 1);
    set_up(span_of(common, common_size));
    struct span body = span_of(event, make_event(event, 5));
    ck_assert_str_eq(upload("event/1", body, true, CREATION_ID)->dictionary, "");      /* another prefix */
    ck_assert_str_eq(upload("events/1", body, true, CREATION_ID + 1)->dictionary, ""); /* another bucket */
    ck_assert_str_eq(upload("events/1", body, true, 0)->dictionary, "");
    ck_assert_str_eq(upload("events/1", SPAN_EMPTY, true, CREATION_ID)->dictionary, "");
    ck_assert_str_eq(upload("events/1", SPAN("{\"time\":\"2026-01-02T03:04:05Z\"}"), true, CREATION_ID)->dictionary,
                     "");
    ck_assert_uint_eq(metric_read(&rule->uses[0].puts) + metric_read(&rule->uses[0].lost), 0);

    /* what the dictionary does not help stays as it would have been: noise raw, long text without */
    uint8_t *noise = make_noise(3000);
    const struct object_attributes *attributes = upload("events/1", span_of(noise, 3000), true, CREATION_ID);
    ck_assert_int_eq(attributes->layout, LAYOUT_RAW);
    ck_assert_str_eq(attributes->dictionary, "");
    free(noise);
    uint8_t *text = make_text(3 * MIB);
    static const size_t sizes[] = {DICTIONARY_OBJECT_BYTES_MAX + 1, MIB, MIB + 1, 3 * MIB};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        attributes = upload("events/1", span_of(text, sizes[i]), i % 2 == 0, CREATION_ID);
        ck_assert_uint_eq(attributes->codec, CODEC_ZSTD);
        ck_assert_str_eq(attributes->dictionary, "");
    }
    /* at the bound, with either the smaller wins */
    attributes = upload("events/1", span_of(text, DICTIONARY_OBJECT_BYTES_MAX), true, CREATION_ID);
    ck_assert(attributes->codec == CODEC_ZSTD || attributes->codec == CODEC_ZSTD_DICTIONARY);
    free(text);
    tear_down();
}

/* Of what does not shrink with it nothing is written with it, also when it is not tried without. */
static void useless_body(void *argument)
{
    (void)argument;
    char event[EVENT_BYTES_MAX];
    set_up(SPAN("nothing of this is in any event"));
    for (unsigned number = 2; number < 300; number++) {
        struct span body = span_of(event, make_event(event, number));
        const struct object_attributes *attributes = upload("events/1", body, true, CREATION_ID);
        ck_assert_uint_le(attributes->stored_size, body.size);
    }
    ck_assert_uint_gt(metric_read(&rule->uses[0].tried), 290); /* it never proves itself */
    tear_down();
}

LOOP_TEST(events_are_small, events_body)
LOOP_TEST(what_has_none, without_body)
LOOP_TEST(a_useless_one_costs_no_byte, useless_body)

int main(void)
{
    Suite *suite = suite_create("bodies with a dictionary");
    TCase *tests = tcase_create("dictionary");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, events_are_small);
    tcase_add_test(tests, what_has_none);
    tcase_add_test(tests, a_useless_one_costs_no_byte);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
