import Wire

/// Which frames a compressed segment has, and what part of the content each of them holds.
///
/// It stands at the file's end in the form of zstd's seekable format, in a frame that `zstdcat` skips: a pair of sizes for
/// each frame. That form has no checksum of its own, so that a frame is put before it, skipped as well, with one.
struct FrameTable {
    struct Frame: Hashable {
        /// In the file.
        var offset: Int
        var byteCount: Int
        /// In the segment as it was before.
        var contentOffset: Int
        var contentCount: Int

        var contentEnd: Int { contentOffset + contentCount }
    }

    /// No frame holds more: what a damaged file says must not decide how much memory is taken.
    static let maximumContentBytes = 1 << 20
    /// Of any frame; larger than what zstd makes of that content at worst.
    private static let maximumFrameBytes = maximumContentBytes + (64 << 10)

    private static let checkMagic: UInt32 = 0x184d_2a5c
    private static let tableMagic: UInt32 = 0x184d_2a5e
    private static let seekableMagic: UInt32 = 0x8f92_eab1
    private static let checkBytes = 20
    private static let footerBytes = 9

    private(set) var frames: [Frame] = []
    /// Whether the file goes on behind what could be followed of it.
    private(set) var isCut = false

    /// The size of the segment as it was before.
    var contentCount: Int { frames.last?.contentEnd ?? 0 }
    /// The size of all frames.
    private var byteCount: Int { frames.last.map { $0.offset + $0.byteCount } ?? 0 }

    mutating func add(byteCount: Int, contentCount: Int) {
        frames.append(
            Frame(
                offset: self.byteCount,
                byteCount: byteCount,
                contentOffset: self.contentCount,
                contentCount: contentCount
            )
        )
    }

    /// The index of the frame that holds the content's byte at `offset`; nil behind the end.
    func index(holding offset: Int) -> Int? {
        guard offset >= 0, offset < contentCount else { return nil }
        var (low, high) = (0, frames.count)
        while low < high {
            let middle = (low + high) / 2
            if frames[middle].contentEnd <= offset { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension FrameTable {
    /// What follows the frames in the file.
    var encoded: [UInt8] {
        var table: [UInt8] = []
        table.append(number: FrameTable.tableMagic)
        table.append(number: UInt32((frames.count + 1) * 8 + FrameTable.footerBytes))
        for frame in frames {
            table.append(number: UInt32(frame.byteCount))
            table.append(number: UInt32(frame.contentCount))
        }
        table.append(number: UInt32(FrameTable.checkBytes))
        table.append(number: 0)
        table.append(number: UInt32(frames.count + 1))
        // No checksums in the table: each frame has its own.
        table.append(0)
        table.append(number: FrameTable.seekableMagic)
        return FrameTable.check(of: table) + table
    }

    /// The frame before the table: the table's checksum, and the segment's size for whoever looks at the file's end.
    private static func check(of table: [UInt8]) -> [UInt8] {
        var check: [UInt8] = []
        check.append(number: checkMagic)
        check.append(number: UInt32(checkBytes - 8))
        check.append(contentsOf: "clm\u{1}".utf8)
        check.append(number: UInt32(table.count))
        check.append(number: CRC32C.checksum(table))
        return check
    }

    /// Reads the table; where it is damaged or missing, the frames' own headers, as far as they can be followed.
    init(_ descriptor: Int32, fileSystem: any FileSystem) throws(SystemError) {
        let size = try fileSystem.size(descriptor)
        if let table = try FrameTable(atEndOf: descriptor, size: size, fileSystem: fileSystem) {
            self = table
            return
        }
        while byteCount < size {
            let count = min(FrameTable.maximumFrameBytes, size - byteCount)
            let bytes = try fileSystem.bytes(descriptor, at: byteCount, count: count)
            // Behind a header that cannot be read nothing can be placed any more.
            guard let sizes = bytes.withUnsafeBytes({ FrameReader.sizes(of: $0) }) else {
                isCut = true
                return
            }
            add(byteCount: sizes.byteCount, contentCount: sizes.contentCount)
        }
    }

    private init?(atEndOf descriptor: Int32, size: Int, fileSystem: any FileSystem) throws(SystemError) {
        var reach = min(size, 4 << 10)
        var end = try fileSystem.bytes(descriptor, at: size - reach, count: reach)
        guard end.count == reach, end.count >= FrameTable.footerBytes,
            end.number(at: reach - 4) == FrameTable.seekableMagic
        else { return nil }
        let tableBytes = 8 + Int(end.number(at: reach - FrameTable.footerBytes)) * 8 + FrameTable.footerBytes
        guard tableBytes <= size - FrameTable.checkBytes else { return nil }
        if tableBytes + FrameTable.checkBytes > reach {
            reach = tableBytes + FrameTable.checkBytes
            end = try fileSystem.bytes(descriptor, at: size - reach, count: reach)
            guard end.count == reach else { return nil }
        }
        let table = Array(end.suffix(tableBytes))
        #if SABOTAGE
            let isChecked = !Sabotage.plants("seek-table-trusted")
        #else
            let isChecked = true
        #endif
        guard
            !isChecked
                || end.dropLast(tableBytes).suffix(FrameTable.checkBytes).elementsEqual(FrameTable.check(of: table))
        else { return nil }
        for position in stride(from: 8, to: tableBytes - FrameTable.footerBytes - 8, by: 8) {
            let contentCount = Int(table.number(at: position + 4))
            guard contentCount <= FrameTable.maximumContentBytes else { return nil }
            add(byteCount: Int(table.number(at: position)), contentCount: contentCount)
        }
        guard frames.allSatisfy({ $0.byteCount <= FrameTable.maximumFrameBytes }),
            byteCount == size - tableBytes - FrameTable.checkBytes
        else { return nil }
    }
}

extension [UInt8] {
    /// Appends a number in four bytes, the lowest first.
    fileprivate mutating func append(number: UInt32) {
        for shift in [0, 8, 16, 24] as [UInt32] { append(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    fileprivate func number(at position: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(self[position + $1]) << UInt32($1 * 8) }
    }
}
