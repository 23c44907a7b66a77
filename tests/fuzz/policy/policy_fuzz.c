/* tests/fuzz/policy/policy_fuzz.c -- any bytes as a policy: it is refused with a sentence or answers every question,
 * twice the same, and in an arena that is too small it is refused as well. */
#include "runtime/base/assert.h"
#include "server/access/policy/policy.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span request_text; /* what the request has of every key: bytes of the document itself */

static bool find(void *context, enum condition_key key, struct span part, struct policy_values *ret_values)
{
    ASSERT((condition_key_form(key) == KEY_FORM_PART) == (part.size > 0));
    if (*(const unsigned *)context + key % 3 != 2)
        *ret_values = (struct policy_values){&request_text, 1};
    return true;
}

static void ask_all(const struct policy *policy)
{
    static const enum s3_action actions[] = {ACTION_GetObject, ACTION_PutObject, ACTION_ListBucket,
                                             ACTION_PutObjectTagging};
    static const struct policy_asker askers[] = {
        {.kind = ASKER_ANONYMOUS},
        {.kind = ASKER_ACCOUNT, .account = SPAN("alice")},
        {.kind = ASKER_SESSION, .account = SPAN("alice"), .name = SPAN("p/r"), .session = SPAN("s")}};
    for (unsigned i = 0; i < sizeof actions / sizeof actions[0]; i++)
        for (unsigned j = 0; j < sizeof askers / sizeof askers[0]; j++) {
            struct policy_question question = {.asker = askers[j],
                                               .action = actions[i],
                                               .bucket = SPAN("bucket"),
                                               .key = actions[i] == ACTION_ListBucket ? SPAN_EMPTY : SPAN("a/b"),
                                               .find = find,
                                               .context = &j};
            struct policy_decision first = policy_evaluate(policy, &question);
            struct policy_decision second = policy_evaluate(policy, &question);
            ASSERT(first.effect == second.effect && first.statement == second.statement);
            ASSERT(first.effect != POLICY_UNDECIDED);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span document = span_of(data, size);
    struct arena arena;
    const struct policy *policy;
    struct error error = {0};
    request_text = span_take(span_skip(document, size / 2), 20);
    arena_init(&arena, POLICY_ARENA_BYTES);
    bool taken = policy_compile(document, SPAN("bucket"), &arena, &policy, &error);
    ASSERT(taken || (error.kind == ERROR_INVALID && error.message[0] != '\0' && error.code != NULL));
    if (taken) {
        (void)policy_is_public(policy);
        ask_all(policy);
    }
    arena_free(&arena);
    arena_init(&arena, size % 4096);
    if (policy_compile(document, SPAN("bucket"), &arena, &policy, &error))
        ask_all(policy);
    arena_free(&arena);
    arena_init(&arena, POLICY_ARENA_BYTES);
    (void)policy_compile_identity(document, &arena, &policy, &error);
    arena_free(&arena);
    return 0;
}
