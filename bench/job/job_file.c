/* bench/job/job_file.c -- sections become jobs; every complaint is kept, and the reading goes on. */
#include "bench/job/job_file.h"

#include "runtime/base/assert.h"
#include "runtime/base/read_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char GLOBAL[] = "global";

static void complain(struct buffer *complaints, const struct error *error)
{
    buffer_append_format(complaints, "%s\n", error->message);
}

/* ---- sections ---- */

static const char *job_name_of(const char *section)
{
    return strncmp(section, "job ", 4) == 0 ? section + 4 + strspn(section + 4, " ") : NULL;
}

static bool is_job_name(const char *name)
{
    return name != NULL && name[0] != '\0' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == strlen(name);
}

static bool is_first_of_section(const struct ini_file *file, unsigned i)
{
    return i == 0 || file->entries[i].section_line != file->entries[i - 1].section_line;
}

static void check_sections(const struct ini_file *file, struct buffer *complaints)
{
    struct error error;
    unsigned jobs = 0;
    for (unsigned i = 0; i < file->count; i++) {
        const struct ini_entry *entry = &file->entries[i];
        if (!is_first_of_section(file, i))
            continue;
        bool is_job = is_job_name(job_name_of(entry->section));
        jobs += is_job;
        if (is_job || strcmp(entry->section, GLOBAL) == 0)
            continue;
        (void)ini_refuse(file, entry, &error,
                         "it stands in [%s]; sections are [global] and [job NAME], with letters, "
                         "digits, - and _ in the name",
                         entry->section);
        complain(complaints, &error);
    }
    if (jobs == 0)
        buffer_append_format(complaints, "%s: there is no [job NAME] in it\n", file->path);
    if (jobs > JOBS_MAX)
        buffer_append_format(complaints, "%s: there are more than %d jobs in it\n", file->path, JOBS_MAX);
}

/* ---- options ---- */

static void apply_entry(const struct ini_file *file, const struct ini_entry *entry, struct job *job,
                        struct buffer *complaints)
{
    struct error error;
    char origin[OPTION_VARIABLE_BYTES + INI_NAME_BYTES_MAX + ERROR_MESSAGE_BYTES];
    (void)snprintf(origin, sizeof origin, "%.150s:%u: %s", file->path, entry->line, entry->name);
    struct setting setting = {option_find(job_options(), span_from_string(entry->name)), origin, entry->value};
    bool good = setting.option != NULL
                    ? option_read(&setting, job, &error)
                    : option_refuse_unknown(job_options(), origin, span_from_string(entry->name), &error);
    if (!good && complaints != NULL)
        complain(complaints, &error);
}

/* `complaints` NULL: they have been heard already. */
static void apply_section(const struct ini_file *file, const char *section, struct job *job, struct buffer *complaints)
{
    for (unsigned i = 0; i < file->count; i++)
        if (strcmp(file->entries[i].section, section) == 0)
            apply_entry(file, &file->entries[i], job, complaints);
}

static void apply_overrides(const struct job_overrides *overrides, struct job *job, struct buffer *complaints)
{
    struct error error;
    for (unsigned i = 0; i < overrides->count; i++)
        if (!option_argument_apply(&overrides->arguments[i], job, &error) && complaints != NULL)
            complain(complaints, &error);
}

static struct job *add_job(struct job_list *list, const char *name)
{
    list->jobs = realloc(list->jobs, (list->count + 1U) * sizeof *list->jobs);
    ASSERT(list->jobs != NULL);
    job_init(&list->jobs[list->count], name);
    return &list->jobs[list->count++];
}

/* ---- completing ---- */

unsigned job_list_find(const struct job_list *list, const char *name, unsigned below)
{
    unsigned i = 0;
    while (i < below && strcmp(list->jobs[i].name, name) != 0)
        i++;
    return i;
}

static void complete(struct job_list *list, const char *path, struct buffer *complaints)
{
    for (unsigned i = 0; i < list->count; i++) {
        struct error error;
        struct job *job = &list->jobs[i];
        if (!job_complete(job, &error))
            buffer_append_format(complaints, "%s: [job %s]: %s\n", path, job->name, error.message);
        if (job->depends_on != NULL && job_list_find(list, job->depends_on, i) == i)
            buffer_append_format(complaints, "%s: [job %s]: depends-on: no job %.60s stands before it\n", path,
                                 job->name, job->depends_on);
    }
}

static bool finish(struct job_list *list, const struct buffer *complaints)
{
    if (complaints->size == 0)
        return true;
    job_list_free(list);
    return false;
}

static void take_jobs(const struct ini_file *file, const struct job_overrides *overrides, struct job_list *list,
                      struct buffer *complaints)
{
    for (unsigned i = 0; i < file->count && list->count < JOBS_MAX; i++) {
        const char *name = job_name_of(file->entries[i].section);
        if (!is_first_of_section(file, i) || !is_job_name(name))
            continue;
        bool is_first = list->count == 0;
        struct job *job = add_job(list, name);
        apply_section(file, GLOBAL, job, is_first ? complaints : NULL);
        apply_section(file, file->entries[i].section, job, complaints);
        apply_overrides(overrides, job, is_first ? complaints : NULL);
    }
}

bool job_list_parse(const char *path, struct span text, const struct job_overrides *overrides,
                    struct job_list *ret_list, struct buffer *complaints)
{
    struct ini_file file;
    struct error error;
    *ret_list = (struct job_list){0};
    if (!ini_file_parse(path, text, &file, &error)) {
        complain(complaints, &error);
        return false;
    }
    check_sections(&file, complaints);
    take_jobs(&file, overrides, ret_list, complaints);
    complete(ret_list, path, complaints);
    ini_file_free(&file);
    return finish(ret_list, complaints);
}

bool job_list_load(const char *path, const struct job_overrides *overrides, struct job_list *ret_list,
                   struct buffer *complaints)
{
    struct buffer text;
    struct error error;
    *ret_list = (struct job_list){0};
    if (!read_file(path, INI_FILE_BYTES_MAX, &text, &error)) {
        complain(complaints, &error);
        return false;
    }
    bool good = job_list_parse(path, buffer_span(&text), overrides, ret_list, complaints);
    read_file_wipe(&text);
    return good;
}

bool job_list_from_arguments(const struct job_overrides *overrides, struct job_list *ret_list,
                             struct buffer *complaints)
{
    struct error error;
    *ret_list = (struct job_list){0};
    struct job *job = add_job(ret_list, "");
    apply_overrides(overrides, job, complaints);
    (void)snprintf(job->name, sizeof job->name, "%s",
                   job->rw == OPERATIONS ? "mixed" : operation_name((enum operation)job->rw));
    if (job->depends_on != NULL)
        buffer_append_string(complaints, "--depends-on: there is no other job\n");
    if (complaints->size == 0 && !job_complete(job, &error))
        buffer_append_format(complaints, "--%s\n", error.message);
    return finish(ret_list, complaints);
}

void job_list_free(struct job_list *list)
{
    for (unsigned i = 0; i < list->count; i++)
        job_free(&list->jobs[i]);
    free(list->jobs);
    *list = (struct job_list){0};
}
