/* bench/micro_policy.c -- nanoseconds of CPU for one decision of a policy of 20 statements, and for compiling it.
 *
 * The policy is what a team's bucket grows into: a Deny without TLS and one from outside the office, which every
 * request is held against, and an Allow for each of 18 accounts that may read and write below a prefix of their own. */
#include "runtime/base/buffer.h"
#include "server/access/policy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ACCOUNTS = 18 };

/* Of this thread: others may keep the machine busy meanwhile. */
static uint64_t cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

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

static void measure_compile(struct span text, unsigned rounds)
{
    const struct policy *policy;
    struct error error;
    struct arena arena;
    arena_init(&arena, POLICY_ARENA_BYTES);
    uint64_t started = cpu_ns();
    for (unsigned i = 0; i < rounds; i++) {
        arena_reset(&arena);
        if (!policy_compile(text, SPAN("bucket"), &arena, &policy, &error))
            abort();
    }
    printf("%-40s %9.1f ns, %zu bytes of text\n", "compile", (double)(cpu_ns() - started) / rounds, text.size);
    arena_free(&arena);
}

static void measure(const struct policy *policy, const char *title, const char *account, enum s3_action action,
                    struct span key, enum policy_effect expected, unsigned rounds)
{
    const struct policy_question question = {
        .asker = {.kind = ASKER_ACCOUNT, .account = span_from_string(account)},
        .action = action,
        .bucket = SPAN("bucket"),
        .key = key,
        .find = find,
    };
    uint64_t started = cpu_ns();
    for (unsigned i = 0; i < rounds; i++)
        if (policy_evaluate(policy, &question).effect != expected)
            abort();
    printf("%-40s %9.1f ns\n", title, (double)(cpu_ns() - started) / rounds);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000000;
    const struct policy *policy;
    struct error error;
    struct arena arena;
    struct buffer text;
    buffer_init(&text, POLICY_BYTES_MAX);
    write_policy(&text);
    arena_init(&arena, POLICY_ARENA_BYTES);
    if (!policy_compile(buffer_span(&text), SPAN("bucket"), &arena, &policy, &error)) {
        (void)fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    measure_compile(buffer_span(&text), rounds / 200 + 1);
    measure(policy, "GET, allowed by the last statement", "team-17", ACTION_GetObject,
            SPAN("team-17/2026/11/29/log.json"), POLICY_ALLOW, rounds);
    measure(policy, "GET, the owner's, of no statement", "owner", ACTION_GetObject, SPAN("team-17/2026/11/29/log.json"),
            POLICY_NONE, rounds);
    measure(policy, "list, two statements speak of it", "owner", ACTION_ListBucket, SPAN_EMPTY, POLICY_NONE, rounds);
    printf("%zu bytes of memory, compiled\n", arena.total);
    arena_free(&arena);
    buffer_free(&text);
    return 0;
}
