import Foundation

/// What `/proc` tells of a process that runs.
struct ProcessUsage {
    private let directory: String

    init(_ process: Int32) {
        directory = "/proc/\(process)"
    }

    /// Used so far, also by the children that it has waited for: PostgreSQL works in those.
    var processorSeconds: Double {
        // Behind the program's name in parentheses: the times in user and in kernel mode, its own and of its children,
        // are fields 14 to 17.
        let text = text("stat")
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        guard fields.count > 15 else { return 0 }
        return fields[12...15].reduce(0) { $0 + (Double($1) ?? 0) } / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// The memory that it has now.
    var residentBytes: Int {
        // In pages; the second field is what is resident.
        let fields = text("statm").split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
    }

    /// How often each of its threads has gone to sleep so far, and so has been woken.
    var sleepCounts: [String: Int] {
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "\(directory)/task")) ?? []
        return threads.reduce(into: [:]) { counts, thread in
            let line = text("task/\(thread)/status").split(separator: "\n")
                .first { $0.hasPrefix("voluntary_ctxt_switches:") }
            counts[thread] = line.flatMap { Int($0.split(separator: "\t").last ?? "") } ?? 0
        }
    }

    private func text(_ name: String) -> String {
        (try? String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8)) ?? ""
    }
}
