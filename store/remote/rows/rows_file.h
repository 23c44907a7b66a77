/* store/remote/rows/rows_file.h -- rows on disk: one LMDB file, two tables in turn, one thread that writes. Private to
 * rows.c. */
#pragma once

#include "store/remote/rows/rows.h"

enum { ROWS_QUEUED_MAX = 1 << 16 };

struct rows_file;
struct rows_reader; /* of one thread */

/* Makes the folder where it is missing. A file that was not closed by its last process is begun anew. */
struct rows_file *rows_file_open(const char *folder, uint64_t bytes_max, struct error *error);
/* Writes what is queued first. */
void rows_file_close(struct rows_file *file);

struct rows_reader *rows_reader_create(struct rows_file *file);
void rows_reader_destroy(struct rows_reader *reader);
bool rows_reader_find(struct rows_reader *reader, const uint8_t key[ROW_KEY_BYTES], struct row *ret_row);
/* Another number after each change of what readers find; never 0. */
uint64_t rows_file_version(const struct rows_file *file);

/* Any thread; never waits. `row` NULL: drops it. */
void rows_file_put(struct rows_file *file, const uint8_t key[ROW_KEY_BYTES], const struct row *row);

void rows_file_usage(const struct rows_file *file, struct rows_usage *ret_usage);
