import Glibc

extension DataDirectory {
    /// Removes what was made of the log, so that the next start counts all of it again. It has to go before the log is changed:
    /// its position would still be there, and a start would take it up.
    ///
    /// - Throws: `unwritable_file`.
    package func removeSnapshots() throws(MeterError) {
        for path in [usage, usageRebuild, usagePaused, usageDryRun] {
            for suffix in ["", "-wal", "-shm", "-journal"] where unlink(path + suffix) != 0 && errno != ENOENT {
                let cause = SystemError.last("unlink")
                throw MeterError(.unwritableFile, "The file cannot be removed", at: path + suffix, cause: cause)
            }
        }
        try PrivateFile.syncDirectory(of: usage)
    }
}
