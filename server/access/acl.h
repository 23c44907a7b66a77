/* server/access/acl.h -- an access control list: whom it gives what. As a store keeps it, as S3 names it (canned, in
 * grant headers), and as S3 writes it.
 *
 * Statements 465 to 481 and 498. A list names grantees in the order in which answers show them: groups first, then
 * accounts as they were given; each with the permissions that it has been given. It never names an owner: who owns a
 * bucket or an object stands beside its list, and no right of an owner depends on grants.
 *
 * Packed, it is what a store keeps of an object, and a setting of a bucket:
 *
 *   u8 1 (the format) | per grantee: u8 kind, u8 permissions, and for an account u8 size, its id
 *
 * Nothing at all (an empty span) is the list that "private" stands for: the owner's FULL_CONTROL. So an object that
 * nobody ever gave away costs no byte and no look. Packed lists come from disk: whatever does not parse gives nothing.
 *
 * Pure: no store, no fibers, no memory of its own. Spans point to whoever was given. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "s3client/wire/xml_writer.h"
#include "server/auth/identity.h"

#include <stdbool.h>

enum {
    ACL_GRANTS_MAX = 100,
    ACL_PACKED_BYTES_MAX = 1 + ACL_GRANTS_MAX * (3 + ACCOUNT_ID_BYTES_MAX),
};

/* In the order of answers. */
enum acl_grantee {
    ACL_ALL_USERS,           /* everyone, anonymous too */
    ACL_AUTHENTICATED_USERS, /* everyone with a signature that holds */
    ACL_LOG_DELIVERY,        /* who writes access logs */
    ACL_ACCOUNT,
};

/* Sets of them; in the order of answers from the lowest bit on. */
enum acl_permission {
    ACL_READ = 1,
    ACL_WRITE = 2,
    ACL_READ_ACP = 4,
    ACL_WRITE_ACP = 8,
    ACL_FULL_CONTROL = 16,
};

enum acl_resource { ACL_OF_BUCKET, ACL_OF_OBJECT };

struct acl_grant {
    enum acl_grantee grantee;
    struct span account;  /* ACL_ACCOUNT: its id */
    unsigned permissions; /* enum acl_permission, several together, as they were given */
};

/* About 3 KiB: for the stack of whoever sets a list. */
struct acl {
    struct acl_grant grants[ACL_GRANTS_MAX];
    unsigned count;
    unsigned given; /* grants that were given, of which several may be of one grantee */
};

/* Who owns what a list is of, and the bucket around it. */
struct acl_owners {
    struct span owner;
    struct span bucket_owner;
};

/* ---- setting one ---- */

/* Adds permissions to what the grantee has; groups are sorted in before accounts. False: above ACL_GRANTS_MAX. */
bool acl_add(struct acl *acl, enum acl_grantee grantee, struct span account, unsigned permissions);

/* *acl is what the canned name stands for. False: no such name for this kind of resource. */
bool acl_set_canned(struct acl *acl, enum acl_resource resource, struct span name, const struct acl_owners *owners);

/* A value of x-amz-grant-...: id="...", uri="...", emailAddress="...", separated by commas. InvalidArgument,
 * UnresolvableGrantByEmailAddress, AmbiguousGrantByEmailAddress. */
bool acl_add_header(struct acl *acl, unsigned permission, struct span value, const struct accounts *accounts,
                    struct error *error);

/* One grantee as documents and headers name it; each refuses as acl_add_header does. */
bool acl_add_id(struct acl *acl, struct span id, unsigned permission, const struct accounts *accounts,
                struct error *error);
bool acl_add_uri(struct acl *acl, struct span uri, unsigned permission, struct error *error);
bool acl_add_email(struct acl *acl, struct span address, unsigned permission, const struct accounts *accounts,
                   struct error *error);

/* READ, WRITE, READ_ACP, WRITE_ACP or FULL_CONTROL; 0: none of them. */
unsigned acl_permission_of_name(struct span name);

/* Appends the packed list; nothing when it is the owner's FULL_CONTROL alone. */
void acl_pack(const struct acl *acl, struct span owner, struct buffer *packed);

/* ---- asking one ---- */

/* Steps through a packed list; *position starts at 0. False at the end, or where it does not parse. An empty list
 * names nobody: its owner is known beside it. */
bool acl_next(struct span packed, size_t *position, struct acl_grant *ret_grant);

/* All of it parses. */
bool acl_is_well_formed(struct span packed);
/* The compile function of a bucket's setting: nobody asks for a compiled form, but what is damaged is found here. */
bool acl_compile(const struct bucket_info *bucket, struct span packed, struct arena *arena, const void **ret_compiled,
                 struct error *error);

/* What the list gives to an account (its id), or to anonymous (empty): READ to WRITE_ACP, FULL_CONTROL spelt out.
 * Grants to groups count only with `counts_groups`. What an owner may do beyond that is not asked here. */
unsigned acl_permissions_of(struct span packed, struct span account, bool counts_groups);

/* It gives something to AllUsers or AuthenticatedUsers (498). */
bool acl_is_public(struct span packed);

/* It gives something to anybody but this account (461). */
bool acl_names_others(struct span packed, struct span owner);

/* ---- answering ---- */

/* The children of an open AccessControlPolicy: Owner and AccessControlList. Names are those of accounts, or the id of
 * an account that has gone. */
void acl_write(struct xml_writer *xml, struct span packed, struct span owner, const struct accounts *accounts);
/* Grant ... alone, of a list that is not packed. `accounts` NULL: nobody's name is known. */
void acl_write_grants(struct xml_writer *xml, const struct acl *acl, const struct accounts *accounts);
