/* bench/data/data_companions.c -- numbers with the shape and the noise of real ones. */
#include "bench/data/data_generators.h"

/* ---- whole numbers ---- */

void fill_gaps(struct data_filler *filler)
{
    for (uint32_t value = 0; !filler_is_full(filler);) {
        value += 1 + filler_below(filler, 4);
        filler_put_u32(filler, value);
    }
}

/* Of terms: a few long and dense, many short and sparse; each list begins anew. */
void fill_posting_lists(struct data_filler *filler)
{
    const double documents = 1 << 22;
    while (!filler_is_full(filler)) {
        double length = (double)filler_zipf(filler, 1.1, 1 << 20);
        double mean_gap = documents / length;
        uint32_t value = 0;
        for (double i = 0; i < length && !filler_is_full(filler); i++) {
            value += 1 + (uint32_t)filler_exponential(filler, mean_gap > 1 ? mean_gap - 1 : 0.5);
            filler_put_u32(filler, value);
        }
    }
}

void fill_event_times(struct data_filler *filler)
{
    double microseconds = 1.7e15;
    while (!filler_is_full(filler)) {
        microseconds += filler_exponential(filler, 900);
        filler_put_u64(filler, (uint64_t)microseconds);
    }
}

void fill_sample_times(struct data_filler *filler)
{
    for (uint64_t due = UINT64_C(1700000000000); !filler_is_full(filler); due += 15000)
        filler_put_u64(filler, due + filler_below(filler, 9) - 4);
}

void fill_uniform_i64(struct data_filler *filler)
{
    while (!filler_is_full(filler))
        filler_put_u64(filler, filler_random(filler) >> 24);
}

void fill_zipf_i64(struct data_filler *filler)
{
    while (!filler_is_full(filler))
        filler_put_u64(filler, filler_zipf(filler, 1.3, 1e9));
}

void fill_lognormal_i64(struct data_filler *filler)
{
    while (!filler_is_full(filler))
        filler_put_u64(filler, (uint64_t)exp(8 + 1.2 * filler_gauss(filler)));
}

/* ---- fractions ---- */

/* A price that walks. */
void fill_decimal_f32(struct data_filler *filler)
{
    for (double cents = 10000; !filler_is_full(filler);) {
        cents += round(1.6 * filler_gauss(filler));
        cents = cents < 100 ? 100 : cents;
        filler_put_f32(filler, (float)(cents / 100));
    }
}

/* A temperature that is measured every minute. */
void fill_decimal_f64(struct data_filler *filler)
{
    for (double degrees = 20; !filler_is_full(filler);) {
        degrees += 0.005 * (20 - degrees) + 0.03 * filler_gauss(filler);
        filler_put_f64(filler, round(degrees * 100) / 100);
    }
}

void fill_smooth_f64(struct data_filler *filler)
{
    for (double time = 0; !filler_is_full(filler); time++)
        filler_put_f64(filler, 40 * sin(time * 0.003) + 12 * sin(time * 0.017) + 200 + 1e-6 * filler_gauss(filler));
}

/* Of a network: normal, each row with a scale of its own. */
static float next_weight(struct data_filler *filler, double *scale, unsigned *column)
{
    if ((*column)++ % 4096 == 0)
        *scale = 0.02 * exp(0.3 * filler_gauss(filler));
    return (float)(*scale * filler_gauss(filler));
}

void fill_weights_f32(struct data_filler *filler)
{
    double scale = 0;
    for (unsigned column = 0; !filler_is_full(filler);)
        filler_put_f32(filler, next_weight(filler, &scale, &column));
}

void fill_weights_bf16(struct data_filler *filler)
{
    double scale = 0;
    for (unsigned column = 0; !filler_is_full(filler);) {
        uint32_t bits;
        float weight = next_weight(filler, &scale, &column);
        memcpy(&bits, &weight, sizeof bits);
        filler_put_u16(filler, (uint16_t)((bits + 0x8000) >> 16));
    }
}

/* IEEE half precision of a number below 1; what is too small for it becomes 0. */
static uint16_t half_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    int exponent = (int)((bits >> 23) & 255) - 127 + 15;
    uint32_t sign = bits >> 31;
    return exponent <= 0 ? (uint16_t)(sign << 15)
                         : (uint16_t)((sign << 15) | ((uint32_t)exponent << 10) | ((bits >> 13) & 1023));
}

void fill_weights_f16(struct data_filler *filler)
{
    double scale = 0;
    for (unsigned column = 0; !filler_is_full(filler);)
        filler_put_u16(filler, half_of(next_weight(filler, &scale, &column)));
}

/* ---- sound, pictures, terrain ---- */

/* 16 bit, stereo, 44.1 kHz: chords of a few tones with some noise, behind the head of a WAV file. */
void fill_sound(struct data_filler *filler)
{
    static const uint8_t head[44] = "RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\1\0\2\0\x44\xac\0\0\x10\xb1\2\0\4\0\x10\0"
                                    "data\xdb\xff\xff\x7f";
    filler_put(filler, head, sizeof head);
    double tones[4] = {0};
    for (unsigned time = 0; !filler_is_full(filler); time++) {
        if (time % 22050 == 0)
            for (unsigned i = 0; i < 4; i++)
                tones[i] = 110 * pow(2, filler_below(filler, 24) / 12.0) * 6.283185307179586 / 44100;
        double left = 60 * filler_gauss(filler);
        double right = 60 * filler_gauss(filler);
        for (unsigned i = 0; i < 4; i++) {
            left += 2500 / (i + 1.0) * sin(tones[i] * time);
            right += 2500 / (4.0 - i) * sin(tones[i] * time + 0.7);
        }
        filler_put_u16(filler, (uint16_t)(int16_t)left);
        filler_put_u16(filler, (uint16_t)(int16_t)right);
    }
}

static uint8_t to_byte(double value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* 24 bit a pixel, smooth shades and grain, behind the head of a BMP file. */
void fill_picture(struct data_filler *filler)
{
    static const uint8_t head[54] = "BM\x36\0\0\x03\0\0\0\0\x36\0\0\0\x28\0\0\0\0\x10\0\0\0\x10\0\0\1\0\x18";
    const unsigned width = 4096;
    filler_put(filler, head, sizeof head);
    for (unsigned row = 0; !filler_is_full(filler); row++) {
        for (unsigned column = 0; column < width; column++) {
            double grain = 1.5 * filler_gauss(filler);
            double light = 110 + 60 * sin(column * 0.004 + row * 0.002) + 30 * sin(row * 0.011 - column * 0.007);
            uint8_t pixel[3] = {to_byte(light * 0.8 + grain + 0.7 * filler_gauss(filler)), to_byte(light + grain),
                                to_byte(light * 1.1 + grain + 0.7 * filler_gauss(filler))};
            filler_put(filler, pixel, sizeof pixel);
        }
    }
}

/* Metres on a grid of 1201 a row. */
void fill_elevation(struct data_filler *filler)
{
    for (unsigned row = 0; !filler_is_full(filler); row++) {
        for (unsigned column = 0; column < 1201; column++) {
            double x = column * 0.01;
            double y = row * 0.01;
            double height = 900 + 350 * sin(x + 0.7 * y) + 180 * sin(2.7 * x - 1.9 * y) + 60 * sin(7.1 * x + 5.3 * y) +
                            0.4 * filler_gauss(filler);
            filler_put_u16(filler, (uint16_t)height);
        }
    }
}

/* ---- records ---- */

struct order {
    uint64_t id;
    uint32_t customer;
    float price;
    uint16_t quantity;
    uint16_t state;
    uint32_t seconds;
};
_Static_assert(sizeof(struct order) == 24, "without holes");

void fill_records(struct data_filler *filler)
{
    struct order order = {.id = UINT64_C(81234567890), .seconds = 1700000000};
    while (!filler_is_full(filler)) {
        order.id += 1 + filler_below(filler, 3);
        order.customer = (uint32_t)filler_zipf(filler, 1.2, 5e6);
        order.price = (float)(round(exp(3 + filler_gauss(filler)) * 100) / 100);
        order.quantity = (uint16_t)filler_zipf(filler, 2.5, 1000);
        order.state = (uint16_t)filler_below(filler, 6);
        order.seconds += (uint32_t)filler_exponential(filler, 3);
        filler_put(filler, &order, sizeof order);
    }
}

/* A surface as a laser scans it. */
void fill_points(struct data_filler *filler)
{
    for (double time = 0; !filler_is_full(filler); time++) {
        double x = 30 * sin(time * 0.002) + 0.002 * filler_gauss(filler);
        double y = time * 0.0001 + 0.002 * filler_gauss(filler);
        filler_put_f32(filler, (float)x);
        filler_put_f32(filler, (float)y);
        filler_put_f32(filler, (float)(2 * sin(0.3 * x) + 0.5 * y + 0.002 * filler_gauss(filler)));
    }
}
