/// Swift's names of functions as people write them.
enum Demangling {
    private static let longest = 90

    /// In the order of the mangled ones. Blocks.
    static func names(_ mangled: [String], stage: Stage) throws -> [String] {
        guard let swift = Command.find("swift") else { return mangled }
        let input = mangled.joined(separator: "\n")
        let output = try Command(swift, ["demangle", "--simplified", "--compact"], stage: stage).output(input: input)
        let names = String(decoding: output, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        return mangled.indices.map { index in
            let name = index < names.count ? String(names[index]) : mangled[index]
            if name == "???" { return "without a name, such as libcrypto's assembler" }
            return name.count > longest ? name.prefix(longest) + "..." : name
        }
    }
}
