import EventLog
import FakeCircleCI
import FoundationEssentials
import Glibc
import TestSupport
import Wire

@testable import Meter

/// All that outlives a process in a simulation.
struct SimulatedWorld: Sendable {
    let seed: UInt64
    let site: FakeSite
    let time: SimulatedTime
    let disk: SimulatedDisk
    let network: SimulatedNetwork
    let masterKey = MasterKey.random()
    var logOptions = EventLog.Options()
    var reconcileOptions = ReconcileOptions()
    private let temporary: TemporaryDirectory

    var directory: DataDirectory { DataDirectory(temporary.path) }

    init(seed: UInt64, history: FakeHistory, site options: FakeSiteOptions) {
        self.seed = seed
        let time = SimulatedTime(start: history.options.firstDay.start)
        var options = options
        options.elapsed = { time.elapsed }
        options.sleep = { time.pass($0) }
        site = FakeSite(history: history, options: options)
        time.lead(site)
        self.time = time
        disk = SimulatedDisk(seed: seed ^ 0xD15C)
        network = SimulatedNetwork(seed: seed ^ 0x4E7, site: site, time: time, disk: disk)
        // In memory where the machine has such a place: nothing here needs a disk.
        temporary = TemporaryDirectory(in: access("/dev/shm", W_OK) == 0 ? "/dev/shm" : nil)
        logOptions.takeoverRetryInterval = .zero
    }

    /// What a loss of power may leave of the snapshot: as it is, as it was, or nothing.
    enum SnapshotLoss: CaseIterable {
        case none, latest, all
    }

    /// Keeps the snapshot, which nobody may have open, for ``lose(_:)``.
    func rememberSnapshot() { copy(from: directory.usage, to: directory.usage + ".before") }

    func lose(_ loss: SnapshotLoss) {
        switch loss {
        case .none: break
        case .latest:
            guard access(directory.usage + ".before", F_OK) == 0 else { return }
            copy(from: directory.usage + ".before", to: directory.usage)
        case .all:
            for suffix in ["", "-wal", "-shm"] { unlink(directory.usage + suffix) }
        }
    }

    private func copy(from path: String, to newPath: String) {
        for suffix in ["", "-wal", "-shm"] {
            unlink(newPath + suffix)
            if access(path + suffix, F_OK) == 0 {
                try? FileManager.default.copyItem(atPath: path + suffix, toPath: newPath + suffix)
            }
        }
    }
}
