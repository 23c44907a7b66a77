/* server/s3/list/continuation_token.c -- where a list goes on, as an opaque text.
 *
 * Base64 in the alphabet of URLs, without padding, of: format (1 byte), kind (1), CRC32C of everything but itself
 * (4, big endian), position. */
#include "server/s3/list/continuation_token.h"

#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/base64.h"

enum { FORMAT = 1, HEAD_BYTES = 6, BYTES_MAX = HEAD_BYTES + TOKEN_POSITION_BYTES_MAX };

static void seal(const uint8_t *bytes, size_t size, uint8_t ret_check[4])
{
    uint32_t check = crc32c_update(crc32c_update(0, span_of(bytes, 2)), span_of(bytes + HEAD_BYTES, size - HEAD_BYTES));
    for (unsigned i = 0; i < 4; i++)
        ret_check[i] = (uint8_t)(check >> (24 - 8 * i));
}

void continuation_token_write(enum token_kind kind, struct span position, struct buffer *to)
{
    ASSERT(position.size <= TOKEN_POSITION_BYTES_MAX);
    uint8_t bytes[BYTES_MAX] = {FORMAT, (uint8_t)kind};
    size_t size = HEAD_BYTES + position.size;
    if (position.size > 0)
        memcpy(bytes + HEAD_BYTES, position.data, position.size);
    seal(bytes, size, bytes + 2);

    char text[BASE64_ENCODED_BYTES(BYTES_MAX)];
    base64_encode(span_of(bytes, size), text);
    for (size_t i = 0; i < BASE64_ENCODED_BYTES(size) && text[i] != '='; i++)
        buffer_append_byte(to, (uint8_t)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]));
}

bool continuation_token_read(enum token_kind kind, struct span token, uint8_t *ret_position, size_t *ret_size)
{
    uint8_t bytes[BYTES_MAX];
    uint8_t text[BASE64_ENCODED_BYTES(BYTES_MAX)];
    size_t size = token.size / 4 * 3 + (token.size % 4 == 0 ? 0 : token.size % 4 - 1);
    if (token.size % 4 == 1 || size < HEAD_BYTES || size > BYTES_MAX)
        return false;
    for (size_t i = 0; i < token.size; i++)
        text[i] = token.data[i] == '-' ? '+' : token.data[i] == '_' ? '/' : token.data[i];
    size_t padded = BASE64_ENCODED_BYTES(size);
    memset(text + token.size, '=', padded - token.size);
    if (!base64_decode(span_of(text, padded), bytes, size))
        return false;

    uint8_t check[4];
    seal(bytes, size, check);
    if (bytes[0] != FORMAT || bytes[1] != (uint8_t)kind || memcmp(check, bytes + 2, 4) != 0)
        return false;
    memcpy(ret_position, bytes + HEAD_BYTES, size - HEAD_BYTES);
    *ret_size = size - HEAD_BYTES;
    return true;
}
