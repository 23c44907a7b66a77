/* tests/fuzz/auth/ini_fuzz.c -- any bytes as an INI file, and as a credentials file. */
#include "runtime/base/assert.h"
#include "server/auth/identity.h"
#include "server/config/ini.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ini_file file;
    struct error error = {0};
    struct span text = span_of(data, size);
    if (ini_file_parse("fuzz.ini", text, &file, &error)) {
        for (unsigned i = 0; i < file.count; i++) { /* nothing was cut: each part stands in the text as it is */
            const struct ini_entry *entry = &file.entries[i];
            ASSERT(i == 0 || entry->line > file.entries[i - 1].line);
            ASSERT((entry->section[0] == '\0') == (entry->section_line == 0));
            ASSERT(memmem(data, size, entry->section, strlen(entry->section)) != NULL);
            ASSERT(memmem(data, size, entry->name, strlen(entry->name)) != NULL);
            ASSERT(memmem(data, size, entry->value, strlen(entry->value)) != NULL);
        }
        ini_file_free(&file);
    } else {
        ASSERT(strncmp(error.message, "fuzz.ini", 8) == 0);
    }
    accounts_free(accounts_parse("fuzz.ini", text, &error));
    return 0;
}
