/* tests/unit/wire/test_xml.c -- XML out and in; errors by name. */
#include "s3client/wire/s3_error.h"
#include "s3client/wire/xml_reader.h"
#include "s3client/wire/xml_tree.h"
#include "s3client/wire/xml_writer.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- writer ---- */

static void expect_text(struct span text, const char *expected)
{
    struct buffer out;
    struct xml_writer writer;
    buffer_init(&out, 0);
    xml_begin(&writer, &out);
    size_t start = out.size;
    xml_text(&writer, "K", text);
    xml_end(&writer);
    buffer_append_byte(&out, '\0');
    ck_assert_str_eq((const char *)out.data + start, expected);
    buffer_free(&out);
}

START_TEST(writes_any_text_well_formed) /* statement 7 */
{
    expect_text(SPAN("a&b<c>d\"e'f"), "<K>a&amp;b&lt;c&gt;d&quot;e'f</K>");
    expect_text(SPAN("\r\n\t"), "<K>&#13;&#10;&#9;</K>");
    expect_text(SPAN("a\x01z"), "<K>a\xef\xbf\xbdz</K>");
    expect_text(SPAN("\x7f\xc3\xa4"), "<K>\x7f\xc3\xa4</K>");
    expect_text(SPAN("\xff\xc3"), "<K>\xef\xbf\xbd\xef\xbf\xbd</K>");
    expect_text(SPAN("\xef\xbf\xbf\xef\xbf\xbe\xef\xbf\xbd"), "<K>\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd</K>");
    expect_text(SPAN("a\0b"), "<K>a\xef\xbf\xbd"
                              "b</K>");
    expect_text(SPAN_EMPTY, "<K></K>");
}
END_TEST

START_TEST(finds_a_special_byte_anywhere)
{
    for (size_t size = 1; size <= 40; size++) {
        for (size_t at = 0; at < size; at++) {
            char text[41];
            char expected[64];
            memset(text, 'x', sizeof text);
            text[at] = at % 2 ? '&' : '\x1f';
            (void)snprintf(expected, sizeof expected, "<K>%.*s%s%.*s</K>", (int)at,
                           "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", at % 2 ? "&amp;" : "\xef\xbf\xbd",
                           (int)(size - at - 1), "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
            expect_text(span_of(text, size), expected);
        }
    }
}
END_TEST

START_TEST(writes_a_document)
{
    struct buffer out;
    struct xml_writer writer;
    buffer_init(&out, 0);
    xml_begin(&writer, &out);
    xml_open_root(&writer, "R", XML_NAMESPACE_S3);
    xml_open(&writer, "A");
    xml_decimal(&writer, "N", 18446744073709551615U);
    xml_bool(&writer, "B", true);
    xml_close(&writer);
    xml_empty(&writer, "E");
    xml_string(&writer, "S", "s");
    xml_quoted(&writer, "Quoted", SPAN("a\"b"));
    xml_quoted(&writer, "Quoted", SPAN("9e107d9d372bb6826bd81d3542a419d6"));
    xml_plain(&writer, "Plain", SPAN("2009-10-12T17:50:30.000Z"));
    xml_plain(&writer, "Empty", SPAN_EMPTY);
    xml_text(&writer, "AnElementWithALongName", SPAN("and a text of some length"));
    xml_close(&writer);
    xml_end(&writer);
    buffer_append_byte(&out, '\0');
    ck_assert_str_eq(
        (const char *)out.data,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<R xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><A><N>18446744073709551615</N><B>true</B></A>"
        "<E/><S>s</S><Quoted>&quot;a&quot;b&quot;</Quoted>"
        "<Quoted>&quot;9e107d9d372bb6826bd81d3542a419d6&quot;</Quoted><Plain>2009-10-12T17:50:30.000Z</Plain><Empty></"
        "Empty>"
        "<AnElementWithALongName>and a text of some length</AnElementWithALongName></R>");
    buffer_free(&out);
}
END_TEST

/* ---- reader: what it reports, written down as text ---- */

struct trace {
    struct buffer text;
    unsigned refuse_at; /* the n-th event is refused; 0: none */
    unsigned events;
};

static bool note(struct trace *trace, char kind, unsigned depth, struct span element)
{
    buffer_append_format(&trace->text, "%c%u:%.*s ", kind, depth, SPAN_FORMAT(element));
    return ++trace->events != trace->refuse_at;
}

static bool on_open(void *context, unsigned depth, struct span element, struct error *error)
{
    (void)error;
    return note(context, '+', depth, element);
}

static bool on_close(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    (void)error;
    struct trace *trace = context;
    buffer_append_format(&trace->text, "[%.*s]", SPAN_FORMAT(text));
    return note(trace, '-', depth, element);
}

static const struct xml_handlers handlers = {.open = on_open, .close = on_close};

/* Reads the document in pieces; true when it was accepted. */
static bool read_pieces(struct span document, size_t piece, struct trace *trace, struct error *error)
{
    struct xml_reader *reader = xml_reader_create(&handlers, trace);
    *error = (struct error){0};
    bool good = true;
    while (good && document.size > 0) {
        struct span now = span_take(document, piece);
        good = xml_reader_feed(reader, now, error);
        document = span_skip(document, now.size);
    }
    good = good && xml_reader_finish(reader, error);
    xml_reader_destroy(reader);
    return good;
}

static void expect_trace(struct span document, const char *expected)
{
    for (size_t piece = 1; piece <= document.size; piece++) {
        struct trace trace = {0};
        struct error error;
        ck_assert_msg(read_pieces(document, piece, &trace, &error), "%s", error.message);
        buffer_append_byte(&trace.text, '\0');
        ck_assert_str_eq((const char *)trace.text.data, expected);
        buffer_free(&trace.text);
    }
}

static void expect_refused(struct span document)
{
    static const size_t pieces[] = {1, 7, 4096, SIZE_MAX};
    for (unsigned i = 0; i < 4; i++) {
        if (pieces[i] == 1 && document.size > 100000)
            continue;
        struct trace trace = {0};
        struct error error;
        ck_assert(!read_pieces(document, pieces[i], &trace, &error));
        ck_assert_ptr_eq(error.code, S3_MalformedXML);
        buffer_free(&trace.text);
    }
}

START_TEST(reads_elements_with_text)
{
    expect_trace(SPAN("<?xml version=\"1.0\"?>\n<s3:D xmlns:s3=\"u\" xmlns=\"http://x/\">\n <O a=\"1\"><K>a &amp; "
                      "&#13;b</K></O>\n <Q/><!-- c -->\n</s3:D>"),
                 "+0:D +1:O +2:K [a & \rb]-2:K []-1:O +1:Q []-1:Q [\n]-0:D ");
    expect_trace(SPAN("<a>x<b>y</b>z<![CDATA[<q>]]></a>"), "+0:a +1:b [y]-1:b [xz<q>]-0:a ");
}
END_TEST

START_TEST(refuses_what_is_not_well_formed)
{
    expect_refused(SPAN("<a>"));
    expect_refused(SPAN("<a></b>"));
    expect_refused(SPAN("<a>&undefined;</a>"));
    expect_refused(SPAN("plain"));
    expect_refused(SPAN("<a/><b/>"));
    expect_refused(SPAN("<a>\xff</a>"));
    expect_refused(SPAN("<a>&#1;</a>"));
    struct trace trace = {0};
    struct error error;
    ck_assert(!read_pieces(SPAN_EMPTY, 1, &trace, &error));
    ck_assert_ptr_eq(error.code, S3_MalformedXML);
}
END_TEST

START_TEST(refuses_declarations_and_depth) /* statement 24 */
{
    expect_refused(SPAN("<!DOCTYPE a><a/>"));
    expect_refused(SPAN("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>"));
    expect_refused(SPAN("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>"));
    expect_refused(SPAN("<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol1 \"&lol;&lol;&lol;&lol;&lol;&lol;\">"
                        "<!ENTITY lol2 \"&lol1;&lol1;&lol1;&lol1;\">]><lolz>&lol2;</lolz>"));
    struct buffer deep;
    buffer_init(&deep, 0);
    for (int i = 0; i < 10000; i++)
        buffer_append_string(&deep, "<a>");
    expect_refused(buffer_span(&deep));
    buffer_clear(&deep);
    for (int i = 0; i < 16; i++)
        buffer_append_string(&deep, "<a>");
    for (int i = 0; i < 16; i++)
        buffer_append_string(&deep, "</a>");
    struct trace trace = {0};
    struct error error;
    ck_assert(read_pieces(buffer_span(&deep), 5, &trace, &error));
    buffer_free(&trace.text);
    buffer_free(&deep);
}
END_TEST

static void append_many(struct buffer *to, const char *piece, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        buffer_append_string(to, piece);
}

START_TEST(bounds_text_and_tokens)
{
    struct buffer document;
    buffer_init(&document, 0);
    buffer_append_string(&document, "<a>");
    append_many(&document, "0123456789abcdef", 4097);
    buffer_append_string(&document, "</a>");
    expect_refused(buffer_span(&document));

    buffer_clear(&document);
    buffer_append_string(&document, "<a><!--");
    append_many(&document, "0123456789abcdef", 400000);
    struct trace trace = {0};
    struct error error;
    ck_assert(!read_pieces(buffer_span(&document), 4096, &trace, &error));
    ck_assert(strstr(error.message, "too long") != NULL);
    buffer_free(&trace.text);
    buffer_free(&document);
}
END_TEST

START_TEST(takes_a_large_document_with_layout)
{
    struct buffer document;
    buffer_init(&document, 0);
    buffer_append_string(&document, "<Delete>");
    for (int i = 0; i < 1000; i++) {
        buffer_append_string(&document, "\n");
        append_many(&document, "        ", 500);
        buffer_append_string(&document, "<Object><Key>k</Key></Object>");
    }
    buffer_append_string(&document, "</Delete>");
    static const size_t pieces[] = {1000, 4096, 70000, SIZE_MAX};
    for (unsigned i = 0; i < 4; i++) {
        struct trace trace = {0};
        struct error error;
        ck_assert_msg(read_pieces(buffer_span(&document), pieces[i], &trace, &error), "%s", error.message);
        ck_assert_uint_eq(trace.events, 2 + 4 * 1000);
        buffer_free(&trace.text);
    }
    buffer_free(&document);
}
END_TEST

START_TEST(stops_when_a_handler_refuses)
{
    for (unsigned at = 1; at <= 4; at++) {
        struct trace trace = {.refuse_at = at};
        struct error error;
        ck_assert(!read_pieces(SPAN("<a><b>x</b></a>"), SIZE_MAX, &trace, &error));
        ck_assert_ptr_eq(error.code, S3_MalformedXML);
        ck_assert_uint_eq(trace.events, at);
        buffer_free(&trace.text);
    }
}
END_TEST

/* ---- errors by name ---- */

START_TEST(finds_errors_by_name)
{
    char copy[] = "NoSuchKey";
    ck_assert_int_eq(s3_error_find(S3_NoSuchKey)->status, 404);
    ck_assert_ptr_eq(s3_error_find(copy), s3_error_find(S3_NoSuchKey));
    ck_assert_str_eq(s3_error_find(copy)->code, "NoSuchKey");
    ck_assert_ptr_null(s3_error_find("NoSuchCode"));
    ck_assert_ptr_null(s3_error_find(NULL));
    unsigned count;
    const struct s3_error_entry *table = s3_error_table(&count);
    for (unsigned i = 0; i < count; i++) {
        ck_assert_int_ge(table[i].status, 400);
        if (i > 0)
            ck_assert_msg(strcmp(table[i - 1].code, table[i].code) < 0, "%s is not sorted", table[i].code);
    }
}
END_TEST

/* ---- tree ---- */

START_TEST(sorts_what_an_element_holds)
{
    struct arena arena;
    struct error error;
    const struct xml_element *root;
    struct xml_field fields[] = {{"One", 1, 1}, {"Many", 0, 3}, {"Never", 0, 1}};
    arena_init(&arena, 1 << 16);
    ck_assert(xml_tree_parse(SPAN("<x:R xmlns:x='u'><Many>a</Many> <x:One> b <i/></x:One><Many/></x:R>"), &arena, &root,
                             &error));
    ck_assert(xml_tree_expect_root(root, "R", &error));
    ck_assert(!xml_tree_expect_root(root, "r", &error));
    ck_assert(xml_tree_sort(root, fields, 3, &error));
    ck_assert_uint_eq(fields[0].count, 1);
    ck_assert(span_equal(fields[0].first->text, SPAN(" b ")));
    ck_assert_uint_eq(fields[1].count, 2);
    ck_assert(span_equal(fields[1].first->text, SPAN("a")));
    ck_assert(xml_tree_next(fields[1].first)->text.size == 0);
    ck_assert(xml_tree_next(xml_tree_next(fields[1].first)) == NULL);
    ck_assert(fields[2].first == NULL);
    ck_assert(!xml_tree_expect_known(root, &error)); /* nobody has looked into One */
    ck_assert_ptr_nonnull(strstr(error.message, "i in One"));
    struct xml_field inner = {"i", 1, 1};
    ck_assert(xml_tree_sort(fields[0].first, &inner, 1, &error));
    ck_assert(xml_tree_expect_known(root, &error));
    ck_assert(xml_tree_parse(SPAN("<R/>"), &arena, &root, &error) && xml_tree_expect_known(root, &error));
    arena_free(&arena);
}
END_TEST

START_TEST(refuses_a_tree_of_another_shape)
{
    static const char *const wrong[] = {"<R/>", "<R><One/><One/></R>", "<R><One/><Other/></R>", "<R><One></R>",
                                        "<R><One/><Many/><Many/></R>"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct arena arena;
        struct error error = {0};
        const struct xml_element *root;
        struct xml_field fields[] = {{"One", 1, 1}, {"Many", 0, 1}};
        arena_init(&arena, 1 << 16);
        ck_assert(!xml_tree_parse(span_from_string(wrong[i]), &arena, &root, &error) ||
                  !xml_tree_sort(root, fields, 2, &error));
        ck_assert_str_eq(error.code, S3_MalformedXML);
        arena_free(&arena);
    }
}
END_TEST

START_TEST(a_tree_is_as_large_as_its_arena)
{
    struct arena arena;
    struct error error;
    struct buffer text;
    const struct xml_element *root;
    arena_init(&arena, 1 << 16);
    buffer_init(&text, 0);
    buffer_append_string(&text, "<R>");
    for (unsigned i = 0; i < 10000; i++)
        buffer_append_string(&text, "<a/>");
    buffer_append_string(&text, "</R>");
    ck_assert(!xml_tree_parse(buffer_span(&text), &arena, &root, &error));
    ck_assert_int_eq(error.kind, ERROR_TOO_LARGE);
    buffer_free(&text);
    arena_free(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("xml");
    TCase *tests = tcase_create("xml");
    tcase_add_test(tests, writes_any_text_well_formed);
    tcase_add_test(tests, finds_a_special_byte_anywhere);
    tcase_add_test(tests, writes_a_document);
    tcase_add_test(tests, reads_elements_with_text);
    tcase_add_test(tests, refuses_what_is_not_well_formed);
    tcase_add_test(tests, refuses_declarations_and_depth);
    tcase_add_test(tests, bounds_text_and_tokens);
    tcase_add_test(tests, takes_a_large_document_with_layout);
    tcase_add_test(tests, stops_when_a_handler_refuses);
    tcase_add_test(tests, finds_errors_by_name);
    tcase_add_test(tests, sorts_what_an_element_holds);
    tcase_add_test(tests, refuses_a_tree_of_another_shape);
    tcase_add_test(tests, a_tree_is_as_large_as_its_arena);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
