/* What the shim is tried on: each argument is one call on the file named first, answered by a line. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int sync_folder(const char *file) {
    char path[4096];
    snprintf(path, sizeof path, "%.*s", (int)(strrchr(file, '/') - file), file);
    int folder = open(path, O_RDONLY | O_DIRECTORY);
    int done = fsync(folder);
    close(folder);
    return done;
}

static long by_spec(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec;
}

static long by_val(void) {
    struct timeval now;
    gettimeofday(&now, NULL);
    return now.tv_sec;
}

int main(int count, char **words) {
    int fd = open(words[1], O_RDWR | O_CREAT, 0644);
    char bytes[1];
    for (int at = 2; at < count; at++) {
        const char *word = words[at];
        long done = -2;
        errno = 0;
        if (!strcmp(word, "write")) done = write(fd, "four", 4);
        if (!strcmp(word, "pwrite")) done = pwrite(fd, "four", 4, 8);
        if (!strcmp(word, "pwrite64")) done = pwrite64(fd, "four", 4, 1L << 33);
        if (!strcmp(word, "read")) done = read(fd, bytes, 1);
        if (!strcmp(word, "pread")) done = pread(fd, bytes, 1, 0);
        if (!strcmp(word, "pread64")) done = pread64(fd, bytes, 1, 0);
        if (!strcmp(word, "fsync")) done = fsync(fd);
        if (!strcmp(word, "fdatasync")) done = fdatasync(fd);
        if (!strcmp(word, "sync_folder")) done = sync_folder(words[1]);
        if (!strcmp(word, "grow")) done = ftruncate(fd, 1L << 34);
        if (!strcmp(word, "shrink")) done = ftruncate64(fd, 1);
        if (!strcmp(word, "clock_gettime")) done = by_spec(CLOCK_REALTIME);
        if (!strcmp(word, "monotonic")) done = by_spec(CLOCK_MONOTONIC);
        if (!strcmp(word, "gettimeofday")) done = by_val();
        if (!strcmp(word, "time")) done = time(NULL);
        printf("%s %ld %d\n", word, done, errno);
    }
    return 0;
}
