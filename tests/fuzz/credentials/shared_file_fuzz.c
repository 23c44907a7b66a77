/* tests/fuzz/credentials/shared_file_fuzz.c -- any bytes as a shared file, and what stands in it as a command. */
#include "runtime/base/assert.h"
#include "s3client/credentials/process.h"
#include "s3client/credentials/shared_file.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A value is a part of the text, in one line, and trimmed. */
static void check_value(struct span text, struct span value)
{
    if (value.size == 0)
        return;
    ASSERT(value.data >= text.data && value.data + value.size <= text.data + text.size);
    ASSERT(span_find(value, '\n') == SIZE_MAX && span_trim(value).size == value.size);
}

/* Words that are no longer than the command, the last of them followed by NULL. */
static void check_words(struct span command)
{
    static char text[PROCESS_COMMAND_BYTES_MAX + 1];
    char *arguments[PROCESS_ARGUMENTS_MAX + 1];
    struct error error;
    size_t total = 0;
    if (!process_split(command, text, arguments, &error))
        return;
    ASSERT(arguments[0] != NULL);
    for (unsigned i = 0; arguments[i] != NULL; i++)
        total += strlen(arguments[i]) + 1;
    ASSERT(total <= command.size + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const NAMES[] = {"aws_access_key_id", "key", "credential_process"};
    static const char *const PROFILES[] = {"p", "default", "my team"};
    struct span text = span_of(data, size);
    for (unsigned i = 0; i < 9; i++) {
        struct span profile = span_from_string(PROFILES[i / 3]);
        for (enum shared_file_kind kind = SHARED_CREDENTIALS; kind <= SHARED_CONFIG; kind++) {
            struct span value = shared_file_value(text, kind, profile, NAMES[i % 3]);
            check_value(text, value);
            ASSERT(value.size == 0 || shared_file_has_profile(text, kind, profile));
        }
    }
    check_words(text);
    return 0;
}
