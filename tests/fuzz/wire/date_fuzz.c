/* tests/fuzz/wire/date_fuzz.c -- any bytes as a time in each form: what is read is written and read again. */
#include "runtime/base/assert.h"
#include "s3client/wire/date.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        bool (*parse)(struct span text, int64_t *ret_time_ms);
        void (*format)(int64_t time_ms, char ret_text[DATE_TEXT_BYTES]);
    } forms[] = {
        {date_parse_http, date_format_http},
        {date_parse_xml, date_format_xml},
        {date_parse_signature, date_format_signature},
    };
    for (unsigned i = 0; i < 3; i++) {
        int64_t time_ms;
        int64_t again_ms;
        char text[DATE_TEXT_BYTES];
        if (!forms[i].parse(span_of(data, size), &time_ms))
            continue;
        ASSERT(time_ms >= 0 && time_ms < 253402300800000);
        forms[i].format(time_ms, text);
        ASSERT(forms[i].parse(span_from_string(text), &again_ms) && again_ms == time_ms);
    }
    return 0;
}
