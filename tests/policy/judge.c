/* tests/policy/judge.c -- the engine of policies behind a pipe, for tests/policy/run: texts in, one line out for each
 * question.
 *
 * A text is its size in decimal, a space, and its bytes; a command is a letter and texts:
 *   P bucket document                       a policy from now on:      "ok public", "ok private", "no MESSAGE"
 *   Q kind account name session action bucket key count
 *     (key part count value...)...          a question to it:          "none", "allow account 3", "deny name 0" */
#include "runtime/base/assert.h"
#include "server/access/policy/policy.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEYS_MAX = 64, VALUES_MAX = 16 };

struct had {
    enum condition_key key;
    struct span part;
    struct span values[VALUES_MAX];
    unsigned count;
};

static struct had keys[KEYS_MAX];
static unsigned keys_count;

static struct span read_text(struct arena *arena)
{
    size_t size;
    ASSERT(scanf("%zu", &size) == 1 && getchar() == ' ');
    uint8_t *bytes = arena_allocate(arena, size);
    ASSERT(bytes != NULL && fread(bytes, 1, size, stdin) == size);
    return span_of(bytes, size);
}

static unsigned read_count(unsigned most)
{
    unsigned count;
    ASSERT(scanf("%u", &count) == 1 && count <= most);
    return count;
}

static bool find(void *context, enum condition_key key, struct span part, struct policy_values *ret_values)
{
    (void)context;
    for (unsigned i = 0; i < keys_count; i++)
        if (keys[i].key == key && span_equal(keys[i].part, part))
            *ret_values = (struct policy_values){keys[i].values, keys[i].count};
    return true;
}

static const struct policy *read_policy(struct arena *arena)
{
    const struct policy *policy = NULL;
    struct error error;
    struct span bucket = read_text(arena);
    struct span document = read_text(arena);
    if (policy_compile(document, bucket, arena, &policy, &error))
        (void)printf("ok %s\n", policy_is_public(policy) ? "public" : "private");
    else
        (void)printf("no %s\n", error.message);
    return policy;
}

static enum policy_asker_kind kind_of(struct span text)
{
    static const char *const kinds[] = {"anonymous", "account", "user", "role", "session"};
    unsigned kind = 0;
    while (!span_equal(text, span_from_string(kinds[kind])))
        kind++;
    return (enum policy_asker_kind)kind;
}

static void read_keys(struct arena *arena)
{
    keys_count = read_count(KEYS_MAX);
    for (unsigned i = 0; i < keys_count; i++) {
        struct span part;
        ASSERT(scanf(" ") == 0);
        struct span name = read_text(arena);
        struct span after = read_text(arena);
        if (after.size > 0) {
            char joined[512];
            int size = snprintf(joined, sizeof joined, "%.*s/%.*s", SPAN_FORMAT(name), SPAN_FORMAT(after));
            ASSERT(condition_key_find(span_of(joined, (size_t)size), &keys[i].key, &part));
        } else {
            ASSERT(condition_key_find(name, &keys[i].key, &part));
        }
        keys[i].part = after;
        keys[i].count = read_count(VALUES_MAX);
        for (unsigned j = 0; j < keys[i].count; j++)
            keys[i].values[j] = read_text(arena);
    }
}

static void answer_question(const struct policy *policy, struct arena *arena)
{
    static const char *const effects[] = {"none", "allow", "deny", "undecided"};
    struct policy_question question = {.find = find};
    question.asker.kind = kind_of(read_text(arena));
    question.asker.account = read_text(arena);
    question.asker.name = read_text(arena);
    question.asker.session = read_text(arena);
    question.action = action_find(read_text(arena));
    question.bucket = read_text(arena);
    question.key = read_text(arena);
    read_keys(arena);
    struct policy_decision decision = policy_evaluate(policy, &question);
    if (decision.effect == POLICY_NONE)
        (void)printf("none\n");
    else
        (void)printf("%s %s %u\n", effects[decision.effect], decision.by_name ? "name" : "account", decision.statement);
}

int main(void)
{
    const struct policy *policy = NULL;
    struct arena of_policy;
    struct arena of_question;
    arena_init(&of_policy, POLICY_ARENA_BYTES);
    arena_init(&of_question, 1 << 20);
    for (char command; scanf(" %c", &command) == 1;) {
        if (command == 'P') {
            arena_reset(&of_policy);
            policy = read_policy(&of_policy);
        } else {
            ASSERT(command == 'Q' && policy != NULL);
            arena_reset(&of_question);
            answer_question(policy, &of_question);
        }
        (void)fflush(stdout);
    }
    arena_free(&of_policy);
    arena_free(&of_question);
    return EXIT_SUCCESS;
}
