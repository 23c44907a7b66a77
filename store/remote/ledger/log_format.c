/* store/remote/ledger/log_format.c -- entries of a log of intents as bytes, and back. */
#include "store/remote/ledger/log_format.h"

#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

enum {
    AT_VERSION = 8,
    AT_SPOOL = 16,
    AT_BOOT = 32,
    AT_CREATED = 48,
    AT_RECOUNTS = 56,
    AT_HEAD_CHECKSUM = 60,

    ENTRY_HEAD_BYTES = 7,
    AT_ENTRY_BYTES = 4,
    AT_ENTRY_KIND = 6,

    AT_KIND = 8,
    AT_NONCE = 9,
    AT_MADE = AT_NONCE + STAMP_NONCE_BYTES,
    AMOUNTS_BYTES = 24,
    INTENT_FIXED_BYTES = AT_MADE + 2 * AMOUNTS_BYTES + 8 + 1 + 4,
    OLD_INTENT_FIXED_BYTES = AT_MADE + AMOUNTS_BYTES + 8 + 4,

    OUTCOME_BYTES = 9,
};

static const struct span magic = SPAN("BALE-LOG");

/* ---- writing ---- */

void log_put_head(struct buffer *log, const struct log_head *head)
{
    uint8_t bytes[LOG_HEAD_BYTES] = {0};
    memcpy(bytes, magic.data, magic.size);
    store_u16_le(bytes + AT_VERSION, LOG_VERSION);
    memcpy(bytes + AT_SPOOL, head->spool, SPOOL_ID_BYTES);
    memcpy(bytes + AT_BOOT, head->boot, BOOT_ID_BYTES);
    store_u64_le(bytes + AT_CREATED, (uint64_t)head->created_ms);
    store_u32_le(bytes + AT_RECOUNTS, head->recounts);
    store_u32_le(bytes + AT_HEAD_CHECKSUM, crc32c_update(0, span_of(bytes, AT_HEAD_CHECKSUM)));
    buffer_append(log, span_of(bytes, sizeof bytes));
}

/* Room for the entry's head; where it is. */
static size_t begin_entry(struct buffer *log)
{
    static const uint8_t none[ENTRY_HEAD_BYTES];
    size_t at = log->size;
    buffer_append(log, span_of(none, sizeof none));
    return at;
}

static void end_entry(struct buffer *log, size_t at, enum log_entry_kind kind)
{
    uint8_t *head = log->data + at;
    size_t bytes = log->size - at - ENTRY_HEAD_BYTES;
    ASSERT(bytes <= UINT16_MAX && !log->overflow);
    store_u16_le(head + AT_ENTRY_BYTES, (uint16_t)bytes);
    head[AT_ENTRY_KIND] = (uint8_t)kind;
    store_u32_le(head, crc32c_update(0, span_of(head + AT_ENTRY_BYTES, log->size - at - AT_ENTRY_BYTES)));
}

static uint8_t *put_amounts(uint8_t *to, const struct ledger_amounts *amounts)
{
    store_u64_le(to, (uint64_t)amounts->objects);
    store_u64_le(to + 8, (uint64_t)amounts->original_bytes);
    store_u64_le(to + 16, (uint64_t)amounts->stored_bytes);
    return to + AMOUNTS_BYTES;
}

void log_put_intent(struct buffer *log, const struct ledger_intent *intent)
{
    uint8_t fixed[INTENT_FIXED_BYTES];
    ASSERT(intent->etag.size <= UINT8_MAX && intent->name.bucket.size <= UINT8_MAX &&
           intent->name.key.size <= UINT16_MAX);
    store_u64_le(fixed, intent->number);
    fixed[AT_KIND] = (uint8_t)intent->kind;
    memcpy(fixed + AT_NONCE, intent->nonce, STAMP_NONCE_BYTES);
    uint8_t *to = put_amounts(put_amounts(fixed + AT_MADE, &intent->made), &intent->replaced);
    store_u64_le(to, intent->creation_id);
    to[8] = intent->null_covers;
    to[9] = (uint8_t)intent->etag.size;
    to[10] = (uint8_t)intent->name.bucket.size;
    store_u16_le(to + 11, (uint16_t)intent->name.key.size);
    size_t at = begin_entry(log);
    buffer_append(log, span_of(fixed, sizeof fixed));
    buffer_append(log, intent->etag);
    buffer_append(log, intent->name.bucket);
    buffer_append(log, intent->name.key);
    end_entry(log, at, LOG_INTENT);
}

void log_put_outcome(struct buffer *log, uint64_t number, enum intent_outcome outcome)
{
    uint8_t bytes[OUTCOME_BYTES];
    store_u64_le(bytes, number);
    bytes[8] = (uint8_t)outcome;
    size_t at = begin_entry(log);
    buffer_append(log, span_of(bytes, sizeof bytes));
    end_entry(log, at, LOG_OUTCOME);
}

void log_put_amounts(struct buffer *log, const struct spool_amounts *amounts)
{
    size_t at = begin_entry(log);
    spool_put_amounts(log, amounts);
    end_entry(log, at, LOG_AMOUNTS);
}

void log_put_end(struct buffer *log)
{
    size_t at = begin_entry(log);
    end_entry(log, at, LOG_END);
}

/* ---- reading ---- */

bool log_take_head(struct span *log, struct log_head *ret_head)
{
    const uint8_t *bytes = log->data;
    if (log->size < LOG_HEAD_BYTES || !span_starts_with(*log, magic) || load_u16_le(bytes + AT_VERSION) == 0 ||
        load_u32_le(bytes + AT_HEAD_CHECKSUM) != crc32c_update(0, span_of(bytes, AT_HEAD_CHECKSUM)))
        return false;
    memcpy(ret_head->spool, bytes + AT_SPOOL, SPOOL_ID_BYTES);
    memcpy(ret_head->boot, bytes + AT_BOOT, BOOT_ID_BYTES);
    ret_head->created_ms = (int64_t)load_u64_le(bytes + AT_CREATED);
    ret_head->recounts = load_u32_le(bytes + AT_RECOUNTS);
    ret_head->version = load_u16_le(bytes + AT_VERSION);
    *log = span_skip(*log, LOG_HEAD_BYTES);
    return true;
}

static const uint8_t *take_amounts(const uint8_t *from, struct ledger_amounts *ret_amounts)
{
    *ret_amounts = (struct ledger_amounts){.objects = (int64_t)load_u64_le(from),
                                           .original_bytes = (int64_t)load_u64_le(from + 8),
                                           .stored_bytes = (int64_t)load_u64_le(from + 16)};
    return from + AMOUNTS_BYTES;
}

static bool read_intent(struct span content, unsigned version, struct ledger_intent *ret_intent)
{
    const uint8_t *bytes = content.data;
    bool is_old = version == 1;
    size_t fixed_bytes = is_old ? OLD_INTENT_FIXED_BYTES : INTENT_FIXED_BYTES;
    if (content.size < fixed_bytes)
        return false;
    *ret_intent = (struct ledger_intent){
        .number = load_u64_le(bytes), .kind = (enum intent_kind)bytes[AT_KIND], .is_old = is_old};
    memcpy(ret_intent->nonce, bytes + AT_NONCE, STAMP_NONCE_BYTES);
    const uint8_t *from = take_amounts(bytes + AT_MADE, &ret_intent->made);
    if (!is_old)
        from = take_amounts(from, &ret_intent->replaced);
    ret_intent->creation_id = load_u64_le(from);
    from += 8;
    ret_intent->null_covers = !is_old && *from != 0;
    const uint8_t *sizes = is_old ? from : from + 1;
    size_t etag_bytes = sizes[0];
    size_t bucket_bytes = sizes[1];
    size_t key_bytes = load_u16_le(sizes + 2);
    struct span texts = span_skip(content, fixed_bytes);
    ret_intent->etag = span_take(texts, etag_bytes);
    ret_intent->name = (struct object_name){.bucket = span_take(span_skip(texts, etag_bytes), bucket_bytes),
                                            .key = span_skip(texts, etag_bytes + bucket_bytes)};
    return ret_intent->kind >= INTENT_WRITE && ret_intent->kind <= INTENT_BURIED && (is_old || *from <= 1) &&
           etag_bytes < STORED_ETAG_TEXT_BYTES && bucket_bytes > 0 && bucket_bytes <= BUCKET_NAME_BYTES_MAX &&
           key_bytes > 0 && key_bytes <= OBJECT_KEY_BYTES_MAX && texts.size == etag_bytes + bucket_bytes + key_bytes;
}

static bool read_outcome(struct span content, struct log_entry *ret_entry)
{
    if (content.size != OUTCOME_BYTES || content.data[8] < INTENT_DONE || content.data[8] > INTENT_COVERED_BLIND)
        return false;
    ret_entry->intent.number = load_u64_le(content.data);
    ret_entry->outcome = (enum intent_outcome)content.data[8];
    return true;
}

static bool read_content(struct span content, unsigned version, struct log_entry *ret_entry)
{
    bool is_damaged;
    switch (ret_entry->kind) {
    case LOG_INTENT:
        return read_intent(content, version, &ret_entry->intent);
    case LOG_OUTCOME:
        return read_outcome(content, ret_entry);
    case LOG_AMOUNTS:
        return spool_take_amounts(&content, &ret_entry->amounts, &is_damaged) && content.size == 0;
    case LOG_END:
        return content.size == 0;
    }
    return false;
}

bool log_take_entry(struct span *log, unsigned version, struct log_entry *ret_entry)
{
    if (log->size < ENTRY_HEAD_BYTES)
        return false;
    const uint8_t *head = log->data;
    size_t bytes = load_u16_le(head + AT_ENTRY_BYTES);
    if (log->size - ENTRY_HEAD_BYTES < bytes)
        return false;
    struct span checked = span_of(head + AT_ENTRY_BYTES, bytes + ENTRY_HEAD_BYTES - AT_ENTRY_BYTES);
    if (load_u32_le(head) != crc32c_update(0, checked))
        return false;
    *ret_entry = (struct log_entry){.kind = (enum log_entry_kind)head[AT_ENTRY_KIND]};
    if (!read_content(span_of(head + ENTRY_HEAD_BYTES, bytes), version, ret_entry))
        return false;
    *log = span_skip(*log, ENTRY_HEAD_BYTES + bytes);
    return true;
}

bool log_is_cut(struct span rest)
{
    return rest.size < ENTRY_HEAD_BYTES ||
           (rest.size < LOG_ENTRY_BYTES_MAX && rest.size - ENTRY_HEAD_BYTES < load_u16_le(rest.data + AT_ENTRY_BYTES));
}

/* ---- outcomes ---- */

enum intent_outcome intent_outcome_done(const struct ledger_intent *intent, const char *version, bool is_blind)
{
    bool is_null = version != NULL && strcmp(version, "null") == 0;
    bool has_id = version != NULL && !is_null;
    if (!has_id && !(is_null && intent->null_covers))
        return is_blind ? INTENT_DONE_BLIND : INTENT_DONE;
    return is_blind || is_null || intent->is_old ? INTENT_COVERED_BLIND : INTENT_COVERED;
}
