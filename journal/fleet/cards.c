/* journal/fleet/cards.c -- cards as objects of the home bucket. */
#include "journal/fleet/cards.h"

#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "runtime/fiber/loop.h"
#include "s3client/operations.h"
#include "s3client/wire/date.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    REQUEST_MS = 5000,
    CONNECTIONS_MAX = 4,
    LIST_BYTES_MAX = 4 << 20,
    PAGE_KEYS = 1000,
    PAGES_MAX = 1000,
    CLOCK_NOISE_S = 5, /* a request's time, and the second to which the backend's times are cut */
    ID_DIGITS = 2 * JOURNAL_ID_BYTES,
};

static_assert((int)CARD_ETAG_BYTES >= (int)S3_ETAG_BYTES, "every ETag fits");

static const struct span folder = SPAN(".bale/fleet/");

struct cards_room {
    struct s3_client *client;
    struct span bucket;
    char prefix[JOURNAL_PREFIX_BYTES_MAX]; /* of all cards' keys */
    size_t prefix_bytes;
    struct cards_counters counters;
    struct card_list known; /* as cards_read_all found them last ... */
    uint64_t known_ns;      /* ... and when it began, for what is old in it is older now */
    bool is_ending;
};

struct cards_room *cards_room_open(const struct journal_home *home)
{
    struct cards_room *room = calloc(1, sizeof *room);
    ASSERT(room != NULL && home->endpoint != NULL && home->prefix.size + folder.size <= sizeof room->prefix);
    room->client = s3_client_create(
        home->endpoint, &(struct s3_client_settings){.requests_max = CONNECTIONS_MAX, .connections_kept_max = 1});
    room->bucket = home->bucket;
    if (home->prefix.size > 0)
        memcpy(room->prefix, home->prefix.data, home->prefix.size);
    memcpy(room->prefix + home->prefix.size, folder.data, folder.size);
    room->prefix_bytes = home->prefix.size + folder.size;
    return room;
}

void cards_room_close(struct cards_room *room)
{
    s3_client_destroy(room->client);
    card_list_free(&room->known);
    free(room);
}

void cards_room_end(struct cards_room *room)
{
    room->is_ending = true;
}

const struct cards_counters *cards_room_counters(const struct cards_room *room)
{
    return &room->counters;
}

/* ---- keys and calls ---- */

struct card_key {
    char text[JOURNAL_PREFIX_BYTES_MAX + ID_DIGITS];
    size_t size;
};

static void make_key(const struct cards_room *room, const struct journal_id *id, struct card_key *ret_key)
{
    memcpy(ret_key->text, room->prefix, room->prefix_bytes);
    hex_encode(span_of(id->bytes, sizeof id->bytes), ret_key->text + room->prefix_bytes);
    ret_key->size = room->prefix_bytes + ID_DIGITS;
}

/* Of a listed key; false for what is no card's. */
static bool id_of_key(const struct cards_room *room, struct span key, struct journal_id *ret_id)
{
    return span_starts_with(key, span_of(room->prefix, room->prefix_bytes)) &&
           hex_decode(span_skip(key, room->prefix_bytes), ret_id->bytes, sizeof ret_id->bytes);
}

static struct s3_call call_of(const struct cards_room *room, enum s3_kind kind, struct span key)
{
    return (struct s3_call){.kind = kind,
                            .bucket = room->bucket,
                            .key = key,
                            .repeat = S3_REPEAT,
                            .deadline = deadline_after_ms(REQUEST_MS)};
}

/* ---- one card ---- */

SUSPENDS static bool read_body(struct s3_answer *answer, char *ret_text, size_t capacity, size_t *ret_size,
                               struct error *error)
{
    size_t size = 0;
    size_t piece = 1;
    bool done = true;
    while (done && piece > 0 && size < capacity) {
        done = s3_answer_read(answer, ret_text + size, capacity - size, &piece, error);
        size += done ? piece : 0;
    }
    *ret_size = size;
    return done;
}

static int64_t time_of(const struct s3_answer *answer, const char *name)
{
    struct span text;
    int64_t time_ms;
    return s3_answer_find(answer, name, &text) && date_parse_http(text, &time_ms) ? time_ms : 0;
}

SUSPENDS bool cards_read(struct cards_room *room, const struct journal_id *id, struct seen_card *ret_seen,
                         struct error *error)
{
    struct s3_answer answer;
    struct card_key key;
    char text[CARD_BYTES_MAX + 1];
    size_t size;
    make_key(room, id, &key);
    const struct s3_call call = call_of(room, S3_GET_OBJECT, span_of(key.text, key.size));
    *ret_seen = (struct seen_card){0};
    room->counters.reads++;
    if (!s3_client_call(room->client, &call, &answer, error))
        return false;
    memcpy(ret_seen->etag, answer.etag, sizeof answer.etag);
    ret_seen->received_ms = time_of(&answer, "last-modified");
    int64_t now_ms = time_of(&answer, "date");
    ret_seen->age_ms = now_ms > ret_seen->received_ms ? (uint64_t)(now_ms - ret_seen->received_ms) : 0;
    bool done = read_body(&answer, text, sizeof text, &size, error);
    s3_answer_close(&answer);
    if (!done)
        return false;
    if (card_decode(span_of(text, size), &ret_seen->card) && journal_id_equal(&ret_seen->card.id, id))
        return true;
    ret_seen->card = (struct fleet_card){0};
    return error_set(error, ERROR_DAMAGED, NULL, "%.*s is no card of a replica",
                     SPAN_FORMAT(span_of(key.text, key.size)));
}

SUSPENDS bool cards_write(struct cards_room *room, const struct fleet_card *card, char etag[CARD_ETAG_BYTES],
                          struct error *error)
{
    struct s3_answer answer;
    struct card_key key;
    struct buffer text;
    buffer_init(&text, CARD_BYTES_MAX);
    card_encode(card, &text);
    make_key(room, &card->id, &key);
    const struct span body = buffer_span(&text);
    const struct http_field headers[] = {
        {SPAN("content-type"), SPAN("text/plain")},
        etag[0] == '\0' ? (struct http_field){SPAN("if-none-match"), SPAN("*")}
                        : (struct http_field){SPAN("if-match"), span_from_string(etag)},
    };
    struct s3_call call = call_of(room, S3_PUT_OBJECT, span_of(key.text, key.size));
    call.headers = headers;
    call.headers_count = sizeof headers / sizeof headers[0];
    call.body = &body;
    call.body_count = 1;
    room->counters.writes++;
    bool done = s3_client_call(room->client, &call, &answer, error);
    buffer_free(&text);
    if (!done && answer.status == 404) /* there is nothing to replace, as some servers say it */
        error->kind = ERROR_CONFLICT;
    if (!done)
        return false;
    memset(etag, 0, CARD_ETAG_BYTES);
    memcpy(etag, answer.etag, sizeof answer.etag);
    s3_answer_close(&answer);
    return true;
}

/* ---- all of them ---- */

/* A key of the room that names a card. */
struct listed_card {
    struct journal_id id;
    int64_t received_ms;
    char etag[CARD_ETAG_BYTES]; /* "": none that can be kept */
};

static void append_listed(const struct cards_room *room, const struct s3_list_entry *entry, struct buffer *to)
{
    struct listed_card card = {.received_ms = entry->modified_ms};
    if (!id_of_key(room, entry->key, &card.id))
        return;
    if (entry->etag.size > 0 && entry->etag.size < sizeof card.etag)
        memcpy(card.etag, entry->etag.data, entry->etag.size);
    buffer_append(to, span_of(&card, sizeof card));
}

/* Appends the cards of a page, and where the next one begins. */
SUSPENDS static bool list_page(struct cards_room *room, struct buffer *after, struct buffer *token,
                               struct buffer *ret_cards, bool *ret_is_last, struct error *error)
{
    struct arena arena;
    struct s3_answer answer;
    struct s3_list_page page;
    const struct s3_list_request request = {.prefix = span_of(room->prefix, room->prefix_bytes),
                                            .after = token->size > 0 ? SPAN_EMPTY : buffer_span(after),
                                            .continuation = buffer_span(token),
                                            .entries_max = PAGE_KEYS};
    const struct s3_call call = call_of(room, S3_LIST_OBJECTS, SPAN_EMPTY);
    arena_init(&arena, LIST_BYTES_MAX);
    room->counters.lists++;
    bool done = s3_client_list_objects(room->client, &call, &request, &arena, &page, &answer, error);
    *ret_is_last = !done || !page.is_truncated || page.count == 0;
    for (unsigned i = 0; done && i < page.count; i++)
        append_listed(room, &page.entries[i], ret_cards);
    if (!*ret_is_last) {
        buffer_clear(after);
        buffer_clear(token);
        buffer_append(after, page.entries[page.count - 1].key);
        buffer_append(token, page.continuation);
    }
    arena_free(&arena);
    return done;
}

/* All cards that there are, as struct listed_card. */
SUSPENDS static bool list(struct cards_room *room, struct buffer *ret_cards, struct error *error)
{
    struct buffer after = {0};
    struct buffer token = {0};
    bool is_last = false;
    bool done = true;
    buffer_init(ret_cards, 0);
    for (unsigned pages = 0; done && !is_last; pages++)
        done = pages < PAGES_MAX ? list_page(room, &after, &token, ret_cards, &is_last, error)
                                 : error_set(error, ERROR_DAMAGED, NULL, "the list of cards has no end");
    buffer_free(&after);
    buffer_free(&token);
    if (!done)
        buffer_free(ret_cards);
    return done;
}

static int last_first(const void *a, const void *b)
{
    const struct listed_card *left = a;
    const struct listed_card *right = b;
    return left->received_ms < right->received_ms ? 1 : -(left->received_ms > right->received_ms);
}

static int by_name(const void *a, const void *b)
{
    const struct seen_card *left = a;
    const struct seen_card *right = b;
    int order = strcmp(left->card.name, right->card.name);
    return order != 0 ? order : memcmp(&left->card.id, &right->card.id, sizeof left->card.id);
}

/* What nobody has written since it was read is as it was, only older. */
static bool recall(const struct cards_room *room, const struct listed_card *listed, uint64_t now_ns,
                   struct seen_card *ret_seen)
{
    for (unsigned i = 0; listed->etag[0] != '\0' && i < room->known.count; i++) {
        const struct seen_card *known = &room->known.cards[i];
        if (!journal_id_equal(&known->card.id, &listed->id) || strcmp(known->etag, listed->etag) != 0)
            continue;
        *ret_seen = *known;
        ret_seen->age_ms += now_ns > room->known_ns ? (now_ns - room->known_ns) / 1000000 : 0;
        return true;
    }
    return false;
}

static void keep(struct cards_room *room, const struct card_list *list, uint64_t now_ns)
{
    card_list_free(&room->known);
    card_list_init(&room->known, list->count);
    memcpy(room->known.cards, list->cards, list->count * sizeof *list->cards);
    room->known.count = list->count;
    room->known_ns = now_ns;
}

/* True also for what has gone since it was listed, and for what is no card. */
SUSPENDS static bool read_listed(struct cards_room *room, const struct listed_card *listed, uint64_t now_ns,
                                 struct card_list *to, struct error *error)
{
    if (room->is_ending)
        return error_set(error, ERROR_CANCELLED, NULL, "this process ends");
    if (!recall(room, listed, now_ns, &to->cards[to->count]) &&
        !cards_read(room, &listed->id, &to->cards[to->count], error))
        return error->kind == ERROR_NOT_FOUND || error->kind == ERROR_DAMAGED;
    to->count++;
    return true;
}

void card_list_init(struct card_list *list, unsigned capacity)
{
    *list = (struct card_list){.cards = calloc(capacity + 1, sizeof *list->cards)};
    ASSERT(list->cards != NULL);
}

SUSPENDS bool cards_read_all(struct cards_room *room, struct card_list *ret_list, struct error *error)
{
    struct buffer listed;
    uint64_t now_ns = loop_now_ns();
    if (!list(room, &listed, error))
        return false;
    struct listed_card *cards = (struct listed_card *)(void *)listed.data;
    unsigned count = (unsigned)(listed.size / sizeof *cards);
    unsigned read = count < CARDS_MAX ? count : CARDS_MAX;
    card_list_init(ret_list, read);
    ret_list->omitted = count - read;
    if (count > read)
        qsort(cards, count, sizeof *cards, last_first);
    bool done = true;
    for (unsigned i = 0; done && i < read; i++)
        done = read_listed(room, &cards[i], now_ns, ret_list, error);
    buffer_free(&listed);
    if (!done) {
        card_list_free(ret_list);
        return false;
    }
    qsort(ret_list->cards, ret_list->count, sizeof *ret_list->cards, by_name);
    keep(room, ret_list, now_ns);
    return true;
}

void card_list_free(struct card_list *list)
{
    free(list->cards);
    *list = (struct card_list){0};
}

/* ---- the sweep ---- */

static int64_t received_of(const struct listed_card *cards, size_t count, const struct journal_id *id)
{
    for (size_t i = 0; i < count; i++) {
        if (journal_id_equal(&cards[i].id, id))
            return cards[i].received_ms;
    }
    return 0;
}

SUSPENDS static bool remove_card(struct cards_room *room, const struct journal_id *id, struct error *error)
{
    struct s3_answer answer;
    struct card_key key;
    make_key(room, id, &key);
    const struct s3_call call = call_of(room, S3_DELETE_OBJECT, span_of(key.text, key.size));
    room->counters.deletes++;
    if (!s3_client_call(room->client, &call, &answer, error))
        return error->kind == ERROR_NOT_FOUND;
    s3_answer_close(&answer);
    return true;
}

/* A replica that comes back between the list and the removal finds its card gone at its next one, and makes it anew. */
SUSPENDS bool cards_sweep(struct cards_room *room, const struct journal_id *own, uint64_t forget_ms,
                          unsigned *ret_removed, struct error *error)
{
    struct buffer listed;
    *ret_removed = 0;
    if (!list(room, &listed, error))
        return false;
    const struct listed_card *cards = (const struct listed_card *)(const void *)listed.data;
    size_t count = listed.size / sizeof *cards;
    int64_t now_ms = received_of(cards, count, own);
    bool done = now_ms != 0 || error_set(error, ERROR_NOT_FOUND, NULL, "this replica's own card is not listed");
    for (size_t i = 0; done && !room->is_ending && i < count; i++) {
        bool is_old = cards[i].received_ms < now_ms && (uint64_t)(now_ms - cards[i].received_ms) >= forget_ms;
        if (!is_old)
            continue;
        done = remove_card(room, &cards[i].id, error);
        *ret_removed += done;
    }
    buffer_free(&listed);
    return done;
}

/* ---- what a card means ---- */

enum card_standing card_standing(const struct seen_card *seen)
{
    if (seen->card.is_stopped)
        return CARD_STOPPED;
    return seen->age_ms / CARD_PACES_MISSED <= seen->card.every_ms ? CARD_RUNS : CARD_GONE;
}

const char *card_standing_name(enum card_standing standing)
{
    static const char *const names[] = {[CARD_RUNS] = "running", [CARD_STOPPED] = "stopped", [CARD_GONE] = "gone"};
    return names[standing];
}

int64_t card_clock_ahead_s(const struct seen_card *seen)
{
    int64_t ahead_s = seen->received_ms == 0 ? 0 : (seen->card.written_ms - seen->received_ms) / 1000;
    return ahead_s <= CLOCK_NOISE_S && ahead_s >= -CLOCK_NOISE_S ? 0 : ahead_s;
}
