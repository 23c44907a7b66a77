/* store/remote/verdicts/probe_names.c -- keys that some servers keep under another name, or not at all: written beside
 * the key that they might be taken for, read back, and listed. */
#include "runtime/base/assert.h"
#include "s3client/operations.h"
#include "store/remote/verdicts/probe.h"

enum { NAMES_ARENA_BYTES = 4 << 20, LONG_SEGMENT_BYTES = 300 };

SUSPENDS static bool is_listed(struct probe *probe, struct span prefix, struct span key)
{
    struct arena arena;
    struct s3_list_page page;
    struct s3_answer answer;
    struct error ignored;
    bool found = false;
    const struct s3_call call = {.bucket = probe->bucket, .repeat = S3_REPEAT};
    arena_init(&arena, NAMES_ARENA_BYTES);
    if (s3_client_list_objects(probe->shard->client, &call, &(struct s3_list_request){.prefix = prefix}, &arena, &page,
                               &answer, &ignored)) {
        for (unsigned i = 0; i < page.count; i++)
            found = found || span_equal(page.entries[i].key, key);
    }
    arena_free(&arena);
    return found;
}

/* Both keys hold what was put under each, in whatever order, and the odd one is listed as itself. */
SUSPENDS static bool keeps_both(struct probe *probe, struct span odd, struct span plain, struct span prefix)
{
    const struct span odd_body = SPAN("odd");
    struct probed put = probe_send(probe, S3_PUT_OBJECT, odd, NULL, &odd_body, true);
    bool kept = probe_is_success(&put);
    if (kept && plain.size > 0) {
        (void)probe_put(probe, plain, "plain");
        kept = probe_holds(probe, plain, "plain");
    }
    kept = kept && probe_holds(probe, odd, "odd") && is_listed(probe, prefix, odd);
    (void)probe_send(probe, S3_DELETE_OBJECT, odd, NULL, NULL, true);
    return kept;
}

/* In a folder of its own. */
SUSPENDS static bool keeps(struct probe *probe, const char *odd, const char *plain)
{
    unsigned number = probe->count++;
    struct span folder = probe_name(probe, "n%u/", number);
    struct span plain_key = plain == NULL ? SPAN_EMPTY : probe_name(probe, "n%u/%s", number, plain);
    return keeps_both(probe, probe_name(probe, "n%u/%s", number, odd), plain_key, folder);
}

/* At the root, behind the prefix of the home bucket: `/x` beside `x`. */
SUSPENDS static bool keeps_leading_slash(struct probe *probe)
{
    struct span prefix = probe->remote->prefix;
    struct span plain = probe_name(probe, "s%u", probe->count++);
    char *odd = arena_allocate(&probe->arena, plain.size + 1);
    ASSERT(odd != NULL);
    memcpy(odd, prefix.data, prefix.size);
    odd[prefix.size] = '/';
    memcpy(odd + prefix.size + 1, plain.data + prefix.size, plain.size - prefix.size);
    return keeps_both(probe, span_of(odd, plain.size + 1), plain, span_of(odd, plain.size + 1));
}

SUSPENDS static bool keeps_long_segment(struct probe *probe)
{
    char segment[LONG_SEGMENT_BYTES + 1];
    memset(segment, 'x', LONG_SEGMENT_BYTES);
    segment[LONG_SEGMENT_BYTES] = '\0';
    return keeps(probe, segment, NULL);
}

SUSPENDS static bool keeps_parent(struct probe *probe)
{
    unsigned number = probe->count++;
    struct span folder = probe_name(probe, "n%u/", number);
    struct span parent = probe_name(probe, "n%u/p", number);
    struct span child = probe_name(probe, "n%u/p/q", number);
    const struct span body = SPAN("odd");
    (void)probe_put(probe, parent, "plain");
    struct probed put = probe_send(probe, S3_PUT_OBJECT, child, NULL, &body, true);
    bool kept = probe_is_success(&put) && probe_holds(probe, parent, "plain") && probe_holds(probe, child, "odd") &&
                is_listed(probe, folder, parent) && is_listed(probe, folder, child);
    (void)probe_send(probe, S3_DELETE_OBJECT, child, NULL, NULL, true);
    return kept;
}

SUSPENDS void probe_names(struct probe *probe)
{
    probe_set(probe, VERDICT_NAME_LEADING_SLASH, keeps_leading_slash(probe));
    probe_set(probe, VERDICT_NAME_EMPTY_SEGMENT, keeps(probe, "a//b", "a/b"));
    probe_set(probe, VERDICT_NAME_DOT_SEGMENT, keeps(probe, "d/./e", "d/e") && keeps(probe, "d/../f", "f"));
    probe_set(probe, VERDICT_NAME_CONTROL_BYTES, keeps(probe, "c\x01\n\x1f\x7f", NULL));
    probe_set(probe, VERDICT_NAME_LONG_SEGMENT, keeps_long_segment(probe));
    probe_set(probe, VERDICT_NAME_TRAILING_SLASH, keeps(probe, "t/", NULL));
    probe_set(probe, VERDICT_NAME_PARENT, keeps_parent(probe));
}
