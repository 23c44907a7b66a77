/* tests/fuzz/bench/figures_json_fuzz.c -- any bytes as the figures of a run: they are refused with a sentence, or can
 * be described, compared, drawn and held against a bar, and written so that they are read again. The first line is
 * tried as a bar. */
#include "bench/report/bars.h"
#include "bench/report/compare_runs.h"
#include "bench/report/figures_json.h"
#include "bench/report/plot.h"
#include "bench/report/text.h"
#include "runtime/base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct run_figures *figures, struct buffer *to)
{
    const struct plot_run runs[] = {{"one", figures}, {"two", figures}};
    report_text(figures, to);
    describe_run(figures, to);
    compare_runs(figures, figures, to);
    plot_runs(runs, 2, to);
}

static void hold(struct span text, const struct run_figures *figures, struct buffer *to)
{
    struct bar bar;
    struct error error;
    if (bar_parse(text, &bar, &error))
        (void)bar_holds(&bar, figures, figures, to);
}

static void read_again(const struct run_figures *figures)
{
    struct buffer text;
    struct error error;
    struct run_figures again;
    buffer_init(&text, 0);
    figures_json_write(figures, &text);
    ASSERT(figures_json_read(buffer_span(&text), &again, &error));
    ASSERT(again.jobs_count == figures->jobs_count);
    run_figures_free(&again);
    buffer_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size);
    size_t line = span_find(text, '\n');
    struct run_figures figures;
    struct error error;
    struct buffer to;
    buffer_init(&to, 0);
    if (figures_json_read(text, &figures, &error)) {
        use(&figures, &to);
        hold(span_take(text, line), &figures, &to);
        hold(SPAN("get.p99<5ms"), &figures, &to);
        read_again(&figures);
        run_figures_free(&figures);
    } else {
        hold(span_take(text, line), &(struct run_figures){0}, &to);
    }
    buffer_free(&to);
    return 0;
}
