import Glibc
import Wire

/// Consecutive lines that fail, and what can still be read off them.
///
/// The line behind a bad one can be proven all the same: its checksum is seeded with that of the bad line, which is the
/// one stated there, unless that is what changed; then it is the one computed over the line's bytes.
struct BadRegion {
    let offset: Int
    /// The number of the first bad line; nil where reading did not start at the segment's start.
    let line: Int?
    /// The last good record before the region, or what the segment starts behind; batch 0 where it is not known.
    let lastSequence: Int
    let lastBatch: Int
    let since: Timestamp?
    /// Whether the segment's first line is in the region.
    let includesHeader: Bool

    private(set) var byteCount = 0
    private(set) var lineCount = 0
    /// The greatest numbers that the region shows or must have held.
    private(set) var evidentSequence: Int
    private(set) var evidentBatch: Int
    /// What stands behind the region.
    var nextSequence: Int?
    var until: Timestamp?

    private var shownBatch: Int?
    private var showsSeveralBatches = false
    private var startsElsewhere = false
    private var seeds: [UInt32]
    /// The checksum over the region's bytes without the last 18, which are kept beside it: where a flip hit the last
    /// line's trailer, even by a newline in it, this is the checksum that it stated.
    private var computed: UInt32
    private var heldBack: [UInt8] = []

    /// The shortest conceivable record, for the bound of what a number inside a line can mean.
    private static let minimumRecordBytes = 64
    private static let maximumEvidence = 100_000_000_000_000_000

    init(chain: LogChain, includesHeader: Bool) {
        offset = chain.offset
        line = chain.line.map { $0 + 1 }
        lastSequence = chain.sequence
        lastBatch = chain.batch
        since = chain.receivedAt
        self.includesHeader = includesHeader
        evidentSequence = chain.sequence
        evidentBatch = chain.batch
        seeds = [chain.crc]
        computed = chain.crc
    }

    /// Whether `record`, the line behind the region, is proven by one of the checksums that the region may end in.
    func proves(_ record: LogRecord) -> Bool {
        #if SABOTAGE
            if Sabotage.plants("cut-at-any-bad-line") { return false }
        #endif
        // A number that has been passed already belongs to a line that was repeated or moved.
        guard record.sequence > lastSequence, record.batch >= lastBatch else { return false }
        return seeds.contains { LineTrailer.computed(record.line, seed: $0) == record.crc }
    }

    /// Adds a line that fails.
    mutating func add(_ line: LineReader.Line) {
        noteRecordStarts(in: line)
        if lineCount > 0 { fold([UInt8(ascii: "\n")]) }
        line.bytes.withMemoryRebound(to: UInt8.self) { fold($0) }
        var next: [UInt32] = []
        if let stated = LineTrailer.digits(of: line.bytes) { next.append(stated) }
        next.append(computed)
        if line.bytes.count >= LineTrailer.byteCount {
            for seed in seeds.prefix(2) { next.append(LineTrailer.computed(line.bytes, seed: seed)) }
        }
        seeds = next
        lineCount += 1
        byteCount = line.end - offset
        evidentSequence = max(evidentSequence, min(lastSequence, BadRegion.maximumEvidence) + lineCount)
    }

    /// Whether this, at the end of the log, can be a single batch that was not written completely. Where it may be
    /// anything else it is damage.
    var isOneTornBatch: Bool {
        #if SABOTAGE
            if Sabotage.plants("cut-at-any-bad-line") || Sabotage.plants("damage-taken-for-torn-tail") { return true }
        #endif
        guard !includesHeader, !showsSeveralBatches, !startsElsewhere else { return false }
        guard let shownBatch, lastBatch > 0 else { return true }
        return shownBatch == lastBatch || shownBatch == lastBatch + 1
    }

    /// Notes every `{"sequence":N,"batch":B,` in the line.
    private mutating func noteRecordStarts(in line: LineReader.Line) {
        guard let base = line.bytes.baseAddress else { return }
        var position = 0
        while let brace = memchr(base + position, Int32(UInt8(ascii: "{")), line.bytes.count - position) {
            let start = UnsafeRawPointer(brace) - base
            position = start + 1
            var cursor = LineCursor(UnsafeRawBufferPointer(rebasing: line.bytes[start...]))
            guard cursor.skip("{\"sequence\":"), let sequence = cursor.number(), cursor.skip(",\"batch\":"),
                let batch = cursor.number(), cursor.skip(",")
            else { continue }
            note(sequence: sequence, batch: batch, lineStart: start == 0, reach: line.offset + start - offset)
        }
    }

    /// - Parameters:
    ///   - lineStart: Whether it stands at the start of a line, where no body can have put it.
    ///   - reach: How far it is from the region's start, in bytes.
    private mutating func note(sequence: Int, batch: Int, lineStart: Bool, reach: Int) {
        let bound = reach / BadRegion.minimumRecordBytes + 1
        let isNear =
            sequence > lastSequence && sequence - lastSequence <= bound && batch >= lastBatch
            && (lastBatch == 0 || batch - lastBatch <= bound)
        guard lineStart || isNear, sequence < BadRegion.maximumEvidence, batch < BadRegion.maximumEvidence else {
            return
        }
        evidentSequence = max(evidentSequence, sequence)
        evidentBatch = max(evidentBatch, batch)
        if reach == 0, sequence != lastSequence + 1 { startsElsewhere = true }
        if let shownBatch, shownBatch != batch { showsSeveralBatches = true }
        shownBatch = batch
    }

    private mutating func fold(_ bytes: some Collection<UInt8>) {
        let surplus = heldBack.count + bytes.count - LineTrailer.byteCount
        guard surplus > 0 else {
            heldBack.append(contentsOf: bytes)
            return
        }
        let fromHeld = min(surplus, heldBack.count)
        computed = CRC32C.checksum(Array(heldBack[..<fromHeld]), seed: computed)
        heldBack.removeFirst(fromHeld)
        computed = CRC32C.checksum(Array(bytes.prefix(surplus - fromHeld)), seed: computed)
        heldBack.append(contentsOf: bytes.dropFirst(surplus - fromHeld))
    }
}

extension BadRegion {
    /// What is reported of it.
    ///
    /// - Parameters:
    ///   - line: The number of its first line.
    ///   - kind: By default, what its place says.
    func damage(segment: Int, line: Int, kind: LogDamage.Kind? = nil) -> LogDamage {
        let last = nextSequence.map { $0 - 1 } ?? evidentSequence
        return LogDamage(
            kind: kind ?? (includesHeader ? .badHeader : .badLine),
            segment: segment,
            line: line,
            offset: offset,
            byteCount: byteCount,
            sequences: last > lastSequence ? (lastSequence + 1)...last : nil,
            since: since,
            until: until
        )
    }
}
