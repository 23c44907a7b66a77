/* store/remote/ledger/found.c -- what earlier processes left in the ledger's folder: records, and logs that nobody has
 * frozen. */
#include "runtime/base/assert.h"
#include "runtime/base/boot_id.h"
#include "runtime/log/log.h"
#include "store/remote/ledger/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REPLAYED_LEAST = 64 };

/* ---- the folder ---- */

struct found_files {
    struct ledger_file_name *names;
    size_t count;
};

/* Records before logs; those of a spool, and of a shard, together and in their order. */
static int compare_names(const void *a, const void *b)
{
    const struct ledger_file_name *left = a;
    const struct ledger_file_name *right = b;
    int of_spools = memcmp(left->spool, right->spool, SPOOL_ID_BYTES);
    if (of_spools != 0)
        return of_spools;
    if (left->is_record != right->is_record)
        return left->is_record ? -1 : 1;
    if (left->shard != right->shard)
        return left->shard < right->shard ? -1 : 1;
    return left->generation < right->generation ? -1 : left->generation > right->generation;
}

/* A list that breaks off is none: what it lacks would be forgotten, and found again by a later start. */
static bool read_names(DIR *folder, struct buffer *ret_names, struct error *error)
{
    errno = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL; errno = 0) {
        struct ledger_file_name name;
        if (ledger_file_name_decode(entry->d_name, &name))
            buffer_append(ret_names, span_of(&name, sizeof name));
    }
    return errno == 0 || error_set_errno(error, errno, "the ledger's folder cannot be listed");
}

static bool list_files(int folder_fd, struct found_files *ret_files, struct error *error)
{
    struct buffer names = {0};
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL && fd >= 0)
        (void)close(fd);
    if (folder == NULL)
        return error_set(error, ERROR_IO, NULL, "the ledger's folder cannot be listed");
    bool done = read_names(folder, &names, error);
    (void)closedir(folder);
    if (!done) {
        buffer_free(&names);
        return false;
    }
    ret_files->names = (struct ledger_file_name *)(void *)names.data;
    ret_files->count = names.size / sizeof *ret_files->names;
    if (ret_files->count > 0)
        qsort(ret_files->names, ret_files->count, sizeof *ret_files->names, compare_names);
    return true;
}

void ledger_remove_files(int folder_fd, const uint8_t id[SPOOL_ID_BYTES], uint64_t generation)
{
    struct found_files files;
    struct error ignored;
    if (!list_files(folder_fd, &files, &ignored))
        return;
    for (size_t i = 0; i < files.count; i++) {
        const struct ledger_file_name *name = &files.names[i];
        char text[LEDGER_FILE_NAME_BYTES];
        bool goes = generation == UINT64_MAX || (!name->is_record && name->generation < generation);
        if (!goes || memcmp(name->spool, id, SPOOL_ID_BYTES) != 0)
            continue;
        ledger_file_name_encode(name, text);
        (void)unlinkat(folder_fd, text, 0);
    }
    free(files.names);
}

/* ---- records ---- */

/* One that is damaged is known by its name: what it holds is lost, and its number must be used all the same. */
static void load_record(struct ledger_spool_state *state, const struct ledger_file_name *name, struct span bytes)
{
    struct record_head head;
    struct span amounts;
    bool is_trimmed = false;
    bool is_good = record_decode(bytes, &head, &amounts, &is_trimmed) && head.number == name->generation;
    state->last_frozen = name->generation;
    if (is_good) {
        state->created_ms = head.created_ms;
        state->generation = head.generation;
    }
    if (is_trimmed)
        return;
    struct frozen_record *record = calloc(1, sizeof *record);
    ASSERT(record != NULL);
    record->number = name->generation;
    record->is_damaged = !is_good;
    record->goes_on = is_good && head.goes_on;
    if (is_good)
        buffer_append(&record->amounts, amounts);
    list_append(&state->records, &record->link);
}

/* The process was killed before the last record of a freeze was there: its logs have it all. */
static void drop_unfinished(struct ledger_spool_state *state, int folder_fd)
{
    while (!list_is_empty(&state->records)) {
        struct frozen_record *last = LIST_ELEMENT(state->records.previous, struct frozen_record, link);
        struct ledger_file_name name = {.is_record = true, .generation = last->number};
        char text[LEDGER_FILE_NAME_BYTES];
        if (!last->goes_on || last->number != state->last_frozen)
            return;
        memcpy(name.spool, state->id, SPOOL_ID_BYTES);
        ledger_file_name_encode(&name, text);
        (void)unlinkat(folder_fd, text, 0);
        state->last_frozen = last->number - 1;
        list_remove(&last->link);
        buffer_free(&last->amounts);
        free(last);
    }
}

/* ---- logs ---- */

/* Intents of one shard's logs by number, which ascends from one to the next: an array that is searched by halves. One
 * that has ended leaves its place. */
struct replayed {
    struct replayed_intent {
        uint64_t number;
        struct noted_intent *open; /* NULL: it has ended */
    } * intents;
    size_t count;
    size_t capacity;
};

static size_t find_place(const struct replayed *replayed, uint64_t number)
{
    size_t low = 0;
    size_t high = replayed->count;
    if (high > 0 && replayed->intents[high - 1].number < number)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (replayed->intents[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct replayed_intent *find_replayed(const struct replayed *replayed, uint64_t number)
{
    size_t place = find_place(replayed, number);
    bool is_found = place < replayed->count && replayed->intents[place].number == number;
    return is_found ? &replayed->intents[place] : NULL;
}

static struct replayed_intent *make_place(struct replayed *replayed, uint64_t number)
{
    size_t place = find_place(replayed, number);
    if (replayed->count == replayed->capacity) {
        replayed->capacity = replayed->capacity == 0 ? REPLAYED_LEAST : 2 * replayed->capacity;
        replayed->intents = realloc(replayed->intents, replayed->capacity * sizeof *replayed->intents);
        ASSERT(replayed->intents != NULL);
    }
    struct replayed_intent *made = &replayed->intents[place];
    memmove(made + 1, made, (replayed->count - place) * sizeof *made);
    replayed->count++;
    *made = (struct replayed_intent){.number = number};
    return made;
}

static void replay_entry(struct ledger_spool_state *state, const struct log_head *head, const struct log_entry *entry,
                         struct replayed *replayed)
{
    struct replayed_intent *known = find_replayed(replayed, entry->intent.number);
    switch (entry->kind) {
    case LOG_INTENT:
        if (known == NULL)
            known = make_place(replayed, entry->intent.number);
        free(known->open);
        known->open = noted_intent_create(&entry->intent);
        known->open->recounts = head->recounts;
        break;
    case LOG_OUTCOME:
        if (known != NULL && known->open != NULL) {
            intent_add_outcome(&state->open, &known->open->intent, entry->outcome);
            free(known->open);
            known->open = NULL;
        }
        break;
    case LOG_AMOUNTS:
        amounts_table_add(&state->open, entry->amounts.bucket, entry->amounts.creation_id, &entry->amounts.amounts);
        break;
    case LOG_END:
        break;
    }
}

/* False: a later Bale wrote it, and only that one knows what it counts. */
static bool replay_log(struct ledger_spool_state *state, uint64_t generation, struct span log,
                       struct replayed *replayed)
{
    struct log_head head;
    struct log_entry entry;
    uint8_t boot[BOOT_ID_BYTES];
    bool has_end = false;
    (void)boot_id_read(boot);
    bool is_log = log_take_head(&log, &head);
    if (is_log && head.version > LOG_VERSION)
        return false;
    while (is_log && log_take_entry(&log, head.version, &entry)) {
        replay_entry(state, &head, &entry, replayed);
        has_end = entry.kind == LOG_END;
    }
    if (is_log)
        state->created_ms = head.created_ms;
    state->has_logs = true;
    if (generation > state->last_generation)
        state->last_generation = generation;
    state->is_torn |= !is_log || !log_is_cut(log) || (!has_end && memcmp(boot, head.boot, BOOT_ID_BYTES) != 0);
    return true;
}

/* A power failure took the end of a log, or the disk part of it: each bucket that the process was writing to has one
 * uncertain change. */
static void note_torn(struct ledger_spool_state *state, const char *home)
{
    struct amounts_table seen = {0};
    for (unsigned i = 0; i < state->open.count; i++)
        amounts_table_add_uncertain(&seen, span_from_string(state->open.lines[i].bucket));
    for (struct list_link *link = state->unsettled.next; link != &state->unsettled; link = link->next)
        amounts_table_add_uncertain(&seen, LIST_ELEMENT(link, struct noted_intent, link)->intent.name.bucket);
    if (seen.count == 0)
        amounts_table_add_uncertain(&seen, span_from_string(home));
    for (unsigned i = 0; i < seen.count; i++)
        amounts_table_add_uncertain(&state->open, span_from_string(seen.lines[i].bucket));
    amounts_table_free(&seen);
    log_message(LOG_WARNING, "ledger: the machine was started anew while a process was writing, its disk was full, or "
                             "a file of --state is damaged; "
                             "what that process did last may not be counted (`uncertain` in `bale savings`)");
}

/* ---- all of it ---- */

static struct ledger_spool_state *state_of(struct ledger *ledger, const uint8_t id[SPOOL_ID_BYTES])
{
    for (struct list_link *link = ledger->found.next; link != &ledger->found; link = link->next) {
        struct ledger_spool_state *state = LIST_ELEMENT(link, struct ledger_spool_state, link);
        if (memcmp(state->id, id, SPOOL_ID_BYTES) == 0)
            return state;
    }
    struct ledger_spool_state *state = calloc(1, sizeof *state);
    ASSERT(state != NULL);
    spool_state_init(state, id, 0);
    list_append(&ledger->found, &state->link);
    return state;
}

/* What has not ended in the logs of a shard is to be settled. */
static void end_shard(struct ledger_spool_state *state, struct replayed *replayed)
{
    for (size_t i = 0; i < replayed->count; i++) {
        if (replayed->intents[i].open != NULL)
            list_append(&state->unsettled, &replayed->intents[i].open->link);
    }
    free(replayed->intents);
    *replayed = (struct replayed){0};
}

static bool load_file(struct ledger *ledger, const struct ledger_file_name *name, struct replayed *replayed,
                      struct error *error)
{
    char text[LEDGER_FILE_NAME_BYTES];
    struct buffer bytes;
    struct ledger_spool_state *state = state_of(ledger, name->spool);
    ledger_file_name_encode(name, text);
    bool is_known = true;
    bool is_read = ledger_file_read(ledger->folder_fd, text, &bytes, error);
    if (!is_read && error->kind != ERROR_DAMAGED) {
        buffer_free(&bytes);
        return false;
    }
    if (!is_read)
        log_message(LOG_WARNING, "%s", error->message);
    if (name->is_record)
        load_record(state, name, buffer_span(&bytes));
    else if (name->generation < state->generation)
        (void)unlinkat(ledger->folder_fd, text, 0); /* it is in a record */
    else if (!replay_log(state, name->generation, buffer_span(&bytes), replayed))
        is_known =
            error_set(error, ERROR_UNSUPPORTED, NULL,
                      "the ledger's file %s was written by a later version of Bale than this one: start that one "
                      "with this --state, and stop it with SIGTERM, which leaves none of these files",
                      text);
    buffer_free(&bytes);
    return is_known;
}

static bool is_same_log(const struct ledger_file_name *a, const struct ledger_file_name *b)
{
    return a->is_record == b->is_record && a->shard == b->shard && memcmp(a->spool, b->spool, SPOOL_ID_BYTES) == 0;
}

bool ledger_load_found(struct ledger *ledger, struct error *error)
{
    struct found_files files;
    struct replayed replayed = {0};
    if (!list_files(ledger->folder_fd, &files, error))
        return false;
    bool done = true;
    for (size_t i = 0; done && i < files.count; i++) {
        done = load_file(ledger, &files.names[i], &replayed, error);
        const struct ledger_file_name *next = i + 1 < files.count ? &files.names[i + 1] : NULL;
        struct ledger_spool_state *state = state_of(ledger, files.names[i].spool);
        if (!done || next == NULL || !is_same_log(&files.names[i], next))
            end_shard(state, &replayed);
        if (next == NULL || memcmp(next->spool, files.names[i].spool, SPOOL_ID_BYTES) != 0)
            drop_unfinished(state, ledger->folder_fd);
    }
    free(files.names);
    for (struct list_link *link = ledger->found.next; link != &ledger->found; link = link->next) {
        struct ledger_spool_state *state = LIST_ELEMENT(link, struct ledger_spool_state, link);
        if (state->is_torn)
            note_torn(state, ledger->options.home);
    }
    return done;
}
