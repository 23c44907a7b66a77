/* store/remote/words/words.c -- answers to HEADs of a shard's keys, and what ends them. */
#include "store/remote/words/words.h"

#include "runtime/base/assert.h"
#include "runtime/base/clock.h"
#include "runtime/base/list.h"
#include "store/remote/store.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { CHAINS = 1024, KEYS_COUNTED = 4096 };

/* Keys of one hash count together: that costs a request, now and then. */
struct word_changes {
    atomic_uint_fast64_t all;
    atomic_uint_fast64_t of_keys[KEYS_COUNTED];
};

struct word {
    struct list_link use;
    struct word *next; /* of its chain */
    uint8_t place[ROW_KEY_BYTES];
    struct word_time asked;
    char stored_etag[STORED_ETAG_TEXT_BYTES];
    struct s3_answer_copy *copy;
};

struct words {
    struct word *chains[CHAINS];
    struct list_link use; /* the least recently used first */
    size_t bytes;
};

struct word_changes *word_changes_create(const struct remote_settings *settings)
{
    if (settings->tier == NULL || (settings->tier_fresh_ms == 0 && !settings->trusts_named_tier))
        return NULL;
    struct word_changes *changes = calloc(1, sizeof *changes);
    ASSERT(changes != NULL);
    return changes;
}

void word_changes_destroy(struct word_changes *changes)
{
    free(changes);
}

/* ---- what ends words ---- */

static uint64_t mix(uint64_t hash, struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        hash = (hash ^ text.data[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
    return hash;
}

static atomic_uint_fast64_t *count_of(struct word_changes *changes, struct span backend_bucket, struct span backend_key)
{
    uint64_t hash = mix(mix(UINT64_C(0xcbf29ce484222325), backend_bucket), backend_key);
    return &changes->of_keys[(hash ^ hash >> 32) % KEYS_COUNTED];
}

void words_note_bytes(const struct remote_key *key)
{
    struct word_changes *changes = key->shard->remote->word_changes;
    if (changes != NULL && !key->is_internal)
        atomic_fetch_add(count_of(changes, key->backend.bucket, key->backend.key), 1);
}

void words_note_changes(const struct remote *remote)
{
    if (remote->word_changes != NULL)
        atomic_fetch_add(&remote->word_changes->all, 1);
}

void words_note_call(const struct remote *remote, const struct s3_call *call)
{
    if (remote->word_changes == NULL)
        return;
    bool is_of_key = call->kind == S3_PUT_OBJECT || call->kind == S3_DELETE_OBJECT;
    bool has_prefix = span_starts_with(call->key, remote->prefix);
    if (is_of_key && has_prefix && !name_is_internal(span_skip(call->key, remote->prefix.size)))
        atomic_fetch_add(count_of(remote->word_changes, call->bucket, call->key), 1);
    else
        words_note_changes(remote); /* what lies apart from its object: a list of grants, say */
}

/* ---- a shard's words ---- */

struct words *words_create(const struct remote *remote)
{
    if (remote->word_changes == NULL)
        return NULL;
    struct words *words = calloc(1, sizeof *words);
    ASSERT(words != NULL);
    list_init(&words->use);
    return words;
}

static struct word **place_of(struct words *words, const uint8_t place[ROW_KEY_BYTES])
{
    struct word **at = &words->chains[((unsigned)place[0] << 8 | place[1]) % CHAINS];
    while (*at != NULL && memcmp((*at)->place, place, ROW_KEY_BYTES) != 0)
        at = &(*at)->next;
    return at;
}

static size_t word_bytes(const struct word *word)
{
    return sizeof *word + s3_answer_copy_bytes(word->copy);
}

static void drop(struct words *words, struct word **at)
{
    struct word *word = *at;
    *at = word->next;
    list_remove(&word->use);
    words->bytes -= word_bytes(word);
    s3_answer_copy_give(word->copy);
    free(word);
}

static void drop_oldest(struct words *words)
{
    drop(words, place_of(words, LIST_ELEMENT(words->use.next, struct word, use)->place));
}

void words_destroy(struct words *words)
{
    while (words != NULL && !list_is_empty(&words->use))
        drop_oldest(words);
    free(words);
}

static int64_t boot_ms(void)
{
    struct timespec now;
    ASSERT(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct word_time words_now(const struct remote_key *key)
{
    const struct remote *remote = key->shard->remote;
    if (remote->word_changes == NULL)
        return (struct word_time){0};
    return (struct word_time){
        .boot_ms = boot_ms(),
        .wall_ms = clock_wall_ms(remote->settings.clock),
        .changes = atomic_load(&remote->word_changes->all) +
                   atomic_load(count_of(remote->word_changes, key->backend.bucket, key->backend.key)),
    };
}

void words_keep(const struct remote_key *key, const struct word_time *asked, const char *stored_etag,
                const struct s3_answer *answer)
{
    struct words *words = key->shard->words;
    if (words == NULL)
        return;
    struct word **at = place_of(words, key->row_place);
    if (*at != NULL)
        drop(words, at);
    struct word *word = calloc(1, sizeof *word);
    ASSERT(word != NULL);
    memcpy(word->place, key->row_place, ROW_KEY_BYTES);
    memcpy(word->stored_etag, stored_etag, strlen(stored_etag) + 1);
    word->asked = *asked;
    word->copy = s3_answer_copy(answer);
    at = place_of(words, key->row_place); /* the end of its chain */
    *at = word;
    list_append(&words->use, &word->use);
    words->bytes += word_bytes(word);
    while (words->bytes > WORDS_BYTES_MAX)
        drop_oldest(words);
}

bool word_is_fresh(const struct word_time *asked, const struct word_time *now, uint64_t fresh_ms)
{
    int64_t by_boot = now->boot_ms - asked->boot_ms;
    int64_t by_wall = now->wall_ms - asked->wall_ms;
    return by_boot >= 0 && by_wall >= 0 && (uint64_t)by_boot < fresh_ms && (uint64_t)by_wall < fresh_ms;
}

/* Nothing else than this revision will do for the client, and it says so. */
static bool names_revision(const struct remote_key *key, const struct open_intent *intent)
{
    char quoted[ETAG_TEXT_BYTES + 2];
    const char *etag = key->row.attributes.etag;
    if (key->name.version.size > 0 && !span_equal(key->name.version, SPAN("null")))
        return true;
    size_t size = strlen(etag);
    if (intent->condition == NULL || size == 0)
        return false;
    quoted[0] = '"';
    memcpy(quoted + 1, etag, size);
    quoted[size + 1] = '"';
    return span_equal(span_trim(intent->condition->if_match), span_of(quoted, size + 2));
}

bool words_find(const struct remote_key *key, const struct open_intent *intent, struct s3_answer *ret_answer)
{
    struct words *words = key->shard->words;
    const struct remote_settings *settings = &key->shard->remote->settings;
    if (words == NULL || !key->has_row)
        return false;
    struct word *word = *place_of(words, key->row_place);
    if (word == NULL || strcmp(word->stored_etag, key->row.attributes.stored_etag) != 0)
        return false;
    const struct word_time now = words_now(key);
    bool may_be_old = settings->trusts_named_tier && names_revision(key, intent);
    if (word->asked.changes != now.changes ||
        !(may_be_old || word_is_fresh(&word->asked, &now, settings->tier_fresh_ms)))
        return false;
    list_remove(&word->use);
    list_append(&words->use, &word->use);
    s3_answer_of_copy(word->copy, ret_answer);
    metric_add(&key->shard->counters.heads_spared, 1);
    return true;
}
