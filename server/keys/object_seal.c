/* server/keys/object_seal.c -- seals, made and opened. */
#include "server/keys/object_seal.h"

#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"
#include "runtime/base/hex.h"
#include "s3client/wire/checksum.h"
#include "s3client/wire/s3_error.h"
#include "server/keys/kms_keyring.h"

#include <stdio.h>

enum { ETAG_MD5_TEXT_BYTES = 2 * SEAL_MD5_BYTES };

void object_seal_hash_name(const struct object_name *name, uint8_t ret_hash[SEAL_NAME_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    struct sha256_sum sum;
    sha256_begin(&sum);
    sha256_update(&sum, name->bucket);
    sha256_update(&sum, SPAN("/"));
    sha256_update(&sum, name->key);
    sha256_end(&sum, digest);
    memcpy(ret_hash, digest, SEAL_NAME_BYTES);
}

/* ---- hashes, as attributes have them and as a record has them ---- */

/* "<md5>", or with "-<parts>" behind it. */
static void take_etag(const char *etag, struct seal_record *record)
{
    struct span text = span_from_string(etag);
    uint64_t parts = 0;
    ASSERT(text.size >= ETAG_MD5_TEXT_BYTES);
    bool is_md5 = hex_decode(span_take(text, ETAG_MD5_TEXT_BYTES), record->hashes.md5, SEAL_MD5_BYTES);
    if (text.size > ETAG_MD5_TEXT_BYTES)
        is_md5 = is_md5 && decimal_parse_range(span_skip(text, ETAG_MD5_TEXT_BYTES + 1), 1, PART_NUMBER_MAX, &parts);
    ASSERT(is_md5);
    record->hashes.has_md5 = true;
    record->parts_count = (uint16_t)parts;
}

void object_seal_take_checksum(const struct checksum_value *checksum, struct seal_hashes *hashes)
{
    hashes->checksum_algorithm = (uint8_t)checksum->algorithm;
    if (checksum->algorithm == CHECKSUM_NONE)
        return;
    hashes->checksum_type = (uint8_t)checksum->type;
    hashes->checksum_size = (uint8_t)checksum_size(checksum->algorithm);
    memcpy(hashes->checksum, checksum->bytes, hashes->checksum_size);
}

static bool is_checksum(uint8_t algorithm, uint8_t type, uint8_t size)
{
    return algorithm != CHECKSUM_NONE && algorithm < CHECKSUM_ALGORITHMS && type <= CHECKSUM_COMPOSITE &&
           size == checksum_size((enum checksum_algorithm)algorithm);
}

void object_seal_show_checksum(const struct seal_hashes *hashes, uint32_t parts_count, struct checksum_value *checksum)
{
    if (!is_checksum(hashes->checksum_algorithm, hashes->checksum_type, hashes->checksum_size))
        return;
    *checksum = (struct checksum_value){
        .algorithm = (enum checksum_algorithm)hashes->checksum_algorithm,
        .type = (enum checksum_type)hashes->checksum_type,
        .parts_count = hashes->checksum_type == CHECKSUM_COMPOSITE ? parts_count : 0,
    };
    memcpy(checksum->bytes, hashes->checksum, hashes->checksum_size);
}

static void take_hashes(const struct object_attributes *attributes, struct seal_record *record)
{
    take_etag(attributes->etag, record);
    record->hashes.has_crc32c = attributes->has_crc32c;
    record->hashes.crc32c = attributes->has_crc32c ? attributes->crc32c : 0;
    object_seal_take_checksum(&attributes->checksum, &record->hashes);
}

static void show_etag(const uint8_t md5[SEAL_MD5_BYTES], unsigned parts_count, char ret_etag[ETAG_TEXT_BYTES])
{
    hex_encode(span_of(md5, SEAL_MD5_BYTES), ret_etag);
    ret_etag[ETAG_MD5_TEXT_BYTES] = '\0';
    if (parts_count > 0)
        (void)snprintf(ret_etag + ETAG_MD5_TEXT_BYTES, ETAG_TEXT_BYTES - ETAG_MD5_TEXT_BYTES, "-%u", parts_count);
}

static void show_hashes(const struct seal_record *record, struct object_attributes *attributes)
{
    const struct seal_hashes *hashes = &record->hashes;
    if (hashes->has_md5)
        show_etag(hashes->md5, record->parts_count, attributes->etag);
    attributes->has_crc32c = hashes->has_crc32c;
    attributes->crc32c = hashes->crc32c;
    object_seal_show_checksum(hashes, record->parts_count, &attributes->checksum);
}

/* ---- making ---- */

size_t object_seal_make(struct keyring *keyring, const struct object_name *name,
                        const struct object_attributes *attributes, const struct object_sealing *sealing,
                        uint8_t ret_seal[SEAL_RECORD_BYTES_MAX])
{
    const struct seal_keys *keys = kms_keyring_sealing_keys(keyring, sealing->kms);
    struct seal_record record = {.mode = sealing->mode, .kms = sealing->kms};
    struct aes *aes = keyring_take_aes(keyring);
    memcpy(record.key_id, keys->id, sizeof record.key_id);
    memcpy(record.nonce, sealing->nonces->mask, sizeof record.nonce);
    object_seal_hash_name(name, record.name);
    take_hashes(attributes, &record);
    ASSERT((record.parts_count > 0) == (sealing->map != NULL));
    if (sealing->map != NULL)
        memcpy(record.map, sealing->map, sizeof record.map);
    if (seal_mode_has_attribute_key(sealing->mode))
        memcpy(record.customer, sealing->customer, sizeof record.customer);
    seal_mask(aes, keys, record.nonce, &record.hashes);
    seal_wrap(&record, aes, keys, sealing->nonces->wrap, attributes->original_size, sealing->key);
    keyring_give_aes(keyring, aes);
    return seal_record_encode(&record, ret_seal);
}

void object_seal_hide_md5(struct keyring *keyring, const uint8_t attribute_key[AES_KEY_BYTES],
                          uint8_t md5[SEAL_MD5_BYTES])
{
    struct aes *aes = keyring_take_aes(keyring);
    seal_hide_md5(aes, attribute_key, md5);
    keyring_give_aes(keyring, aes);
}

void object_seal_wrap_for_customer(struct keyring *keyring, const struct object_name *name, uint64_t original_size,
                                   const struct customer_key *customer, const uint8_t data_key[AES_KEY_BYTES],
                                   uint8_t ret_wrap[CUSTOMER_WRAP_BYTES])
{
    uint8_t hash[SEAL_NAME_BYTES];
    uint8_t nonce[XAES_NONCE_BYTES];
    struct aes *aes = keyring_take_aes(keyring);
    object_seal_hash_name(name, hash);
    random_fill(random_system(), nonce, sizeof nonce);
    customer_wrap_make(aes, customer->bytes, hash, original_size, nonce, data_key, ret_wrap);
    keyring_give_aes(keyring, aes);
}

/* ---- refusals ---- */

bool object_seal_refuse_customer(struct error *error)
{
    return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                     "The encryption parameters are not applicable to this object.");
}

bool object_seal_refuse_without_customer(struct error *error)
{
    return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                     "The object was stored using a form of Server Side Encryption. The correct parameters must be "
                     "provided to retrieve the object.");
}

bool object_seal_refuse_unreadable(struct error *error)
{
    if (error->code == NULL)
        error->code = error->kind == ERROR_UNSUPPORTED ? S3_NotImplemented : S3_InternalError;
    return false;
}

bool object_seal_refuse_missing(struct keyring *keyring, const uint8_t key_id[SEAL_KEY_ID_BYTES], const char *what,
                                struct error *error)
{
    char id[KEYRING_ID_TEXT_BYTES];
    keyring_id_format(key_id, id);
    const char *day = keyring != NULL ? keyring_destroyed(keyring, key_id) : NULL;
    if (day != NULL)
        return error_set(error, ERROR_UNSUPPORTED, S3_InternalError,
                         "%s was encrypted under the key %s, which was destroyed on %s: nobody can read it any more.",
                         what, id, day);
    if (keyring != NULL)
        keyring_note_missing(keyring, key_id);
    return error_set(error, ERROR_UNSUPPORTED, S3_InternalError, "%s is encrypted under the key %s, which %s.", what,
                     id, keyring != NULL ? "the keyring does not have" : "needs a keyring (--keyring)");
}

/* What is the client's fault is said before anything of the object, also of an empty one. */
static bool check_customer(struct keyring *keyring, const struct seal_record *record,
                           const struct customer_key *customer, struct error *error)
{
    if (record->mode != SEAL_CUSTOMER)
        return customer == NULL || customer_key_mode(customer) == record->mode || object_seal_refuse_customer(error);
    if (customer == NULL)
        return object_seal_refuse_without_customer(error);
    if (keyring == NULL)
        return true; /* what is missing then is said of the keyring's key */
    struct aes *aes = keyring_take_aes(keyring);
    bool is_of = customer_wrap_is_of(aes, customer->bytes, record->name, record->customer);
    keyring_give_aes(keyring, aes);
    return is_of || error_set(error, ERROR_DENIED, S3_AccessDenied, "Access Denied");
}

/* ---- opening ---- */

/* The key from outside of the keyring that wraps the data key, as far as it is there: the client's, or one that the
 * keyring itself gives. */
static bool find_outside(struct keyring *keyring, const struct seal_record *record, const struct customer_key *customer,
                         uint8_t ret_key[AES_KEY_BYTES], bool *ret_is_there, struct error *error)
{
    *ret_is_there = customer != NULL;
    if (customer != NULL)
        memcpy(ret_key, customer->bytes, AES_KEY_BYTES);
    return customer != NULL || record->mode != SEAL_KMS ||
           kms_keyring_open(keyring, record->kms, ret_key, ret_is_there, error);
}

static bool open_data_key(struct aes *aes, const struct seal_record *record, const uint8_t *outside,
                          uint64_t original_size, struct object_secret *secret, struct error *error)
{
    uint64_t size = record->parts_count > 0 ? CUSTOMER_SIZE_UNKNOWN : original_size;
    secret->has_data_key = record->mode == SEAL_KEYRING || outside != NULL;
    if (outside != NULL)
        return customer_wrap_open(aes, outside, record->name, size, record->customer, secret->data_key, error);
    if (secret->has_data_key)
        memcpy(secret->data_key, secret->parts_key, sizeof secret->data_key);
    return true;
}

static bool unwrap(struct keyring *keyring, const struct seal_record *record, const struct seal_keys *keys,
                   const struct customer_key *customer, uint64_t original_size, struct object_secret *ret_secret,
                   struct error *error)
{
    uint8_t outside[AES_KEY_BYTES];
    bool is_there;
    if (!find_outside(keyring, record, customer, outside, &is_there, error))
        return false;
    struct aes *aes = keyring_take_aes(keyring);
    bool opened = seal_unwrap(record, aes, keys, original_size, ret_secret->parts_key, error) &&
                  open_data_key(aes, record, is_there ? outside : NULL, original_size, ret_secret, error);
    keyring_give_aes(keyring, aes);
    explicit_bzero(outside, sizeof outside);
    return opened;
}

/* NULL: the key is not there, or the record is of another name. */
static const struct seal_keys *find_keys(struct keyring *keyring, const struct object_name *name,
                                         const struct seal_record *record, struct error *error)
{
    uint8_t hash[SEAL_NAME_BYTES];
    const struct seal_keys *keys = keyring != NULL ? keyring_find(keyring, record->key_id) : NULL;
    if (keys == NULL) {
        (void)object_seal_refuse_missing(keyring, record->key_id, "The object", error);
        return NULL;
    }
    object_seal_hash_name(name, hash);
    if (memcmp(hash, record->name, sizeof hash) == 0)
        return keys;
    (void)error_set(error, ERROR_DAMAGED, NULL, "The object was encrypted under another name.");
    return NULL;
}

static bool open_record(struct keyring *keyring, const struct object_name *name, const struct seal_record *record,
                        const struct customer_key *customer, uint64_t original_size, struct object_secret *ret_secret,
                        struct error *error)
{
    const struct seal_keys *keys = find_keys(keyring, name, record, error);
    return keys != NULL && unwrap(keyring, record, keys, customer, original_size, ret_secret, error);
}

bool object_seal_open(struct keyring *keyring, const struct object_name *name, const struct customer_key *customer,
                      const struct object_attributes *attributes, struct object_secret *ret_secret, struct error *error)
{
    struct seal_record record;
    *ret_secret = (struct object_secret){.has_data_key = false};
    bool decoded = seal_record_decode(attributes->seal, &record, error);
    if (decoded && !check_customer(keyring, &record, customer, error))
        return false;
    if (!decoded || !open_record(keyring, name, &record, customer, attributes->original_size, ret_secret, error)) {
        explicit_bzero(ret_secret, sizeof *ret_secret);
        return object_seal_refuse_unreadable(error);
    }
    ret_secret->mode = record.mode;
    memcpy(ret_secret->map, record.map, sizeof record.map);
    ret_secret->parts_count = record.parts_count;
    return true;
}

/* ---- making anew ---- */

/* The key that the record holds, which proves it; its hashes are in clear then. */
static bool reveal(struct keyring *keyring, const struct object_name *written, uint64_t original_size,
                   struct seal_record *record, uint8_t ret_key[AES_KEY_BYTES], struct error *error)
{
    const struct seal_keys *keys = find_keys(keyring, written, record, error);
    if (keys == NULL)
        return false;
    struct aes *aes = keyring_take_aes(keyring);
    bool opened = seal_unwrap(record, aes, keys, original_size, ret_key, error);
    seal_mask(aes, keys, record->nonce, &record->hashes);
    keyring_give_aes(keyring, aes);
    return opened;
}

static void hide(struct keyring *keyring, uint64_t original_size, const uint8_t key[AES_KEY_BYTES],
                 struct seal_record *record)
{
    const struct seal_keys *keys = keyring_active(keyring);
    struct seal_nonces nonces;
    struct aes *aes = keyring_take_aes(keyring);
    random_fill(random_system(), &nonces, sizeof nonces);
    memcpy(record->key_id, keys->id, sizeof record->key_id);
    memcpy(record->nonce, nonces.mask, sizeof record->nonce);
    seal_mask(aes, keys, record->nonce, &record->hashes);
    seal_wrap(record, aes, keys, nonces.wrap, original_size, key);
    keyring_give_aes(keyring, aes);
}

/* Beside the keyring's wrap there may be one of another key, for the name, and which key that is the client has said.
 */
static const char *find_bar(struct keyring *keyring, const struct seal_record *record,
                            const uint8_t name[SEAL_NAME_BYTES])
{
    bool is_by_keyring =
        record->mode == SEAL_KMS && keyring_active(keyring) != kms_keyring_sealing_keys(keyring, record->kms);
    if (is_by_keyring)
        return "Its client has named the key (SSE-KMS): a copy of the object brings it under another one.";
    if (seal_mode_has_attribute_key(record->mode) && memcmp(name, record->name, SEAL_NAME_BYTES) != 0)
        return "Under another name it is sealed anew by its customer's or key service's key alone.";
    return NULL;
}

bool object_seal_renew(struct keyring *keyring, const struct object_seal_renewal *renewal,
                       const struct object_attributes *attributes, uint8_t ret_seal[SEAL_RECORD_BYTES_MAX],
                       size_t *ret_size, struct error *error)
{
    struct seal_record record;
    uint8_t key[AES_KEY_BYTES];
    uint8_t name[SEAL_NAME_BYTES];
    ASSERT(keyring_active(keyring) != NULL);
    object_seal_hash_name(renewal->name, name);
    if (!seal_record_decode(attributes->seal, &record, error) ||
        !reveal(keyring, renewal->written, attributes->original_size, &record, key, error))
        return false;
    const char *bar = find_bar(keyring, &record, name);
    if (bar == NULL) {
        memcpy(record.name, name, sizeof record.name);
        hide(keyring, attributes->original_size, key, &record);
        *ret_size = seal_record_encode(&record, ret_seal);
    }
    explicit_bzero(key, sizeof key);
    return bar == NULL || error_set(error, ERROR_DENIED, S3_AccessDenied, "%s", bar);
}

struct object_encryption object_seal_encryption(const struct object_attributes *attributes)
{
    struct object_encryption encryption;
    struct error ignored;
    if (attributes->seal.size == 0)
        return (struct object_encryption){.mode = SEAL_PLAIN};
    if (!seal_record_mode(attributes->seal, &encryption.mode, &encryption.kms, &ignored))
        return (struct object_encryption){.mode = SEAL_KEYRING};
    return encryption;
}

bool object_seal_needs_keyring_alone(const struct object_attributes *attributes)
{
    const struct object_encryption encryption = object_seal_encryption(attributes);
    struct kms_grant grant;
    struct error ignored;
    if (encryption.mode == SEAL_KMS)
        return kms_grant_decode(encryption.kms, &grant, &ignored) && grant.is_by_keyring;
    return encryption.mode != SEAL_CUSTOMER;
}

enum seal_mode object_seal_mode(const struct object_attributes *attributes)
{
    return object_seal_encryption(attributes).mode;
}

/* ---- what the keyring shows ---- */

static void lift(void *context, struct object_attributes *attributes)
{
    struct keyring *keyring = context;
    struct seal_record record;
    struct error ignored;
    if (!seal_record_decode(attributes->seal, &record, &ignored))
        return;
    const struct seal_keys *keys = keyring_find(keyring, record.key_id);
    if (keys == NULL) {
        keyring_note_missing(keyring, record.key_id);
        return;
    }
    struct aes *aes = keyring_take_aes(keyring);
    seal_mask(aes, keys, record.nonce, &record.hashes);
    keyring_give_aes(keyring, aes);
    show_hashes(&record, attributes);
}

static void show_entry(struct seal_excerpt excerpt, const uint8_t md5[SEAL_MD5_BYTES], struct list_entry *entry)
{
    if (seal_excerpt_has_md5(excerpt))
        show_etag(md5, seal_excerpt_parts_count(excerpt), entry->etag);
    uint8_t algorithm = seal_excerpt_checksum_algorithm(excerpt);
    if (algorithm == CHECKSUM_NONE)
        return;
    uint8_t type = seal_excerpt_checksum_type(excerpt);
    if (!is_checksum(algorithm, type, seal_excerpt_checksum_size(excerpt)))
        return;
    entry->checksum_algorithm = (enum checksum_algorithm)algorithm;
    entry->checksum_type = (enum checksum_type)type;
}

/* The first entry, and as many behind it as are under the same key. Returns how many. */
static size_t lift_run(struct keyring *keyring, struct aes *aes, const struct veiled_entry *veiled, size_t count)
{
    struct seal_excerpt excerpts[VEILED_ENTRIES_MAX];
    uint8_t md5s[VEILED_ENTRIES_MAX][SEAL_MD5_BYTES];
    struct error ignored;
    size_t run = 0;
    while (run < count && seal_record_excerpt(veiled[run].seal, &excerpts[run], &ignored) &&
           seal_excerpts_share_key(excerpts[run], excerpts[0]))
        run++;
    if (run == 0)
        return 1; /* damaged */
    const uint8_t *key_id = seal_excerpt_key_id(excerpts[0]);
    const struct seal_keys *keys = keyring_find(keyring, key_id);
    if (keys == NULL) {
        keyring_note_missing(keyring, key_id);
        return run;
    }
    seal_unmask_md5s(aes, keys, excerpts, run, md5s);
    for (size_t i = 0; i < run; i++)
        show_entry(excerpts[i], md5s[i], veiled[i].entry);
    return run;
}

static void lift_entries(void *context, const struct veiled_entry *veiled, size_t count)
{
    struct keyring *keyring = context;
    ASSERT(count <= VEILED_ENTRIES_MAX);
    struct aes *aes = keyring_take_aes(keyring);
    for (size_t done = 0; done < count;)
        done += lift_run(keyring, aes, veiled + done, count - done);
    keyring_give_aes(keyring, aes);
}

struct veil object_seal_veil(struct keyring *keyring)
{
    return (struct veil){.lift = lift, .lift_entries = lift_entries, .context = keyring};
}
