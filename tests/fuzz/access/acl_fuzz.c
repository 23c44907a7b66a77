/* tests/fuzz/access/acl_fuzz.c -- lists of grants from outside: the first byte chooses a document, a value of a grant
 * header, or a packed list as a damaged store might give it. What is accepted packs, is well-formed then, and says the
 * same when it is unpacked and packed again. */
#include "runtime/base/assert.h"
#include "server/access/acl_document.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct accounts *accounts_once(void)
{
    static struct accounts *accounts;
    struct error error;
    if (accounts == NULL)
        accounts = accounts_parse("a.ini",
                                  SPAN("[a]\naccess_key = AKIAA\nsecret_key = 12345678\nemail = a@x.org, t@x.org\n"
                                       "[b]\naccess_key = AKIAB\nsecret_key = 12345678\nemail = b@x.org, t@x.org\n"),
                                  &error);
    ASSERT(accounts != NULL);
    return accounts;
}

/* Grants of the packed list, once more as a list that is being set. */
static void unpack(struct span packed, struct acl *acl)
{
    size_t position = 0;
    struct acl_grant grant;
    acl->count = acl->given = 0;
    while (acl_next(packed, &position, &grant))
        if (!acl_add(acl, grant.grantee, grant.account, grant.permissions))
            return;
}

static void check(const struct acl *acl)
{
    struct acl *again = malloc(sizeof *again);
    struct buffer packed;
    struct buffer twice;
    ASSERT(again != NULL);
    buffer_init(&packed, ACL_PACKED_BYTES_MAX);
    buffer_init(&twice, ACL_PACKED_BYTES_MAX);
    acl_pack(acl, SPAN("a"), &packed);
    ASSERT(!packed.overflow && acl_is_well_formed(buffer_span(&packed)));
    if (packed.size > 0) {
        unpack(buffer_span(&packed), again);
        acl_pack(again, SPAN("a"), &twice);
        ASSERT(span_equal(buffer_span(&packed), buffer_span(&twice)));
    }
    buffer_free(&packed);
    buffer_free(&twice);
    free(again);
}

static void try_document(struct span text)
{
    struct acl_document *document = calloc(1, sizeof *document);
    struct error error = {.kind = ERROR_NONE};
    ASSERT(document != NULL);
    document->accounts = accounts_once();
    struct xml_reader *reader = xml_reader_create(&acl_document_handlers, document);
    if (xml_reader_feed(reader, text, &error) && xml_reader_finish(reader, &error) &&
        acl_document_check(document, &error))
        check(&document->acl);
    else
        ASSERT(error.kind != ERROR_NONE && error.code != NULL);
    xml_reader_destroy(reader);
    free(document);
}

static void try_header(struct span text)
{
    struct acl *acl = calloc(1, sizeof *acl);
    struct error error = {.kind = ERROR_NONE};
    ASSERT(acl != NULL);
    if (acl_add_header(acl, ACL_READ, text, accounts_once(), &error))
        check(acl);
    else
        ASSERT(error.kind != ERROR_NONE && error.code != NULL);
    free(acl);
}

static void try_packed(struct span packed)
{
    struct acl *acl = malloc(sizeof *acl);
    ASSERT(acl != NULL);
    unpack(packed, acl);
    (void)acl_is_public(packed);
    (void)acl_names_others(packed, SPAN("a"));
    unsigned given = acl_permissions_of(packed, SPAN("a"), true);
    ASSERT((acl_permissions_of(packed, SPAN("a"), false) & ~given) == 0);
    if (acl_is_well_formed(packed) && packed.size > 0 && acl->given <= ACL_GRANTS_MAX)
        check(acl);
    free(acl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span rest = span_of(data + 1, size - 1);
    switch (data[0]) {
    case 'h':
        try_header(rest);
        break;
    case 'p':
        try_packed(rest);
        break;
    default:
        try_document(rest);
        break;
    }
    return 0;
}
