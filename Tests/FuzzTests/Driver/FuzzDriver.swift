import Glibc

/// `circlemeter-fuzz TARGET [libFuzzer's arguments]`, and `circlemeter-fuzz seeds TARGET DIRECTORY`. See `scripts/fuzz`.
@main struct FuzzDriver {
    // Written once, before libFuzzer starts.
    private nonisolated(unsafe) static var target = FuzzTarget.json

    static func main() throws {
        var arguments = CommandLine.arguments
        if arguments.count == 4, arguments[1] == "seeds", let target = FuzzTarget(rawValue: arguments[2]) {
            return try Seeds.write(of: target, into: arguments[3])
        }
        guard arguments.count > 1, let target = FuzzTarget(rawValue: arguments.remove(at: 1)) else {
            let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
            tell("circlemeter-fuzz: a target is needed: \(names)")
            exit(2)
        }
        FuzzDriver.target = target
        var count = Int32(arguments.count)
        // libFuzzer keeps them.
        let copies = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: arguments.count + 1)
        copies.initialize(repeating: nil, count: arguments.count + 1)
        for (index, argument) in arguments.enumerated() { copies[index] = strdup(argument) }
        var pointer = copies
        exit(
            runLibFuzzer(&count, &pointer) { bytes, count in
                do {
                    try FuzzDriver.target.check(UnsafeRawBufferPointer(start: bytes, count: count))
                } catch {
                    tell("finding: \(error)")
                    abort()
                }
                return 0
            }
        )
    }
}

private func tell(_ text: String) {
    let line = text + "\n"
    _ = line.withCString { write(2, $0, strlen($0)) }
}

/// libFuzzer's own driver, for programs that have a `main` (llvm.org/docs/LibFuzzer.html, "Using libFuzzer as a library").
@_silgen_name("LLVMFuzzerRunDriver")
private func runLibFuzzer(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ check: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32
