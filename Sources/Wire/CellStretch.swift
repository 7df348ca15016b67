import CScan

/// The bytes of a CSV cell from some place on, up to the first one that may mean something.
public struct CellStretch {
    public let count: Int
    /// Whether one of them may not stand for itself in a JSON string, or is of a character of several bytes.
    public let isOdd: Bool

    /// - Parameter stop: what ends it besides a line feed, a carriage return and a backslash.
    public init(_ bytes: UnsafeRawBufferPointer, from start: Int, stop: UInt8) {
        guard let base = bytes.baseAddress, start < bytes.count else {
            (count, isOdd) = (0, false)
            return
        }
        let stretch = scan_cell((base + start).assumingMemoryBound(to: UInt8.self), bytes.count &- start, stop)
        (count, isOdd) = (stretch.count, stretch.is_odd)
    }
}
