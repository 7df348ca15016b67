import Wire

/// Finds what a damaged segment held in a copy of the log.
///
/// Nothing is believed: lines are taken where the chain of checksums leads through them to the line behind, or to the end that the
/// next segment's header states, and where the reader then reads the segment so.
struct SegmentRepair {
    /// As it is on the disk.
    let original: LogDirectory
    let copy: LogDirectory?
    /// The log with what has been repaired of it so far.
    let log: LogDirectory
    let segment: Int
    /// The next one there is; nil: this is the last.
    let successor: Int?

    struct Outcome {
        /// Nil where nothing can be mended.
        var pieces: SegmentPieces?
        /// Why the copy of this segment cannot be read.
        var unreadable: LogError?
    }

    /// What the copy has for the places.
    private struct Supply {
        var header: (byteCount: Int, crc: UInt32)?
        /// By place; each chained to the one before it.
        var lines: [[(crc: UInt32, range: Range<Int>)]]
    }

    /// Mends a segment that is there. What cannot be mended of it stays byte for byte.
    func mend() throws(LogError) -> Outcome {
        let reading = try SegmentReading(segment, successor: successor, in: log)
        guard !reading.places.isEmpty else { return Outcome() }
        var outcome = Outcome()
        var supply = Supply(lines: Array(repeating: [], count: reading.places.count))
        do throws(LogError) {
            try fill(&supply, reading.places)
        } catch {
            outcome.unreadable = error
            supply.lines = Array(repeating: [], count: reading.places.count)
        }
        let isEndStated = try isEndStated()
        let mendable = Set(
            reading.places.indices.filter { isProven(reading.places[$0], supply, $0, isEndStated: isEndStated) }
        )
        // At the end there may be two reports of one loss.
        let inside = mendable.filter { reading.places[$0].following != nil }
        for mended in [mendable, mendable.subtracting([reading.places.count - 1]), inside] where !mended.isEmpty {
            outcome.pieces = try read(mended, reading, supply)
            if outcome.pieces != nil { break }
        }
        return outcome
    }

    /// Puts back a segment that is missing, as the copy has it, where the next one states that it ended so.
    func putBack() throws(LogError) -> Outcome {
        guard let copy, let successor, let end = try log.information(onSegment: successor).header?.previous else {
            return Outcome()
        }
        var pieces = SegmentPieces(segment, log: original, copy: copy)
        do throws(LogError) {
            let size = try copy.information(onSegment: segment).size
            pieces.append(0..<size, fromCopy: true)
            let reading = try self.reading(of: pieces)
            #if SABOTAGE
                let isStated = reading.places.isEmpty || Sabotage.plants("segment-put-back-unproven")
            #else
                let isStated = reading.places.isEmpty
            #endif
            guard isStated, end.offset <= size else { return Outcome() }
            var durable = SegmentPieces(segment, log: original, copy: copy)
            durable.append(0..<end.offset, fromCopy: true)
            durable.expect(reading, gained: reading.crcs.count)
            return Outcome(pieces: durable)
        } catch {
            return Outcome(unreadable: error)
        }
    }

    private func reading(of pieces: SegmentPieces) throws(LogError) -> SegmentReading {
        var directory = log
        directory.standIns[segment] = .pieces(pieces)
        return try SegmentReading(segment, successor: successor, in: directory)
    }

    private func isEndStated() throws(LogError) -> Bool {
        #if SABOTAGE
            if Sabotage.plants("repair-at-open-end") { return true }
        #endif
        guard let successor else { return false }
        return try log.information(onSegment: successor).header?.previous != nil
    }

    /// Takes from the copy the lines of each place, as far as they follow each other from the line before.
    private func fill(_ supply: inout Supply, _ places: [SegmentReading.Place]) throws(LogError) {
        guard let copy else { return }
        let segments = try copy.segments()
        guard let index = segments.firstIndex(of: segment) else { return }
        let information = try copy.information(onSegment: segment)
        if information.header != nil {
            supply.header = (information.reading.byteCount, information.reading.crc)
        }
        let next = try segments[(index + 1)...].first.map { next throws(LogError) in
            try copy.information(onSegment: next)
        }
        var walk = try SegmentWalk(information, successor: next, in: copy)
        var number = 0
        while let item = try walk.next() {
            guard case .record(let record) = item else { continue }
            while number < places.count, (places[number].damage.sequences?.upperBound ?? 0) < record.sequence {
                number += 1
            }
            guard number < places.count else { return }
            guard places[number].damage.sequences?.contains(record.sequence) == true,
                let seed = supply.lines[number].last?.crc ?? places[number].seed ?? supply.header?.crc,
                LineTrailer.computed(record.line, seed: seed) == record.crc
            else { continue }
            supply.lines[number].append((record.crc, record.offset..<record.position.offset))
        }
    }

    /// Whether a chain leads from the line before a place, through all that is missing in it, to what stands behind.
    private func isProven(
        _ place: SegmentReading.Place,
        _ supply: Supply,
        _ number: Int,
        isEndStated: Bool
    ) -> Bool {
        let lines = supply.lines[number]
        guard lines.count == place.damage.sequences?.count ?? 0, let seed = place.seed ?? supply.header?.crc else {
            return false
        }
        guard let following = place.following else { return isEndStated }
        #if SABOTAGE
            if Sabotage.plants("repair-unproven") { return true }
        #endif
        return following.line.withUnsafeBytes {
            LineTrailer.computed($0, seed: lines.last?.crc ?? seed) == following.crc
        }
    }

    /// The segment with these places mended, as the reader reads it; nil where that is not so.
    private func read(
        _ mended: Set<Int>,
        _ reading: SegmentReading,
        _ supply: Supply
    ) throws(LogError) -> SegmentPieces? {
        var pieces = SegmentPieces(segment, log: original, copy: copy)
        pieces.append(0..<reading.headerByteCount, fromCopy: false)
        var end = reading.headerByteCount
        var crcs: [UInt32] = []
        for step in reading.steps {
            switch step {
            case .record(let crc, let range):
                pieces.append(range, fromCopy: false)
                crcs.append(crc)
                end = range.upperBound
            case .place(let number):
                let damage = reading.places[number].damage
                end = max(end, damage.offset + damage.byteCount)
                guard mended.contains(number) else {
                    pieces.append(damage.offset..<(damage.offset + damage.byteCount), fromCopy: false)
                    continue
                }
                if damage.kind == .badHeader, let header = supply.header {
                    pieces.append(0..<header.byteCount, fromCopy: true)
                }
                for line in supply.lines[number] {
                    pieces.append(line.range, fromCopy: true)
                    crcs.append(line.crc)
                }
            }
        }
        // What is void, and what stands at the end of the log, is not for a repair to judge.
        pieces.append(end..<max(end, reading.byteCount), fromCopy: false)
        let gained = crcs.count - reading.crcs.count
        let repaired = try self.reading(of: pieces)
        #if SABOTAGE
            if Sabotage.plants("repair-unproven") { return pieces }
        #endif
        // Where lines come back before others that are proven, the next header may state another place for the end.
        let isInside = mended.allSatisfy { reading.places[$0].following != nil }
        let allowed = reading.places.count - (isInside && gained > 0 ? 0 : mended.count)
        guard repaired.crcs == crcs, repaired.places.count <= allowed else { return nil }
        pieces.expect(repaired, gained: gained)
        return pieces
    }
}
