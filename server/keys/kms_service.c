/* server/keys/kms_service.c -- key services, read from the keyring's file. */
#include "server/keys/kms_service.h"

#include "runtime/base/hex.h"

#include <stddef.h>
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

static const char *const provider_names[] = {[KMS_NOBODY] = "", [KMS_VAULT] = "vault", [KMS_AWS] = "aws"};

static bool take_provider(struct kms_service *service, const struct ini_file *file, const struct ini_entry *entry,
                          struct error *error)
{
    for (enum kms_provider i = KMS_VAULT; i <= KMS_AWS; i++)
        if (strcmp(entry->value, provider_names[i]) == 0)
            service->provider = i;
    return service->provider != KMS_NOBODY ||
           ini_refuse(file, entry, error, "the provider of a key service is vault or aws.");
}

/* Where each text is, in the order in which a file is written. */
static const struct {
    const char *name;
    size_t at;
} texts[] = {
    {"url", offsetof(struct kms_service, url)},
    {"region", offsetof(struct kms_service, region)},
    {"key", offsetof(struct kms_service, key)},
    {"token-file", offsetof(struct kms_service, token_file)},
    {"credentials", offsetof(struct kms_service, credentials)},
    {"profile", offsetof(struct kms_service, profile)},
    {"ca-file", offsetof(struct kms_service, ca_file)},
    {"mount", offsetof(struct kms_service, mount)},
};
enum { TEXTS = sizeof texts / sizeof texts[0] };

static char *text_of(struct kms_service *service, const char *name)
{
    for (size_t i = 0; i < TEXTS; i++)
        if (strcmp(texts[i].name, name) == 0)
            return (char *)service + texts[i].at;
    return NULL;
}

bool kms_service_line(const struct kms_service *service, unsigned n, const char **ret_name, const char **ret_value)
{
    if (n > TEXTS)
        return false;
    *ret_name = n == 0 ? "provider" : texts[n - 1].name;
    *ret_value = n == 0 ? provider_names[service->provider] : (const char *)service + texts[n - 1].at;
    return true;
}

bool kms_service_is_same(const struct kms_service *a, const struct kms_service *b)
{
    bool is_same = strcmp(a->name, b->name) == 0;
    const char *name;
    const char *ours;
    const char *theirs;
    for (unsigned n = 0; is_same && kms_service_line(a, n, &name, &ours); n++)
        is_same = kms_service_line(b, n, &name, &theirs) && strcmp(ours, theirs) == 0;
    return is_same;
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
                          "a key service has provider, url, region, key, token-file, credentials, profile, ca-file and "
                          "mount, and nothing else.");
    if (strlen(entry->name) + strlen(" = ") + strlen(entry->value) > INI_LINE_BYTES_MAX) /* as it is written anew */
        return ini_refuse(file, entry, error, "the line would be longer than %d bytes with spaces around the =.",
                          INI_LINE_BYTES_MAX);
    memset(text, 0, KMS_TEXT_BYTES);
    memcpy(text, entry->value, strlen(entry->value));
    return true;
}

static bool is_url(const char *text)
{
    return strncmp(text, "https://", strlen("https://")) == 0 || strncmp(text, "http://", strlen("http://")) == 0;
}

static bool has_none(const char *const *given, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (given[i][0] != '\0')
            return false;
    return true;
}

static bool check_vault(const struct kms_service *service)
{
    const char *const others[] = {service->region, service->credentials, service->profile};
    return is_url(service->url) && is_word(service->key, "._-") && service->token_file[0] != '\0' &&
           (service->mount[0] == '\0' || is_word(service->mount, "._-/")) && has_none(others, 3);
}

static bool check_aws(const struct kms_service *service)
{
    const char *const others[] = {service->token_file, service->mount};
    return is_word(service->region, "-") && (strcmp(service->key, "*") == 0 || is_word(service->key, ":/_-")) &&
           (service->url[0] == '\0' || is_url(service->url)) && has_none(others, 2);
}

bool kms_services_check(const struct kms_services *services, const char *path, struct error *error)
{
    for (unsigned i = 0; i < services->count; i++) {
        const struct kms_service *service = &services->items[i];
        if (service->provider == KMS_AWS && !check_aws(service))
            return error_set(
                error, ERROR_INVALID, NULL,
                "%s: [kms %s] with provider = aws needs a region, and a key: its ARN, its id, an alias, or "
                "*; it may have a url, credentials, a profile and a ca-file.",
                path, service->name);
        if (service->provider != KMS_AWS && (service->provider != KMS_VAULT || !check_vault(service)))
            return error_set(error, ERROR_INVALID, NULL,
                             "%s: [kms %s] needs provider = vault or aws; of vault a url, a key and a token-file; key "
                             "and mount are of letters, digits and ._-.",
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

struct span kms_service_key_of(const struct kms_service *service, struct span id)
{
    return service->provider == KMS_AWS && id.size > 0 ? id : span_from_string(service->key);
}

/* ---- keys of AWS ---- */

enum { ARN_SERVICE = 2, ARN_REGION = 3, ARN_RESOURCE = 5 };

/* The n-th part of "arn:PARTITION:kms:REGION:ACCOUNT:RESOURCE", the last with all that follows; empty: it is none. */
static struct span arn_part(struct span arn, unsigned n)
{
    struct span rest = arn;
    for (unsigned i = 0; i < n && rest.size > 0; i++) {
        const uint8_t *colon = memchr(rest.data, ':', rest.size);
        rest = colon != NULL ? span_skip(rest, (size_t)(colon + 1 - rest.data)) : SPAN_EMPTY;
    }
    const uint8_t *end = n < ARN_RESOURCE && rest.size > 0 ? memchr(rest.data, ':', rest.size) : NULL;
    return end != NULL ? span_take(rest, (size_t)(end - rest.data)) : rest;
}

static bool is_arn(struct span key)
{
    return span_starts_with(key, SPAN("arn:")) && span_equal(arn_part(key, ARN_SERVICE), SPAN("kms"));
}

/* "key/ID" of an ARN, and ID itself, are the same. */
static struct span without_kind(struct span resource)
{
    return span_starts_with(resource, SPAN("key/")) ? span_skip(resource, strlen("key/")) : resource;
}

bool kms_service_is_same_key(struct span told, struct span key)
{
    return span_equal(told, key) || (is_arn(told) && !is_arn(key) && key.size > 0 &&
                                     span_equal(without_kind(arn_part(told, ARN_RESOURCE)), key));
}

static bool is_alias(struct span key)
{
    return span_starts_with(is_arn(key) ? arn_part(key, ARN_RESOURCE) : key, SPAN("alias/"));
}

/* An id of a key: "1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-" and 32 digits. */
static bool is_id(struct span key)
{
    enum { ID_BYTES = 36 };
    bool is_one = key.size == ID_BYTES;
    for (size_t i = 0; is_one && i < key.size; i++) {
        uint8_t byte = key.data[i];
        is_one = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-';
    }
    return is_one;
}

static bool has_only_key_bytes(struct span key)
{
    for (size_t i = 0; i < key.size; i++) {
        uint8_t byte = key.data[i];
        if (!((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
              (byte != '\0' && strchr(":/_-", byte) != NULL)))
            return false;
    }
    return key.size > 0 && key.size <= KMS_KEY_ID_BYTES_MAX;
}

enum kms_meant kms_service_meant(const struct kms_service *service, struct span key)
{
    struct span ours = span_from_string(service->key);
    bool is_key = has_only_key_bytes(key) && (is_arn(key) || is_alias(key) || is_id(key));
    bool is_there = !is_arn(key) || span_equal(arn_part(key, ARN_REGION), span_from_string(service->region));
    if (service->provider != KMS_AWS || !is_key || !is_there)
        return KMS_MEANT_NOT;
    if (kms_service_is_same_key(ours, key))
        return KMS_MEANT;
    if (span_equal(ours, SPAN("*")))
        return KMS_MEANT_AMONG;
    bool is_for_service_to_tell = !is_alias(key) && (is_alias(ours) || (!is_arn(ours) && is_arn(key)));
    return is_for_service_to_tell ? KMS_MEANT_PERHAPS : KMS_MEANT_NOT;
}
