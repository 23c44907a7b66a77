/* tests/lifecycle/judge.c -- the judgement of versions behind a pipe, for tests/lifecycle/run.
 *
 * A text is its size in decimal, a space, and its bytes; a command is a letter and what follows it:
 *   C document smallest now page versioning     rules, a moment, how many entries a page has, the bucket's versioning
 *                                   (enum bucket_versioning): "ok" or "no MESSAGE"
 *   V key current marker size modified superseded locked null class count (name value)...
 *                                   one more version, in the order of a listing; nothing is answered
 *   J                               judges them: "expire RULE", "move-to-CLASS RULE" for each, or "keep"; then "next
 * MOMENT" U key initiated                 an upload: "abort MOMENT RULE" or "keep" */
#include "runtime/base/assert.h"
#include "server/lifecycle/walk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MAX = 1024, ARENA_BYTES = 64 << 20 };

static struct list_entry entries[ENTRIES_MAX];
static unsigned entries_count;
static struct lifecycle_order orders[ENTRIES_MAX];
static struct lifecycle_plan plan;
static int64_t now_ms;
static int64_t page_entries;

static struct span read_text(struct arena *arena)
{
    size_t size;
    ASSERT(scanf("%zu", &size) == 1 && getchar() == ' ');
    uint8_t *bytes = arena_allocate(arena, size + 1);
    ASSERT(bytes != NULL && fread(bytes, 1, size, stdin) == size);
    return span_of(bytes, size);
}

static int64_t read_number(void)
{
    int64_t number;
    ASSERT(scanf("%" SCNd64, &number) == 1);
    return number;
}

static void read_rules(struct arena *arena)
{
    struct error error;
    const struct xml_element *root;
    struct lifecycle *lifecycle;
    arena_reset(arena);
    entries_count = 0;
    struct span document = read_text(arena);
    ASSERT(scanf(" ") == 0);
    struct span smallest = read_text(arena);
    now_ms = read_number();
    page_entries = read_number();
    const struct lifecycle_bucket bucket = {LIFECYCLE_DAY_MS, (enum bucket_versioning)read_number(), true};
    if (xml_tree_parse(document, arena, &root, &error) && lifecycle_parse(root, arena, &lifecycle, &error)) {
        lifecycle->smallest = smallest;
        if (lifecycle_plan_make(lifecycle, &bucket, arena, &plan, &error)) {
            (void)printf("ok\n");
            return;
        }
    }
    (void)printf("no %s\n", error.message);
}

static struct span read_tags(struct arena *arena)
{
    struct buffer tags;
    buffer_init(&tags, 0);
    for (int64_t count = read_number(); count > 0; count--) {
        ASSERT(scanf(" ") == 0);
        struct span name = read_text(arena);
        ASSERT(scanf(" ") == 0);
        ASSERT(metadata_append(&tags, name, read_text(arena)));
    }
    struct span copy = arena_copy(arena, buffer_span(&tags));
    buffer_free(&tags);
    return copy;
}

static void read_version(struct arena *arena)
{
    ASSERT(entries_count < ENTRIES_MAX);
    struct list_entry *entry = &entries[entries_count];
    *entry = (struct list_entry){.key = read_text(arena)};
    entry->is_latest = read_number() != 0;
    entry->is_delete_marker = read_number() != 0;
    entry->original_size = (uint64_t)read_number();
    entry->modified_ms = read_number();
    entry->superseded_ms = read_number();
    entry->lock.hold = read_number() != 0 ? HOLD_ON : HOLD_UNSET;
    bool is_null = read_number() != 0;
    ASSERT(scanf(" ") == 0);
    entry->storage_class = read_text(arena);
    entry->tags = read_tags(arena);
    (void)snprintf(entry->version, sizeof entry->version, is_null ? "null" : "%u", entries_count);
    entries_count++;
}

/* Of the page's entries those with an order, by their place. */
static void tell_page(const struct list_entry *first, unsigned judged, unsigned count)
{
    for (unsigned i = 0, k = 0; i < judged; i++) {
        if (k == count || orders[k].entry != first + i) {
            (void)printf("keep\n");
            continue;
        }
        const struct lifecycle_verdict *verdict = &orders[k++].verdict;
        (void)printf("%s%s%.*s %.*s\n", lifecycle_action_name(verdict->action),
                     verdict->action == LIFECYCLE_MOVE ? "-to-" : "", SPAN_FORMAT(verdict->storage_class),
                     SPAN_FORMAT(verdict->rule->id));
    }
}

/* Page by page, as a store would hand them out: what was left to the next one comes again. */
static void judge(void)
{
    struct lifecycle_walk walk = {.plan = &plan, .now_ms = now_ms, .next_ms = INT64_MAX};
    unsigned judged;
    for (unsigned done = 0, all_orders = 0; done < entries_count; done = judged) {
        unsigned left = entries_count - done;
        bool is_truncated = left > (uint64_t)page_entries;
        const struct list_page page = {entries + done, is_truncated ? (unsigned)page_entries : left, is_truncated};
        unsigned count = lifecycle_walk_page(&walk, &page, orders);
        all_orders += count;
        judged = (unsigned)walk.kept + all_orders;
        ASSERT(judged > done);
        tell_page(entries + done, judged - done, count);
    }
    (void)printf("next %" PRId64 "\n", walk.next_ms);
}

static void judge_upload(struct arena *arena)
{
    struct span key = read_text(arena);
    const struct lifecycle_rule *rule;
    int64_t due_ms;
    if (lifecycle_judge_upload(&plan, key, read_number(), &rule, &due_ms))
        (void)printf("abort %" PRId64 " %.*s\n", due_ms, (int)rule->id.size, (const char *)rule->id.data);
    else
        (void)printf("keep\n");
}

int main(void)
{
    struct arena arena;
    char command;
    arena_init(&arena, ARENA_BYTES);
    while (scanf(" %c ", &command) == 1) {
        if (command == 'C')
            read_rules(&arena);
        else if (command == 'V')
            read_version(&arena);
        else if (command == 'J')
            judge();
        else if (command == 'U')
            judge_upload(&arena);
        else
            return EXIT_FAILURE;
    }
    arena_free(&arena);
    return EXIT_SUCCESS;
}
