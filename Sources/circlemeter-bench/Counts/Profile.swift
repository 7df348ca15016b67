import Foundation

/// How many instructions a program executed, in all and by function, as valgrind's cachegrind counts them. They hardly
/// move from run to run, however busy the machine is.
struct Profile {
    /// What a function's own instructions add up to, by its mangled name.
    private var functions: [String: Int] = [:]

    /// Reads what cachegrind has written: `fn=NAME`, then a line for each of its lines that was executed, `LINE COUNT`.
    init(_ path: String) throws {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        var name = ""
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
            if line.starts(with: "fn=".utf8) {
                name = String(Substring(line.dropFirst(3)))
            } else if line.first.map({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) == true,
                let count = line.split(separator: UInt8(ascii: " ")).last.flatMap({ Int(Substring($0)) })
            {
                functions[name, default: 0] += count
            }
        }
        guard !functions.isEmpty else { throw BenchFailure("cachegrind counted nothing") }
    }

    /// What more there is in a second profile, for each of so many items.
    func growth(to other: Profile, items: Int) -> [String: Double] {
        Set(functions.keys).union(other.functions.keys).reduce(into: [:]) { growth, name in
            growth[name] = Double((other.functions[name] ?? 0) - (functions[name] ?? 0)) / Double(items)
        }
    }
}
