import Glibc

#if SABOTAGE
    import Wire
#endif

extension FileSystem {
    /// Writes all of `bytes` at `offset`, through short writes and interruptions.
    func writeAll(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            do throws(SystemError) {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
                let count = try write(descriptor, rest, at: offset + done)
                // A write that makes no progress would be repeated for ever.
                #if SABOTAGE
                    if Sabotage.plants("short-write-ignored") { return }
                #endif
                guard count > 0 else { throw SystemError(call: "pwrite", number: ENOSPC) }
                done += count
            } catch  where error.number == EINTR {
                continue
            }
        }
    }

    func writeAll(_ descriptor: Int32, _ bytes: [UInt8], at offset: Int) throws(SystemError) {
        var failure: SystemError?
        bytes.withUnsafeBytes { pointer in
            do throws(SystemError) { try writeAll(descriptor, pointer, at: offset) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Reads until `buffer` is full or the file ends; the bytes read.
    func readFully(
        _ descriptor: Int32,
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) throws(SystemError) -> Int {
        var done = 0
        while done < buffer.count {
            do throws(SystemError) {
                let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
                let count = try read(descriptor, into: rest, at: offset + done)
                guard count > 0 else { break }
                done += count
            } catch  where error.number == EINTR {
                continue
            }
        }
        return done
    }

    /// Up to `count` bytes from `offset` on, fewer where the file ends before.
    func bytes(_ descriptor: Int32, at offset: Int, count: Int) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
            do throws(SystemError) {
                initializedCount = try readFully(descriptor, into: UnsafeMutableRawBufferPointer(buffer), at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Synchronizes a directory by path.
    func synchronizeDirectory(_ path: String) throws(SystemError) {
        let descriptor = try open(path, .directory)
        defer { close(descriptor) }
        try synchronize(descriptor)
    }
}
