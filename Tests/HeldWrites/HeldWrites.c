#define _GNU_SOURCE
#include "HeldWrites.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))next_symbol(#name))

/* One write, not yet with the kernel. */
struct extent {
    struct extent *next;
    off_t offset;
    size_t count;
    unsigned char bytes[];
};

struct file {
    struct extent *first;
    struct extent *last;
    off_t position;
    int appends;
};

enum { DESCRIPTOR_LIMIT = 65536 };

/* Everything below is guarded by this, except for the directory, which is set before main. */
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static struct file *files[DESCRIPTOR_LIMIT];
static long held_count;
static char directory[PATH_MAX];
static size_t directory_length;
/* How long a sync takes at most; each takes another part of it. */
static unsigned slowest_sync_microseconds;

static void *next_symbol(const char *name) {
    void *symbol = dlsym(RTLD_NEXT, name);
    if (!symbol) abort();
    return symbol;
}

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("HELD_WRITES_DIRECTORY");
    if (!path || !*path) return;
    /* The directory need not exist yet; a link above it is followed where it does. */
    if (!realpath(path, directory)) {
        if (strlen(path) >= sizeof directory) return;
        strcpy(directory, path);
    }
    directory_length = strlen(directory);
    while (directory_length > 1 && directory[directory_length - 1] == '/') directory_length--;
    const char *slowest = getenv("HELD_WRITES_SLOWEST_SYNC_MICROSECONDS");
    if (slowest) slowest_sync_microseconds = (unsigned)strtoul(slowest, NULL, 10);
}

/* As a slow disk would, which makes the moments between two writes of a file long enough for a kill. */
static void delay(void) {
    if (slowest_sync_microseconds == 0) return;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    usleep((unsigned)(now.tv_nsec / 16) % slowest_sync_microseconds);
}

static int ends_with(const char *text, const char *suffix) {
    size_t length = strlen(text), count = strlen(suffix);
    return length >= count && strcmp(text + length - count, suffix) == 0;
}

/* Called with every descriptor that has been opened for writing. */
static void opened(int descriptor, int flags) {
    char link[64], path[PATH_MAX];
    if (!directory_length || descriptor < 0 || descriptor >= DESCRIPTOR_LIMIT) return;
    if ((flags & O_ACCMODE) == O_RDONLY) return;
    int kept = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t count = readlink(link, path, sizeof path - 1);
    errno = kept;
    if (count <= 0) return;
    path[count] = 0;
    if (strncmp(path, directory, directory_length) != 0 || path[directory_length] != '/') return;
    if (!ends_with(path, ".ndjson") && !ends_with(path, ".tmp") && !strstr(strrchr(path, '/'), ".tmp-")) return;
    struct file *file = calloc(1, sizeof *file);
    if (!file) abort();
    file->appends = (flags & O_APPEND) != 0;
    pthread_mutex_lock(&guard);
    files[descriptor] = file;
    pthread_mutex_unlock(&guard);
}

/* With the guard held; NULL where the descriptor's writes are not held. */
static struct file *find(int descriptor) {
    return descriptor >= 0 && descriptor < DESCRIPTOR_LIMIT ? files[descriptor] : NULL;
}

static off_t size_of(int descriptor, const struct file *file) {
    struct stat status;
    if (REAL(fstat)(descriptor, &status) != 0) return -1;
    off_t size = status.st_size;
    for (const struct extent *extent = file->first; extent; extent = extent->next) {
        off_t end = extent->offset + (off_t)extent->count;
        if (extent->count > 0 && end > size) size = end;
    }
    return size;
}

static void hold(struct file *file, const void *bytes, size_t count, off_t offset) {
    struct extent *extent = malloc(sizeof *extent + count);
    if (!extent) abort();
    extent->next = NULL;
    extent->offset = offset;
    extent->count = count;
    memcpy(extent->bytes, bytes, count);
    if (file->last) file->last->next = extent;
    else file->first = extent;
    file->last = extent;
    held_count += (long)count;
}

static void drop(struct file *file) {
    while (file->first) {
        struct extent *extent = file->first;
        file->first = extent->next;
        held_count -= (long)extent->count;
        free(extent);
    }
    file->last = NULL;
}

/* Hands what is held to the kernel; -1 with errno where that fails. */
static int flush(int descriptor) {
    int result = 0;
    pthread_mutex_lock(&guard);
    struct file *file = find(descriptor);
    if (file) {
        for (struct extent *extent = file->first; extent && result == 0; extent = extent->next) {
            size_t done = 0;
            while (done < extent->count) {
                ssize_t count = REAL(pwrite)(
                    descriptor, extent->bytes + done, extent->count - done, extent->offset + (off_t)done);
                if (count < 0 && errno == EINTR) continue;
                if (count <= 0) {
                    result = -1;
                    break;
                }
                done += (size_t)count;
            }
        }
        drop(file);
    }
    pthread_mutex_unlock(&guard);
    return result;
}

/* The kernel's bytes with what is held laid over them. */
static ssize_t overlaid(int descriptor, struct file *file, void *buffer, size_t count, off_t offset) {
    off_t size = size_of(descriptor, file);
    if (size < 0) return -1;
    if (offset >= size || count == 0) return 0;
    if ((off_t)count > size - offset) count = (size_t)(size - offset);
    memset(buffer, 0, count);
    if (REAL(pread)(descriptor, buffer, count, offset) < 0) return -1;
    for (const struct extent *extent = file->first; extent; extent = extent->next) {
        off_t start = extent->offset > offset ? extent->offset : offset;
        off_t end = extent->offset + (off_t)extent->count;
        if (end > offset + (off_t)count) end = offset + (off_t)count;
        if (start < end) {
            memcpy((char *)buffer + (start - offset), extent->bytes + (start - extent->offset), (size_t)(end - start));
        }
    }
    return (ssize_t)count;
}

long held_writes_count(void) {
    pthread_mutex_lock(&guard);
    long count = held_count;
    pthread_mutex_unlock(&guard);
    return count;
}

#define MODE_ARGUMENT(flags) \
    mode_t mode = 0; \
    if (((flags) & O_CREAT) || ((flags) & O_TMPFILE) == O_TMPFILE) { \
        va_list arguments; \
        va_start(arguments, flags); \
        mode = va_arg(arguments, mode_t); \
        va_end(arguments); \
    }

int open(const char *path, int flags, ...) {
    MODE_ARGUMENT(flags)
    int descriptor = REAL(open)(path, flags, mode);
    opened(descriptor, flags);
    return descriptor;
}

int open64(const char *path, int flags, ...) {
    MODE_ARGUMENT(flags)
    int descriptor = REAL(open64)(path, flags, mode);
    opened(descriptor, flags);
    return descriptor;
}

int openat(int parent, const char *path, int flags, ...) {
    MODE_ARGUMENT(flags)
    int descriptor = REAL(openat)(parent, path, flags, mode);
    opened(descriptor, flags);
    return descriptor;
}

int openat64(int parent, const char *path, int flags, ...) {
    MODE_ARGUMENT(flags)
    int descriptor = REAL(openat64)(parent, path, flags, mode);
    opened(descriptor, flags);
    return descriptor;
}

int close(int descriptor) {
    if (directory_length) {
        pthread_mutex_lock(&guard);
        struct file *file = find(descriptor);
        if (file) {
            files[descriptor] = NULL;
            drop(file);
            free(file);
        }
        pthread_mutex_unlock(&guard);
    }
    return REAL(close)(descriptor);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    if (directory_length) {
        pthread_mutex_lock(&guard);
        struct file *file = find(descriptor);
        if (file) {
            off_t start = file->appends ? size_of(descriptor, file) : offset;
            hold(file, bytes, count, start);
            pthread_mutex_unlock(&guard);
            return (ssize_t)count;
        }
        pthread_mutex_unlock(&guard);
    }
    return REAL(pwrite)(descriptor, bytes, count, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
    return pwrite(descriptor, bytes, count, offset);
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    if (directory_length) {
        pthread_mutex_lock(&guard);
        struct file *file = find(descriptor);
        if (file) {
            if (file->appends) file->position = size_of(descriptor, file);
            hold(file, bytes, count, file->position);
            file->position += (off_t)count;
            pthread_mutex_unlock(&guard);
            return (ssize_t)count;
        }
        pthread_mutex_unlock(&guard);
    }
    return REAL(write)(descriptor, bytes, count);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    if (directory_length) {
        pthread_mutex_lock(&guard);
        struct file *file = find(descriptor);
        if (file) {
            ssize_t total = 0;
            if (file->appends) file->position = size_of(descriptor, file);
            for (int index = 0; index < count; index++) {
                hold(file, parts[index].iov_base, parts[index].iov_len, file->position);
                file->position += (off_t)parts[index].iov_len;
                total += (ssize_t)parts[index].iov_len;
            }
            pthread_mutex_unlock(&guard);
            return total;
        }
        pthread_mutex_unlock(&guard);
    }
    return REAL(writev)(descriptor, parts, count);
}

ssize_t pread(int descriptor, void *buffer, size_t count, off_t offset) {
    if (directory_length) {
        pthread_mutex_lock(&guard);
        struct file *file = find(descriptor);
        if (file) {
            ssize_t result = overlaid(descriptor, file, buffer, count, offset);
            pthread_mutex_unlock(&guard);
            return result;
        }
        pthread_mutex_unlock(&guard);
    }
    return REAL(pread)(descriptor, buffer, count, offset);
}

ssize_t pread64(int descriptor, void *buffer, size_t count, off64_t offset) {
    return pread(descriptor, buffer, count, offset);
}

ssize_t read(int descriptor, void *buffer, size_t count) {
    if (directory_length) {
        pthread_mutex_lock(&guard);
        struct file *file = find(descriptor);
        if (file) {
            ssize_t result = overlaid(descriptor, file, buffer, count, file->position);
            if (result > 0) file->position += result;
            pthread_mutex_unlock(&guard);
            return result;
        }
        pthread_mutex_unlock(&guard);
    }
    return REAL(read)(descriptor, buffer, count);
}

off_t lseek(int descriptor, off_t offset, int whence) {
    if (directory_length) {
        pthread_mutex_lock(&guard);
        struct file *file = find(descriptor);
        if (file) {
            off_t position = whence == SEEK_SET ? offset
                : whence == SEEK_CUR            ? file->position + offset
                : whence == SEEK_END            ? size_of(descriptor, file) + offset
                                                : -1;
            if (position >= 0) file->position = position;
            else errno = EINVAL;
            pthread_mutex_unlock(&guard);
            return position >= 0 ? position : -1;
        }
        pthread_mutex_unlock(&guard);
    }
    return REAL(lseek)(descriptor, offset, whence);
}

off64_t lseek64(int descriptor, off64_t offset, int whence) {
    return lseek(descriptor, offset, whence);
}

int fstat(int descriptor, struct stat *status) {
    int result = REAL(fstat)(descriptor, status);
    if (directory_length && result == 0) {
        pthread_mutex_lock(&guard);
        struct file *file = find(descriptor);
        if (file) status->st_size = size_of(descriptor, file);
        pthread_mutex_unlock(&guard);
    }
    return result;
}

int fstat64(int descriptor, struct stat64 *status) {
    int result = REAL(fstat64)(descriptor, status);
    if (directory_length && result == 0) {
        pthread_mutex_lock(&guard);
        struct file *file = find(descriptor);
        if (file) status->st_size = size_of(descriptor, file);
        pthread_mutex_unlock(&guard);
    }
    return result;
}

int ftruncate(int descriptor, off_t size) {
    if (directory_length) {
        pthread_mutex_lock(&guard);
        struct file *file = find(descriptor);
        if (file) {
            off_t end = size_of(descriptor, file);
            for (struct extent *extent = file->first; extent; extent = extent->next) {
                off_t kept = size > extent->offset ? size - extent->offset : 0;
                if (kept < (off_t)extent->count) {
                    held_count -= (long)(extent->count - (size_t)kept);
                    extent->count = (size_t)kept;
                }
            }
            /* Longer than the kernel knows, and yet a cut: the rest is held. */
            struct stat status;
            if (size <= end && REAL(fstat)(descriptor, &status) == 0 && status.st_size <= size) {
                pthread_mutex_unlock(&guard);
                return 0;
            }
        }
        pthread_mutex_unlock(&guard);
    }
    return REAL(ftruncate)(descriptor, size);
}

int ftruncate64(int descriptor, off64_t size) {
    return ftruncate(descriptor, size);
}

int fsync(int descriptor) {
    delay();
    if (directory_length && flush(descriptor) != 0) return -1;
    return REAL(fsync)(descriptor);
}

int fdatasync(int descriptor) {
    delay();
    if (directory_length && flush(descriptor) != 0) return -1;
    return REAL(fdatasync)(descriptor);
}
