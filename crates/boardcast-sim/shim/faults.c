/* Makes the disk under one data file slow, full or broken, counts its syncs, and moves the wall clock.
 *
 * Preloaded into the server (LD_PRELOAD). Only descriptors whose path is the data file, or the data
 * file followed by "-…" or ".…", are touched: the database, its write-ahead log, its shared memory,
 * its lock. All else goes straight through.
 *
 * The control file is mapped shared, so that what a test writes there counts from the next call on.
 * Without the two environment variables the library does nothing. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(long) == 8 && sizeof(off_t) == 8, "offsets are passed to system calls whole");

/* Little-endian u64s at fixed offsets. Keep in step with `Cell` in shim.rs. */
struct control {
    uint64_t sync_delay_us;   /* slept before each sync */
    uint64_t write_errno;     /* 0: writes succeed */
    uint64_t writes_left;     /* so many still succeed once write_errno is set */
    uint64_t sync_fails;      /* not 0: syncs fail with EIO */
    uint64_t syncs_db;        /* syncs that succeeded, per file */
    uint64_t syncs_wal;
    uint64_t failed_writes;   /* failures made up here */
    uint64_t failed_syncs;
    uint64_t read_fails;      /* not 0: reads fail with EIO */
    uint64_t failed_reads;
    uint64_t clock_shift_s;   /* added to the wall clock; two's complement, so it may go back */
};

enum file { OTHER, DB, WAL, BESIDE };

static struct control *control;
static const char *data_path;
static size_t data_path_len;

static void give_up(const char *what, const char *path) {
    dprintf(2, "boardcast fault shim: cannot %s %s: %s\n", what, path, strerror(errno));
    _exit(97);
}

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("BOARDCAST_SHIM_CONTROL");
    data_path = getenv("BOARDCAST_SHIM_DATA");
    if (!path || !data_path)
        return;
    data_path_len = strlen(data_path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        give_up("open", path);
    void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        give_up("map", path);
    close(fd);
    control = mapped;
}

static uint64_t get(const uint64_t *cell) {
    return __atomic_load_n(cell, __ATOMIC_SEQ_CST);
}

static void add_one(uint64_t *cell) {
    __atomic_fetch_add(cell, 1, __ATOMIC_SEQ_CST);
}

/* Which file a descriptor is. Asked anew each time: descriptors are closed and given out again. */
static enum file file_of(int fd) {
    if (!control)
        return OTHER;
    char link[32], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int before = errno;
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length < (ssize_t)data_path_len)
        return OTHER;
    path[length] = 0;
    if (memcmp(path, data_path, data_path_len) != 0)
        return OTHER;
    const char *rest = path + data_path_len;
    if (*rest == 0)
        return DB;
    if (strcmp(rest, "-wal") == 0)
        return WAL;
    return *rest == '-' || *rest == '.' ? BESIDE : OTHER;
}

/* Takes one of the writes that still succeed; 0 if none is left. */
static int take_one_left(void) {
    uint64_t left = get(&control->writes_left);
    while (left > 0)
        if (__atomic_compare_exchange_n(&control->writes_left, &left, left - 1, 0, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return 1;
    return 0;
}

/* Whether a write to fd has to fail; errno is set then. */
static int write_fails(int fd) {
    if (file_of(fd) == OTHER)
        return 0;
    int failure = (int)get(&control->write_errno);
    if (failure == 0 || take_one_left())
        return 0;
    add_one(&control->failed_writes);
    errno = failure;
    return 1;
}

/* A truncation that makes the file smaller needs no room. */
static int truncate_fails(int fd, off_t length) {
    struct stat now;
    int full = control && get(&control->write_errno) == ENOSPC;
    if (full && fstat(fd, &now) == 0 && length <= now.st_size)
        return 0;
    return write_fails(fd);
}

static int sync_file(int fd, long number) {
    enum file file = file_of(fd);
    if (file == OTHER)
        return (int)syscall(number, fd);
    uint64_t delay_us = get(&control->sync_delay_us);
    if (delay_us > 0) {
        struct timespec left = { (time_t)(delay_us / 1000000), (long)(delay_us % 1000000) * 1000 };
        while (nanosleep(&left, &left) != 0 && errno == EINTR) {}
    }
    if (get(&control->sync_fails)) {
        add_one(&control->failed_syncs);
        errno = EIO;
        return -1;
    }
    int done = (int)syscall(number, fd);
    if (done == 0 && file == DB)
        add_one(&control->syncs_db);
    if (done == 0 && file == WAL)
        add_one(&control->syncs_wal);
    return done;
}

/* The real calls are made by number, not looked up: so there is no moment at start when they aren't
 * known yet. */

int fsync(int fd) {
    return sync_file(fd, SYS_fsync);
}

int fdatasync(int fd) {
    return sync_file(fd, SYS_fdatasync);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    return write_fails(fd) ? -1 : syscall(SYS_write, fd, bytes, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    return write_fails(fd) ? -1 : syscall(SYS_pwrite64, fd, bytes, length, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    return write_fails(fd) ? -1 : syscall(SYS_pwrite64, fd, bytes, length, at);
}

/* Whether a read from fd has to fail; errno is set then. The switch is looked at first: sockets are
 * read here as well, and naming a descriptor takes a system call. */
static int read_fails(int fd) {
    if (!control || get(&control->read_fails) == 0 || file_of(fd) == OTHER)
        return 0;
    add_one(&control->failed_reads);
    errno = EIO;
    return 1;
}

ssize_t read(int fd, void *bytes, size_t length) {
    return read_fails(fd) ? -1 : syscall(SYS_read, fd, bytes, length);
}

ssize_t pread(int fd, void *bytes, size_t length, off_t at) {
    return read_fails(fd) ? -1 : syscall(SYS_pread64, fd, bytes, length, at);
}

ssize_t pread64(int fd, void *bytes, size_t length, off64_t at) {
    return read_fails(fd) ? -1 : syscall(SYS_pread64, fd, bytes, length, at);
}

int ftruncate(int fd, off_t length) {
    return truncate_fails(fd, length) ? -1 : (int)syscall(SYS_ftruncate, fd, length);
}

int ftruncate64(int fd, off64_t length) {
    return truncate_fails(fd, length) ? -1 : (int)syscall(SYS_ftruncate, fd, length);
}

/* Clocks that only measure spans don't jump, so they are left alone. */

static time_t clock_shift_s(void) {
    return control ? (time_t)get(&control->clock_shift_s) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int done = (int)syscall(SYS_clock_gettime, clock, now);
    if (done == 0 && clock == CLOCK_REALTIME)
        now->tv_sec += clock_shift_s();
    return done;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    int done = (int)syscall(SYS_gettimeofday, now, zone);
    if (done == 0)
        now->tv_sec += clock_shift_s();
    return done;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
