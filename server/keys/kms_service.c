/* server/keys/kms_service.c -- key services, read from the keyring's file. */
#include "server/keys/kms_service.h"

#include "runtime/base/hex.h"

#include <string.h>

static const char prefix[] = "kms ";

enum { KEY_ID_BYTES = 8 };

bool kms_services_have_section(const char *section)
{
    return strncmp(section, prefix, strlen(prefix)) == 0;
}

/* What may stand in a path of a URL as it is; a service's name is told in headers, too. */
static bool is_word(const char *text, const char *also)
{
    for (const char *at = text; *at != '\0'; at++)
        if (!((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') ||
              strchr(also, *at) != NULL))
            return false;
    return text[0] != '\0';
}

/* The one of the section, which may have stood in the entry before. */
static struct kms_service *service_of_section(struct kms_services *services, const struct ini_file *file,
                                              const struct ini_entry *entry, struct error *error)
{
    uint8_t id[KEY_ID_BYTES];
    const char *name = entry->section + strlen(prefix);
    struct kms_service *last = services->count > 0 ? &services->items[services->count - 1] : NULL;
    if (last != NULL && strcmp(last->name, name) == 0)
        return last;
    if (!is_word(name, "._-/:") || hex_decode(span_from_string(name), id, sizeof id)) {
        (void)ini_refuse(file, entry, error,
                         "a name of a key service has letters, digits and ._-/: and is no id of a key.");
        return NULL;
    }
    if (services->count == KMS_SERVICES_MAX) {
        (void)ini_refuse(file, entry, error, "there are more than %d key services.", KMS_SERVICES_MAX);
        return NULL;
    }
    struct kms_service *service = &services->items[services->count++];
    memcpy(service->name, name, strlen(name) + 1); /* names of sections are not longer than INI_NAME_BYTES_MAX */
    return service;
}

static bool take_provider(struct kms_service *service, const struct ini_file *file, const struct ini_entry *entry,
                          struct error *error)
{
    service->is_vault = strcmp(entry->value, "vault") == 0;
    return service->is_vault || ini_refuse(file, entry, error, "the provider of a key service is vault.");
}

static char *text_of(struct kms_service *service, const char *name)
{
    const struct {
        const char *name;
        char *text;
    } texts[] = {{"url", service->url},
                 {"key", service->key},
                 {"token-file", service->token_file},
                 {"ca-file", service->ca_file},
                 {"mount", service->mount}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(texts[i].name, name) == 0)
            return texts[i].text;
    return NULL;
}

bool kms_services_take(struct kms_services *services, const struct ini_file *file, const struct ini_entry *entry,
                       struct error *error)
{
    struct kms_service *service = service_of_section(services, file, entry, error);
    if (service == NULL)
        return false;
    if (strcmp(entry->name, "provider") == 0)
        return take_provider(service, file, entry, error);
    char *text = text_of(service, entry->name);
    if (text == NULL)
        return ini_refuse(file, entry, error,
                          "a key service has provider, url, key, token-file, ca-file and mount, and nothing else.");
    if (strlen(entry->name) + strlen(" = ") + strlen(entry->value) > INI_LINE_BYTES_MAX) /* as it is written anew */
        return ini_refuse(file, entry, error, "the line would be longer than %d bytes with spaces around the =.",
                          INI_LINE_BYTES_MAX);
    memcpy(text, entry->value, strlen(entry->value) + 1);
    return true;
}

static bool has_url(const struct kms_service *service)
{
    return strncmp(service->url, "https://", strlen("https://")) == 0 ||
           strncmp(service->url, "http://", strlen("http://")) == 0;
}

bool kms_services_check(const struct kms_services *services, const char *path, struct error *error)
{
    for (unsigned i = 0; i < services->count; i++) {
        const struct kms_service *service = &services->items[i];
        if (!service->is_vault || !has_url(service) || !is_word(service->key, "._-") ||
            service->token_file[0] == '\0' || (service->mount[0] != '\0' && !is_word(service->mount, "._-/")))
            return error_set(error, ERROR_INVALID, NULL,
                             "%s: [kms %s] needs provider = vault, a url, a key and a token-file; key and mount are of "
                             "letters, digits and ._-.",
                             path, service->name);
    }
    return true;
}

const struct kms_service *kms_services_find(const struct kms_services *services, struct span name)
{
    for (unsigned i = 0; i < services->count; i++)
        if (span_equal(span_from_string(services->items[i].name), name))
            return &services->items[i];
    return NULL;
}
