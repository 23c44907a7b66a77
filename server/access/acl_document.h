/* server/access/acl_document.h -- an AccessControlPolicy in XML, read as it streams.
 *
 * Statements 465, 471, 473 and 474. Handlers for xml_reader; the reader lives with whoever reads the body. What is
 * refused is MalformedACLError, or what acl_add_... say of one grantee; who may be named as owner is the caller's. */
#pragma once

#include "s3client/wire/xml_reader.h"
#include "server/access/acl.h"

/* Begin with {.accounts = ...}. Ids in `acl` point to the accounts. */
struct acl_document {
    const struct accounts *accounts;
    char owner[ACCOUNT_ID_BYTES_MAX + 1]; /* as the document names it; cut where it is longer than any id */
    bool has_list;
    struct acl acl;

    /* where the reader is, and the grant that it reads */
    bool in_list;
    bool in_grant;
    bool in_grantee;
    enum { GRANTEE_NONE, GRANTEE_ID, GRANTEE_URI, GRANTEE_EMAIL } kind;
    enum { TYPE_NONE, TYPE_USER, TYPE_GROUP, TYPE_EMAIL } type; /* of xsi:type */
    char grantee[1024];
    unsigned permission;
};

extern const struct xml_handlers acl_document_handlers;

/* After the last byte: all that must be there is. MalformedACLError. */
bool acl_document_check(const struct acl_document *document, struct error *error);
