/* bench/micro/policy.c -- one decision of a policy of 20 statements, and compiling it.
 *
 * The policy is what a team's bucket grows into: a Deny without TLS and one from outside the office, which every
 * request is held against, and an Allow for each of 18 accounts that may read and write below a prefix of their own. */
#include "server/access/policy/policy.h"
#include "bench/micro/micro.h"
#include "runtime/base/buffer.h"

enum { ACCOUNTS = 18 };

static void write_policy(struct buffer *text)
{
    static const char everything[] =
        "\"Action\":\"s3:*\",\"Resource\":[\"arn:aws:s3:::bucket\",\"arn:aws:s3:::bucket/*\"]";
    buffer_append_format(text,
                         "{\"Version\":\"2012-10-17\",\"Statement\":["
                         "{\"Effect\":\"Deny\",\"Principal\":\"*\",%s,"
                         "\"Condition\":{\"Bool\":{\"aws:SecureTransport\":false}}},"
                         "{\"Effect\":\"Deny\",\"Principal\":\"*\",%s,"
                         "\"Condition\":{\"NotIpAddress\":{\"aws:SourceIp\":[\"203.0.113.0/24\",\"10.0.0.0/8\"]}}}",
                         everything, everything);
    for (unsigned i = 0; i < ACCOUNTS; i++)
        buffer_append_format(text,
                             ",{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::team-%u:root\"},"
                             "\"Action\":[\"s3:GetObject\",\"s3:PutObject\",\"s3:DeleteObject\"],"
                             "\"Resource\":\"arn:aws:s3:::bucket/team-%u/*\"}",
                             i, i);
    buffer_append_string(text, "]}");
}

/* What a request has without being asked twice. */
static bool find(void *context, enum condition_key key, struct span part, struct policy_values *ret_values)
{
    static const struct span address = SPAN("10.1.2.3");
    static const struct span secure = SPAN("true");
    (void)context;
    (void)part;
    if (key == KEY_SourceIp)
        *ret_values = (struct policy_values){&address, 1};
    else if (key == KEY_SecureTransport)
        *ret_values = (struct policy_values){&secure, 1};
    return true;
}

struct compiling {
    struct span text;
    struct arena arena;
    const struct policy *policy; /* in the arena */
};

static bool compile(void *state)
{
    struct compiling *compiling = state;
    struct error error;
    arena_reset(&compiling->arena);
    return policy_compile(compiling->text, SPAN("bucket"), &compiling->arena, &compiling->policy, &error);
}

struct deciding {
    const struct policy *policy;
    struct policy_question question;
    enum policy_effect expected;
};

static bool decide(void *state)
{
    const struct deciding *deciding = state;
    return policy_evaluate(deciding->policy, &deciding->question).effect == deciding->expected;
}

static void measure(struct micro *micro, const struct policy *policy, const char *name, const char *account,
                    enum s3_action action, enum policy_effect expected)
{
    struct deciding deciding = {
        .policy = policy,
        .question = {.asker = {.kind = ASKER_ACCOUNT, .account = span_from_string(account)},
                     .action = action,
                     .bucket = SPAN("bucket"),
                     .key = action == ACTION_ListBucket ? SPAN_EMPTY : SPAN("team-17/2026/11/29/log.json"),
                     .find = find},
        .expected = expected,
    };
    micro_measure(micro, &(struct micro_case){name, 0, decide, &deciding});
}

void micro_policy(struct micro *micro)
{
    struct buffer text;
    buffer_init(&text, POLICY_BYTES_MAX);
    write_policy(&text);
    struct compiling compiling = {.text = buffer_span(&text)};
    arena_init(&compiling.arena, POLICY_ARENA_BYTES);
    if (!compile(&compiling))
        micro_fail("policy/", "the policy is refused");
    micro_measure(micro, &(struct micro_case){"policy/compile", text.size, compile, &compiling});
    const struct policy *policy = compiling.policy;
    measure(micro, policy, "policy/get-allowed-by-the-last", "team-17", ACTION_GetObject, POLICY_ALLOW);
    measure(micro, policy, "policy/get-of-no-statement", "owner", ACTION_GetObject, POLICY_NONE);
    measure(micro, policy, "policy/list-of-two-statements", "owner", ACTION_ListBucket, POLICY_NONE);
    arena_free(&compiling.arena);
    buffer_free(&text);
}
