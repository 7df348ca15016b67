import Foundation
import Testing

/// The bugs of Tests/Sabotage/README.md are in a program that was built for them, and in no other.
struct SabotageTests {
    @Test func `only a program that was built with planted bugs has any of them`() throws {
        let program = try Data(contentsOf: ChildProcess.products.appending(path: "circlemeter"))
        // The name of the switch, as a symbol and as what the environment calls it.
        let traces = ["4Wire8SabotageO", "CIRCLEMETER_PLANTED"].map { program.range(of: Data($0.utf8)) != nil }
        #if SABOTAGE
            #expect(traces == [true, true])
        #else
            #expect(traces == [false, false])
        #endif
    }
}
