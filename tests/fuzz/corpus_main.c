/* tests/fuzz/corpus_main.c -- runs a fuzz target over files: every file named on the command line, and every file in
 * every folder named there. This is how the regression corpus runs as an ordinary test; tools/fuzz links the same
 * targets with libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        perror(path);
        return 1;
    }
    /* exactly as large as the input, so that a sanitizer sees the first byte read beyond it */
    uint8_t *data = malloc((size_t)status.st_size + (status.st_size == 0));
    size_t size = fread(data, 1, (size_t)status.st_size, file);
    fclose(file);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

static int run_folder(const char *path, unsigned *count)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        perror(path);
        return 1;
    }
    int failed = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        char file[4096];
        (void)snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        failed |= run_file(file);
        ++*count;
    }
    closedir(folder);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    unsigned count = 0;
    for (int i = 1; i < argc; i++) {
        struct stat status;
        if (stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode)) {
            failed |= run_folder(argv[i], &count);
        } else {
            failed |= run_file(argv[i]);
            count++;
        }
    }
    printf("%u inputs\n", count);
    return failed != 0 || count == 0;
}
