/* store/remote/verdicts/verdicts.c -- verdicts as text and as capabilities. */
#include "store/remote/verdicts/verdicts.h"

#include "runtime/base/decimal.h"
#include "store/bucket.h"

static const struct {
    const char *name;
    const char *text;
    const char *without;
} table[VERDICTS] = {
#define VERDICT(name, text, without) {#name, text, without},
#include "store/remote/verdicts/verdicts.def"
#undef VERDICT
};

const char *verdict_name(enum verdict verdict)
{
    return table[verdict].name;
}

const char *verdict_text(enum verdict verdict)
{
    return table[verdict].text;
}

const char *verdict_without(enum verdict verdict)
{
    return table[verdict].without;
}

const char *verdict_wants(void)
{
    return "it was not tried, for no bucket could be made for that: allow these credentials what docs/backend.md lists "
           "for bale-probe-*, and run bale backend --test";
}

bool verdict_is_extra(enum verdict verdict)
{
    return verdict == VERDICT_LIST_METADATA ||
           (verdict >= VERDICT_CLASS_REDUCED_REDUNDANCY && verdict <= VERDICT_CLASSES_TOLD);
}

bool verdict_is_moot(const struct verdicts *verdicts, enum verdict verdict)
{
    bool is_of_versions =
        verdict == VERDICT_LOCKS || verdict == VERDICT_VERSION_MARKERS || verdict == VERDICT_VERSION_LISTS;
    return is_of_versions && !verdict_holds(verdicts, VERDICT_VERSIONS);
}

/* ---- storage classes ---- */

struct span verdict_class(enum verdict of_class)
{
    static const struct span prefix = SPAN("CLASS_");
    return span_skip(span_from_string(table[of_class].name), prefix.size);
}

bool verdict_of_class(struct span name, enum verdict *ret_verdict)
{
    for (unsigned i = VERDICT_CLASS_REDUCED_REDUNDANCY; i <= VERDICT_CLASS_GLACIER_IR; i++) {
        *ret_verdict = (enum verdict)i;
        if (span_equal(verdict_class(*ret_verdict), name))
            return true;
    }
    return false;
}

const char *verdict_word_of_class(const struct verdicts *verdicts, enum verdict of_class)
{
    return verdict_holds(verdicts, of_class)               ? "keeps"
           : verdict_holds(verdicts, VERDICT_CLASSES_TOLD) ? "refuses"
                                                           : "forgets";
}

/* ---- races ---- */

bool verdict_is_raced(enum verdict verdict)
{
    return verdict == VERDICT_LABELS_HOLD || verdict == VERDICT_DELETE_MATCH || verdict == VERDICT_DELETE_RACES ||
           verdict == VERDICT_PUT_CREATE || verdict == VERDICT_PUT_REPLACE || verdict == VERDICT_COMPLETE_CREATE ||
           verdict == VERDICT_COMPLETE_REPLACE;
}

void verdicts_keep_lost_races(struct verdicts *verdicts, const struct verdicts *before)
{
    for (unsigned i = 0; i < VERDICTS; i++) {
        if (verdict_is_raced(i) && !verdict_holds(before, i) && (before->unsaid >> i & 1) == 0)
            verdicts->held &= ~(UINT64_C(1) << i);
    }
}

/* ---- text: a line for each ---- */

void verdicts_encode(const struct verdicts *verdicts, struct buffer *ret_text)
{
    buffer_append_format(ret_text, "bale backend %d\ntested_ms %lld\nby %s\nserver %s\n", VERDICTS_VERSION,
                         (long long)verdicts->tested_ms, verdicts->version, verdicts->server);
    for (unsigned i = 0; i < VERDICTS; i++)
        buffer_append_format(ret_text, "%s %s\n", table[i].name,
                             verdict_holds(verdicts, i)        ? "yes"
                             : verdict_is_untried(verdicts, i) ? "untried"
                                                               : "no");
}

static struct span take_line(struct span *text)
{
    size_t end = span_find(*text, '\n');
    struct span line = span_take(*text, end);
    *text = span_skip(*text, end == SIZE_MAX ? text->size : end + 1);
    return line;
}

static void copy_line(struct span value, char *ret_text, size_t capacity)
{
    struct span taken = span_take(value, capacity - 1);
    memcpy(ret_text, taken.data, taken.size);
    ret_text[taken.size] = '\0';
}

static unsigned find_name(struct span name)
{
    unsigned i = 0;
    while (i < VERDICTS && !span_equal(name, span_from_string(table[i].name)))
        i++;
    return i;
}

bool verdicts_decode(struct span text, struct verdicts *ret_verdicts)
{
    uint64_t tested_ms = 0;
    *ret_verdicts = (struct verdicts){.unsaid = (UINT64_C(1) << VERDICTS) - 1};
    if (text.size > VERDICTS_BYTES_MAX || !span_equal(take_line(&text), SPAN("bale backend 1")))
        return false;
    while (text.size > 0) {
        struct span line = take_line(&text);
        size_t blank = span_find(line, ' ');
        struct span name = span_take(line, blank);
        struct span value = blank == SIZE_MAX ? SPAN_EMPTY : span_skip(line, blank + 1);
        unsigned verdict = find_name(name);
        if (span_equal(name, SPAN("tested_ms")) && !decimal_parse_range(value, 0, INT64_MAX, &tested_ms))
            return false;
        if (span_equal(name, SPAN("by")))
            copy_line(value, ret_verdicts->version, sizeof ret_verdicts->version);
        if (span_equal(name, SPAN("server")))
            copy_line(value, ret_verdicts->server, sizeof ret_verdicts->server);
        if (verdict == VERDICTS)
            continue;
        ret_verdicts->unsaid &= ~(UINT64_C(1) << verdict);
        if (span_equal(value, SPAN("yes")))
            ret_verdicts->held |= UINT64_C(1) << verdict;
        if (span_equal(value, SPAN("untried")))
            ret_verdicts->untried |= UINT64_C(1) << verdict;
    }
    ret_verdicts->tested_ms = (int64_t)tested_ms;
    return ret_verdicts->unsaid == 0;
}

/* ---- meaning ---- */

static unsigned conditions_of(const struct verdicts *verdicts)
{
    unsigned conditions = 0;
    bool may_create = verdict_holds(verdicts, VERDICT_PUT_CREATE);
    bool may_replace = verdict_holds(verdicts, VERDICT_PUT_REPLACE);
    bool may_complete_new = verdict_holds(verdicts, VERDICT_COMPLETE_CREATE);
    bool may_complete_over = verdict_holds(verdicts, VERDICT_COMPLETE_REPLACE);
    /* A write becomes a PUT or a Complete by how large it turns out to be; copies on a condition go by either. */
    if (may_create && may_complete_new)
        conditions |= DECIDES_PUT_CREATE | DECIDES_COMPLETE_CREATE | DECIDES_COPY_CREATE;
    if (may_replace && may_complete_over)
        conditions |= DECIDES_PUT_REPLACE | DECIDES_COMPLETE_REPLACE | DECIDES_COPY_REPLACE;
    if (verdict_holds(verdicts, VERDICT_DELETE_MATCH))
        conditions |= DECIDES_DELETE | DECIDES_DELETE_MANY; /* of many, those with a condition go one by one */
    return conditions;
}

static unsigned refused_keys_of(const struct verdicts *verdicts)
{
    static const struct {
        enum verdict verdict;
        unsigned class;
    } classes[] = {
        {VERDICT_NAME_LEADING_SLASH, KEY_LEADING_SLASH}, {VERDICT_NAME_EMPTY_SEGMENT, KEY_EMPTY_SEGMENT},
        {VERDICT_NAME_DOT_SEGMENT, KEY_DOT_SEGMENT},     {VERDICT_NAME_CONTROL_BYTES, KEY_CONTROL_BYTES},
        {VERDICT_NAME_LONG_SEGMENT, KEY_LONG_SEGMENT},   {VERDICT_NAME_TRAILING_SLASH, KEY_TRAILING_SLASH},
    };
    unsigned refused = 0;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        refused |= verdict_holds(verdicts, classes[i].verdict) ? 0 : classes[i].class;
    return refused;
}

void verdicts_apply(const struct verdicts *verdicts, uint64_t part_bytes, struct bucket_capabilities *ret_capabilities)
{
    *ret_capabilities = (struct bucket_capabilities){
        .needs_frames_beyond = part_bytes,
        .conditions = conditions_of(verdicts),
        .refused_keys = refused_keys_of(verdicts),
        .has_tags = verdict_holds(verdicts, VERDICT_TAGS),
        .has_acls = verdict_holds(verdicts, VERDICT_PUT_CREATE) && verdict_holds(verdicts, VERDICT_PUT_REPLACE),
        .has_versions = verdict_holds(verdicts, VERDICT_VERSIONS),
        .has_lock = verdict_holds(verdicts, VERDICT_VERSIONS) && verdict_holds(verdicts, VERDICT_LOCKS),
        .forgets_versions =
            verdict_holds(verdicts, VERDICT_VERSIONS) && !verdict_holds(verdicts, VERDICT_VERSION_LISTS),
        .judges_deletions = true,
        .is_shared = true,
        .keeps_sidecar = true,
        .keeps_time = true,
        .rewrites = verdict_holds(verdicts, VERDICT_PUT_REPLACE) && verdict_holds(verdicts, VERDICT_COMPLETE_REPLACE),
        .keeps_seals = true,
        .seals_parts = true,
        .labels_slip = !verdict_holds(verdicts, VERDICT_LABELS_HOLD),
    };
}
