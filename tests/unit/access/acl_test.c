/* tests/unit/access/acl_test.c -- lists of grants: canned, from headers, from XML, packed, asked. */
#include "s3client/wire/s3_error.h"
#include "server/access/acl_document.h"
#include "tests/unit/run_suite.h"

#include <check.h>

static struct accounts *accounts;
static struct error error;
static const struct acl_owners mine = {SPAN("alice"), SPAN("alice")};
static const struct acl_owners foreign = {SPAN("bob"), SPAN("alice")};

static void set_up(void)
{
    accounts =
        accounts_parse("a.ini",
                       SPAN("[alice]\naccess_key = AKIAALICE\nsecret_key = 12345678\nemail = a@x.org, al@x.org\n"
                            "[alice2]\nid = alice\naccess_key = AKIAALICE2\nsecret_key = 12345678\nemail = a@x.org\n"
                            "[bob]\naccess_key = AKIABOB\nsecret_key = 12345678\nemail = bob@x.org, two@x.org\n"
                            "[carol]\naccess_key = AKIACAROL\nsecret_key = 12345678\nemail = two@x.org\n"),
                       &error);
    ck_assert_msg(accounts != NULL, "%s", error.message);
}

static void tear_down(void)
{
    accounts_free(accounts);
}

/* "AllUsers:READ; bob:FULL_CONTROL" as an answer would show it. */
static struct buffer shown(struct span packed, const char *owner)
{
    struct buffer text;
    struct xml_writer xml;
    buffer_init(&text, 0);
    xml_begin(&xml, &text);
    xml_open_root(&xml, "A", NULL);
    acl_write(&xml, packed, span_from_string(owner), accounts);
    xml_close(&xml);
    xml_end(&xml);
    buffer_append_byte(&text, 0);
    return text;
}

/* The grantees and permissions in an answer, in order, without everything else. */
static void check_shown(const struct acl *acl, const char *owner, const char *expected)
{
    struct buffer packed;
    struct buffer brief;
    buffer_init(&packed, ACL_PACKED_BYTES_MAX);
    buffer_init(&brief, 0);
    acl_pack(acl, span_from_string(owner), &packed);
    ck_assert(!packed.overflow);
    ck_assert(acl_is_well_formed(buffer_span(&packed)));
    struct buffer text = shown(buffer_span(&packed), owner);
    static const char *const marks[] = {"<URI>", "</DisplayName></Grantee>", "<Permission>"};
    const char *at = strstr((const char *)text.data, "<AccessControlList>");
    ck_assert_ptr_nonnull(at);
    while ((at = strstr(at, "<Grant>")) != NULL) {
        const char *uri = strstr(at, marks[0]);
        const char *permission = strstr(at, marks[2]) + strlen(marks[2]);
        const char *id = strstr(at, "<ID>");
        bool is_group = uri != NULL && uri < permission;
        const char *name = is_group ? uri + strlen(marks[0]) : id + strlen("<ID>");
        const char *end = strchr(name, '<');
        for (const char *slash; is_group && (slash = memchr(name, '/', (size_t)(end - name))) != NULL;)
            name = slash + 1;
        buffer_append_format(&brief, "%.*s:%.*s ", (int)(end - name), name, (int)(strchr(permission, '<') - permission),
                             permission);
        at = permission;
    }
    buffer_append_byte(&brief, 0);
    ck_assert_str_eq((const char *)brief.data, expected);
    buffer_free(&packed);
    buffer_free(&brief);
    buffer_free(&text);
}

START_TEST(canned_names_mean_what_467_says)
{
    static const struct {
        const char *name;
        const char *of_bucket; /* NULL: refused */
        const char *of_mine;
        const char *of_foreign;
    } cases[] = {
        {"private", "alice:FULL_CONTROL ", "alice:FULL_CONTROL ", "bob:FULL_CONTROL "},
        {"public-read", "AllUsers:READ alice:FULL_CONTROL ", "AllUsers:READ alice:FULL_CONTROL ",
         "AllUsers:READ bob:FULL_CONTROL "},
        {"public-read-write", "AllUsers:READ AllUsers:WRITE alice:FULL_CONTROL ",
         "AllUsers:READ AllUsers:WRITE alice:FULL_CONTROL ", "AllUsers:READ AllUsers:WRITE bob:FULL_CONTROL "},
        {"authenticated-read", "AuthenticatedUsers:READ alice:FULL_CONTROL ",
         "AuthenticatedUsers:READ alice:FULL_CONTROL ", "AuthenticatedUsers:READ bob:FULL_CONTROL "},
        {"aws-exec-read", "alice:FULL_CONTROL ", "alice:FULL_CONTROL ", "bob:FULL_CONTROL "},
        {"bucket-owner-read", "alice:FULL_CONTROL ", "alice:FULL_CONTROL ", "bob:FULL_CONTROL alice:READ "},
        {"bucket-owner-full-control", "alice:FULL_CONTROL ", "alice:FULL_CONTROL ",
         "bob:FULL_CONTROL alice:FULL_CONTROL "},
        {"log-delivery-write", "LogDelivery:WRITE LogDelivery:READ_ACP alice:FULL_CONTROL ", NULL, NULL},
        {"Private", NULL, NULL, NULL},
        {"", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct acl acl = {.count = 0};
        struct span name = span_from_string(cases[i].name);
        ck_assert_int_eq(acl_set_canned(&acl, ACL_OF_BUCKET, name, &mine), cases[i].of_bucket != NULL);
        if (cases[i].of_bucket != NULL)
            check_shown(&acl, "alice", cases[i].of_bucket);
        ck_assert_int_eq(acl_set_canned(&acl, ACL_OF_OBJECT, name, &mine), cases[i].of_mine != NULL);
        if (cases[i].of_mine != NULL)
            check_shown(&acl, "alice", cases[i].of_mine);
        ck_assert_int_eq(acl_set_canned(&acl, ACL_OF_OBJECT, name, &foreign), cases[i].of_foreign != NULL);
        if (cases[i].of_foreign != NULL)
            check_shown(&acl, "bob", cases[i].of_foreign);
    }
}
END_TEST

START_TEST(private_is_packed_as_nothing)
{
    struct acl acl = {.count = 0};
    struct buffer packed;
    buffer_init(&packed, 0);
    ck_assert(acl_set_canned(&acl, ACL_OF_OBJECT, SPAN("private"), &mine));
    acl_pack(&acl, SPAN("alice"), &packed);
    ck_assert_uint_eq(packed.size, 0);
    acl_pack(&acl, SPAN("bob"), &packed); /* that is not the owner's own grant */
    ck_assert_uint_gt(packed.size, 0);
    buffer_clear(&packed);
    acl.count = 0; /* no grant at all is another thing than private */
    acl_pack(&acl, SPAN("alice"), &packed);
    ck_assert_uint_eq(packed.size, 1);
    ck_assert(acl_is_well_formed(buffer_span(&packed)));
    ck_assert_uint_eq(acl_permissions_of(buffer_span(&packed), SPAN("alice"), true), 0);
    buffer_free(&packed);
}
END_TEST

START_TEST(grants_come_back_sorted)
{
    struct acl acl = {.count = 0};
    ck_assert(acl_add_header(&acl, ACL_FULL_CONTROL, SPAN("id=\"alice\""), accounts, &error));
    ck_assert(acl_add_header(&acl, ACL_WRITE, SPAN("id=bob , emailAddress=\"two2@x.org\""), accounts, &error) == false);
    ck_assert_str_eq(error.code, S3_UnresolvableGrantByEmailAddress);
    ck_assert(acl_add_header(
        &acl, ACL_READ,
        SPAN("emailAddress=\"BOB@x.org\",uri=\"http://acs.amazonaws.com/groups/global/AuthenticatedUsers\", "
             "uri=http://acs.amazonaws.com/groups/global/AllUsers,"),
        accounts, &error));
    check_shown(&acl, "alice", "AllUsers:READ AuthenticatedUsers:READ alice:FULL_CONTROL bob:READ bob:WRITE ");
}
END_TEST

START_TEST(grantees_that_nobody_is)
{
    static const struct {
        struct span value;
        const char *const code;
    } cases[] = {
        {SPAN("id=nobody"), S3_InvalidArgument},
        {SPAN("id="), S3_InvalidArgument},
        {SPAN("uri=http://acs.amazonaws.com/groups/global/Everybody"), S3_InvalidArgument},
        {SPAN("emailAddress=nobody@x.org"), S3_UnresolvableGrantByEmailAddress},
        {SPAN("emailAddress=\"\""), S3_UnresolvableGrantByEmailAddress},
        {SPAN("emailAddress=two@x.org"), S3_AmbiguousGrantByEmailAddress},
        {SPAN("name=bob"), S3_InvalidArgument},
        {SPAN("bob"), S3_InvalidArgument},
        {SPAN("id=\"bob"), S3_InvalidArgument},
        {SPAN("id=\"bob\"x"), S3_InvalidArgument},
        {SPAN(" "), S3_InvalidArgument},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct acl acl = {.count = 0};
        ck_assert(!acl_add_header(&acl, ACL_READ, cases[i].value, accounts, &error));
        ck_assert_str_eq(error.code, cases[i].code);
    }
    struct acl acl = {.count = 0}; /* two key pairs of one account are one account */
    ck_assert(acl_add_header(&acl, ACL_READ, SPAN("emailAddress=a@x.org"), accounts, &error));
}
END_TEST

START_TEST(groups_count_for_whom_they_hold)
{
    struct acl acl = {.count = 0};
    struct buffer packed;
    buffer_init(&packed, 0);
    ck_assert(acl_add(&acl, ACL_ALL_USERS, SPAN_EMPTY, ACL_READ));
    ck_assert(acl_add(&acl, ACL_AUTHENTICATED_USERS, SPAN_EMPTY, ACL_READ_ACP));
    ck_assert(acl_add(&acl, ACL_LOG_DELIVERY, SPAN_EMPTY, ACL_WRITE_ACP));
    ck_assert(acl_add(&acl, ACL_ACCOUNT, SPAN("bob"), ACL_WRITE));
    ck_assert(acl_add(&acl, ACL_ACCOUNT, SPAN("carol"), ACL_FULL_CONTROL));
    acl_pack(&acl, SPAN("alice"), &packed);
    struct span list = buffer_span(&packed);
    ck_assert_uint_eq(acl_permissions_of(list, SPAN_EMPTY, true), ACL_READ);
    ck_assert_uint_eq(acl_permissions_of(list, SPAN_EMPTY, false), 0);
    ck_assert_uint_eq(acl_permissions_of(list, SPAN("dave"), true), ACL_READ | ACL_READ_ACP);
    ck_assert_uint_eq(acl_permissions_of(list, SPAN("bob"), true), ACL_READ | ACL_READ_ACP | ACL_WRITE);
    ck_assert_uint_eq(acl_permissions_of(list, SPAN("bob"), false), ACL_WRITE);
    ck_assert_uint_eq(acl_permissions_of(list, SPAN("carol"), false),
                      ACL_READ | ACL_WRITE | ACL_READ_ACP | ACL_WRITE_ACP);
    ck_assert(acl_is_public(list));
    ck_assert(acl_names_others(list, SPAN("bob")));
    ck_assert(!acl_is_public(SPAN_EMPTY));
    ck_assert(!acl_names_others(SPAN_EMPTY, SPAN("alice")));
    buffer_free(&packed);
}
END_TEST

START_TEST(damaged_lists_give_nothing)
{
    static const struct span lists[] = {
        SPAN("\x02\x00\x01"), /* another format */
        SPAN("\x01\x04\x01"), /* no such kind */
        SPAN("\x01\x00\x20"), /* no such permission */
        SPAN("\x01\x00\x00"), /* none */
        SPAN("\x01\x03\x01\x05"
             "bob"),              /* cut */
        SPAN("\x01\x03\x01\x00"), /* nobody */
        SPAN("\x01\x00"),
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        ck_assert(!acl_is_well_formed(lists[i]));
        ck_assert_uint_eq(acl_permissions_of(lists[i], SPAN("bob"), true), 0);
    }
}
END_TEST

/* ---- documents ---- */

#define XSI "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
#define GRANTS(grants)                                                                                     \
    "<AccessControlPolicy xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Owner><ID>alice</ID></Owner>" \
    "<AccessControlList>" grants "</AccessControlList></AccessControlPolicy>"
#define USER(id, permission)                                                                                  \
    "<Grant><Grantee " XSI "xsi:type=\"CanonicalUser\"><ID>" id "</ID><DisplayName>x</DisplayName></Grantee>" \
    "<Permission>" permission "</Permission></Grant>"

static bool read_document(struct span text, struct acl_document *document)
{
    *document = (struct acl_document){.accounts = accounts};
    struct xml_reader *reader = xml_reader_create(&acl_document_handlers, document);
    bool ok = xml_reader_feed(reader, text, &error) && xml_reader_finish(reader, &error) &&
              acl_document_check(document, &error);
    xml_reader_destroy(reader);
    return ok;
}

START_TEST(documents_are_read)
{
    struct acl_document document;
    ck_assert_msg(
        read_document(
            SPAN(GRANTS(USER("alice",
                             "FULL_CONTROL") "<Grant><Permission>WRITE</Permission><Grantee " XSI
                                             "xsi:type=\"Group\"><URI>http://acs.amazonaws.com/groups/s3/LogDelivery</"
                                             "URI></Grantee></Grant>"
                                             "<Grant><Grantee " XSI
                                             "xsi:type=\"AmazonCustomerByEmail\"><EmailAddress>bob@x.org</EmailAddress>"
                                             "</Grantee><Permission>READ_ACP</Permission></Grant>")),
            &document),
        "%s", error.message);
    ck_assert_str_eq(document.owner, "alice");
    check_shown(&document.acl, "alice", "LogDelivery:WRITE alice:FULL_CONTROL bob:READ_ACP ");
    ck_assert(read_document(SPAN(GRANTS("")), &document));
    ck_assert_uint_eq(document.acl.count, 0);
}
END_TEST

START_TEST(documents_are_refused)
{
    static const struct {
        struct span text;
        const char *const code;
    } cases[] = {
        {SPAN("<Acl/>"), S3_MalformedACLError},
        {SPAN("<AccessControlPolicy/>"), S3_MalformedACLError},
        {SPAN("<AccessControlPolicy><AccessControlList/></AccessControlPolicy>"), S3_MalformedACLError},
        {SPAN("<AccessControlPolicy><Owner><ID/></Owner><AccessControlList/></AccessControlPolicy>"),
         S3_MalformedACLError},
        {SPAN("<AccessControlPolicy><Owner><ID>alice</ID></Owner></AccessControlPolicy>"), S3_MalformedACLError},
        {SPAN("<AccessControlPolicy><Owner><Grant/></Owner><AccessControlList/></AccessControlPolicy>"),
         S3_MalformedACLError},
        {SPAN(GRANTS("<ID>bob</ID>")), S3_MalformedACLError},
        {SPAN(GRANTS(USER("bob", "read"))), S3_MalformedACLError},
        {SPAN(GRANTS(USER("", "READ"))), S3_MalformedACLError},
        {SPAN(GRANTS(USER("nobody", "READ"))), S3_InvalidArgument},
        {SPAN(GRANTS("<Grant><Permission>READ</Permission></Grant>")), S3_MalformedACLError},
        {SPAN(GRANTS("<Grant><Grantee><ID>bob</ID></Grantee></Grant>")), S3_MalformedACLError},
        {SPAN(GRANTS("<Grant><Grantee><ID>bob</ID><ID>bob</ID></Grantee><Permission>READ</Permission></Grant>")),
         S3_MalformedACLError},
        {SPAN(GRANTS("<Grant><Grantee " XSI "xsi:type=\"Robot\"><ID>bob</ID></Grantee><Permission>READ</Permission>"
                     "</Grant>")),
         S3_MalformedACLError},
        {SPAN(GRANTS("<Grant><Grantee " XSI "xsi:type=\"Group\"><ID>bob</ID></Grantee><Permission>READ</Permission>"
                     "</Grant>")),
         S3_MalformedACLError},
    };
    struct acl_document document;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_msg(!read_document(cases[i].text, &document), "%s", (const char *)cases[i].text.data);
        ck_assert_msg(strcmp(error.code, cases[i].code) == 0, "%s: %s", (const char *)cases[i].text.data, error.code);
    }
}
END_TEST

START_TEST(a_hundred_grants_and_no_more)
{
    struct buffer text;
    struct acl_document document;
    buffer_init(&text, 0);
    buffer_append_string(&text, "<AccessControlPolicy><Owner><ID>alice</ID></Owner><AccessControlList>");
    for (int i = 0; i < ACL_GRANTS_MAX; i++)
        buffer_append_string(&text, USER("bob", "READ"));
    size_t hundred = text.size;
    buffer_append_string(&text, "</AccessControlList></AccessControlPolicy>");
    ck_assert(read_document(buffer_span(&text), &document));
    check_shown(&document.acl, "alice", "bob:READ ");
    text.size = hundred;
    buffer_append_string(&text, USER("bob", "READ") "</AccessControlList></AccessControlPolicy>");
    ck_assert(!read_document(buffer_span(&text), &document));
    ck_assert_str_eq(error.code, S3_MalformedACLError);
    buffer_free(&text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("acl");
    TCase *tests = tcase_create("acl");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, canned_names_mean_what_467_says);
    tcase_add_test(tests, private_is_packed_as_nothing);
    tcase_add_test(tests, grants_come_back_sorted);
    tcase_add_test(tests, grantees_that_nobody_is);
    tcase_add_test(tests, groups_count_for_whom_they_hold);
    tcase_add_test(tests, damaged_lists_give_nothing);
    tcase_add_test(tests, documents_are_read);
    tcase_add_test(tests, documents_are_refused);
    tcase_add_test(tests, a_hundred_grants_and_no_more);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
