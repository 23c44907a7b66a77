/* bench/micro/list_page.c -- the XML of a page of 1,000 keys, as ListObjectsV2 answers it, without the search for them.
 */
#include "server/s3/list/list_page.h"
#include "bench/micro/micro.h"

#include <stdio.h>

enum { ENTRIES = 1000, KEY_BYTES_MAX = 64 };

static void fill_entries(struct list_entry entries[ENTRIES], char keys[ENTRIES][KEY_BYTES_MAX])
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        int size = snprintf(keys[i], KEY_BYTES_MAX, "logs/2026/11/29/host-%03u/part %05u.json", i % 100, i);
        entries[i] = (struct list_entry){
            .key = span_of(keys[i], (size_t)size),
            .original_size = 4096 + i,
            .modified_ms = INT64_C(1790000000000) + i * INT64_C(977),
            .etag = "0123456789abcdef0123456789abcdef",
            .checksum_algorithm = CHECKSUM_CRC64NVME,
        };
    }
}

struct writing {
    struct list_query query;
    struct list_page page;
    size_t size; /* of the document */
};

static bool write_page(void *state)
{
    struct writing *writing = state;
    struct s3_document document;
    s3_document_open(&document, "ListBucketResult");
    list_write_query(&document, &writing->query, false);
    list_write_contents(&document, NULL, &writing->query, &writing->page); /* shows no owners: needs no request */
    writing->size = document.text.size;
    s3_document_drop(&document);
    return writing->size > (size_t)ENTRIES * KEY_BYTES_MAX;
}

static void measure(struct micro *micro, const char *name, struct writing *writing)
{
    (void)write_page(writing);
    micro_measure(micro, &(struct micro_case){name, writing->size, write_page, writing});
}

void micro_list_page(struct micro *micro)
{
    static struct list_entry entries[ENTRIES];
    static char keys[ENTRIES][KEY_BYTES_MAX];
    struct writing writing = {.query = {.entries_max = ENTRIES}, .page = {.entries = entries, .count = ENTRIES}};
    fill_entries(entries, keys);
    measure(micro, "list/page-of-1000", &writing);
    writing.query.encodes_url = true;
    measure(micro, "list/page-of-1000-encoded", &writing);
}
