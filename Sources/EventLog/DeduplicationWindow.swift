/// The keys of the newest records that have one, with their sequences. Of two records with one key the first counts.
struct DeduplicationWindow {
    let capacity: Int
    private var sequences: [UInt128: Int] = [:]
    /// In order of insertion, the oldest at `oldest` once it is full.
    private var keys: [UInt128] = []
    private var oldest = 0

    init(capacity: Int) {
        self.capacity = capacity
    }

    var count: Int { keys.count }

    subscript(key: UInt128) -> Int? { sequences[key] }

    mutating func insert(_ key: UInt128, sequence: Int) {
        guard capacity > 0, sequences[key] == nil else { return }
        if keys.count < capacity {
            keys.append(key)
        } else {
            sequences[keys[oldest]] = nil
            keys[oldest] = key
            oldest = (oldest + 1) % capacity
        }
        sequences[key] = sequence
    }
}
