/* server/access/acl.c -- lists of grants: set, packed, asked, written. */
#include "server/access/acl.h"

#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "server/access/acl_names.h"

enum {
    FORMAT = 1,
    PERMISSIONS_ALL = ACL_READ | ACL_WRITE | ACL_READ_ACP | ACL_WRITE_ACP | ACL_FULL_CONTROL,
    PERMISSIONS_SINGLE = PERMISSIONS_ALL & ~ACL_FULL_CONTROL,
};

/* ---- setting one ---- */

static bool is_same(const struct acl_grant *grant, enum acl_grantee grantee, struct span account)
{
    return grant->grantee == grantee && (grantee != ACL_ACCOUNT || span_equal(grant->account, account));
}

static unsigned count_bits(unsigned permissions)
{
    return (unsigned)__builtin_popcount(permissions);
}

bool acl_add(struct acl *acl, enum acl_grantee grantee, struct span account, unsigned permissions)
{
    ASSERT(permissions != 0 && (permissions & ~PERMISSIONS_ALL) == 0);
    ASSERT(grantee != ACL_ACCOUNT || (account.size > 0 && account.size <= ACCOUNT_ID_BYTES_MAX));
    unsigned place = 0;
    acl->given += count_bits(permissions);
    if (acl->given > ACL_GRANTS_MAX)
        return false;
    while (place < acl->count && !is_same(&acl->grants[place], grantee, account))
        place++;
    if (place < acl->count) {
        acl->grants[place].permissions |= permissions;
        return true;
    }
    while (place > 0 && acl->grants[place - 1].grantee > grantee) {
        acl->grants[place] = acl->grants[place - 1];
        place--;
    }
    acl->grants[place] = (struct acl_grant){grantee, account, permissions};
    acl->count++;
    return true;
}

static void add(struct acl *acl, enum acl_grantee grantee, struct span account, unsigned permissions)
{
    bool fits = acl_add(acl, grantee, account, permissions);
    ASSERT(fits);
}

bool acl_set_canned(struct acl *acl, enum acl_resource resource, struct span name, const struct acl_owners *owners)
{
    const struct acl_canned *canned = acl_canned_find(name);
    if (canned == NULL || (canned->is_of_buckets && resource != ACL_OF_BUCKET))
        return false;
    acl->count = acl->given = 0;
    if (canned->permissions != 0)
        add(acl, canned->group, SPAN_EMPTY, canned->permissions);
    add(acl, ACL_ACCOUNT, owners->owner, ACL_FULL_CONTROL);
    if (canned->bucket_owner != 0 && resource == ACL_OF_OBJECT && !span_equal(owners->owner, owners->bucket_owner))
        add(acl, ACL_ACCOUNT, owners->bucket_owner, canned->bucket_owner);
    return true;
}

/* ---- packed ---- */

void acl_pack(const struct acl *acl, struct span owner, struct buffer *packed)
{
    if (acl->count == 1 && is_same(&acl->grants[0], ACL_ACCOUNT, owner) &&
        acl->grants[0].permissions == ACL_FULL_CONTROL)
        return;
    buffer_append_byte(packed, FORMAT);
    for (unsigned i = 0; i < acl->count; i++) {
        const struct acl_grant *grant = &acl->grants[i];
        buffer_append_byte(packed, (uint8_t)grant->grantee);
        buffer_append_byte(packed, (uint8_t)grant->permissions);
        if (grant->grantee != ACL_ACCOUNT)
            continue;
        buffer_append_byte(packed, (uint8_t)grant->account.size);
        buffer_append(packed, grant->account);
    }
}

static bool step(struct span packed, size_t *position, struct acl_grant *ret_grant)
{
    if (packed.size - *position < 2)
        return false;
    const uint8_t *bytes = packed.data + *position;
    if (bytes[0] > ACL_ACCOUNT || bytes[1] == 0 || (bytes[1] & ~PERMISSIONS_ALL) != 0)
        return false;
    *ret_grant = (struct acl_grant){.grantee = (enum acl_grantee)bytes[0], .permissions = bytes[1]};
    *position += 2;
    if (ret_grant->grantee != ACL_ACCOUNT)
        return true;
    size_t size = *position < packed.size ? packed.data[*position] : 0;
    if (size == 0 || size > ACCOUNT_ID_BYTES_MAX || size > packed.size - *position - 1)
        return false;
    ret_grant->account = span_of(packed.data + *position + 1, size);
    *position += 1 + size;
    return true;
}

bool acl_next(struct span packed, size_t *position, struct acl_grant *ret_grant)
{
    if (packed.size == 0 || packed.data[0] != FORMAT)
        return false;
    if (*position == 0)
        *position = 1;
    return step(packed, position, ret_grant);
}

bool acl_is_well_formed(struct span packed)
{
    size_t position = 1;
    unsigned count = 0;
    struct acl_grant grant;
    if (packed.size == 0)
        return true;
    if (packed.data[0] != FORMAT)
        return false;
    while (position < packed.size)
        if (++count > ACL_GRANTS_MAX || !step(packed, &position, &grant))
            return false;
    return true;
}

bool acl_compile(const struct bucket_info *bucket, struct span packed, struct arena *arena, const void **ret_compiled,
                 struct error *error)
{
    (void)bucket, (void)arena;
    *ret_compiled = NULL;
    return acl_is_well_formed(packed) ||
           error_set(error, ERROR_DAMAGED, S3_InternalError, "A bucket's access control list cannot be read.");
}

/* ---- asked ---- */

unsigned acl_permissions_of(struct span packed, struct span account, bool counts_groups)
{
    unsigned permissions = 0;
    size_t position = 0;
    struct acl_grant grant;
    while (acl_next(packed, &position, &grant)) {
        bool is_asker = false;
        switch (grant.grantee) {
        case ACL_ALL_USERS:
            is_asker = counts_groups;
            break;
        case ACL_AUTHENTICATED_USERS:
            is_asker = counts_groups && account.size > 0;
            break;
        case ACL_LOG_DELIVERY:
            break;
        case ACL_ACCOUNT:
            is_asker = span_equal(grant.account, account);
            break;
        }
        if (is_asker)
            permissions |= grant.permissions;
    }
    return (permissions & ACL_FULL_CONTROL) != 0 ? PERMISSIONS_SINGLE : permissions;
}

bool acl_is_public(struct span packed)
{
    size_t position = 0;
    struct acl_grant grant;
    while (acl_next(packed, &position, &grant))
        if (grant.grantee == ACL_ALL_USERS || grant.grantee == ACL_AUTHENTICATED_USERS)
            return true;
    return false;
}

bool acl_names_others(struct span packed, struct span owner)
{
    size_t position = 0;
    struct acl_grant grant;
    while (acl_next(packed, &position, &grant))
        if (!is_same(&grant, ACL_ACCOUNT, owner))
            return true;
    return false;
}

/* ---- written ---- */

static void write_account(struct xml_writer *xml, struct span id, const struct accounts *accounts)
{
    const struct account *account = accounts == NULL ? NULL : accounts_find_id(accounts, id);
    xml_text(xml, "ID", id);
    xml_text(xml, "DisplayName", account == NULL ? id : span_from_string(account->name));
}

static void write_grant(struct xml_writer *xml, const struct acl_grant *grant, unsigned permission,
                        const struct accounts *accounts)
{
    xml_open(xml, "Grant");
    xml_open_typed(xml, "Grantee", grant->grantee == ACL_ACCOUNT ? "CanonicalUser" : "Group");
    if (grant->grantee == ACL_ACCOUNT)
        write_account(xml, grant->account, accounts);
    else
        xml_text(xml, "URI", acl_group_uri(grant->grantee));
    xml_close(xml);
    xml_string(xml, "Permission", acl_permission_name(permission));
    xml_close(xml);
}

static void write_grants(struct xml_writer *xml, const struct acl_grant *grant, const struct accounts *accounts)
{
    for (unsigned permission = ACL_READ; permission <= ACL_FULL_CONTROL; permission <<= 1)
        if ((grant->permissions & permission) != 0)
            write_grant(xml, grant, permission, accounts);
}

void acl_write(struct xml_writer *xml, struct span packed, struct span owner, const struct accounts *accounts)
{
    size_t position = 0;
    struct acl_grant grant = {ACL_ACCOUNT, owner, ACL_FULL_CONTROL};
    xml_open(xml, "Owner");
    write_account(xml, owner, accounts);
    xml_close(xml);
    xml_open(xml, "AccessControlList");
    if (packed.size == 0)
        write_grants(xml, &grant, accounts);
    while (acl_next(packed, &position, &grant))
        write_grants(xml, &grant, accounts);
    xml_close(xml);
}

void acl_write_grants(struct xml_writer *xml, const struct acl *acl, const struct accounts *accounts)
{
    for (unsigned i = 0; i < acl->count; i++)
        write_grants(xml, &acl->grants[i], accounts);
}
