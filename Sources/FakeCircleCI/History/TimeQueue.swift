import Wire

/// Holds elements until their key comes: a binary heap. Equal keys leave in the order in which they were added.
struct TimeQueue<Key: Comparable & Sendable, Element: Sendable>: Sendable {
    private struct Entry: Sendable {
        let key: Key
        let serial: Int
        let element: Element

        func precedes(_ other: Entry) -> Bool {
            key == other.key ? serial < other.serial : key < other.key
        }
    }

    private var entries: [Entry] = []
    private var serial = 0

    var count: Int { entries.count }
    var firstKey: Key? { entries.first?.key }

    mutating func add(_ element: Element, at key: Key) {
        entries.append(Entry(key: key, serial: serial, element: element))
        serial += 1
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child].precedes(entries[parent]) else { return }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    mutating func removeFirst() -> Element? {
        guard let first = entries.first else { return nil }
        let last = entries.removeLast()
        guard !entries.isEmpty else { return first.element }
        entries[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count {
                if entries[child].precedes(entries[least]) { least = child }
            }
            guard least != parent else { return first.element }
            entries.swapAt(parent, least)
            parent = least
        }
    }
}
