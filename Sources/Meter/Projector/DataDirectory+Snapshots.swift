extension DataDirectory {
    /// Removes what was made of the log, so that the next start counts all of it again. It has to go before the log is changed:
    /// its position would still be there, and a start would take it up.
    ///
    /// - Throws: `unwritable_file`.
    package func removeSnapshots() throws(MeterError) {
        for path in [usage, usageRebuild, usagePaused, usageDryRun] { try UsageStore.remove(path) }
        try PrivateFile.syncDirectory(of: usage)
    }
}
