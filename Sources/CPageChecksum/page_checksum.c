#include "page_checksum.h"

#include <sqlite3.h>
#include <stdint.h>
#include <string.h>

enum {
    CHECKSUM_BYTES = 8,
    SMALLEST_PAGE = 512,
    HEADER_BYTES = 100,
    /* Where the header states how many bytes of each page are not SQLite's. */
    RESERVED_OFFSET = 20,
    /* An operation of this layer's own; below 100 they are SQLite's. */
    IS_CHECKED_OPERATION = 0x636d6373,
};

struct checked_file {
    sqlite3_file file;
    sqlite3_file *real;
    /* Known from the header, which SQLite reads and writes before any other page. */
    int has_checksums;
};

/* Set by the registration and never again. */
static sqlite3_vfs *base;

#define REAL(file) (((struct checked_file *)(file))->real)
#define CALL(file, method, ...) (REAL(file)->pMethods->method(REAL(file), ##__VA_ARGS__))

static int is_page(int count, sqlite3_int64 offset) {
    return count >= SMALLEST_PAGE && (count & (count - 1)) == 0 && offset % count == 0;
}

/* Two sums over the words, each of which goes into all that follow: SQLite's own kind. */
static void sum(const unsigned char *page, int count, sqlite3_int64 offset, unsigned char *out) {
    uint32_t first = (uint32_t)(offset / count), second = 0;
    for (int index = 0; index < count - CHECKSUM_BYTES; index += 8) {
        uint32_t words[2];
        memcpy(words, page + index, sizeof words);
        first += words[0] + second;
        second += words[1] + first;
    }
    memcpy(out, &first, 4);
    memcpy(out + 4, &second, 4);
}

static void look_at_header(struct checked_file *file, const unsigned char *bytes, int count, sqlite3_int64 offset) {
    if (offset != 0 || count < HEADER_BYTES) return;
    file->has_checksums =
        memcmp(bytes, "SQLite format 3", 16) == 0 && bytes[RESERVED_OFFSET] == CHECKSUM_BYTES;
}

static int checked_read(sqlite3_file *opened, void *buffer, int count, sqlite3_int64 offset) {
    struct checked_file *file = (struct checked_file *)opened;
    int result = CALL(opened, xRead, buffer, count, offset);
    if (result != SQLITE_OK) return result;
    look_at_header(file, buffer, count, offset);
    if (!file->has_checksums || !is_page(count, offset)) return SQLITE_OK;
    unsigned char expected[CHECKSUM_BYTES];
    sum(buffer, count, offset, expected);
    const unsigned char *kept = (unsigned char *)buffer + count - CHECKSUM_BYTES;
    return memcmp(expected, kept, CHECKSUM_BYTES) == 0 ? SQLITE_OK : SQLITE_IOERR_DATA;
}

static int checked_write(sqlite3_file *opened, const void *buffer, int count, sqlite3_int64 offset) {
    struct checked_file *file = (struct checked_file *)opened;
    look_at_header(file, buffer, count, offset);
    if (file->has_checksums && is_page(count, offset)) {
        /* The last bytes of SQLite's page buffer are reserved for this: it neither reads nor fills them. */
        sum(buffer, count, offset, (unsigned char *)buffer + count - CHECKSUM_BYTES);
    }
    return CALL(opened, xWrite, buffer, count, offset);
}

static int checked_control(sqlite3_file *file, int operation, void *argument) {
    if (operation != IS_CHECKED_OPERATION) return CALL(file, xFileControl, operation, argument);
    *(int *)argument = ((struct checked_file *)file)->has_checksums;
    return SQLITE_OK;
}

/* Mapped memory would go round the check. */
static int checked_fetch(sqlite3_file *file, sqlite3_int64 offset, int count, void **out) {
    (void)file, (void)offset, (void)count;
    *out = NULL;
    return SQLITE_OK;
}

static int checked_unfetch(sqlite3_file *file, sqlite3_int64 offset, void *page) {
    (void)file, (void)offset, (void)page;
    return SQLITE_OK;
}

static int checked_close(sqlite3_file *file) { return CALL(file, xClose); }
static int checked_truncate(sqlite3_file *file, sqlite3_int64 size) { return CALL(file, xTruncate, size); }
static int checked_sync(sqlite3_file *file, int flags) { return CALL(file, xSync, flags); }
static int checked_size(sqlite3_file *file, sqlite3_int64 *size) { return CALL(file, xFileSize, size); }
static int checked_lock(sqlite3_file *file, int lock) { return CALL(file, xLock, lock); }
static int checked_unlock(sqlite3_file *file, int lock) { return CALL(file, xUnlock, lock); }
static int checked_reserved(sqlite3_file *file, int *out) { return CALL(file, xCheckReservedLock, out); }
static int checked_sector(sqlite3_file *file) { return CALL(file, xSectorSize); }
static int checked_traits(sqlite3_file *file) { return CALL(file, xDeviceCharacteristics); }
static int checked_map(sqlite3_file *file, int region, int size, int extends, void volatile **out) {
    return CALL(file, xShmMap, region, size, extends, out);
}
static int checked_map_lock(sqlite3_file *file, int offset, int count, int flags) {
    return CALL(file, xShmLock, offset, count, flags);
}
static void checked_map_barrier(sqlite3_file *file) { CALL(file, xShmBarrier); }
static int checked_unmap(sqlite3_file *file, int deletes) { return CALL(file, xShmUnmap, deletes); }

static const sqlite3_io_methods methods = {
    .iVersion = 3,
    .xClose = checked_close,
    .xRead = checked_read,
    .xWrite = checked_write,
    .xTruncate = checked_truncate,
    .xSync = checked_sync,
    .xFileSize = checked_size,
    .xLock = checked_lock,
    .xUnlock = checked_unlock,
    .xCheckReservedLock = checked_reserved,
    .xFileControl = checked_control,
    .xSectorSize = checked_sector,
    .xDeviceCharacteristics = checked_traits,
    .xShmMap = checked_map,
    .xShmLock = checked_map_lock,
    .xShmBarrier = checked_map_barrier,
    .xShmUnmap = checked_unmap,
    .xFetch = checked_fetch,
    .xUnfetch = checked_unfetch,
};

static int layer_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *opened, int flags, int *flags_out) {
    (void)vfs;
    /* Journals and the like have checksums of their own. */
    if (!path || !(flags & SQLITE_OPEN_MAIN_DB)) return base->xOpen(base, path, opened, flags, flags_out);
    struct checked_file *file = (struct checked_file *)opened;
    memset(file, 0, sizeof *file);
    file->real = (sqlite3_file *)(file + 1);
    int result = base->xOpen(base, path, file->real, flags, flags_out);
    /* What SQLite does not have to close has no methods. */
    file->file.pMethods = file->real->pMethods && file->real->pMethods->iVersion >= 2 ? &methods : NULL;
    if (result == SQLITE_OK && !file->file.pMethods) {
        file->real->pMethods->xClose(file->real);
        result = SQLITE_CANTOPEN;
    }
    return result;
}

static int layer_delete(sqlite3_vfs *vfs, const char *path, int syncs) {
    (void)vfs;
    return base->xDelete(base, path, syncs);
}

static int layer_access(sqlite3_vfs *vfs, const char *path, int flags, int *out) {
    (void)vfs;
    return base->xAccess(base, path, flags, out);
}

static int layer_full_path(sqlite3_vfs *vfs, const char *path, int count, char *out) {
    (void)vfs;
    return base->xFullPathname(base, path, count, out);
}

static int layer_random(sqlite3_vfs *vfs, int count, char *out) {
    (void)vfs;
    return base->xRandomness(base, count, out);
}

static int layer_sleep(sqlite3_vfs *vfs, int microseconds) {
    (void)vfs;
    return base->xSleep(base, microseconds);
}

static int layer_time(sqlite3_vfs *vfs, double *out) {
    (void)vfs;
    return base->xCurrentTime(base, out);
}

static int layer_error(sqlite3_vfs *vfs, int count, char *out) {
    (void)vfs;
    return base->xGetLastError(base, count, out);
}

static int layer_milliseconds(sqlite3_vfs *vfs, sqlite3_int64 *out) {
    (void)vfs;
    return base->xCurrentTimeInt64(base, out);
}

int page_checksum_register(void) {
    static sqlite3_vfs layer;
    base = sqlite3_vfs_find(NULL);
    if (!base || base->iVersion < 2) return SQLITE_ERROR;
    layer = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = (int)sizeof(struct checked_file) + base->szOsFile,
        .mxPathname = base->mxPathname,
        .zName = "circlemeter-checksums",
        .xOpen = layer_open,
        .xDelete = layer_delete,
        .xAccess = layer_access,
        .xFullPathname = layer_full_path,
        .xRandomness = layer_random,
        .xSleep = layer_sleep,
        .xCurrentTime = layer_time,
        .xGetLastError = layer_error,
        .xCurrentTimeInt64 = layer_milliseconds,
    };
    return sqlite3_vfs_register(&layer, 1);
}

int page_checksum_begin(struct sqlite3 *database) {
    int count = CHECKSUM_BYTES;
    return sqlite3_file_control(database, "main", SQLITE_FCNTL_RESERVE_BYTES, &count);
}

bool page_checksum_is_checked(struct sqlite3 *database) {
    int is_checked = 0;
    int result = sqlite3_file_control(database, "main", IS_CHECKED_OPERATION, &is_checked);
    return result == SQLITE_OK && is_checked;
}
