/* tests/unit/policy/test_evaluate.c -- what policies decide: 509 to 519, 529 to 532, 538, 539. */
#include "server/access/policy/policy.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct arena arena;
static struct error error;

static void set_up(void)
{
    arena_init(&arena, POLICY_ARENA_BYTES);
}

static void tear_down(void)
{
    arena_free(&arena);
}

static const struct policy *compile(const char *text)
{
    const struct policy *policy = NULL;
    bool taken = policy_compile(span_from_string(text), SPAN("bucket"), &arena, &policy, &error);
    ck_assert_msg(taken, "%s: %s", text, error.message);
    return policy;
}

#define STATEMENTS(inside) "{\"Version\":\"2012-10-17\",\"Statement\":[" inside "]}"
#define ALL "\"Action\":\"s3:*\",\"Resource\":[\"arn:aws:s3:::bucket\",\"arn:aws:s3:::bucket/*\"]"
#define ALLOW(rest) "{\"Effect\":\"Allow\"," rest "}"
#define DENY(rest) "{\"Effect\":\"Deny\"," rest "}"
#define WHO(principal) "\"Principal\":" principal
#define IF(condition) STATEMENTS(ALLOW(WHO("\"*\"") "," ALL ",\"Condition\":{" condition "}"))

static const struct policy_asker anonymous = {.kind = ASKER_ANONYMOUS};
static const struct policy_asker alice = {.kind = ASKER_ACCOUNT, .account = SPAN("alice")};
static const struct policy_asker bob = {.kind = ASKER_USER, .account = SPAN("alice"), .name = SPAN("bob")};
static const struct policy_asker session = {
    .kind = ASKER_SESSION, .account = SPAN("alice"), .name = SPAN("path/reader"), .session = SPAN("s1")};
static const struct policy_asker mallory = {.kind = ASKER_ACCOUNT, .account = SPAN("mallory")};

/* What a request has: up to four keys. */
struct had {
    enum condition_key key;
    const char *part;
    struct span values[3];
    unsigned count;
};

static struct had request[4];
static unsigned looked_up;

static bool find(void *context, enum condition_key key, struct span part, struct policy_values *ret_values)
{
    looked_up++;
    if (context != NULL)
        return false;
    for (size_t i = 0; i < 4; i++)
        if (request[i].count > 0 && request[i].key == key &&
            span_equal(part, span_from_string(request[i].part == NULL ? "" : request[i].part)))
            *ret_values = (struct policy_values){request[i].values, request[i].count};
    return true;
}

static struct policy_decision ask(const struct policy *policy, const struct policy_asker *asker, enum s3_action action,
                                  const char *key)
{
    struct policy_question question = {
        .asker = *asker, .action = action, .bucket = SPAN("bucket"), .key = span_from_string(key), .find = find};
    looked_up = 0;
    return policy_evaluate(policy, &question);
}

static enum policy_effect effect(const char *document, const struct policy_asker *asker, enum s3_action action,
                                 const char *key)
{
    return ask(compile(document), asker, action, key).effect;
}

START_TEST(test_508_principals)
{
    static const struct {
        const char *principal;
        const struct policy_asker *asker;
        bool matches;
        bool by_name;
    } cases[] = {
        {"\"*\"", &anonymous, true, true},
        {"{\"AWS\":\"*\"}", &mallory, true, true},
        {"{\"AWS\":\"alice\"}", &alice, true, true},
        {"{\"AWS\":\"alice\"}", &bob, true, false},
        {"{\"AWS\":\"arn:aws:iam::alice:root\"}", &session, true, false},
        {"{\"CanonicalUser\":\"alice\"}", &alice, true, true},
        {"{\"AWS\":\"alice\"}", &anonymous, false, false},
        {"{\"AWS\":\"alice\"}", &mallory, false, false},
        {"{\"AWS\":\"arn:aws:iam::alice:user/bob\"}", &bob, true, true},
        {"{\"AWS\":\"arn:aws:iam::alice:user/bob\"}", &alice, false, false},
        {"{\"AWS\":\"arn:aws:iam::mallory:user/bob\"}", &bob, false, false},
        {"{\"AWS\":\"arn:aws:iam::alice:role/path/reader\"}", &session, true, true},
        {"{\"AWS\":\"arn:aws:iam::alice:role/reader\"}", &session, false, false},
        {"{\"AWS\":\"arn:aws:sts::alice:assumed-role/reader/s1\"}", &session, true, true},
        {"{\"AWS\":\"arn:aws:sts::alice:assumed-role/reader/s2\"}", &session, false, false},
        {"{\"Service\":\"alice\"}", &alice, false, false},
        {"{\"AWS\":[\"alice\",\"arn:aws:iam::alice:user/bob\"]}", &bob, true, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, STATEMENTS(ALLOW(WHO("%s") "," ALL)), cases[i].principal);
        struct policy_decision decision = ask(compile(text), cases[i].asker, ACTION_GetObject, "k");
        ck_assert_msg((decision.effect == POLICY_ALLOW) == cases[i].matches, "%s", text);
        ck_assert_msg(decision.by_name == cases[i].by_name, "%s", text);
    }
}
END_TEST

START_TEST(test_510_not_principal)
{
    static const char document[] = STATEMENTS(DENY("\"NotPrincipal\":{\"AWS\":\"arn:aws:iam::alice:user/bob\"}," ALL));
    ck_assert_int_eq(effect(document, &bob, ACTION_GetObject, "k"), POLICY_NONE);
    ck_assert_int_eq(effect(document, &alice, ACTION_GetObject, "k"), POLICY_DENY);
    ck_assert_int_eq(effect(document, &anonymous, ACTION_GetObject, "k"), POLICY_DENY);
    static const char account[] = STATEMENTS(DENY("\"NotPrincipal\":{\"AWS\":\"alice\"}," ALL));
    ck_assert_int_eq(effect(account, &bob, ACTION_GetObject, "k"), POLICY_NONE);
    ck_assert_int_eq(effect(account, &mallory, ACTION_GetObject, "k"), POLICY_DENY);
}
END_TEST

START_TEST(test_511_to_514_actions_and_resources)
{
    static const char objects[] =
        STATEMENTS(ALLOW(WHO("\"*\"") ",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::bucket/a*\""));
    ck_assert_int_eq(effect(objects, &anonymous, ACTION_GetObject, "a/b/c"), POLICY_ALLOW);
    ck_assert_int_eq(effect(objects, &anonymous, ACTION_GetObject, "A"), POLICY_NONE);
    ck_assert_int_eq(effect(objects, &anonymous, ACTION_ListBucket, ""), POLICY_NONE);
    static const char bucket[] =
        STATEMENTS(ALLOW(WHO("\"*\"") ",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::bucket\""));
    ck_assert_int_eq(effect(bucket, &anonymous, ACTION_ListBucket, ""), POLICY_ALLOW);
    ck_assert_int_eq(effect(bucket, &anonymous, ACTION_PutObject, "k"), POLICY_NONE);
    static const char inverse[] = STATEMENTS(
        ALLOW(WHO("\"*\"") ",\"NotAction\":\"s3:*Object\",\"NotResource\":\"arn:aws:s3:::bucket/secret/*\""));
    ck_assert_int_eq(effect(inverse, &anonymous, ACTION_GetObject, "k"), POLICY_NONE);
    ck_assert_int_eq(effect(inverse, &anonymous, ACTION_GetObjectAcl, "k"), POLICY_ALLOW);
    ck_assert_int_eq(effect(inverse, &anonymous, ACTION_GetObjectAcl, "secret/k"), POLICY_NONE);
    ck_assert_int_eq(effect(inverse, &anonymous, ACTION_ListBucket, ""), POLICY_ALLOW);
}
END_TEST

/* 529: a Deny decides wherever it stands, and the decision says which statement it was. */
START_TEST(test_529_deny_decides)
{
    static const char document[] =
        STATEMENTS(ALLOW("\"Sid\":\"all\"," WHO("\"*\"") "," ALL) "," ALLOW("\"Sid\":\"me\"," WHO(
            "{\"AWS\":\"alice\"}") "," ALL) "," DENY("\"Sid\":\"no\"," WHO("\"*\"") ",\"Action\":\"s3:DeleteObject\","
                                                                                    "\"Resource\":\"arn:aws:s3:::"
                                                                                    "bucket/*\""));
    const struct policy *policy = compile(document);
    struct policy_decision decision = ask(policy, &alice, ACTION_DeleteObject, "k");
    ck_assert_int_eq(decision.effect, POLICY_DENY);
    ck_assert_uint_eq(decision.statement, 2);
    ck_assert(span_equal(decision.sid, SPAN("no")));
    decision = ask(policy, &alice, ACTION_GetObject, "k");
    ck_assert_int_eq(decision.effect, POLICY_ALLOW);
    ck_assert_uint_eq(decision.statement, 0);
    struct policy_question owners = {.asker = alice, /* who needs no Allow */
                                     .only_denies = true,
                                     .action = ACTION_GetObject,
                                     .bucket = SPAN("bucket"),
                                     .key = SPAN("k")};
    ck_assert_int_eq(policy_evaluate(policy, &owners).effect, POLICY_NONE);
    owners.action = ACTION_DeleteObject;
    ck_assert_int_eq(policy_evaluate(policy, &owners).effect, POLICY_DENY);
}
END_TEST

/* Among allowing statements one that names the asker is preferred to one of its account (532). */
START_TEST(test_532_by_name)
{
    static const char document[] = STATEMENTS(ALLOW(WHO("{\"AWS\":\"alice\"}") "," ALL) "," ALLOW(
        WHO("{\"AWS\":\"arn:aws:iam::alice:user/bob\"}") "," ALL) "," ALLOW(WHO("{\"AWS\":\"alice\"}") "," ALL));
    struct policy_decision decision = ask(compile(document), &bob, ACTION_GetObject, "k");
    ck_assert_int_eq(decision.effect, POLICY_ALLOW);
    ck_assert(decision.by_name);
    ck_assert_uint_eq(decision.statement, 1);
}
END_TEST

/* One key with up to three values: does the condition hold? */
struct condition_case {
    const char *condition;
    const char *values[3]; /* none: absent */
    bool holds;
};

static void try_conditions(enum condition_key key, const char *part, const struct condition_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[1024];
        unsigned values = 0;
        request[0] = (struct had){.key = key, .part = part};
        while (values < 3 && cases[i].values[values] != NULL) {
            request[0].values[values] = span_from_string(cases[i].values[values]);
            values++;
        }
        request[0].count = values;
        (void)snprintf(text, sizeof text, IF("%s"), cases[i].condition);
        ck_assert_msg((effect(text, &anonymous, ACTION_PutObject, "k") == POLICY_ALLOW) == cases[i].holds, "%s with %s",
                      cases[i].condition, values == 0 ? "nothing" : cases[i].values[0]);
    }
    request[0].count = 0;
}

#define TRY(key, part, cases) try_conditions(key, part, cases, sizeof cases / sizeof cases[0])

START_TEST(test_515_texts)
{
#define REFERER(operator, values) "\"" operator"\":{\"aws:Referer\":" values "}"
    static const struct condition_case cases[] = {
        {REFERER("StringEquals", "\"a\""), {"a"}, true},
        {REFERER("StringEquals", "\"a\""), {"A"}, false},
        {REFERER("StringEquals", "[\"b\",\"a\"]"), {"a"}, true},
        {REFERER("StringEquals", "\"*\""), {"a"}, false},
        {REFERER("StringEquals", "1.50"), {"1.50"}, true},
        {REFERER("StringNotEquals", "[\"b\",\"a\"]"), {"a"}, false},
        {REFERER("StringNotEquals", "[\"b\",\"a\"]"), {"c"}, true},
        {REFERER("StringEqualsIgnoreCase", "\"aB\""), {"Ab"}, true},
        {REFERER("StringNotEqualsIgnoreCase", "\"aB\""), {"Ab"}, false},
        {REFERER("StringLike", "\"http://*.example.com/?\""), {"http://a.b.example.com/x"}, true},
        {REFERER("StringLike", "\"http://*.example.com/?\""), {"http://a.b.example.com/"}, false},
        {REFERER("StringNotLike", "\"a*\""), {"b"}, true},
        {REFERER("BinaryEquals", "\"QUI=\""), {"AB"}, true},
        {REFERER("BinaryEquals", "\"QUI=\""), {"QUI="}, false},
        {REFERER("StringLike", "\"${*}a\""), {"*a"}, true},
        {REFERER("StringLike", "\"${*}a\""), {"ba"}, false},
        {REFERER("StringLike", "\"${aws:username}*\""),
         {"ba"},
         false}, /* 519: absent, so the statement does not match */
        {REFERER("StringNotLike", "\"${aws:username}*\""), {"ba"}, false},
    };
    TRY(KEY_Referer, NULL, cases);
}
END_TEST

START_TEST(test_516_absent)
{
    static const struct condition_case cases[] = {
        {REFERER("StringEquals", "\"a\""), {NULL}, false},
        {REFERER("StringNotEquals", "\"a\""), {NULL}, true},
        {REFERER("StringEqualsIfExists", "\"a\""), {NULL}, true},
        {REFERER("StringEqualsIfExists", "\"a\""), {"b"}, false},
        {REFERER("StringNotLikeIfExists", "\"a\""), {NULL}, true},
        {REFERER("Null", "\"true\""), {NULL}, true},
        {REFERER("Null", "\"true\""), {"a"}, false},
        {REFERER("Null", "false"), {"a"}, true},
        {REFERER("Null", "[true,false]"), {"a"}, true},
        {REFERER("ForAllValues:StringEquals", "\"a\""), {NULL}, true},
        {REFERER("ForAnyValue:StringEquals", "\"a\""), {NULL}, false},
        {REFERER("ForAnyValue:StringNotEquals", "\"a\""), {NULL}, false},
        {REFERER("ForAnyValue:StringEqualsIfExists", "\"a\""), {NULL}, true},
        {REFERER("NumericNotEquals", "1"), {NULL}, true},
        {REFERER("NumericLessThan", "1"), {NULL}, false},
    };
    TRY(KEY_Referer, NULL, cases);
}
END_TEST

START_TEST(test_515_numbers_dates_and_the_rest)
{
    static const struct condition_case cases[] = {
        {REFERER("NumericEquals", "\"10\""), {"10.0"}, true},
        {REFERER("NumericNotEquals", "10"), {"10.0"}, false},
        {REFERER("NumericNotEquals", "10"), {"ten"}, true},
        {REFERER("NumericLessThan", "10"), {"9"}, true},
        {REFERER("NumericLessThan", "10"), {"10"}, false},
        {REFERER("NumericLessThanEquals", "10"), {"10"}, true},
        {REFERER("NumericGreaterThan", "[10,5]"), {"6"}, true},
        {REFERER("NumericGreaterThanEquals", "10"), {"10"}, true},
        {REFERER("NumericGreaterThanEquals", "10"), {"ten"}, false},
        {REFERER("DateEquals", "\"2013-12-15T12:00:00Z\""), {"1387108800"}, true},
        {REFERER("DateNotEquals", "\"2013-12-15T12:00:00Z\""), {"1387108800"}, false},
        {REFERER("DateLessThan", "\"2013-12-15T12:00:00Z\""), {"2013-12-15T12:59:00+01:00"}, true},
        {REFERER("DateGreaterThan", "1387108800"), {"2013-12-15T12:00:00.001Z"}, true},
        {REFERER("DateGreaterThanEquals", "1387108800"), {"2013-12-15T12:00:00Z"}, true},
        {REFERER("DateLessThanEquals", "1387108800"), {"soon"}, false},
        {REFERER("Bool", "\"TRUE\""), {"true"}, true},
        {REFERER("Bool", "false"), {"true"}, false},
        {REFERER("IpAddress", "[\"10.0.0.0/8\",\"::1\"]"), {"10.1.2.3"}, true},
        {REFERER("IpAddress", "[\"10.0.0.0/8\",\"::1\"]"), {"::1"}, true},
        {REFERER("IpAddress", "\"10.0.0.0/8\""), {"10.0.0.0/8"}, false},
        {REFERER("NotIpAddress", "\"10.0.0.0/8\""), {"10.1.2.3"}, false},
        {REFERER("NotIpAddress", "\"10.0.0.0/8\""), {"11.1.2.3"}, true},
        {REFERER("ArnLike", "\"arn:aws:iam::*:user/*\""), {"arn:aws:iam::a:user/b:c/d"}, true},
        {REFERER("ArnEquals", "\"arn:aws:iam::*:user/*\""), {"arn:aws:iam::a:b:user/c"}, false},
        {REFERER("ArnNotLike", "\"arn:aws:iam::a:root\""), {"arn:aws:iam::b:root"}, true},
        {REFERER("ArnNotEquals", "\"arn:aws:iam::a:root\""), {"arn:aws:iam::a:root"}, false},
        {REFERER("ArnLike", "\"arn:aws:iam::*:*\""), {"alice"}, false},
    };
    TRY(KEY_Referer, NULL, cases);
}
END_TEST

START_TEST(test_515_sets)
{
#define TAGS(operator, values) "\"" operator"\":{\"s3:RequestObjectTagKeys\":" values "}"
    static const struct condition_case cases[] = {
        {TAGS("ForAllValues:StringEquals", "[\"a\",\"b\"]"), {"b", "a"}, true},
        {TAGS("ForAllValues:StringEquals", "[\"a\",\"b\"]"), {"b", "c"}, false},
        {TAGS("ForAllValues:StringNotEquals", "[\"a\",\"b\"]"), {"c", "d"}, true},
        {TAGS("ForAllValues:StringNotEquals", "[\"a\",\"b\"]"), {"c", "b"}, false},
        {TAGS("ForAnyValue:StringEquals", "[\"a\",\"b\"]"), {"c", "b"}, true},
        {TAGS("ForAnyValue:StringEquals", "[\"a\",\"b\"]"), {"c", "d"}, false},
        {TAGS("ForAnyValue:StringNotEquals", "[\"a\",\"b\"]"), {"a", "c"}, true},
        {TAGS("ForAnyValue:StringNotEquals", "[\"a\",\"b\"]"), {"a", "b"}, false},
        {TAGS("StringNotEquals", "\"a\""), {"b", "a"}, false},
    };
    TRY(KEY_RequestObjectTagKeys, NULL, cases);
}
END_TEST

START_TEST(test_517_parts_of_keys_are_case_sensitive)
{
    static const struct condition_case cases[] = {
        {"\"StringEquals\":{\"S3:requestOBJECTtag/Team\":\"x\"}", {"x"}, true},
        {"\"StringEquals\":{\"s3:RequestObjectTag/team\":\"x\"}", {"x"}, false},
    };
    TRY(KEY_RequestObjectTag, "Team", cases);
}
END_TEST

START_TEST(test_519_variables)
{
    static const char document[] =
        STATEMENTS(ALLOW(WHO("\"*\"") ",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::bucket/${aws:username}/*\""));
    request[0] = (struct had){.key = KEY_username, .values = {SPAN("b*")}, .count = 1};
    ck_assert_int_eq(effect(document, &bob, ACTION_GetObject, "b*/x"), POLICY_ALLOW);
    ck_assert_int_eq(effect(document, &bob, ACTION_GetObject, "bob/x"), POLICY_NONE);
    request[0].count = 0;
    ck_assert_int_eq(effect(document, &bob, ACTION_GetObject, "b*/x"), POLICY_NONE);
    static const char twice[] = STATEMENTS(
        ALLOW(WHO("\"*\"") ",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::bucket/${aws:username}a\"") "," ALLOW(
            WHO("\"*\"") ",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::bucket/*${aws:username}\""));
    ck_assert_int_eq(effect(twice, &bob, ACTION_GetObject, "a"), POLICY_NONE); /* absent for both */
    static const char older[] = "{\"Version\":\"2008-10-17\",\"Statement\":" ALLOW(
        WHO("\"*\"") ",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::bucket/${aws:username}/*\"") "}";
    ck_assert_int_eq(effect(older, &bob, ACTION_GetObject, "${aws:username}/x"), POLICY_ALLOW);
}
END_TEST

/* Tags that a key has do not decide on writing it anew, and no parameter makes a GET a list. */
START_TEST(test_524_keys_of_other_actions_are_absent)
{
    request[0] = (struct had){.key = KEY_ExistingObjectTag, .part = "a", .values = {SPAN("b")}, .count = 1};
    const struct policy *policy = compile(IF("\"StringEquals\":{\"s3:ExistingObjectTag/a\":\"b\"}"));
    ck_assert_int_eq(ask(policy, &alice, ACTION_GetObject, "k").effect, POLICY_ALLOW);
    ck_assert_int_eq(ask(policy, &alice, ACTION_PutObject, "k").effect, POLICY_NONE);
    ck_assert_int_eq(ask(policy, &alice, ACTION_DeleteObject, "k").effect, POLICY_NONE);
    ck_assert_uint_eq(looked_up, 0);
    request[0] = (struct had){.key = KEY_prefix, .values = {SPAN("p")}, .count = 1};
    policy = compile(IF("\"StringEquals\":{\"s3:prefix\":\"p\"}"));
    ck_assert_int_eq(ask(policy, &alice, ACTION_ListBucket, "").effect, POLICY_ALLOW);
    ck_assert_int_eq(ask(policy, &alice, ACTION_GetObject, "k").effect, POLICY_NONE);
    request[0].count = 0;
}
END_TEST

/* Nothing is looked up for statements that do not speak of the request, and what cannot be found out decides nothing.
 */
START_TEST(looks_up_lazily)
{
    const struct policy *policy = compile(STATEMENTS(
        ALLOW(WHO("{\"AWS\":\"alice\"}") "," ALL ",\"Condition\":{\"StringEquals\":{\"aws:Referer\":\"x\"}}")));
    ck_assert_int_eq(ask(policy, &mallory, ACTION_GetObject, "k").effect, POLICY_NONE);
    ck_assert_uint_eq(looked_up, 0);
    ck_assert_int_eq(ask(policy, &alice, ACTION_GetObject, "k").effect, POLICY_NONE);
    ck_assert_uint_eq(looked_up, 1);
    struct policy_question question = {.asker = alice,
                                       .action = ACTION_GetObject,
                                       .bucket = SPAN("bucket"),
                                       .key = SPAN("k"),
                                       .find = find,
                                       .context = &looked_up};
    ck_assert_int_eq(policy_evaluate(policy, &question).effect, POLICY_UNDECIDED);
}
END_TEST

START_TEST(several_policies)
{
    const struct policy *policies[2];
    struct policy_question question = {
        .asker = bob, .action = ACTION_GetObject, .bucket = SPAN("any"), .key = SPAN("k"), .find = find};
    ck_assert(policy_compile_identity(SPAN(STATEMENTS(ALLOW("\"Action\":\"s3:*\",\"Resource\":\"*\""))), &arena,
                                      &policies[0], &error));
    ck_assert(policy_compile_identity(SPAN(STATEMENTS(ALLOW("\"Action\":\"s3:*\",\"Resource\":\"*\"") "," DENY(
                                          "\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::a*/*\""))),
                                      &arena, &policies[1], &error));
    struct policy_decision decision = policy_evaluate_all(policies, 1, &question);
    ck_assert(decision.effect == POLICY_ALLOW && decision.by_name);
    decision = policy_evaluate_all(policies, 2, &question);
    ck_assert_int_eq(decision.effect, POLICY_DENY);
    ck_assert_uint_eq(decision.policy, 1);
    ck_assert_uint_eq(decision.statement, 1);
    ck_assert_int_eq(policy_evaluate_all(policies, 0, &question).effect, POLICY_NONE);
    question.action = ACTION_ListAllMyBuckets;
    question.bucket = question.key = SPAN_EMPTY;
    ck_assert_int_eq(policy_evaluate_all(policies, 2, &question).effect, POLICY_ALLOW);
}
END_TEST

START_TEST(test_539_public)
{
    static const struct {
        const char *document;
        bool is_public;
    } cases[] = {
        {STATEMENTS(ALLOW(WHO("\"*\"") ",\"Action\":\"s3:ListBucket\",\"Resource\":\"arn:aws:s3:::bucket\"")), true},
        {STATEMENTS(ALLOW(WHO("{\"AWS\":\"*\"}") "," ALL)), true},
        {STATEMENTS(ALLOW(WHO("{\"AWS\":\"alice\"}") "," ALL)), false},
        {STATEMENTS(DENY(WHO("\"*\"") "," ALL)), false},
        {STATEMENTS(ALLOW(WHO("{\"AWS\":\"alice\"}") "," ALL) "," ALLOW(WHO("\"*\"") "," ALL)), true},
        {IF("\"IpAddress\":{\"aws:SourceIp\":\"203.0.113.0/24\"}"), false},
        {IF("\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}"), false},
        {IF("\"IpAddress\":{\"aws:SourceIp\":\"8.0.0.0/7\"}"), true},
        {IF("\"IpAddress\":{\"aws:SourceIp\":[\"203.0.113.0/24\",\"0.0.0.0/0\"]}"), true},
        {IF("\"IpAddress\":{\"aws:SourceIp\":\"2001:db8::/32\"}"), false},
        {IF("\"IpAddress\":{\"aws:SourceIp\":\"2000::/3\"}"), true},
        {IF("\"IpAddress\":{\"aws:SourceIp\":\"fc00::/7\"}"), false},
        {IF("\"IpAddressIfExists\":{\"aws:SourceIp\":\"203.0.113.0/24\"}"), true},
        {IF("\"NotIpAddress\":{\"aws:SourceIp\":\"203.0.113.0/24\"}"), true},
        {IF("\"StringEquals\":{\"aws:PrincipalAccount\":\"alice\"}"), false},
        {IF("\"StringLike\":{\"aws:PrincipalAccount\":\"ali*\"}"), true},
        {IF("\"StringLike\":{\"aws:userid\":\"alice\"}"), false},
        {IF("\"StringEquals\":{\"aws:userid\":\"${aws:username}\"}"), true},
        {IF("\"StringEquals\":{\"aws:userid\":\"anonymous\"}"), true},
        {IF("\"StringEqualsIgnoreCase\":{\"aws:userid\":[\"alice\",\"ANONYMOUS\"]}"), true},
        {IF("\"BinaryEquals\":{\"aws:userid\":\"YW5vbnltb3Vz\"}"), true},
        {IF("\"StringEquals\":{\"aws:PrincipalAccount\":\"anonymous\"}"), false},
        {IF("\"ForAllValues:StringEquals\":{\"aws:PrincipalAccount\":\"alice\"}"), true},
        {IF("\"ArnLike\":{\"aws:PrincipalArn\":\"arn:aws:iam::alice:user/bob\"}"), false},
        {IF("\"ArnLike\":{\"aws:PrincipalArn\":\"arn:aws:iam::alice:user/*\"}"), true},
        {IF("\"StringEquals\":{\"aws:SourceVpc\":\"vpc-1\"}"), false},
        {IF("\"StringEquals\":{\"s3:prefix\":\"x\"}"), true},
        {IF("\"StringEquals\":{\"aws:Referer\":\"x\"}"), true},
        {IF("\"StringEquals\":{\"s3:ExistingObjectTag/a\":\"x\"}"), true},
        {IF("\"Null\":{\"aws:PrincipalAccount\":\"false\"}"), true},
        {IF("\"StringEquals\":{\"aws:Referer\":\"x\",\"aws:PrincipalAccount\":\"alice\"}"), false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(policy_is_public(compile(cases[i].document)) == cases[i].is_public, "%s", cases[i].document);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy evaluate");
    TCase *tests = tcase_create("evaluate");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, test_508_principals);
    tcase_add_test(tests, test_510_not_principal);
    tcase_add_test(tests, test_511_to_514_actions_and_resources);
    tcase_add_test(tests, test_529_deny_decides);
    tcase_add_test(tests, test_532_by_name);
    tcase_add_test(tests, test_515_texts);
    tcase_add_test(tests, test_516_absent);
    tcase_add_test(tests, test_515_numbers_dates_and_the_rest);
    tcase_add_test(tests, test_515_sets);
    tcase_add_test(tests, test_517_parts_of_keys_are_case_sensitive);
    tcase_add_test(tests, test_519_variables);
    tcase_add_test(tests, test_524_keys_of_other_actions_are_absent);
    tcase_add_test(tests, looks_up_lazily);
    tcase_add_test(tests, several_policies);
    tcase_add_test(tests, test_539_public);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
