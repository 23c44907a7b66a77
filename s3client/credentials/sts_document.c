/* s3client/credentials/sts_document.c -- takes the elements of <Credentials> and of <Error> by their place. */
#include "s3client/credentials/sts_document.h"

#include "runtime/base/assert.h"
#include "runtime/base/buffer.h"
#include "s3client/wire/xml_reader.h"

#include <string.h>

/* The longest path that is of use is Response/Result/Credentials/AccessKeyId: depth 3. */
enum { TEXT_ACCESS_KEY_ID, TEXT_SECRET_KEY, TEXT_SESSION_TOKEN, TEXT_EXPIRATION, TEXTS };
static const char *const NAMES[TEXTS] = {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"};

struct reading {
    bool is_in_credentials;
    bool is_in_error;
    struct buffer texts[TEXTS];
    struct sts_refusal *refusal;
};

static bool open_element(void *context, unsigned depth, struct span element, struct error *error)
{
    struct reading *reading = context;
    (void)error;
    if (depth == 2 && span_equal(element, SPAN("Credentials")))
        reading->is_in_credentials = true;
    if (depth == 1 && span_equal(element, SPAN("Error")))
        reading->is_in_error = true;
    return true;
}

static void take_text(struct reading *reading, struct span element, struct span text)
{
    for (unsigned i = 0; i < TEXTS; i++) {
        if (!span_equal(element, span_from_string(NAMES[i])))
            continue;
        buffer_clear(&reading->texts[i]);
        buffer_append(&reading->texts[i], text);
    }
}

static bool close_element(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    struct reading *reading = context;
    (void)error;
    if (depth == 3 && reading->is_in_credentials)
        take_text(reading, element, text);
    if (depth == 2)
        reading->is_in_credentials = false;
    if (depth == 2 && reading->is_in_error && span_equal(element, SPAN("Code")))
        keys_quote(text, reading->refusal->code, sizeof reading->refusal->code);
    if (depth == 2 && reading->is_in_error && span_equal(element, SPAN("Message")))
        keys_quote(text, reading->refusal->message, sizeof reading->refusal->message);
    if (depth == 1)
        reading->is_in_error = false;
    return true;
}

static bool parse(struct span xml, struct reading *reading)
{
    static const struct xml_handlers HANDLERS = {.open = open_element, .close = close_element};
    struct error ignored; /* in the words of S3, which nobody speaks here */
    struct xml_reader *reader = xml_reader_create(&HANDLERS, reading);
    bool is_xml = xml_reader_feed(reader, xml, &ignored) && xml_reader_finish(reader, &ignored);
    xml_reader_destroy(reader);
    return is_xml;
}

static bool take_keys(const struct reading *reading, struct keys *ret_keys, struct error *error)
{
    struct span texts[TEXTS];
    for (unsigned i = 0; i < TEXTS; i++)
        texts[i] = keys_trim(buffer_span(&reading->texts[i]));
    if (texts[TEXT_SESSION_TOKEN].size == 0 || texts[TEXT_EXPIRATION].size == 0)
        return error_set(error, ERROR_INVALID, NULL, "the answer of STS lacks its %s",
                         texts[TEXT_EXPIRATION].size == 0 ? "Expiration" : "SessionToken");
    return keys_set(ret_keys, texts[TEXT_ACCESS_KEY_ID], texts[TEXT_SECRET_KEY], texts[TEXT_SESSION_TOKEN], error) &&
           keys_set_expiration(ret_keys, texts[TEXT_EXPIRATION], error);
}

bool sts_document_read(struct span xml, struct keys *ret_keys, struct sts_refusal *ret_refusal, struct error *error)
{
    struct reading reading = {.refusal = ret_refusal};
    *ret_refusal = (struct sts_refusal){0};
    if (xml.size > STS_DOCUMENT_BYTES_MAX)
        return error_set(error, ERROR_TOO_LARGE, NULL, "the answer of STS has more than 64 KiB");
    for (unsigned i = 0; i < TEXTS; i++) { /* room for all of it at once, so that nothing moves */
        buffer_init(&reading.texts[i], xml.size + 1);
        bool has_room = buffer_reserve(&reading.texts[i], xml.size + 1);
        ASSERT(has_room);
    }
    bool done;
    if (!parse(xml, &reading))
        done = error_set(error, ERROR_INVALID, NULL, "the answer is no XML document of STS");
    else if (ret_refusal->code[0] != '\0')
        done = error_set(error, ERROR_DENIED, NULL, "STS refuses with %s: %s", ret_refusal->code, ret_refusal->message);
    else
        done = take_keys(&reading, ret_keys, error);
    for (unsigned i = 0; i < TEXTS; i++) {
        explicit_bzero(reading.texts[i].data, reading.texts[i].size);
        buffer_free(&reading.texts[i]);
    }
    return done;
}
