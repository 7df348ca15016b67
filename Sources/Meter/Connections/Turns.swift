/// Lets one change of a connection at CircleCI finish before the next begins: two rotations at once could leave a hook
/// with a secret that the other one has ended.
actor Turns {
    private var waiting: [String: [CheckedContinuation<Void, Never>]] = [:]

    /// Waits for the turn. Every call is followed by one of ``end(_:)``.
    func begin(_ name: String) async {
        guard waiting[name] != nil else {
            waiting[name] = []
            return
        }
        await withCheckedContinuation { waiting[name]?.append($0) }
    }

    func end(_ name: String) {
        guard waiting[name]?.isEmpty == false else {
            waiting[name] = nil
            return
        }
        waiting[name]?.removeFirst().resume()
    }
}
