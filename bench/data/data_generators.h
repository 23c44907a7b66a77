/* bench/data/data_generators.h -- the generators behind the table of bench/data/data_sets.c, each until its filler is
 * full. */
#pragma once

#include "bench/data/data_filler.h"

/* data_of_s4.c */
void fill_postings(struct data_filler *filler);
void fill_timestamps(struct data_filler *filler);
void fill_doc_values(struct data_filler *filler);
void fill_parquet_like(struct data_filler *filler);
void fill_nginx(struct data_filler *filler);
void fill_noise(struct data_filler *filler);

/* data_companions.c */
void fill_gaps(struct data_filler *filler);
void fill_posting_lists(struct data_filler *filler);
void fill_event_times(struct data_filler *filler);
void fill_sample_times(struct data_filler *filler);
void fill_uniform_i64(struct data_filler *filler);
void fill_zipf_i64(struct data_filler *filler);
void fill_lognormal_i64(struct data_filler *filler);
void fill_decimal_f32(struct data_filler *filler);
void fill_decimal_f64(struct data_filler *filler);
void fill_smooth_f64(struct data_filler *filler);
void fill_weights_f32(struct data_filler *filler);
void fill_weights_bf16(struct data_filler *filler);
void fill_weights_f16(struct data_filler *filler);
void fill_sound(struct data_filler *filler);
void fill_picture(struct data_filler *filler);
void fill_elevation(struct data_filler *filler);
void fill_records(struct data_filler *filler);
void fill_points(struct data_filler *filler);

/* data_texts.c */
void fill_csv(struct data_filler *filler);
void fill_json(struct data_filler *filler);
void fill_logs(struct data_filler *filler);
void fill_dna(struct data_filler *filler);
void fill_qualities(struct data_filler *filler);
void fill_hex(struct data_filler *filler);
void fill_base64(struct data_filler *filler);
