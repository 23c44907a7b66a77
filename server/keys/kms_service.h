/* server/keys/kms_service.h -- key services elsewhere, as the file of the keyring names them:
 *
 *   [kms invoices]
 *   provider = vault
 *   url = https://vault.example.org:8200
 *   key = invoices
 *   token-file = /etc/bale/vault-token
 *   ca-file = /etc/bale/vault-ca.pem          optional: trusted beside what the system trusts
 *   mount = transit                           optional: where the transit engine is
 *
 * The name is what clients ask for (x-amz-server-side-encryption-aws-kms-key-id). A provider of "vault" speaks HTTP as
 * HashiCorp Vault and OpenBao do (server/kms/vault.h). */
#pragma once

#include "server/config/ini.h"
#include "server/keys/kms_grant.h"

enum { KMS_SERVICES_MAX = 8, KMS_TEXT_BYTES = INI_LINE_BYTES_MAX + 1 };

/* Texts; "": not given. */
struct kms_service {
    char name[KMS_NAME_BYTES_MAX + 1];
    char url[KMS_TEXT_BYTES];
    char key[KMS_TEXT_BYTES];
    char token_file[KMS_TEXT_BYTES];
    char ca_file[KMS_TEXT_BYTES];
    char mount[KMS_TEXT_BYTES];
    bool is_vault;
};

struct kms_services {
    unsigned count;
    struct kms_service items[KMS_SERVICES_MAX];
};

/* Is this one of its sections? */
bool kms_services_have_section(const char *section);
/* Takes one entry of such a section. Refused in the words of the file. */
bool kms_services_take(struct kms_services *services, const struct ini_file *file, const struct ini_entry *entry,
                       struct error *error);
/* All entries were taken: has each service what it needs? */
bool kms_services_check(const struct kms_services *services, const char *path, struct error *error);
/* NULL: there is none of that name. */
const struct kms_service *kms_services_find(const struct kms_services *services, struct span name);
