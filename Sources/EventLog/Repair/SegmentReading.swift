/// What a walk through a segment, in its place between its neighbours, shows of it.
struct SegmentReading {
    enum Step {
        case record(crc: UInt32, range: Range<Int>)
        /// By its number among the places.
        case place(Int)
    }

    /// A damaged place and what stands around it.
    struct Place {
        var damage: LogDamage
        /// The checksum of the line before; nil where the segment's header is damaged.
        var seed: UInt32?
        /// The line behind; nil where the segment ends there.
        var following: (line: [UInt8], crc: UInt32)?
    }

    private(set) var steps: [Step] = []
    private(set) var places: [Place] = []
    /// 0 where the header is damaged.
    private(set) var headerByteCount = 0
    /// The segment's size; void bytes included, and what nobody can judge at the end of the log.
    private(set) var byteCount = 0

    /// - Parameter successor: The next segment's name; nil: this is the last one.
    init(_ segment: Int, successor: Int?, in directory: LogDirectory) throws(LogError) {
        let information = try directory.information(onSegment: segment)
        let next = try successor.map { successor throws(LogError) in try directory.information(onSegment: successor) }
        if information.header != nil { headerByteCount = information.reading.byteCount }
        byteCount = information.size
        var crc = information.reading.crc
        var walk = try SegmentWalk(information, successor: next, in: directory)
        while let item = try walk.next() {
            switch item {
            case .record(let record):
                if case .place(let index) = steps.last {
                    places[index].following = (Array(record.line), record.crc)
                }
                steps.append(.record(crc: record.crc, range: record.offset..<record.position.offset))
                crc = record.crc
            case .damage(let damage), .tornTail(let damage):
                steps.append(.place(places.count))
                places.append(Place(damage: damage, seed: damage.kind == .badHeader ? nil : crc))
            }
        }
    }

    /// The checksums of its records.
    var crcs: [UInt32] {
        steps.compactMap { if case .record(let crc, _) = $0 { crc } else { nil } }
    }
}
