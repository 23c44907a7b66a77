/* codec/stock/gzip.c -- igzip, slice by slice. */
#include "codec/stock/gzip.h"

#include "codec/format/vector_state.h"
#include "runtime/base/assert.h"

#include <assert.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>

struct gzip_compressor {
    struct isal_zstream igzip;
    uint8_t tables[];
};

static const uint32_t tables_bytes[GZIP_LEVEL_MOST + 1] = {
    [1] = ISAL_DEF_LVL1_DEFAULT,
    [2] = ISAL_DEF_LVL2_DEFAULT,
    [3] = ISAL_DEF_LVL3_DEFAULT,
};
static_assert(sizeof(struct gzip_compressor) + ISAL_DEF_LVL3_DEFAULT <= GZIP_COMPRESSOR_BYTES, "what the header says");

struct gzip_compressor *gzip_compressor_create(int level)
{
    ASSERT(level >= GZIP_LEVEL_LEAST && level <= GZIP_LEVEL_MOST);
    struct gzip_compressor *compressor = malloc(sizeof *compressor + tables_bytes[level]);
    if (compressor == NULL)
        return NULL;
    isal_deflate_init(&compressor->igzip);
    compressor->igzip.level = (uint32_t)level;
    compressor->igzip.level_buf = compressor->tables;
    compressor->igzip.level_buf_size = tables_bytes[level];
    return compressor;
}

void gzip_compressor_destroy(struct gzip_compressor *compressor)
{
    free(compressor);
}

void gzip_begin(struct gzip_compressor *compressor)
{
    isal_deflate_reset(&compressor->igzip);
    compressor->igzip.gzip_flag = IGZIP_GZIP; /* igzip changes it behind the head */
}

size_t gzip_step(struct gzip_compressor *compressor, struct span *original, bool is_last, uint8_t *ret_stored,
                 size_t capacity, bool *ret_has_ended)
{
    struct isal_zstream *igzip = &compressor->igzip;
    struct span slice = span_take(*original, GZIP_SLICE_BYTES);
    uint32_t room = capacity < INT32_MAX ? (uint32_t)capacity : INT32_MAX;
    igzip->next_in = (uint8_t *)(uintptr_t)slice.data;
    igzip->avail_in = (uint32_t)slice.size;
    igzip->end_of_stream = is_last && slice.size == original->size;
    igzip->next_out = ret_stored;
    igzip->avail_out = room;
    int result = isal_deflate(igzip);
    vector_state_clear();
    ASSERT(result == COMP_OK); /* the others are of parameters */
    *original = span_skip(*original, slice.size - igzip->avail_in);
    *ret_has_ended = igzip->internal_state.state == ZSTATE_END;
    return room - igzip->avail_out;
}
