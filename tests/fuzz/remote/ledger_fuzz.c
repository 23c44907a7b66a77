/* tests/fuzz/remote/ledger_fuzz.c -- any bytes as files of the ledger: as a log, as the content of an entry whose
 * checksum is right, of both versions, as a record, as a name; what is accepted, written anew, reads the same. */
#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "store/remote/ledger/files.h"
#include "store/remote/ledger/log_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_anew(const struct log_entry *entry)
{
    struct buffer bytes = {0};
    struct log_entry again;
    if (entry->kind == LOG_INTENT)
        log_put_intent(&bytes, &entry->intent);
    else if (entry->kind == LOG_OUTCOME)
        log_put_outcome(&bytes, entry->intent.number, entry->outcome);
    else if (entry->kind == LOG_AMOUNTS)
        log_put_amounts(&bytes, &entry->amounts);
    else
        log_put_end(&bytes);
    struct span rest = buffer_span(&bytes);
    ASSERT(log_take_entry(&rest, LOG_VERSION, &again) && rest.size == 0 && again.kind == entry->kind);
    ASSERT(again.intent.number == entry->intent.number && again.outcome == entry->outcome);
    ASSERT(span_equal(again.intent.name.key, entry->intent.name.key));
    ASSERT(again.intent.null_covers == entry->intent.null_covers);
    ASSERT(span_equal(again.amounts.bucket, entry->amounts.bucket));
    buffer_free(&bytes);
}

static void try_log(struct span log)
{
    struct log_head head;
    struct log_entry entry;
    if (log_take_head(&log, &head))
        while (log_take_entry(&log, head.version, &entry))
            write_anew(&entry);
}

/* The first byte is the entry's kind. */
static void try_entry(struct span content)
{
    uint8_t head[7] = {0};
    struct buffer bytes = {0};
    struct log_entry entry;
    if (content.size == 0 || content.size > UINT16_MAX)
        return;
    store_u16_le(head + 4, (uint16_t)(content.size - 1));
    head[6] = content.data[0];
    content = span_skip(content, 1);
    store_u32_le(head, crc32c_update(crc32c_update(0, span_of(head + 4, 3)), content));
    buffer_append(&bytes, span_of(head, sizeof head));
    buffer_append(&bytes, content);
    for (unsigned version = 1; version <= LOG_VERSION; version++) {
        struct span log = buffer_span(&bytes);
        if (log_take_entry(&log, version, &entry))
            write_anew(&entry);
    }
    buffer_free(&bytes);
}

static void try_name(struct span bytes)
{
    char text[LEDGER_FILE_NAME_BYTES];
    char again[LEDGER_FILE_NAME_BYTES];
    struct ledger_file_name name;
    struct ledger_file_name second;
    if (bytes.size >= sizeof text)
        return;
    if (bytes.size > 0)
        memcpy(text, bytes.data, bytes.size);
    text[bytes.size] = '\0';
    if (!ledger_file_name_decode(text, &name))
        return;
    ledger_file_name_encode(&name, again);
    ASSERT(ledger_file_name_decode(again, &second));
    ASSERT(memcmp(name.spool, second.spool, SPOOL_ID_BYTES) == 0 && name.is_record == second.is_record);
    ASSERT(name.shard == second.shard && name.generation == second.generation);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = span_of(data, size);
    struct record_head head;
    struct span amounts;
    bool is_trimmed;
    try_log(bytes);
    try_entry(bytes);
    try_name(bytes);
    (void)record_decode(bytes, &head, &amounts, &is_trimmed);
    return 0;
}
