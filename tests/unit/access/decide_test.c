/* tests/unit/access/decide_test.c -- the one evaluation: rows of a table, each a question and its answer. */
#include "server/access/access.h"
#include "tests/unit/run_suite.h"

#include <check.h>

#define READ_ALL \
    "{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::b/*\"}"
#define LIST_BOB                                                                                                      \
    "{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"bob\"},\"Action\":\"s3:ListBucket\",\"Resource\":\"arn:aws:s3:::" \
    "b\"}"
#define DENY_ALL                                                                                                      \
    "{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":[\"arn:aws:s3:::b\",\"arn:aws:s3:::b/" \
    "*\"]}"
#define POLICY(statements) "{\"Version\":\"2012-10-17\",\"Statement\":[" statements "]}"

static const struct account alice = {.name = "alice", .id = "alice", .role = ROLE_READWRITE};
static const struct account reader = {.name = "reader", .id = "alice", .role = ROLE_READONLY};
static const struct account bob = {.name = "bob", .id = "bob", .role = ROLE_READWRITE};
static const struct account carol = {.name = "carol", .id = "carol", .role = ROLE_READWRITE};

/* What the object is that is looked at, and how often it was. */
struct world {
    struct span owner;
    struct span acl;
    unsigned looks;
    unsigned lists; /* of grants, that were asked for */
    bool is_down;
    bool is_list_lost;
};

static bool find_owner(void *context, struct span *ret_owner)
{
    struct world *world = context;
    world->looks++;
    if (world->owner.size > 0)
        *ret_owner = world->owner;
    return !world->is_down;
}

static bool find_acl(void *context, struct span *ret_acl)
{
    struct world *world = context;
    world->lists++;
    *ret_acl = world->acl;
    return !world->is_list_lost;
}

#define ALL_READ SPAN("\x01\x00\x01")
#define ALL_WRITE SPAN("\x01\x00\x02")
#define SIGNED_READ SPAN("\x01\x01\x01")
#define BOB_FULL            \
    SPAN("\x01\x03\x10\x03" \
         "bob")
#define BOB_READ_ACP        \
    SPAN("\x01\x03\x04\x03" \
         "bob")

struct decide_case {
    const char *what;
    const struct account *account; /* NULL: anonymous */
    enum s3_action action;
    enum ownership ownership;
    struct span bucket_acl;
    struct span object_owner; /* empty: the bucket owner */
    struct span object_acl;
    const char *policy;
    struct public_access_block block;
    enum access_source source;
    unsigned looks;
};

static const struct decide_case cases[] = {
    {.what = "owner, plain", .account = &alice, .action = ACTION_GetObject, .source = ACCESS_BY_OWNER},
    {.what = "other, plain", .account = &bob, .action = ACTION_GetObject, .source = ACCESS_BY_NOBODY},
    {.what = "anonymous, plain", .action = ACTION_ListBucket, .source = ACCESS_BY_NOBODY},
    {.what = "readonly reads", .account = &reader, .action = ACTION_GetObject, .source = ACCESS_BY_OWNER},
    {.what = "readonly writes", .account = &reader, .action = ACTION_PutObject, .source = ACCESS_BY_ROLE},
    {.what = "readonly and its policy", .account = &reader, .action = ACTION_PutBucketPolicy, .source = ACCESS_BY_ROLE},

    {.what = "grants under Enforced",
     .account = &bob,
     .action = ACTION_ListBucket,
     .bucket_acl = ALL_READ,
     .source = ACCESS_BY_NOBODY},
    {.what = "a public list",
     .action = ACTION_ListBucket,
     .ownership = OWNERSHIP_WRITER,
     .bucket_acl = ALL_READ,
     .source = ACCESS_BY_ACL},
    {.what = "a public list gives no object",
     .action = ACTION_GetObject,
     .ownership = OWNERSHIP_WRITER,
     .bucket_acl = ALL_READ,
     .source = ACCESS_BY_NOBODY,
     .looks = 1},
    {.what = "for the signed",
     .action = ACTION_ListBucket,
     .ownership = OWNERSHIP_UNSET,
     .bucket_acl = SIGNED_READ,
     .source = ACCESS_BY_NOBODY},
    {.what = "for the signed, signed",
     .account = &bob,
     .action = ACTION_ListBucket,
     .ownership = OWNERSHIP_UNSET,
     .bucket_acl = SIGNED_READ,
     .source = ACCESS_BY_ACL},
    {.what = "WRITE deletes",
     .action = ACTION_DeleteObject,
     .ownership = OWNERSHIP_WRITER,
     .bucket_acl = ALL_WRITE,
     .source = ACCESS_BY_ACL},
    {.what = "WRITE deletes no version",
     .action = ACTION_DeleteObjectVersion,
     .ownership = OWNERSHIP_WRITER,
     .bucket_acl = ALL_WRITE,
     .source = ACCESS_BY_NOBODY},
    {.what = "FULL_CONTROL reads the list of grants",
     .account = &bob,
     .action = ACTION_GetBucketAcl,
     .ownership = OWNERSHIP_PREFERRED,
     .bucket_acl = BOB_FULL,
     .source = ACCESS_BY_ACL},
    {.what = "FULL_CONTROL deletes no bucket",
     .account = &bob,
     .action = ACTION_DeleteBucket,
     .ownership = OWNERSHIP_PREFERRED,
     .bucket_acl = BOB_FULL,
     .source = ACCESS_BY_NOBODY},
    {.what = "a public object",
     .action = ACTION_GetObject,
     .ownership = OWNERSHIP_WRITER,
     .object_acl = ALL_READ,
     .source = ACCESS_BY_ACL,
     .looks = 1},
    {.what = "a public object gives no list of grants",
     .action = ACTION_GetObjectAcl,
     .ownership = OWNERSHIP_WRITER,
     .object_acl = ALL_READ,
     .source = ACCESS_BY_NOBODY,
     .looks = 1},
    {.what = "READ_ACP",
     .account = &bob,
     .action = ACTION_GetObjectVersionAcl,
     .ownership = OWNERSHIP_WRITER,
     .object_acl = BOB_READ_ACP,
     .source = ACCESS_BY_ACL,
     .looks = 1},
    {.what = "attributes are in no grant",
     .account = &bob,
     .action = ACTION_GetObjectAttributes,
     .ownership = OWNERSHIP_WRITER,
     .object_acl = BOB_FULL,
     .source = ACCESS_BY_NOBODY,
     .looks = 1},

    {.what = "482: an object of another",
     .account = &alice,
     .action = ACTION_GetObject,
     .ownership = OWNERSHIP_WRITER,
     .object_owner = SPAN("bob"),
     .source = ACCESS_BY_NOBODY,
     .looks = 1},
    {.what = "482: its owner reads",
     .account = &bob,
     .action = ACTION_GetObject,
     .ownership = OWNERSHIP_WRITER,
     .object_owner = SPAN("bob"),
     .source = ACCESS_BY_OWNER,
     .looks = 1},
    {.what = "482: the bucket's owner deletes",
     .account = &alice,
     .action = ACTION_DeleteObjectVersion,
     .ownership = OWNERSHIP_WRITER,
     .object_owner = SPAN("bob"),
     .source = ACCESS_BY_OWNER},
    {.what = "482: the bucket's owner tags",
     .account = &alice,
     .action = ACTION_PutObjectTagging,
     .ownership = OWNERSHIP_WRITER,
     .object_owner = SPAN("bob"),
     .source = ACCESS_BY_OWNER},
    {.what = "482: its owner tags",
     .account = &bob,
     .action = ACTION_GetObjectTagging,
     .ownership = OWNERSHIP_WRITER,
     .object_owner = SPAN("bob"),
     .source = ACCESS_BY_OWNER,
     .looks = 1},
    {.what = "482: its owner overwrites",
     .account = &bob,
     .action = ACTION_PutObject,
     .ownership = OWNERSHIP_WRITER,
     .object_owner = SPAN("bob"),
     .source = ACCESS_BY_NOBODY},
    {.what = "under Enforced all is the bucket owner's",
     .account = &alice,
     .action = ACTION_GetObject,
     .object_owner = SPAN("bob"),
     .source = ACCESS_BY_OWNER},

    {.what = "an Allow", .action = ACTION_GetObject, .policy = POLICY(READ_ALL), .source = ACCESS_BY_POLICY},
    {.what = "an Allow, not for lists",
     .action = ACTION_ListBucket,
     .policy = POLICY(READ_ALL),
     .source = ACCESS_BY_NOBODY},
    {.what = "531: an Allow on an object of another",
     .account = &carol,
     .action = ACTION_GetObject,
     .ownership = OWNERSHIP_WRITER,
     .object_owner = SPAN("bob"),
     .policy = POLICY(READ_ALL),
     .source = ACCESS_BY_NOBODY,
     .looks = 1},
    {.what = "the bucket owner's object",
     .account = &carol,
     .action = ACTION_GetObject,
     .ownership = OWNERSHIP_WRITER,
     .policy = POLICY(READ_ALL),
     .source = ACCESS_BY_POLICY,
     .looks = 1},
    {.what = "a Deny for the owner",
     .account = &alice,
     .action = ACTION_GetObject,
     .policy = POLICY(DENY_ALL),
     .source = ACCESS_BY_DENY},
    {.what = "a Deny beside a grant",
     .action = ACTION_ListBucket,
     .ownership = OWNERSHIP_WRITER,
     .bucket_acl = ALL_READ,
     .policy = POLICY(DENY_ALL),
     .source = ACCESS_BY_DENY},
    {.what = "529: the root's policy calls",
     .account = &alice,
     .action = ACTION_DeleteBucketPolicy,
     .policy = POLICY(DENY_ALL),
     .source = ACCESS_BY_OWNER},
    {.what = "529: not another's",
     .account = &bob,
     .action = ACTION_GetBucketPolicy,
     .policy = POLICY(DENY_ALL),
     .source = ACCESS_BY_DENY},

    {.what = "500: groups are ignored",
     .action = ACTION_ListBucket,
     .ownership = OWNERSHIP_WRITER,
     .bucket_acl = ALL_READ,
     .block = {.ignores_acls = true},
     .source = ACCESS_BY_BLOCK},
    {.what = "500: accounts are not",
     .account = &bob,
     .action = ACTION_GetBucketAcl,
     .ownership = OWNERSHIP_WRITER,
     .bucket_acl = BOB_FULL,
     .block = {.ignores_acls = true},
     .source = ACCESS_BY_ACL},
    {.what = "502: a public policy",
     .account = &bob,
     .action = ACTION_ListBucket,
     .policy = POLICY(READ_ALL "," LIST_BOB),
     .block = {.restricts_buckets = true},
     .source = ACCESS_BY_BLOCK},
    {.what = "502: one that is not",
     .account = &bob,
     .action = ACTION_ListBucket,
     .policy = POLICY(LIST_BOB),
     .block = {.restricts_buckets = true},
     .source = ACCESS_BY_POLICY},
    {.what = "502: the owner goes on",
     .account = &alice,
     .action = ACTION_GetObject,
     .policy = POLICY(READ_ALL),
     .block = {.restricts_buckets = true},
     .source = ACCESS_BY_OWNER},
};

static const struct policy *compile(const char *text, struct arena *arena)
{
    const struct policy *policy = NULL;
    struct error error;
    if (text != NULL)
        ck_assert_msg(policy_compile(span_from_string(text), SPAN("b"), arena, &policy, &error), "%s", error.message);
    return policy;
}

START_TEST(questions_have_their_answers)
{
    const struct decide_case *want = &cases[_i];
    struct arena arena;
    arena_init(&arena, POLICY_ARENA_BYTES);
    struct world world = {.owner = want->object_owner, .acl = want->object_acl};
    const struct access_bucket bucket = {
        .name = SPAN("b"),
        .owner = SPAN("alice"),
        .ownership = want->ownership,
        .acl = want->bucket_acl,
        .block = want->block,
        .policy = compile(want->policy, &arena),
    };
    const struct access_question question = {
        .account = want->account,
        .action = want->action,
        .bucket = &bucket,
        .key = action_resource(want->action) == RESOURCE_OBJECT ? SPAN("k") : SPAN_EMPTY,
        .find_owner = find_owner,
        .find_acl = find_acl,
        .context = &world,
    };
    struct access_answer answer;
    ck_assert(access_decide(&question, &answer));
    ck_assert_msg(answer.source == want->source, "%s: by %s", want->what, access_source_name(answer.source));
    ck_assert_msg(answer.is_allowed == !access_source_refuses(want->source), "%s", want->what);
    ck_assert_msg(world.looks == want->looks, "%s: %u looks", want->what, world.looks);
    bool may_need_list = access_counts_acls(&bucket) && access_object_permission(want->action) != 0 &&
                         answer.source != ACCESS_BY_OWNER && answer.source != ACCESS_BY_POLICY &&
                         answer.source != ACCESS_BY_DENY && answer.source != ACCESS_BY_ROLE;
    ck_assert_msg(world.lists == may_need_list, "%s: %u lists", want->what, world.lists);
    arena_free(&arena);
}
END_TEST

START_TEST(an_account_s_own_affairs)
{
    struct access_answer answer;
    struct access_question question = {.account = &bob, .action = ACTION_CreateBucket};
    ck_assert(access_decide(&question, &answer) && answer.is_allowed);
    question.account = &reader;
    ck_assert(access_decide(&question, &answer) && !answer.is_allowed);
    question.action = ACTION_ListAllMyBuckets;
    ck_assert(access_decide(&question, &answer) && answer.is_allowed);
    question.account = NULL;
    ck_assert(access_decide(&question, &answer) && !answer.is_allowed);
}
END_TEST

/* A rebuilt catalogue may not know the owner. That makes nobody the owner, least of all anonymous. */
START_TEST(a_bucket_without_owner_is_nobody_s)
{
    struct world world = {.looks = 0};
    for (enum s3_action action = 0; action < ACTIONS_COUNT; action++)
        for (enum ownership ownership = OWNERSHIP_ENFORCED; ownership <= OWNERSHIP_UNSET; ownership++) {
            struct access_bucket bucket = {.name = SPAN("b"), .owner = SPAN(""), .ownership = ownership};
            struct access_question question = {.action = action,
                                               .bucket = &bucket,
                                               .key = SPAN("k"),
                                               .find_owner = find_owner,
                                               .find_acl = find_acl,
                                               .context = &world};
            struct access_answer answer;
            ck_assert_msg(access_decide(&question, &answer) && !answer.is_allowed, "%s", action_name(action));
            question.account = &alice;
            ck_assert_msg(access_decide(&question, &answer) && !answer.is_allowed, "%s", action_name(action));
            ck_assert(!access_is_plainly_owners(&bucket, NULL));
        }
}
END_TEST

START_TEST(what_cannot_be_found_out_is_not_decided)
{
    struct world world = {.is_down = true};
    const struct access_bucket bucket = {.name = SPAN("b"), .owner = SPAN("alice"), .ownership = OWNERSHIP_WRITER};
    const struct access_question question = {
        .account = &alice,
        .action = ACTION_GetObject,
        .bucket = &bucket,
        .key = SPAN("k"),
        .find_owner = find_owner,
        .find_acl = find_acl,
        .context = &world,
    };
    struct access_answer answer;
    ck_assert(!access_decide(&question, &answer));
    ck_assert(!answer.is_allowed);
}
END_TEST

/* Least of all by what the list was before: it opens nothing, and nobody is told that they may not. */
START_TEST(a_list_that_cannot_be_read_opens_nothing)
{
    struct world world = {.acl = ALL_READ, .is_list_lost = true};
    const struct access_bucket bucket = {.name = SPAN("b"), .owner = SPAN("alice"), .ownership = OWNERSHIP_WRITER};
    struct access_question question = {
        .account = &bob,
        .action = ACTION_GetObject,
        .bucket = &bucket,
        .key = SPAN("k"),
        .find_owner = find_owner,
        .find_acl = find_acl,
        .context = &world,
    };
    struct access_answer answer;
    ck_assert(!access_decide(&question, &answer) && !answer.is_allowed);
    question.account = &alice; /* whoever owns it needs none */
    ck_assert(access_decide(&question, &answer) && answer.is_allowed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decide");
    TCase *tests = tcase_create("decide");
    tcase_add_loop_test(tests, questions_have_their_answers, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(tests, an_account_s_own_affairs);
    tcase_add_test(tests, a_bucket_without_owner_is_nobody_s);
    tcase_add_test(tests, what_cannot_be_found_out_is_not_decided);
    tcase_add_test(tests, a_list_that_cannot_be_read_opens_nothing);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
