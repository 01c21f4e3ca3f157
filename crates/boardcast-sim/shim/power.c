/* Keeps a journal of everything that a power cut could undo, and cuts the power.
 *
 * Preloaded into the server (LD_PRELOAD). Only files whose path is the data file, or the data file
 * followed by "-…" or ".…", and the folder they lie in are watched: each write, truncation, sync,
 * creation, renaming and removal becomes one record. The files themselves are changed as ever, so
 * that the server reads what it wrote; what of it is on disk after a cut is for disk.rs to decide,
 * from the journal alone. So nothing is really synced here either.
 *
 * Shared memory (-shm) is written through mappings and does not appear here: SQLite makes it anew
 * when the first connection after a cut opens the file, whatever stands in it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(long) == 8 && sizeof(off_t) == 8, "offsets are passed to system calls whole");

/* Little-endian u64s. Keep in step with `Cell` in power.rs. */
struct control {
    uint64_t records;   /* made by this process so far */
    uint64_t cut_at;    /* when so many were made the power fails; 0: never */
    uint64_t swallowed; /* which syncs only seem to happen: the bits of `enum swallow` */
};

enum swallow { SWALLOW_DB = 1, SWALLOW_WAL = 2, SWALLOW_FOLDER = 4 };

/* Keep in step with `Record` in disk.rs. */
enum kind { CREATE = 1, WRITE, TRUNCATE, SYNC, RENAME, REMOVE, SYNC_FOLDER, LINK };

struct head {
    uint32_t kind;
    uint32_t name_bytes; /* two names, a NUL between them, for RENAME and LINK */
    uint64_t at;         /* offset of a write, length after a truncation */
    uint64_t data_bytes;
};

static struct control *control;
static int journal = -1;
static const char *data_path;
static size_t data_path_len, folder_len;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static void give_up(const char *what, const char *path) {
    dprintf(2, "boardcast power shim: cannot %s %s: %s\n", what, path, strerror(errno));
    _exit(97);
}

__attribute__((constructor)) static void start(void) {
    const char *control_path = getenv("BOARDCAST_POWER_CONTROL");
    const char *journal_path = getenv("BOARDCAST_POWER_JOURNAL");
    const char *data = getenv("BOARDCAST_POWER_DATA");
    if (!control_path || !journal_path || !data)
        return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, control_path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        give_up("open", control_path);
    void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        give_up("map", control_path);
    close(fd);
    journal = (int)syscall(SYS_openat, AT_FDCWD, journal_path,
                           O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (journal < 0)
        give_up("open", journal_path);
    data_path_len = strlen(data);
    folder_len = (size_t)(strrchr(data, '/') - data);
    data_path = data;
    control = mapped;
}

/* What follows the data file's path in this one; NULL for a file that is none of ours. */
static const char *name_in(const char *path) {
    if (!control || strncmp(path, data_path, data_path_len) != 0)
        return NULL;
    const char *rest = path + data_path_len;
    if (strcmp(rest, "-shm") == 0)
        return NULL;
    return *rest == 0 || *rest == '-' || *rest == '.' ? rest : NULL;
}

static int path_of(int fd, char *path, size_t size) {
    if (!control)
        return 0;
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int before = errno;
    ssize_t length = readlink(link, path, size - 1);
    errno = before;
    if (length < 0)
        return 0;
    path[length] = 0;
    /* What has no name any more is nobody's to find. */
    return strstr(path, " (deleted)") == NULL;
}

static int is_folder(const char *path) {
    return strlen(path) == folder_len && strncmp(path, data_path, folder_len) == 0;
}

/* Everything that is recorded happens under this lock, so that the journal's order is the order in
 * which it happened. At a cut the process is gone before the call it is in has done anything. */
static void lock(void) {
    pthread_mutex_lock(&one_at_a_time);
    uint64_t cut_at = __atomic_load_n(&control->cut_at, __ATOMIC_SEQ_CST);
    if (cut_at > 0 && __atomic_load_n(&control->records, __ATOMIC_SEQ_CST) >= cut_at) {
        kill(getpid(), SIGKILL);
        for (;;)
            pause();
    }
}

static void unlock(void) {
    pthread_mutex_unlock(&one_at_a_time);
}

static void record(enum kind kind, const char *name, size_t name_bytes, uint64_t at,
                   const void *data, size_t data_bytes) {
    struct head head = { kind, (uint32_t)name_bytes, at, data_bytes };
    struct iovec parts[3] = { { &head, sizeof head },
                              { (void *)name, name_bytes },
                              { (void *)data, data_bytes } };
    ssize_t whole = (ssize_t)(sizeof head + name_bytes + data_bytes);
    int before = errno;
    if (syscall(SYS_writev, journal, parts, 3) != whole)
        give_up("write", "the journal");
    errno = before;
    __atomic_fetch_add(&control->records, 1, __ATOMIC_SEQ_CST);
}

static int sync_file(int fd, long number) {
    char path[4096];
    if (!path_of(fd, path, sizeof path))
        return (int)syscall(number, fd);
    const char *name = name_in(path);
    int folder = !name && is_folder(path);
    if (!name && !folder)
        return (int)syscall(number, fd);
    lock();
    uint64_t swallowed = __atomic_load_n(&control->swallowed, __ATOMIC_SEQ_CST);
    enum swallow which = folder ? SWALLOW_FOLDER : strcmp(name, "-wal") ? SWALLOW_DB : SWALLOW_WAL;
    if (!(swallowed & which))
        record(folder ? SYNC_FOLDER : SYNC, name, folder ? 0 : strlen(name), 0, NULL, 0);
    unlock();
    return 0;
}

/* `at` is -1 for a write at the descriptor's own place. */
static ssize_t write_file(int fd, const void *bytes, size_t length, off_t at) {
    char path[4096];
    const char *name = path_of(fd, path, sizeof path) ? name_in(path) : NULL;
    if (name)
        lock();
    ssize_t done = at < 0 ? syscall(SYS_write, fd, bytes, length)
                          : syscall(SYS_pwrite64, fd, bytes, length, at);
    if (!name)
        return done;
    if (done > 0) {
        off_t place = at < 0 ? lseek(fd, 0, SEEK_CUR) - done : at;
        record(WRITE, name, strlen(name), (uint64_t)place, bytes, (size_t)done);
    }
    unlock();
    return done;
}

static int truncate_file(int fd, off_t length) {
    char path[4096];
    const char *name = path_of(fd, path, sizeof path) ? name_in(path) : NULL;
    if (!name)
        return (int)syscall(SYS_ftruncate, fd, length);
    lock();
    int done = (int)syscall(SYS_ftruncate, fd, length);
    if (done == 0)
        record(TRUNCATE, name, strlen(name), (uint64_t)length, NULL, 0);
    unlock();
    return done;
}

static int open_file(int folder, const char *path, int flags, int mode) {
    const char *name = flags & (O_CREAT | O_TRUNC) ? name_in(path) : NULL;
    if (!name)
        return (int)syscall(SYS_openat, folder, path, flags, mode);
    lock();
    int before = errno;
    int was_there = access(path, F_OK) == 0;
    errno = before;
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (fd >= 0 && !was_there)
        record(CREATE, name, strlen(name), 0, NULL, 0);
    else if (fd >= 0 && flags & O_TRUNC)
        record(TRUNCATE, name, strlen(name), 0, NULL, 0);
    unlock();
    return fd;
}

static int mode_in(int flags, va_list rest) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0;
}

#define OPEN(name)                                        \
    int name(const char *path, int flags, ...) {          \
        va_list rest;                                     \
        va_start(rest, flags);                            \
        int mode = mode_in(flags, rest);                  \
        va_end(rest);                                     \
        return open_file(AT_FDCWD, path, flags, mode);    \
    }
#define OPENAT(name)                                          \
    int name(int folder, const char *path, int flags, ...) {  \
        va_list rest;                                         \
        va_start(rest, flags);                                \
        int mode = mode_in(flags, rest);                      \
        va_end(rest);                                         \
        return open_file(folder, path, flags, mode);          \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int fsync(int fd) {
    return sync_file(fd, SYS_fsync);
}

int fdatasync(int fd) {
    return sync_file(fd, SYS_fdatasync);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    return write_file(fd, bytes, length, -1);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    return write_file(fd, bytes, length, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    return write_file(fd, bytes, length, at);
}

int ftruncate(int fd, off_t length) {
    return truncate_file(fd, length);
}

int ftruncate64(int fd, off64_t length) {
    return truncate_file(fd, length);
}

/* A second name for a file, or another one instead. */
static int name_file(enum kind kind, const char *from, const char *to, int flags) {
    const char *old = name_in(from), *new = name_in(to);
    if (!old != !new)
        give_up("follow a file that comes or goes under another name:", from);
    char names[8192];
    int length = old ? snprintf(names, sizeof names, "%s%c%s", old, 0, new) : 0;
    if (old)
        lock();
    int done = kind == RENAME
                   ? (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to)
                   : (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, flags);
    if (!old)
        return done;
    if (done == 0)
        record(kind, names, (size_t)length, 0, NULL, 0);
    unlock();
    return done;
}

int rename(const char *from, const char *to) {
    return name_file(RENAME, from, to, 0);
}

int link(const char *from, const char *to) {
    return name_file(LINK, from, to, 0);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    if (from_folder != AT_FDCWD || to_folder != AT_FDCWD)
        return (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    return name_file(LINK, from, to, flags);
}

int unlink(const char *path) {
    const char *name = name_in(path);
    if (!name)
        return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    lock();
    int done = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (done == 0)
        record(REMOVE, name, strlen(name), 0, NULL, 0);
    unlock();
    return done;
}
