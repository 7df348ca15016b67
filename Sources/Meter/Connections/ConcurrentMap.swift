/// The results of `body` in the order of `elements`, with at most so many at work at a time.
func concurrentMap<Element: Sendable, Result: Sendable>(
    _ elements: [Element],
    maximumConcurrency: Int = 4,
    _ body: @escaping @Sendable (Element) async -> Result
) async -> [Result] {
    await withTaskGroup(of: (Int, Result).self) { group in
        var results: [Result?] = Array(repeating: nil, count: elements.count)
        var next = 0
        func start() {
            let index = next
            next += 1
            group.addTask { (index, await body(elements[index])) }
        }
        while next < min(maximumConcurrency, elements.count) { start() }
        while let (index, result) = await group.next() {
            results[index] = result
            if next < elements.count { start() }
        }
        return results.compactMap(\.self)
    }
}
