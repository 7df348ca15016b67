import GRDB
import GRDBSQLite
import Glibc
import Testing

@testable import Meter

/// The pages of a database's file as SQLite is given them: read by the layer below it, past SQLite's memory of them.
final class StoredPages {
    static let pageBytes = 4096
    /// What tells the layer that there are checksums: SQLite's name for the file, and how much of a page is reserved.
    static let bytesThatSayChecksums = Array(0..<16) + [20]

    let count: Int
    private let database: DatabaseQueue
    private let file: UnsafeMutablePointer<sqlite3_file>
    private let descriptor: CInt
    private let page: UnsafeMutableRawPointer

    /// - Parameter path: Of a database that has no write-ahead log.
    init(path: String) throws {
        var configuration = Configuration()
        configuration.readonly = true
        database = try DatabaseQueue(path: path, configuration: configuration)
        file = try database.inDatabase { database in
            _ = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master")
            var file: UnsafeMutablePointer<sqlite3_file>?
            let result = sqlite3_file_control(database.sqliteConnection, "main", SQLITE_FCNTL_FILE_POINTER, &file)
            try #require(result == SQLITE_OK)
            return try #require(file)
        }
        descriptor = open(path, O_RDWR | O_CLOEXEC)
        try #require(descriptor >= 0)
        page = .allocate(byteCount: StoredPages.pageBytes, alignment: 16)
        count = Int(lseek(descriptor, 0, SEEK_END)) / StoredPages.pageBytes
    }

    deinit {
        close(descriptor)
        page.deallocate()
    }

    /// Whether the layer hands out the page.
    func isRead(_ number: Int) -> Bool {
        let offset = sqlite3_int64(number * StoredPages.pageBytes)
        return file.pointee.pMethods.pointee.xRead(file, page, CInt(StoredPages.pageBytes), offset) == SQLITE_OK
    }

    /// Whether the layer hands out the page although one bit of it is another one; the file is as before then.
    func isRead(_ number: Int, flipping bit: UInt8, of byte: Int) throws -> Bool {
        let place = off_t(number * StoredPages.pageBytes + byte)
        var kept: UInt8 = 0
        try #require(pread(descriptor, &kept, 1, place) == 1)
        var other = kept ^ bit
        try #require(pwrite(descriptor, &other, 1, place) == 1)
        defer { _ = pwrite(descriptor, &kept, 1, place) }
        return isRead(number)
    }
}
