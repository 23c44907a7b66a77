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
 *   [kms payments]
 *   provider = aws
 *   region = eu-central-1
 *   key = arn:aws:kms:...                     the ARN of a key, its id, an alias; *: whichever clients name
 *   url = https://kms.example.org             optional: where else than AWS it is
 *   ca-file = ...                             optional
 *   credentials = /etc/bale/kms-credentials   optional: a file like ~/.aws/credentials
 *   profile = bale                            optional: its section, or that of the shared files
 *
 * The name is what clients ask for (x-amz-server-side-encryption-aws-kms-key-id); keys of AWS they may name as AWS
 * does. A provider of "vault" speaks HTTP as HashiCorp Vault and OpenBao do (server/kms/vault.h), one of "aws" as AWS
 * KMS (server/kms/aws.h). */
#pragma once

#include "server/config/ini.h"
#include "server/keys/kms_grant.h"

enum { KMS_SERVICES_MAX = 8, KMS_TEXT_BYTES = INI_LINE_BYTES_MAX + 1 };

enum kms_provider { KMS_NOBODY, KMS_VAULT, KMS_AWS };

/* Texts; "": not given. */
struct kms_service {
    enum kms_provider provider;
    char name[KMS_NAME_BYTES_MAX + 1];
    char url[KMS_TEXT_BYTES];
    char key[KMS_TEXT_BYTES];
    char token_file[KMS_TEXT_BYTES];
    char ca_file[KMS_TEXT_BYTES];
    char mount[KMS_TEXT_BYTES];
    char region[KMS_TEXT_BYTES];
    char credentials[KMS_TEXT_BYTES];
    char profile[KMS_TEXT_BYTES];
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

/* The lines of a service, as a file has them: the n-th, from 0. False: there is none. `ret_value` "": it is left out.
 */
bool kms_service_line(const struct kms_service *service, unsigned n, const char **ret_name, const char **ret_value);

/* Do both say the same of one service? */
bool kms_service_is_same(const struct kms_service *a, const struct kms_service *b);

/* The key that the service is asked for, to open what it gave under one that it calls `id`. Only AWS names keys so; a
 * path of Vault's never has what an object keeps, which whoever can write to the store may have made up. */
struct span kms_service_key_of(const struct kms_service *service, struct span id);

/* Does a client who names a key mean this service's? */
enum kms_meant {
    KMS_MEANT_NOT,
    KMS_MEANT,         /* it is the key that the service has */
    KMS_MEANT_AMONG,   /* it is one of those that the service may be asked for */
    KMS_MEANT_PERHAPS, /* the service has an alias, or an id without the rest, and alone can tell which key that is */
};
enum kms_meant kms_service_meant(const struct kms_service *service, struct span key);
/* Is this what AWS calls a key, in full or in short? `told`: its ARN. */
bool kms_service_is_same_key(struct span told, struct span key);
