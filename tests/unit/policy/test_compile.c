/* tests/unit/policy/test_compile.c -- which documents are policies, and what is said of those that are none: 504 to
 * 518. */
#include "s3client/wire/s3_error.h"
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
    return policy_compile(span_from_string(text), SPAN("bucket"), &arena, &policy, &error) ? policy : NULL;
}

#define STATEMENTS(inside) "{\"Version\":\"2012-10-17\",\"Statement\":[" inside "]}"
#define EVERYONE "\"Principal\":\"*\""
#define READ "\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::bucket/*\""
#define OBJECTS "\"Resource\":\"arn:aws:s3:::bucket/*\""
#define ALLOW "{\"Effect\":\"Allow\","
#define WHO(principal) STATEMENTS(ALLOW "\"Principal\":" principal "," READ "}")
#define WHAT(action) STATEMENTS(ALLOW EVERYONE ",\"Action\":" action "," OBJECTS "}")
#define WHERE(resource) STATEMENTS(ALLOW EVERYONE ",\"Action\":\"s3:*\",\"Resource\":" resource "}")
#define IF(condition) STATEMENTS(ALLOW EVERYONE "," READ ",\"Condition\":" condition "}")

START_TEST(takes)
{
    static const char *const documents[] = {
        STATEMENTS(ALLOW EVERYONE "," READ "}"),
        "{\"Statement\":" ALLOW EVERYONE "," READ "}}",
        "{\"Version\":\"2008-10-17\",\"Id\":\"any text\",\"Statement\":" ALLOW EVERYONE ",\"Sid\":\"a b\"," READ "}}",
        STATEMENTS(ALLOW EVERYONE ",\"Sid\":\"a\"," READ "}," ALLOW EVERYONE ",\"Sid\":\"b\"," READ "}"),
        STATEMENTS("{\"Effect\":\"Deny\",\"NotPrincipal\":{\"AWS\":\"alice\"}," READ "}"),
        WHO("{\"AWS\":\"*\"}"),
        WHO("{\"AWS\":[\"123456789012\",\"nobody\",\"arn:aws:iam::alice:root\",\"arn:aws:iam::alice:user/path/bob\"]}"),
        WHO("{\"AWS\":[\"arn:aws:iam::alice:role/r\",\"arn:aws:sts::alice:assumed-role/r/s\"]}"),
        WHO("{\"CanonicalUser\":\"0123abcd\",\"AWS\":\"alice\"}"),
        WHO("{\"Service\":\"logging.s3.amazonaws.com\"}"),
        WHAT("\"*\""),
        WHAT("\"S3:getOBJECT\""),
        WHAT("[\"s3:Get*\",\"s3:?utObject\",\"s3:RestoreObject\"]"),
        WHERE("\"*\""),
        WHERE("[\"arn:aws:s3:::bucket\",\"arn:aws:s3:::bucket/*\"]"),
        WHERE("\"arn:aws:s3:::*\""),
        WHERE("\"arn:aws:s3:::*/*\""),
        WHERE("[\"arn:aws:s3::*:bucket\",\"arn:aws:s3:*:*:bucket/*\"]"),
        WHERE("\"arn:aws:s3:::b?cket/${aws:username}/*\""),
        STATEMENTS(ALLOW EVERYONE ",\"NotAction\":\"s3:PutObject\",\"NotResource\":\"arn:aws:s3:::bucket/secret\"}"),
        IF("{}"),
        IF("{\"StringEquals\":{\"AWS:useragent\":\"x\",\"s3:existingobjecttag/Case\":[\"a\",1,true]}}"),
        IF("{\"ForAllValues:StringNotLikeIfExists\":{\"aws:Referer\":\"*\"},\"Null\":{\"aws:Referer\":true}}"),
        IF("{\"IpAddress\":{\"aws:SourceIp\":[\"10.0.0.0/8\",\"::1\"]},\"Bool\":{\"aws:SecureTransport\":false}}"),
        IF("{\"DateLessThan\":{\"aws:CurrentTime\":\"2030-01-01\",\"aws:EpochTime\":1400000000}}"),
        IF("{\"NumericLessThan\":{\"s3:signatureAge\":\"1e3\"},\"BinaryEquals\":{\"aws:Referer\":\"QUI=\"}}"),
        IF("{\"ArnLike\":{\"aws:PrincipalArn\":\"arn:aws:iam::${aws:PrincipalAccount}:user/*\"}}"),
        IF("{\"StringEquals\":{\"aws:SourceVpc\":\"vpc-1\",\"aws:MultiFactorAuthPresent\":\"true\"}}"),
    };
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++)
        ck_assert_msg(compile(documents[i]) != NULL, "%s: %s", documents[i], error.message);
}
END_TEST

START_TEST(refuses)
{
    static const struct {
        const char *document;
        const char *message; /* how it begins */
    } cases[] = {
        {"", "Policies must be valid JSON and the first byte must be '{'"},
        {"\n{}", "Policies must be valid JSON and the first byte must be '{'"},
        {"{\"Statement\":}", "invalid JSON"},
        {"{\"Id\":\"a\",\"Id\":\"b\"}", "invalid JSON: a duplicate name"},
        {"{}", "Missing required field: \"Statement\""},
        {"{\"Statement\":[]}", "Missing required field: \"Statement\""},
        {"{\"Statement\":[1]}", "Statement is not an object (statement 1)"},
        {"{\"Statement\":\"x\"}", "Statement is not an object"},
        {"{\"Other\":1}", "Unknown field: \"Other\""},
        {"{\"Id\":1,\"Statement\":[]}", "No string in field: \"Id\""},
        {"{\"Version\":\"2012-10-18\",\"Statement\":[]}",
         "The policy must contain a valid version string: \"2012-10-18\""},
        {"{\"Version\":\"\",\"Statement\":[]}", "The policy must contain a valid version string"},
        {"{\"Version\":2012,\"Statement\":[]}", "No string in field: \"Version\""},
        {STATEMENTS("{" EVERYONE "," READ "}"), "Missing required field: \"Effect\" (statement 1)"},
        {STATEMENTS("{\"Effect\":\"allow\"," EVERYONE "," READ "}"), "Invalid effect: \"allow\""},
        {STATEMENTS("{\"Effect\":true," EVERYONE "," READ "}"), "No string in field: \"Effect\""},
        {STATEMENTS(ALLOW READ "}"), "Missing required field: \"Principal\""},
        {STATEMENTS(ALLOW EVERYONE "," OBJECTS "}"), "Missing required field: \"Action\""},
        {STATEMENTS(ALLOW EVERYONE ",\"Action\":\"s3:GetObject\"}"), "Missing required field: \"Resource\""},
        {STATEMENTS(ALLOW EVERYONE ",\"NotPrincipal\":\"*\"," READ "}"), "Both fields of a pair: \"NotPrincipal\""},
        {STATEMENTS(ALLOW EVERYONE ",\"NotAction\":\"s3:*\"," READ "}"), "Both fields of a pair: \"NotAction\""},
        {STATEMENTS(ALLOW EVERYONE ",\"NotResource\":\"*\"," READ "}"), "Both fields of a pair: \"NotResource\""},
        {STATEMENTS(ALLOW EVERYONE ",\"Sid\":1," READ "}"), "No string in field: \"Sid\""},
        {STATEMENTS(ALLOW EVERYONE ",\"Extra\":1," READ "}"), "Unknown field: \"Extra\""},
        {STATEMENTS(ALLOW EVERYONE ",\"Sid\":\"a\"," READ "}," ALLOW EVERYONE ",\"Sid\":\"a\"," READ "}"),
         "Duplicate Sid: \"a\""},
        {STATEMENTS(ALLOW "\"NotPrincipal\":{\"AWS\":\"a\"}," READ "}"), "Allow with NotPrincipal"},
        {WHO("\"alice\""), "Invalid principal in policy: \"alice\""},
        {WHO("{}"), "Invalid principal in policy"},
        {WHO("{\"AWS\":[]}"), "Invalid principal in policy"},
        {WHO("{\"AWS\":\"\"}"), "Invalid principal in policy"},
        {WHO("{\"AWS\":1}"), "Invalid principal in policy"},
        {WHO("{\"AWS\":[\"*\",\"alice\"]}"), "Invalid principal in policy: \"*\" stands beside others"},
        {WHO("{\"AWS\":\"*\",\"CanonicalUser\":\"a\"}"), "Invalid principal in policy"},
        {WHO("{\"AWS\":\"ali*\"}"), "Invalid principal in policy"},
        {WHO("{\"AWS\":\"arn:aws:iam::alice:user/*\"}"), "Invalid principal in policy"},
        {WHO("{\"AWS\":\"arn:aws:iam::alice:group/g\"}"), "Invalid principal in policy"},
        {WHO("{\"AWS\":\"arn:aws:iam:::root\"}"), "Invalid principal in policy"},
        {WHO("{\"AWS\":\"arn:aws:s3:::bucket\"}"), "Invalid principal in policy"},
        {WHO("{\"AWS\":\"arn:aws:sts::a:assumed-role/r\"}"), "Invalid principal in policy"},
        {WHO("{\"CanonicalUser\":\"*\"}"), "Invalid principal in policy"},
        {WHO("{\"Federated\":\"x\"}"), "Invalid principal in policy"},
        {WHAT("[]"), "Policy has invalid action"},
        {WHAT("\"\""), "Policy has invalid action"},
        {WHAT("1"), "Policy has invalid action"},
        {WHAT("\"s3:GetObjectt\""), "Policy has invalid action: \"s3:GetObjectt\" (statement 1)"},
        {WHAT("\"GetObject\""), "Policy has invalid action"},
        {WHAT("\"iam:*\""), "Policy has invalid action"},
        {WHAT("[\"s3:GetObject\",\"s3:Nothing*\"]"), "Policy has invalid action"},
        {WHAT("[\"s3:GetObject\",\"s3:ListBucket\"]"),
         "Action does not apply to any resource(s) in statement: \"s3:ListBucket\""},
        {STATEMENTS(ALLOW EVERYONE ",\"Action\":\"s3:PutObject\",\"Resource\":\"arn:aws:s3:::bucket\"}"),
         "Action does not apply to any resource(s) in statement"},
        {STATEMENTS(ALLOW EVERYONE ",\"Action\":\"s3:ListAllMyBuckets\",\"Resource\":\"*\"}"),
         "Action does not apply to any resource(s) in statement"},
        {WHERE("[]"), "Policy has invalid resource"},
        {WHERE("{}"), "Policy has invalid resource"},
        {WHERE("\"arn:aws:s3:::other/*\""), "Policy has invalid resource: \"arn:aws:s3:::other/*\" (statement 1)"},
        {WHERE("[\"arn:aws:s3:::bucket/*\",\"arn:aws:s3:::bucket2\"]"), "Policy has invalid resource"},
        {WHERE("\"arn:aws:s3:::\""), "Policy has invalid resource"},
        {WHERE("\"arn:aws-cn:s3:::bucket\""), "Policy has invalid resource"},
        {WHERE("\"arn:aws:s3::alice:bucket\""), "Policy has invalid resource"},
        {WHERE("\"bucket/*\""), "Policy has invalid resource"},
        {WHERE("\"arn:aws:s3:us-east-1::bucket\""), "Policy has invalid resource"},
        {WHERE("\"arn:aws:s3:::bucket/${aws:nothing}\""), "Policy has invalid resource: an unknown variable"},
        {IF("[]"), "Condition is not an object"},
        {IF("{\"StringEquals\":{}}"), "Condition operator without keys"},
        {IF("{\"StringEquals\":[]}"), "Condition operator without keys"},
        {IF("{\"stringequals\":{\"aws:Referer\":\"x\"}}"), "Invalid Condition type: \"stringequals\""},
        {IF("{\"NullIfExists\":{\"aws:Referer\":\"true\"}}"), "Invalid Condition type"},
        {IF("{\"ForSomeValues:StringEquals\":{\"aws:Referer\":\"x\"}}"), "Invalid Condition type"},
        {IF("{\"StringEquals\":{\"aws:Nothing\":\"x\"}}"), "Policy has an invalid condition key: \"aws:Nothing\""},
        {IF("{\"StringEquals\":{\"s3:ExistingObjectTag\":\"x\"}}"), "Policy has an invalid condition key"},
        {IF("{\"StringEquals\":{\"s3:ExistingObjectTag/\":\"x\"}}"), "Policy has an invalid condition key"},
        {IF("{\"StringEquals\":{\"aws:Referer/x\":\"x\"}}"), "Policy has an invalid condition key"},
        {IF("{\"StringEquals\":{\"aws:Referer\":[]}}"), "Policy has a condition key without values"},
        {IF("{\"StringEquals\":{\"aws:Referer\":null}}"), "Policy has an invalid condition value"},
        {IF("{\"StringEquals\":{\"aws:Referer\":\"${aws:username\"}}"),
         "Policy has an invalid condition value: a variable"},
        {IF("{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/33\"}}"),
         "Policy has an invalid condition value: \"10.0.0.0/33\""},
        {IF("{\"NumericEquals\":{\"s3:signatureAge\":\"ten\"}}"), "Policy has an invalid condition value"},
        {IF("{\"DateEquals\":{\"aws:CurrentTime\":\"tomorrow\"}}"), "Policy has an invalid condition value"},
        {IF("{\"Bool\":{\"aws:SecureTransport\":\"yes\"}}"), "Policy has an invalid condition value"},
        {IF("{\"BinaryEquals\":{\"aws:Referer\":\"=\"}}"), "Policy has an invalid condition value"},
        {IF("{\"ArnEquals\":{\"aws:PrincipalArn\":\"alice\"}}"), "Policy has an invalid condition value: no ARN"},
        {IF("{\"StringEquals\":{\"s3:prefix\":\"x\"}}"),
         "Conditions do not apply to combination of actions and resources in statement: \"s3:prefix\""},
        {STATEMENTS(ALLOW EVERYONE ",\"Action\":[\"s3:PutObject\",\"s3:DeleteObject\"]," OBJECTS
                                   ",\"Condition\":{\"StringEquals\":{\"s3:ExistingObjectTag/a\":\"x\"}}}"),
         "Conditions do not apply to combination of actions and resources in statement"},
        {STATEMENTS(ALLOW EVERYONE ",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::bucket\""
                                   ",\"Condition\":{\"StringEquals\":{\"s3:ExistingObjectTag/a\":\"x\"}}}"),
         "Conditions do not apply to combination of actions and resources in statement"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_msg(compile(cases[i].document) == NULL, "%s was taken", cases[i].document);
        ck_assert_ptr_eq(error.code, S3_MalformedPolicy);
        ck_assert_int_eq(error.kind, ERROR_INVALID);
        ck_assert_msg(strncmp(error.message, cases[i].message, strlen(cases[i].message)) == 0, "%s: %s",
                      cases[i].document, error.message);
    }
}
END_TEST

/* 504: at most 20480 bytes, and whatever fits into them fits into the arena. */
START_TEST(sizes)
{
    static char text[POLICY_BYTES_MAX + 2];
    const char *const heads[] = {
        "{\"Statement\":[", "{\"Statement\":" ALLOW EVERYONE ",\"Action\":\"*\",\"Resource\":[",
        "{\"Statement\":" ALLOW EVERYONE "," READ ",\"Condition\":{\"StringLike\":{\"aws:Referer\":["};
    const char *const items[] = {ALLOW EVERYONE ",\"Action\":\"*\",\"Resource\":\"*\"}", "\"*\"", "\"a\""};
    const char *const tails[] = {"]}", "]}}", "]}}}}"};
    for (size_t i = 0; i < 3; i++) {
        size_t size = (size_t)snprintf(text, sizeof text, "%s%s", heads[i], items[i]);
        size_t step = strlen(items[i]) + 1;
        size_t tail = strlen(tails[i]);
        for (; size + step + tail <= POLICY_BYTES_MAX; size += step)
            (void)snprintf(text + size, sizeof text - size, ",%s", items[i]);
        memcpy(text + size, tails[i], tail + 1);
        size += tail;
        memset(text + size, ' ', sizeof text - size - 1);
        text[POLICY_BYTES_MAX] = '\0';
        ck_assert_msg(compile(text) != NULL, "%s", error.message);
        text[POLICY_BYTES_MAX] = ' ';
        text[POLICY_BYTES_MAX + 1] = '\0';
        ck_assert_ptr_null(compile(text));
        ck_assert_msg(strstr(error.message, "20480") != NULL, "%s", error.message);
        arena_reset(&arena);
    }
}
END_TEST

/* What one question may cost is bounded (542). */
START_TEST(test_542_tries)
{
    char text[1024];
    char marks[POLICY_TRIES_MAX + 2];
    for (unsigned count = POLICY_TRIES_MAX; count <= POLICY_TRIES_MAX + 1; count++) {
        memset(marks, '?', count);
        marks[count] = '\0';
        (void)snprintf(text, sizeof text, IF("{\"StringLike\":{\"aws:Referer\":\"%s\"}}"), marks);
        ck_assert((compile(text) != NULL) == (count == POLICY_TRIES_MAX));
    }
    ck_assert_str_eq(error.message, "The policy has too many \"?\" and variables");
}
END_TEST

/* An arena of any size too small is an error, and no crash. */
START_TEST(small_arenas)
{
    static const char document[] = STATEMENTS(ALLOW "\"Principal\":{\"AWS\":[\"a\",\"b\\u0041\"]}," READ
                                                    ",\"Condition\":{\"ArnLike\":{\"aws:PrincipalArn\":\"arn:aws:iam::*"
                                                    ":user/x\"},\"BinaryEquals\":{\"aws:Referer\":\"QUI=\"}}}");
    bool taken = false;
    for (size_t limit = 0; !taken; limit += 16) {
        struct arena small;
        const struct policy *policy;
        arena_init(&small, limit);
        taken = policy_compile(span_from_string(document), SPAN("bucket"), &small, &policy, &error);
        ck_assert(taken || error.kind == ERROR_TOO_LARGE);
        arena_free(&small);
        ck_assert(limit < 1 << 20);
    }
}
END_TEST

/* 624 */
START_TEST(identity_policies)
{
    static const char good[] = STATEMENTS(ALLOW "\"Action\":\"s3:ListAllMyBuckets\",\"Resource\":\"*\"}," ALLOW
                                                "\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::any/*\"}");
    static const char named[] = STATEMENTS(ALLOW EVERYONE "," READ "}");
    const struct policy *policy;
    ck_assert_msg(policy_compile_identity(span_from_string(good), &arena, &policy, &error), "%s", error.message);
    ck_assert(!policy_compile_identity(span_from_string(named), &arena, &policy, &error));
    ck_assert_ptr_null(error.code);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy compile");
    TCase *tests = tcase_create("compile");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, takes);
    tcase_add_test(tests, refuses);
    tcase_add_test(tests, sizes);
    tcase_add_test(tests, test_542_tries);
    tcase_add_test(tests, small_arenas);
    tcase_add_test(tests, identity_policies);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
