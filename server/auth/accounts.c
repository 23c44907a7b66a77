/* server/auth/accounts.c -- the set of accounts, from a credentials file or from one key pair. */
#include "runtime/base/assert.h"
#include "server/auth/identity.h"
#include "server/config/ini.h"

#include <stdlib.h>

enum { SECRET_KEY_BYTES_MIN = 8, ACCESS_KEY_BYTES_MIN = 3 };

/* The one account of a server that has no credentials file. Its id does not depend on the key pair: who changes the
 * keys keeps the buckets. */
#define SINGLE_ACCOUNT "bale"

struct accounts {
    unsigned count;
    struct account *items; /* by access key */
    char owner[ACCOUNT_ID_BYTES_MAX + 1];
};

/* ---- what a value may be; each returns what is wrong with it, or NULL ---- */

static const char *fault_of_access_key(const char *key)
{
    size_t size = strlen(key);
    if (size < ACCESS_KEY_BYTES_MIN || size >= sizeof((struct account *)NULL)->access_key)
        return "access_key must have 3 to 128 characters";
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.+@=";
    if (strspn(key, allowed) != size)
        return "access_key may hold letters, digits and - _ . + @ = only";
    return NULL;
}

static bool is_printable(const char *text, char least)
{
    for (; *text != '\0'; text++)
        if (*text < least || *text > '~')
            return false;
    return true;
}

static const char *fault_of_secret_key(const char *key)
{
    size_t size = strlen(key);
    if (size < SECRET_KEY_BYTES_MIN || size >= sizeof((struct account *)NULL)->secret_key)
        return "secret_key must have 8 to 128 characters";
    return is_printable(key, ' ') ? NULL : "secret_key may hold printable ASCII characters only";
}

static const char *fault_of_id(const char *id)
{
    size_t size = strlen(id);
    if (size < 1 || size > ACCOUNT_ID_BYTES_MAX)
        return "id must have 1 to 128 characters";
    return is_printable(id, '!') ? NULL : "id may hold printable ASCII characters without spaces only";
}

/* Several have commas between them. */
static const char *fault_of_emails(const char *emails)
{
    if (strlen(emails) > ACCOUNT_EMAILS_BYTES_MAX)
        return "email must have at most 190 characters";
    if (!is_printable(emails, ' ') || strchr(emails, '@') == NULL)
        return "email must be addresses such as name@example.com, with commas between them";
    return NULL;
}

/* ---- the credentials file ---- */

/* Where each value of the account that is being read stands; NULL: not yet seen. */
struct section {
    const struct ini_entry *access_key;
    const struct ini_entry *secret_key;
    const struct ini_entry *id;
    const struct ini_entry *role;
    const struct ini_entry *email;
};

static bool take_entry(const struct ini_file *file, const struct ini_entry *entry, struct section *section,
                       struct error *error)
{
    if (entry->section[0] == '\0')
        return ini_refuse(file, entry, error, "%s stands before the first [account].", entry->name);
    if (strcmp(entry->name, "access_key") == 0)
        section->access_key = entry;
    else if (strcmp(entry->name, "secret_key") == 0)
        section->secret_key = entry;
    else if (strcmp(entry->name, "id") == 0)
        section->id = entry;
    else if (strcmp(entry->name, "role") == 0)
        section->role = entry;
    else if (strcmp(entry->name, "email") == 0)
        section->email = entry;
    else
        return ini_refuse(
            file, entry, error,
            "%s is not known: an account has access_key, secret_key, id, email and role = readwrite|readonly.",
            entry->name);
    return true;
}

static bool parse_role(const char *text, enum account_role *ret_role)
{
    if (strcmp(text, "readwrite") == 0)
        *ret_role = ROLE_READWRITE;
    else if (strcmp(text, "readonly") == 0)
        *ret_role = ROLE_READONLY;
    else
        return false;
    return true;
}

static void copy_text(char *to, size_t size, const char *text)
{
    size_t length = strlen(text);
    ASSERT(length < size);
    memcpy(to, text, length + 1);
}

/* `first` is the section's first entry. */
static bool make_account(const struct ini_file *file, const struct ini_entry *first, const struct section *section,
                         struct account *ret_account, struct error *error)
{
    if (section->access_key == NULL || section->secret_key == NULL)
        return error_set(error, ERROR_INVALID, NULL, "%s:%u: the account [%s] has no %s.", file->path,
                         first->section_line, first->section,
                         section->access_key == NULL ? "access_key" : "secret_key");
    const char *fault = fault_of_access_key(section->access_key->value);
    if (fault != NULL)
        return ini_refuse(file, section->access_key, error, "%s.", fault);
    fault = fault_of_secret_key(section->secret_key->value);
    if (fault != NULL)
        return ini_refuse(file, section->secret_key, error, "%s.", fault);
    const char *id = section->id == NULL ? first->section : section->id->value;
    fault = fault_of_id(id);
    if (fault != NULL)
        return ini_refuse(file, section->id == NULL ? first : section->id, error, "%s.", fault);
    fault = section->email == NULL ? NULL : fault_of_emails(section->email->value);
    if (fault != NULL)
        return ini_refuse(file, section->email, error, "%s.", fault);
    ret_account->role = ROLE_READWRITE;
    if (section->role != NULL && !parse_role(section->role->value, &ret_account->role))
        return ini_refuse(file, section->role, error, "role must be readwrite or readonly, not \"%s\".",
                          section->role->value);
    copy_text(ret_account->name, sizeof ret_account->name, first->section);
    copy_text(ret_account->access_key, sizeof ret_account->access_key, section->access_key->value);
    copy_text(ret_account->secret_key, sizeof ret_account->secret_key, section->secret_key->value);
    copy_text(ret_account->id, sizeof ret_account->id, id);
    if (section->email != NULL)
        copy_text(ret_account->emails, sizeof ret_account->emails, section->email->value);
    return true;
}

static bool check_access_key_is_new(const struct ini_file *file, const struct ini_entry *entry,
                                    const struct accounts *accounts, struct error *error)
{
    for (unsigned i = 0; i < accounts->count; i++)
        if (strcmp(accounts->items[i].access_key, entry->value) == 0)
            return ini_refuse(file, entry, error, "the account [%s] has the same access_key.", accounts->items[i].name);
    return true;
}

/* Entries of one section stand together: ini.c has seen to that. */
static bool take_sections(const struct ini_file *file, struct accounts *accounts, struct error *error)
{
    for (unsigned i = 0; i < file->count;) {
        const struct ini_entry *first = &file->entries[i];
        struct section section = {0};
        for (; i < file->count && strcmp(file->entries[i].section, first->section) == 0; i++)
            if (!take_entry(file, &file->entries[i], &section, error))
                return false;
        if (accounts->count == ACCOUNTS_MAX)
            return ini_refuse(file, first, error, "there are more than %d accounts.", ACCOUNTS_MAX);
        if (!make_account(file, first, &section, &accounts->items[accounts->count], error) ||
            !check_access_key_is_new(file, section.access_key, accounts, error))
            return false;
        accounts->count++;
    }
    if (accounts->count == 0)
        return error_set(error, ERROR_INVALID, NULL, "%s holds no account.", file->path);
    return true;
}

static int compare_access_keys(const void *a, const void *b)
{
    const struct account *left = a;
    const struct account *right = b;
    return strcmp(left->access_key, right->access_key);
}

/* Before they are sorted. */
static void note_owner(struct accounts *accounts)
{
    unsigned first = 0;
    while (first + 1 < accounts->count && accounts->items[first].role != ROLE_READWRITE)
        first++;
    copy_text(accounts->owner, sizeof accounts->owner, accounts->items[first].id);
}

const char *accounts_owner(const struct accounts *accounts)
{
    return accounts->owner;
}

static struct accounts *make_accounts(unsigned capacity)
{
    struct accounts *accounts = calloc(1, sizeof *accounts);
    ASSERT(accounts != NULL);
    accounts->items = calloc(capacity, sizeof *accounts->items);
    ASSERT(accounts->items != NULL);
    return accounts;
}

static struct accounts *accounts_from_file(const struct ini_file *file, struct error *error)
{
    unsigned most = file->count < ACCOUNTS_MAX ? file->count : ACCOUNTS_MAX;
    struct accounts *accounts = make_accounts(most + 1);
    if (!take_sections(file, accounts, error)) {
        accounts_free(accounts);
        return NULL;
    }
    note_owner(accounts);
    qsort(accounts->items, accounts->count, sizeof *accounts->items, compare_access_keys);
    return accounts;
}

struct accounts *accounts_load(const char *path, struct error *error)
{
    struct ini_file file;
    if (!ini_file_load(path, &file, error))
        return NULL;
    struct accounts *accounts = accounts_from_file(&file, error);
    ini_file_free(&file);
    return accounts;
}

struct accounts *accounts_parse(const char *path, struct span text, struct error *error)
{
    struct ini_file file;
    if (!ini_file_parse(path, text, &file, error))
        return NULL;
    struct accounts *accounts = accounts_from_file(&file, error);
    ini_file_free(&file);
    return accounts;
}

struct accounts *accounts_single(const char *access_key, const char *secret_key, struct error *error)
{
    const char *fault = fault_of_access_key(access_key);
    if (fault == NULL)
        fault = fault_of_secret_key(secret_key);
    if (fault != NULL) {
        (void)error_set(error, ERROR_INVALID, NULL, "%s.", fault);
        return NULL;
    }
    struct accounts *accounts = make_accounts(1);
    struct account *account = &accounts->items[accounts->count++];
    copy_text(account->name, sizeof account->name, SINGLE_ACCOUNT);
    copy_text(account->id, sizeof account->id, SINGLE_ACCOUNT);
    copy_text(account->access_key, sizeof account->access_key, access_key);
    copy_text(account->secret_key, sizeof account->secret_key, secret_key);
    account->role = ROLE_READWRITE;
    note_owner(accounts);
    return accounts;
}

void accounts_free(struct accounts *accounts)
{
    if (accounts == NULL)
        return;
    explicit_bzero(accounts->items, accounts->count * sizeof *accounts->items);
    free(accounts->items);
    free(accounts);
}

const struct account *accounts_find(const struct accounts *accounts, struct span access_key)
{
    unsigned first = 0;
    unsigned end = accounts->count;
    while (first < end) {
        unsigned middle = first + (end - first) / 2;
        const struct account *account = &accounts->items[middle];
        int order = span_compare(access_key, span_from_string(account->access_key));
        if (order == 0)
            return account;
        if (order < 0)
            end = middle;
        else
            first = middle + 1;
    }
    return NULL;
}

const struct account *accounts_find_id(const struct accounts *accounts, struct span id)
{
    const struct account *found = NULL;
    for (unsigned i = 0; i < accounts->count; i++)
        if (span_equal(id, span_from_string(accounts->items[i].id)) && (found == NULL || found->role == ROLE_READONLY))
            found = &accounts->items[i];
    return found;
}

static bool has_email(const struct account *account, struct span address)
{
    struct span rest = span_from_string(account->emails);
    while (rest.size > 0) {
        size_t comma = span_find(rest, ',');
        if (span_equal_ignore_case(span_trim(span_take(rest, comma)), address))
            return true;
        rest = comma == SIZE_MAX ? SPAN_EMPTY : span_skip(rest, comma + 1);
    }
    return false;
}

/* Key pairs of one account, each with the address, are one account. */
unsigned accounts_find_email(const struct accounts *accounts, struct span address, const struct account **ret_account)
{
    unsigned count = 0;
    if (span_trim(address).size == 0)
        return 0;
    for (unsigned i = 0; i < accounts->count; i++) {
        const struct account *account = &accounts->items[i];
        if (!has_email(account, span_trim(address)) || (count > 0 && strcmp((*ret_account)->id, account->id) == 0))
            continue;
        *ret_account = account;
        count++;
    }
    return count;
}

unsigned accounts_count(const struct accounts *accounts)
{
    return accounts->count;
}
