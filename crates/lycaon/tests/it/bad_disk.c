/* A disk that goes bad on demand, for one process: this is put before the C library with LD_PRELOAD.
 *
 * LYCAON_BAD_DISK names a file; while its first letter is `f` the disk is full (what would grow fails with
 * ENOSPC), while it is `r` it is read-only (EROFS). Only what lies below LYCAON_BAD_DISK_BELOW is on that disk. */
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE
#undef _FILE_OFFSET_BITS
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char manner(void) {
    const char *control = getenv("LYCAON_BAD_DISK");
    char letter = 0;
    if (!control) return 0;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return 0;
    if (syscall(SYS_read, fd, &letter, 1) != 1) letter = 0;
    syscall(SYS_close, fd);
    return letter;
}

static int is_below(const char *path) {
    const char *below = getenv("LYCAON_BAD_DISK_BELOW");
    return below && strncmp(path, below, strlen(below)) == 0;
}

static int fd_is_below(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return is_below(path);
}

/* Why bytes cannot be written there; 0 when they can. */
static int refusal(int fd, off_t end) {
    int saved = errno, why = 0;
    char how = manner();
    if (how && fd_is_below(fd)) {
        struct stat stat;
        if (how == 'r') why = EROFS;
        if (how == 'f' && (fstat(fd, &stat) != 0 || end > stat.st_size)) why = ENOSPC;
    }
    errno = saved;
    return why;
}

static off_t end_of(int fd, size_t count) {
    struct stat stat;
    if (fcntl(fd, F_GETFL) & O_APPEND) return fstat(fd, &stat) ? (off_t)count : stat.st_size + (off_t)count;
    off_t at = lseek(fd, 0, SEEK_CUR);
    return (at < 0 ? 0 : at) + (off_t)count;
}

#define REFUSE(why) do { int why_ = (why); if (why_) { errno = why_; return -1; } } while (0)

ssize_t write(int fd, const void *bytes, size_t count) {
    if (fd > 2) REFUSE(refusal(fd, end_of(fd, count)));
    return syscall(SYS_write, fd, bytes, count);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    size_t bytes = 0;
    for (int i = 0; i < count; i++) bytes += parts[i].iov_len;
    if (fd > 2) REFUSE(refusal(fd, end_of(fd, bytes)));
    return syscall(SYS_writev, fd, parts, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    REFUSE(refusal(fd, at + (off_t)count));
    return syscall(SYS_pwrite64, fd, bytes, count, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    return pwrite64(fd, bytes, count, at);
}

int ftruncate64(int fd, off64_t length) {
    REFUSE(refusal(fd, length));
    return (int)syscall(SYS_ftruncate, fd, length);
}

int ftruncate(int fd, off_t length) {
    return ftruncate64(fd, length);
}

int posix_fallocate64(int fd, off64_t at, off64_t length) {
    int why = refusal(fd, at + length);
    return why ? why : (syscall(SYS_fallocate, fd, 0, at, length) ? errno : 0);
}

int posix_fallocate(int fd, off_t at, off_t length) {
    return posix_fallocate64(fd, at, length);
}

static int open_refusal(const char *path, int flags) {
    int saved = errno, why = 0;
    char how = is_below(path) ? manner() : 0;
    int is_new = (flags & O_CREAT) && access(path, F_OK) != 0;
    if (how == 'r' && (is_new || (flags & O_ACCMODE) != O_RDONLY)) why = EROFS;
    if (how == 'f' && is_new) why = ENOSPC;
    errno = saved;
    return why;
}

#define OPEN(name)                                                        \
    int name(const char *path, int flags, ...) {                          \
        va_list rest;                                                     \
        va_start(rest, flags);                                            \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                     \
        REFUSE(open_refusal(path, flags));                                \
        return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);     \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                      \
    int name(int folder, const char *path, int flags, ...) {              \
        va_list rest;                                                     \
        va_start(rest, flags);                                            \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                     \
        REFUSE(open_refusal(path, flags));                                \
        return (int)syscall(SYS_openat, folder, path, flags, mode);       \
    }
OPENAT(openat)
OPENAT(openat64)

int mkdir(const char *path, mode_t mode) {
    char how = is_below(path) ? manner() : 0;
    REFUSE(how == 'r' ? EROFS : how == 'f' ? ENOSPC : 0);
    return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int rename(const char *from, const char *to) {
    REFUSE(is_below(to) && manner() == 'r' ? EROFS : 0);
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *path) {
    REFUSE(is_below(path) && manner() == 'r' ? EROFS : 0);
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
