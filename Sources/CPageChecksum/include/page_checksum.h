#pragma once

#include <stdbool.h>

struct sqlite3;

/// SQLite keeps no checksum of what lies in its file: a bit that flips in a number is another number. This layer below
/// SQLite gives every page of a database a checksum, kept in the last eight bytes of the page and checked whenever the
/// page is read from the file. A page that fails is SQLITE_IOERR_DATA and never reaches SQLite.
///
/// - The file stays an ordinary SQLite database, which other programs read. One that another program wrote to fails.
/// - The checksum takes in where the page stands, so that a page at another's place fails, too. An old page at its own
///   place (a write that the disk lost) does not.
/// - The `-wal` file has checksums of SQLite's own, checked when a database is opened after a crash.

/// Puts the layer below all databases that this process opens from now on. Once, before the first; returns SQLite's
/// result code. Databases without checksums pass through unchecked.
int page_checksum_register(void);

/// Has a database that has no content yet keep checksums; returns SQLite's result code.
int page_checksum_begin(struct sqlite3 *database);

/// Whether the database has checksums and they are checked.
bool page_checksum_is_checked(struct sqlite3 *database);
