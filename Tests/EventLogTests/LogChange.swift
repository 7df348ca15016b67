import FakeCircleCI

/// What can happen to the bytes of a log.
enum LogChange: CaseIterable {
    case bit, newline, zeros, lineLost, lineTwice, linesSwapped, cut, segmentLost, garbage

    /// Whether bytes go that may be the end of the log.
    var shortens: Bool {
        switch self {
        case .bit, .newline, .lineTwice, .garbage: false
        // Zeros say as little of what they were as missing bytes.
        case .zeros, .lineLost, .linesSwapped, .cut, .segmentLost: true
        }
    }

    /// Lets it happen somewhere in a segment.
    func apply(to segments: inout [Int: [UInt8]], _ segment: Int, using generator: inout SeededGenerator) {
        guard var bytes = segments[segment], !bytes.isEmpty else { return }
        let place = Int.random(in: bytes.indices, using: &generator)
        var lines = bytes.split(separator: UInt8(ascii: "\n")).map { Array($0) + [UInt8(ascii: "\n")] }
        let line = Int.random(in: lines.indices, using: &generator)
        switch self {
        case .bit: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case .newline: bytes[place] = UInt8(ascii: "\n")
        case .zeros:
            let start = place / 512 * 512
            for index in start..<min(bytes.count, start + 512) { bytes[index] = 0 }
        case .lineLost:
            lines.remove(at: line)
            bytes = Array(lines.joined())
        case .lineTwice:
            lines.insert(lines[line], at: line)
            bytes = Array(lines.joined())
        case .linesSwapped:
            lines.swapAt(line, (line + 1) % lines.count)
            bytes = Array(lines.joined())
        case .cut: bytes.removeSubrange(place...)
        case .garbage:
            let garbage = (0..<Int.random(in: 1...40, using: &generator)).map { _ in
                UInt8.random(in: .min ... .max, using: &generator)
            }
            bytes.insert(contentsOf: garbage, at: place)
        case .segmentLost:
            segments[segment] = nil
            return
        }
        segments[segment] = bytes
    }
}
