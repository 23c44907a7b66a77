/* store/remote/ledger/files.c -- names and records of the ledger's folder; files that are written whole. */
#include "store/remote/ledger/files.h"

#include "codec/format/crc.h"
#include "runtime/base/byteorder.h"
#include "runtime/base/decimal.h"
#include "runtime/base/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    RECORD_VERSION = 1,
    AT_VERSION = 8,
    AT_SPOOL = 16,
    AT_CREATED = 32,
    AT_NUMBER = 40,
    AT_GENERATION = 48,
    AT_AMOUNTS_BYTES = 56,
    AT_AMOUNTS_CHECKSUM = 60,
    AT_GOES_ON = 64,
    AT_CHECKSUM = 68,
    ID_DIGITS = 2 * SPOOL_ID_BYTES,
};

static const struct span magic = SPAN("BALE-REC");

/* ---- names ---- */

void ledger_file_name_encode(const struct ledger_file_name *name, char ret_text[LEDGER_FILE_NAME_BYTES])
{
    char id[ID_DIGITS + 1] = "";
    hex_encode(span_of(name->spool, SPOOL_ID_BYTES), id);
    if (name->is_record)
        (void)snprintf(ret_text, LEDGER_FILE_NAME_BYTES, "%s.%llu.record", id, (unsigned long long)name->generation);
    else
        (void)snprintf(ret_text, LEDGER_FILE_NAME_BYTES, "%s.%llu.%llu.intents", id, (unsigned long long)name->shard,
                       (unsigned long long)name->generation);
}

static struct span take_word(struct span *text)
{
    size_t end = span_find(*text, '.');
    struct span word = span_take(*text, end);
    *text = span_skip(*text, end == SIZE_MAX ? text->size : end + 1);
    return word;
}

bool ledger_file_name_decode(const char *text, struct ledger_file_name *ret_name)
{
    struct span rest = span_from_string(text);
    struct span id = take_word(&rest);
    struct span first = take_word(&rest);
    *ret_name = (struct ledger_file_name){.is_record = span_equal(rest, SPAN("record"))};
    if (!hex_decode(id, ret_name->spool, SPOOL_ID_BYTES))
        return false;
    if (ret_name->is_record)
        return decimal_parse(first, &ret_name->generation);
    struct span second = take_word(&rest);
    return decimal_parse(first, &ret_name->shard) && decimal_parse(second, &ret_name->generation) &&
           span_equal(rest, SPAN("intents"));
}

/* ---- records ---- */

void record_encode(const struct record_head *head, struct span amounts, struct buffer *ret_bytes)
{
    uint8_t bytes[RECORD_HEAD_BYTES] = {0};
    memcpy(bytes, magic.data, magic.size);
    store_u16_le(bytes + AT_VERSION, RECORD_VERSION);
    memcpy(bytes + AT_SPOOL, head->spool, SPOOL_ID_BYTES);
    store_u64_le(bytes + AT_CREATED, (uint64_t)head->created_ms);
    store_u64_le(bytes + AT_NUMBER, head->number);
    store_u64_le(bytes + AT_GENERATION, head->generation);
    store_u32_le(bytes + AT_AMOUNTS_BYTES, (uint32_t)amounts.size);
    store_u32_le(bytes + AT_AMOUNTS_CHECKSUM, crc32c_update(0, amounts));
    store_u32_le(bytes + AT_GOES_ON, head->goes_on ? 1 : 0);
    store_u32_le(bytes + AT_CHECKSUM, crc32c_update(0, span_of(bytes, AT_CHECKSUM)));
    buffer_append(ret_bytes, span_of(bytes, sizeof bytes));
    buffer_append(ret_bytes, amounts);
}

bool record_decode(struct span bytes, struct record_head *ret_head, struct span *ret_amounts, bool *ret_is_trimmed)
{
    const uint8_t *head = bytes.data;
    if (bytes.size < RECORD_HEAD_BYTES || !span_starts_with(bytes, magic) ||
        load_u16_le(head + AT_VERSION) != RECORD_VERSION ||
        load_u32_le(head + AT_CHECKSUM) != crc32c_update(0, span_of(head, AT_CHECKSUM)))
        return false;
    memcpy(ret_head->spool, head + AT_SPOOL, SPOOL_ID_BYTES);
    ret_head->created_ms = (int64_t)load_u64_le(head + AT_CREATED);
    ret_head->number = load_u64_le(head + AT_NUMBER);
    ret_head->generation = load_u64_le(head + AT_GENERATION);
    ret_head->goes_on = load_u32_le(head + AT_GOES_ON) != 0;
    *ret_amounts = span_skip(bytes, RECORD_HEAD_BYTES);
    *ret_is_trimmed = ret_amounts->size == 0 && load_u32_le(head + AT_AMOUNTS_BYTES) > 0;
    return *ret_is_trimmed || (ret_amounts->size == load_u32_le(head + AT_AMOUNTS_BYTES) &&
                               load_u32_le(head + AT_AMOUNTS_CHECKSUM) == crc32c_update(0, *ret_amounts));
}

/* ---- files ---- */

static bool write_bytes(int fd, struct span bytes)
{
    while (bytes.size > 0) {
        ssize_t size = write(fd, bytes.data, bytes.size);
        if (size < 0 && errno == EINTR)
            continue;
        if (size == 0)
            errno = EIO;
        if (size <= 0)
            return false;
        bytes = span_skip(bytes, (size_t)size);
    }
    return true;
}

bool ledger_file_write(int folder_fd, const char *name, struct span bytes, bool is_durable, struct error *error)
{
    char temporary[LEDGER_FILE_NAME_BYTES + 8];
    (void)snprintf(temporary, sizeof temporary, "%s.new", name);
    int fd = openat(folder_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool done = fd >= 0 && write_bytes(fd, bytes) && (!is_durable || fsync(fd) == 0) &&
                renameat(folder_fd, temporary, folder_fd, name) == 0 && (!is_durable || fsync(folder_fd) == 0);
    int reason = errno;
    if (fd >= 0)
        (void)close(fd);
    if (done)
        return true;
    if (fd >= 0)
        (void)unlinkat(folder_fd, temporary, 0);
    return error_set_errno(error, reason, "the ledger's file %s cannot be written", name);
}

static bool read_bytes(int fd, struct buffer *ret_bytes)
{
    struct stat stat;
    bool done = fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && buffer_reserve(ret_bytes, (size_t)stat.st_size);
    while (done && ret_bytes->size < (size_t)stat.st_size) {
        ssize_t size = read(fd, ret_bytes->data + ret_bytes->size, (size_t)stat.st_size - ret_bytes->size);
        if (size < 0 && errno == EINTR)
            continue;
        done = size > 0;
        ret_bytes->size += done ? (size_t)size : 0;
    }
    return done;
}

bool ledger_file_read(int folder_fd, const char *name, struct buffer *ret_bytes, struct error *error)
{
    buffer_init(ret_bytes, LEDGER_FILE_BYTES_MAX);
    int fd = openat(folder_fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, errno, "the ledger's file %s cannot be opened", name);
    bool done = read_bytes(fd, ret_bytes);
    (void)close(fd);
    if (done)
        return true;
    buffer_clear(ret_bytes);
    return error_set(error, ERROR_DAMAGED, NULL, "the ledger's file %s cannot be read", name);
}
