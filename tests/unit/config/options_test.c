/* tests/unit/config/options_test.c -- options: which source wins, what is refused and in which words, what --help says.
 */
#include "server/config/config.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct config config;
static struct error error;

#define ARGUMENTS_MAX 8

static enum config_verdict load(const char *const *arguments, const char *const *environment)
{
    static const char *none[] = {NULL};
    const char *argv[ARGUMENTS_MAX + 1] = {"baled"};
    int argc = 1;
    for (; arguments != NULL && arguments[argc - 1] != NULL; argc++)
        argv[argc] = arguments[argc - 1];
    error = (struct error){0};
    return config_load(argc, (char *const *)argv, (char *const *)(environment != NULL ? environment : none), &config,
                       &error);
}

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

static void write_ini(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

static void refused(const char *const *arguments, const char *const *environment, const char *message)
{
    ck_assert_int_eq(load(arguments, environment), CONFIG_WRONG);
    ck_assert_str_eq(error.message, message);
    config_free(&config);
}

START_TEST(defaults_are_those_of_the_manual)
{
    ck_assert_int_eq(load(NULL, NULL), CONFIG_READY);
    ck_assert_str_eq(config.listen, "127.0.0.1:8014");
    ck_assert_str_eq(config.admin, "127.0.0.1:8015");
    ck_assert_str_eq(config_folder(&config), "./bale-data");
    ck_assert_str_eq(config.region, "us-east-1");
    ck_assert_uint_eq(config.shards, 0);
    ck_assert_uint_eq(config.drain_timeout_ms, 30000);
    ck_assert_uint_eq(config.codec, CONFIG_CODEC_AUTO);
    config_free(&config);
}
END_TEST

START_TEST(a_bucket_and_its_prefix)
{
    static const struct {
        const char *backend;
        const char *prefix;
    } cases[] = {{"s3:photos", ""}, {"s3:photos/", ""}, {"s3:photos/a/b", "a/b"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char bucket[64];
        ck_assert_int_eq(load(ARGV("--backend", cases[i].backend), NULL), CONFIG_READY);
        ck_assert(config_is_bucket(&config));
        ck_assert_str_eq(config_backend_bucket(&config, bucket), cases[i].prefix);
        ck_assert_str_eq(bucket, "photos");
        ck_assert_str_eq(config_folder(&config), "./bale-state");
        config_free(&config);
    }
}
END_TEST

START_TEST(both_forms_of_the_command_line_are_read)
{
    ck_assert_int_eq(load(ARGV("--zstd-level=-7", "--codec", "none", "--idle-timeout", "250ms"), NULL), CONFIG_READY);
    ck_assert_int_eq(config.zstd_level, -7);
    ck_assert_uint_eq(config.codec, CONFIG_CODEC_NONE);
    ck_assert_uint_eq(config.idle_timeout_ms, 250);
    config_free(&config);
}
END_TEST

START_TEST(command_line_wins_over_environment_over_file)
{
    char path[] = "/tmp/bale-options-XXXXXX";
    ck_assert_int_ge(mkstemp(path), 0);
    write_ini(path, "region = file\nzstd-level = 2\ncodec = zstd\n");
    const char *environment[] = {"BALE_REGION=environment", "BALE_ZSTD_LEVEL=3", NULL};
    ck_assert_int_eq(load(ARGV("--config", path, "--region", "line"), environment), CONFIG_READY);
    ck_assert_str_eq(config.region, "line");
    ck_assert_int_eq(config.zstd_level, 3);
    ck_assert_uint_eq(config.codec, CONFIG_CODEC_ZSTD);
    config_free(&config);
    (void)unlink(path);
}
END_TEST

START_TEST(the_file_may_be_named_by_the_environment)
{
    char path[] = "/tmp/bale-options-XXXXXX";
    char variable[64];
    ck_assert_int_ge(mkstemp(path), 0);
    write_ini(path, "catalogue-max-size = 64M\n");
    (void)snprintf(variable, sizeof variable, "BALE_CONFIG=%s", path);
    const char *environment[] = {variable, NULL};
    ck_assert_int_eq(load(NULL, environment), CONFIG_READY);
    ck_assert_uint_eq(config.catalogue_max_size, 64U << 20);
    config_free(&config);
    (void)unlink(path);
}
END_TEST

START_TEST(what_is_wrong_in_a_file_is_named_by_file_and_line)
{
    char path[] = "/tmp/bale-options-XXXXXX";
    char message[256];
    ck_assert_int_ge(mkstemp(path), 0);
    write_ini(path, "# a comment\nshards = many\n");
    (void)snprintf(message, sizeof message,
                   "%s:2: shards: \"many\" is not allowed; allowed is auto, or a number from 1 to 256", path);
    refused(ARGV("--config", path), NULL, message);
    write_ini(path, "region = a\nshard = 3\n");
    (void)snprintf(message, sizeof message, "%s:2: shard: there is no such option; did you mean shards?", path);
    refused(ARGV("--config", path), NULL, message);
    write_ini(path, "[baled]\nregion = a\n");
    (void)snprintf(message, sizeof message, "%s:2: options stand outside of sections, region is in [baled]", path);
    refused(ARGV("--config", path), NULL, message);
    (void)unlink(path);
}
END_TEST

START_TEST(refusals_say_which_and_what_is_allowed)
{
    refused(ARGV("--zstd-level", "20"), NULL, "--zstd-level: \"20\" is not allowed; allowed is a number from -7 to 19");
    refused(ARGV("--codec=lzma"), NULL, "--codec: \"lzma\" is not allowed; allowed is auto|zstd|gzip|none");
    refused(ARGV("--listen", "8014"), NULL,
            "--listen: \"8014\" is not allowed; allowed is HOST:PORT, [IPV6]:PORT or :PORT, with a port from 0 to "
            "65535");
    refused(ARGV("--listen", "::1:80"), NULL,
            "--listen: \"::1:80\" is not allowed; allowed is HOST:PORT, [IPV6]:PORT or :PORT, with a port from 0 to "
            "65535");
    refused(ARGV("--backend", "s3:/prefix"), NULL,
            "--backend: \"s3:/prefix\" is not allowed; allowed is dir:PATH, the folder of the embedded store, or "
            "s3:BUCKET[/PREFIX]");
    refused(ARGV("--backend", "s3:bucket", "--raw"), NULL, "--raw goes with --backend dir:PATH only");
    refused(ARGV("--tier", "folder"), NULL, "--tier goes with --backend s3:BUCKET only");
    refused(ARGV("--tier-memory", "64M"), NULL, "--tier-memory goes with --backend s3:BUCKET only");
    refused(ARGV("--backend", "s3:bucket", "--tier-fresh", "1s"), NULL,
            "--tier-fresh goes with --tier or --tier-memory only");
    refused(ARGV("--backend", "s3:bucket", "--tier-pinned", "always"), NULL,
            "--tier-pinned goes with --tier or --tier-memory only");
    refused(ARGV("--backend", "s3:bucket", "--tier-prices", "prices.ini"), NULL,
            "--tier-prices goes with --tier or --tier-memory only");
    refused(ARGV("--endpoint", "http://127.0.0.1:9000"), NULL, "--endpoint goes with --backend s3:BUCKET only");
    refused(
        ARGV("--backend", "s3:bucket", "--part-size", "1M"), NULL,
        "--part-size: \"1M\" is not allowed; allowed is bytes, or with K, M, G or T behind the number (64G), from 5M "
        "to 1G");
    refused(
        ARGV("--drain-timeout", "30 s"), NULL,
        "--drain-timeout: \"30 s\" is not allowed; allowed is seconds, or with ms, s, m or h behind the number (30s, "
        "500ms), at most 24h");
    refused(ARGV("--catalogue-max-size", "99999999999999999999T"), NULL,
            "--catalogue-max-size: \"99999999999999999999T\" is not allowed; allowed is bytes, or with K, M, G or T "
            "behind the number (64G), from 1M to 16384G");
    refused(ARGV("--shards"), NULL, "--shards: its value is missing: --shards N");
    refused(ARGV("--shard", "2"), NULL, "--shard: there is no such option; did you mean shards?");
    refused(ARGV("--frobnicate", "2"), NULL, "--frobnicate: there is no such option; baled --help lists all");
    refused(ARGV("data"), NULL, "data: baled takes options only; baled --help lists them");
    const char *environment[] = {"BALE_SHARDS=0", NULL};
    refused(NULL, environment, "BALE_SHARDS: \"0\" is not allowed; allowed is auto, or a number from 1 to 256");
}
END_TEST

START_TEST(key_pairs_come_whole_and_from_the_environment)
{
    const char *both[] = {"BALE_ACCESS_KEY=a", "BALE_SECRET_KEY=s", NULL};
    ck_assert_int_eq(load(NULL, both), CONFIG_READY);
    ck_assert_str_eq(config.access_key, "a");
    ck_assert_str_eq(config.secret_key, "s");
    config_free(&config);
    const char *half[] = {"BALE_ACCESS_KEY=a", NULL};
    refused(NULL, half, "BALE_ACCESS_KEY is set and BALE_SECRET_KEY is not: both or neither");
    refused(ARGV("--access-key", "a"), NULL, "--access-key: there is no such option; baled --help lists all");
}
END_TEST

START_TEST(a_region_has_a_shape)
{
    ck_assert_int_eq(load(ARGV("--region", "eu-central-1"), NULL), CONFIG_READY);
    ck_assert_str_eq(config.region, "eu-central-1");
    config_free(&config);
    refused(ARGV("--region", "EU Central"), NULL,
            "--region: \"EU Central\" is not allowed; allowed is up to 50 lower-case letters, digits and hyphens "
            "(us-east-1)");
    refused(ARGV("--region", "a23456789-123456789-123456789-123456789-123456789-1"), NULL,
            "--region: \"a23456789-123456789-123456789-123456789-123456789-1\" is not allowed; allowed is up to 50 "
            "lower-case letters, digits and hyphens (us-east-1)");
}
END_TEST

START_TEST(flags_are_yes_by_their_name_alone)
{
    const char *yes[] = {"BALE_RAW=yes", NULL};
    const char *wrong[] = {"BALE_RAW=1", NULL};
    ck_assert_int_eq(load(NULL, NULL), CONFIG_READY);
    ck_assert(!config.raw);
    config_free(&config);
    ck_assert_int_eq(load(ARGV("--raw", "--shards", "3"), NULL), CONFIG_READY);
    ck_assert(config.raw && config.shards == 3);
    config_free(&config);
    ck_assert_int_eq(load(NULL, yes), CONFIG_READY);
    ck_assert(config.raw);
    config_free(&config);
    ck_assert_int_eq(load(ARGV("--raw=no"), yes), CONFIG_READY);
    ck_assert(!config.raw);
    config_free(&config);
    refused(NULL, wrong, "BALE_RAW: \"1\" is not allowed; allowed is yes or no");
    refused(ARGV("--raw", "yes"), NULL, "yes: baled takes options only; baled --help lists them");
}
END_TEST

START_TEST(domains_are_kept_in_lower_case)
{
    ck_assert_int_eq(load(ARGV("--domain", "S3.Example.org"), NULL), CONFIG_READY);
    ck_assert_str_eq(config.domain, "s3.example.org");
    config_free(&config);
    refused(ARGV("--domain", "s3.example.org/x"), NULL,
            "--domain: \"s3.example.org/x\" is not allowed; allowed is a host name (s3.example.org), or nothing");
}
END_TEST

START_TEST(help_names_every_option_and_wins_over_mistakes)
{
    ck_assert_int_eq(load(ARGV("--shards", "many", "--help"), NULL), CONFIG_HELP);
    config_free(&config);
    struct buffer help;
    buffer_init(&help, 0);
    config_help(&help);
    buffer_append_byte(&help, 0);
    static const char *const NAMES[] = {
        "--config FILE",
        "--listen HOST:PORT",
        "--admin HOST:PORT",
        "--backend KIND:NAME",
        "--credentials FILE",
        "--region NAME",
        "--domain NAME",
        "--shards N",
        "--codec NAME",
        "--zstd-level N",
        "--gzip-level N",
        "--codec-threads N",
        "--frame-buffers N",
        "--connections-max N",
        "--idle-timeout TIME",
        "--head-timeout TIME",
        "--progress-timeout TIME",
        "--drain-timeout TIME",
        "--catalogue-max-size BYTES",
        "--log-format NAME",
        "--log-level NAME",
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        ck_assert_msg(strstr((const char *)help.data, NAMES[i]) != NULL, "%s", NAMES[i]);
    buffer_free(&help);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *group = tcase_create("options");
    tcase_add_test(group, a_bucket_and_its_prefix);
    tcase_add_test(group, defaults_are_those_of_the_manual);
    tcase_add_test(group, both_forms_of_the_command_line_are_read);
    tcase_add_test(group, command_line_wins_over_environment_over_file);
    tcase_add_test(group, the_file_may_be_named_by_the_environment);
    tcase_add_test(group, what_is_wrong_in_a_file_is_named_by_file_and_line);
    tcase_add_test(group, refusals_say_which_and_what_is_allowed);
    tcase_add_test(group, key_pairs_come_whole_and_from_the_environment);
    tcase_add_test(group, a_region_has_a_shape);
    tcase_add_test(group, flags_are_yes_by_their_name_alone);
    tcase_add_test(group, domains_are_kept_in_lower_case);
    tcase_add_test(group, help_names_every_option_and_wins_over_mistakes);
    suite_add_tcase(suite, group);
    return run_suite(suite);
}
