#ifndef HELD_WRITES_H
#define HELD_WRITES_H

/// A library to preload into a process that is going to be killed.
///
/// `kill -9` loses nothing that a program has handed to the kernel, synced or not, so that a test which kills a process
/// cannot see a missing sync. With this library it can: bytes written to files of the log stay in the process until
/// `fsync` or `fdatasync` of their descriptor, and die with it.
///
///     LD_PRELOAD=.build/debug/libHeldWrites.so HELD_WRITES_DIRECTORY=/data/log circlemeter serve ...
///
/// - Held: what is written through a descriptor that was opened for writing, for files below HELD_WRITES_DIRECTORY
///   whose names end in `.ndjson` or `.tmp`, or hold `.tmp-` (connections, keys and tokens before they take their
///   names). Everything else, and everything without that variable, passes through: `usage.sqlite` is derived, and its
///   write-ahead log is read through other descriptors before it is synced.
/// - The descriptor itself sees its bytes (`read`, `pread`, `lseek`, `fstat`); other descriptors and processes see what
///   was synced.
/// - `close` without a sync drops what is held: stricter than the kernel, which would still write it some time.
/// - `ftruncate` reaches the kernel at once. Renames and removals pass through.
/// - With HELD_WRITES_SLOWEST_SYNC_MICROSECONDS every sync, of any file, takes up to so much longer, as on a slow disk.
///
/// Returns the number of bytes that are held now, for tests within the process.
long held_writes_count(void);

#endif
