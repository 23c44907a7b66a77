/* journal/settings/documents.c -- documents of settings as objects. */
#include "journal/settings/documents.h"

#include "codec/format/crc.h"
#include "runtime/base/assert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_DIGITS = 16, SETTING_DIGITS = 2, NAME_BYTES = ID_DIGITS + 1 + SETTING_DIGITS + 1 + ID_DIGITS };

/* ---- names ---- */

void document_name_format(const struct document_name *name, char ret_name[JOURNAL_NAME_BYTES])
{
    (void)snprintf(ret_name, JOURNAL_NAME_BYTES, "%016" PRIx64 "/%02x-%016" PRIx64, name->creation_id, name->setting,
                   name->document);
}

static uint64_t take_hex(struct span text)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t digit = text.data[i];
        number = number << 4 | (uint64_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    return number;
}

/* What was no digit does not come out again as it went in. */
bool document_name_parse(struct span text, struct document_name *ret_name)
{
    char again[JOURNAL_NAME_BYTES];
    if (text.size != NAME_BYTES)
        return false;
    *ret_name = (struct document_name){
        .creation_id = take_hex(span_take(text, ID_DIGITS)),
        .setting = (uint8_t)take_hex(span_take(span_skip(text, ID_DIGITS + 1), SETTING_DIGITS)),
        .document = take_hex(span_skip(text, ID_DIGITS + 1 + SETTING_DIGITS + 1)),
    };
    document_name_format(ret_name, again);
    return span_equal(text, span_from_string(again));
}

/* ---- documents ---- */

bool document_write(struct journal_store *documents, const struct random_source *random, uint64_t creation_id,
                    uint8_t setting, struct span document, struct setting_record *ret_record, deadline_t deadline,
                    struct error *error)
{
    char text[JOURNAL_NAME_BYTES];
    ASSERT(document.size > 0 && document.size <= UINT32_MAX);
    struct document_name name = {.creation_id = creation_id, .setting = setting};
    while (name.document == 0)
        name.document = random_u64(random);
    document_name_format(&name, text);
    *ret_record = (struct setting_record){name.document, crc64nvme_update(0, document), (uint32_t)document.size};
    enum store_answer answer = documents->create(documents, text, document, deadline);
    return answer == STORE_DONE ||
           error_set(error, ERROR_BUSY, NULL, "a setting's document could not be written (%s)",
                     answer == STORE_REFUSED ? "the store refuses it" : "no answer of the store in time");
}

enum store_answer document_read(struct journal_store *documents, uint64_t creation_id, uint8_t setting,
                                const struct setting_record *record, struct buffer *ret_document, deadline_t deadline)
{
    char text[JOURNAL_NAME_BYTES];
    struct store_etag etag;
    size_t before = ret_document->size;
    document_name_format(&(struct document_name){creation_id, record->document, setting}, text);
    enum store_answer answer = documents->get(documents, text, NULL, ret_document, &etag, deadline);
    struct span read = span_skip(buffer_span(ret_document), before);
    if (answer == STORE_DONE && (read.size != record->bytes || crc64nvme_update(0, read) != record->crc64))
        answer = STORE_DAMAGED;
    return answer == STORE_DONE || answer == STORE_NOT_FOUND || answer == STORE_DAMAGED ? answer : STORE_UNKNOWN;
}

bool documents_look(struct journal_store *documents, uint64_t creation_id, bool *ret_has_some, deadline_t deadline,
                    struct error *error)
{
    char prefix[JOURNAL_NAME_BYTES];
    struct store_page *page = malloc(sizeof *page);
    ASSERT(page != NULL);
    (void)snprintf(prefix, sizeof prefix, "%016" PRIx64 "/", creation_id);
    bool is_listed = documents->list(documents, prefix, "", page, deadline) == STORE_DONE;
    *ret_has_some = is_listed && page->count > 0; /* also if its entry is damaged */
    free(page);
    return is_listed || error_set(error, ERROR_BUSY, NULL, "documents of settings could not be listed");
}
