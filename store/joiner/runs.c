/* store/joiner/runs.c -- which pieces lie together in one stored part: decisions, without any I/O. */
#include "store/joiner/runs.h"

#include "runtime/base/byteorder.h"

void run_digest(const struct staged_piece *pieces, unsigned count, uint8_t ret_digest[MD5_BYTES])
{
    struct md5_sum sum;
    md5_begin(&sum);
    for (unsigned i = 0; i < count; i++) {
        uint8_t line[12 + MD5_BYTES];
        store_u32_le(line, pieces[i].number);
        store_u64_le(line + 4, pieces[i].size);
        memcpy(line + 12, pieces[i].md5, MD5_BYTES);
        md5_update(&sum, span_of(line, sizeof line));
    }
    md5_end(&sum, ret_digest);
}

unsigned run_match(const struct stored_run *run, const struct staged_piece *pieces, unsigned count)
{
    uint64_t size = 0;
    unsigned length = 0;
    if (count == 0 || run->number != pieces[0].number)
        return 0;
    do /* empty pieces at the end may belong to it or not: the digest decides */
        size += pieces[length++].size;
    while (length < count && size < run->size);
    for (; size == run->size; length++) {
        uint8_t digest[MD5_BYTES];
        run_digest(pieces, length, digest);
        if (memcmp(digest, run->digest, sizeof digest) == 0)
            return length;
        if (length == count || pieces[length].size > 0)
            return 0;
    }
    return 0;
}

static void append_step(struct buffer *steps, unsigned first, unsigned count, bool is_stored)
{
    struct run_step step = {first, count, is_stored};
    buffer_append(steps, span_of(&step, sizeof step));
}

/* The run that begins with this piece, as far as it holds. `*next` moves on through `stored`. */
static unsigned match_at(const struct staged_piece *pieces, unsigned count, unsigned at,
                         const struct stored_run *stored, unsigned stored_count, unsigned *next)
{
    while (*next < stored_count && stored[*next].number < pieces[at].number)
        (*next)++;
    return *next < stored_count ? run_match(&stored[*next], pieces + at, count - at) : 0;
}

void runs_plan(const struct staged_piece *pieces, unsigned count, const struct stored_run *stored,
               unsigned stored_count, uint64_t bytes_min, struct buffer *ret_steps)
{
    unsigned next = 0;
    for (unsigned first = 0; first < count;) {
        unsigned length = match_at(pieces, count, first, stored, stored_count, &next);
        if (length > 0 && (stored[next].size >= bytes_min || first + length == count)) {
            append_step(ret_steps, first, length, true);
            first += length;
            continue;
        }
        uint64_t size = 0;
        unsigned end = first;
        while (end < count && size < bytes_min) { /* a run on the way is taken in as a whole */
            length = end == first ? 0 : match_at(pieces, count, end, stored, stored_count, &next);
            for (unsigned behind = end + (length > 0 ? length : 1); end < behind; end++)
                size += pieces[end].size;
        }
        append_step(ret_steps, first, end - first, false);
        first = end;
    }
}

void runs_ready(const struct staged_piece *pieces, unsigned count, bool is_cut, const struct stored_run *stored,
                unsigned stored_count, uint64_t bytes_min, struct buffer *ret_steps)
{
    unsigned first = 0; /* of what gathers */
    uint64_t size = 0;
    unsigned next = 0;
    for (unsigned i = 0; i < count;) {
        unsigned length = match_at(pieces, count, i, stored, stored_count, &next);
        bool is_gap = i > 0 && pieces[i].number != pieces[i - 1].number + 1;
        if (length > 0 || is_gap) { /* what has gathered stays for a neighbour that may still come */
            is_cut = false;
            first = i + length;
            size = 0;
        }
        if (length > 0) {
            i += length;
            continue;
        }
        size += pieces[i++].size;
        if (!is_cut && size >= bytes_min) {
            append_step(ret_steps, first, i - first, false);
            first = i;
            size = 0;
        }
    }
}
