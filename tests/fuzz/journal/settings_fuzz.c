/* tests/fuzz/journal/settings_fuzz.c -- records of settings, of whoever wrote them into a journal, and names of
 * documents, of whatever lies in their bucket. */
#include "journal/settings/documents.h"
#include "journal/settings/records.h"
#include "runtime/base/assert.h"

enum { BUCKET = 7, SETTING = 3 };

static void apply(struct state *state, const struct buffer *ops)
{
    static const struct journal_id none;
    uint32_t count;
    struct error error;
    ASSERT(ops_check(buffer_span(ops), &count, &error));
    (void)state_apply_batch(state, &none, 1, buffer_span(ops));
}

static void change(struct state *state, const struct setting_change *change)
{
    struct buffer ops;
    buffer_init(&ops, 0);
    settings_put_changes(&ops, state, BUCKET, change, 1, 1);
    apply(state, &ops);
    buffer_free(&ops);
}

/* Whatever stands there, it is found or is unset, can be replaced, set again, unset, and removed. */
static void fuzz_record(struct span value)
{
    static const uint8_t key[9] = {[7] = BUCKET, [8] = SETTING};
    static const struct setting_change SET = {.setting = SETTING, .is_set = true, .record = {77, 78, 79}};
    static const struct setting_change UNSET = {.setting = SETTING};
    struct state state;
    struct buffer ops;
    struct setting_record record;
    state_init(&state, NULL, 0);
    buffer_init(&ops, 0);
    op_put(&ops, &(struct op){OP_MAP_PUT, SPACE_BUCKET, SPAN("settings"), span_of(key, sizeof key), value});
    apply(&state, &ops);
    (void)setting_record_find(&state, BUCKET, SETTING, &record);
    ASSERT(settings_are_known(&state, BUCKET));

    for (unsigned i = 0; i < 2; i++) {
        change(&state, &SET);
        ASSERT(setting_record_find(&state, BUCKET, SETTING, &record) && setting_record_equal(&record, &SET.record));
        change(&state, &UNSET);
        ASSERT(!setting_record_find(&state, BUCKET, SETTING, &record));
    }
    buffer_clear(&ops);
    settings_put_removal(&ops, &state, BUCKET, 2);
    apply(&state, &ops);
    ASSERT(!settings_are_known(&state, BUCKET));
    buffer_free(&ops);
    state_free(&state);
}

static void fuzz_name(struct span text)
{
    struct document_name name;
    char again[JOURNAL_NAME_BYTES];
    if (!document_name_parse(text, &name))
        return;
    document_name_format(&name, again);
    ASSERT(span_equal(text, span_from_string(again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size > 4096)
        return 0;
    fuzz_record(span_of(bytes, size));
    fuzz_name(span_of(bytes, size));
    return 0;
}
