import Wire

extension Event {
    /// Copies the texts of a run's event one behind the other and lets the event point to them there: a body is several
    /// times as long as what counts of it.
    ///
    /// For `jobCompleted` and `workflowCompleted`: what other kinds have is in texts that are left where they are.
    ///
    /// - Parameters:
    ///   - body: What the event's offsets point into.
    ///   - room: At least as long as `body`; the offsets point into it afterwards.
    /// - Returns: How many bytes of the room are taken.
    public mutating func gather(from body: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer) -> Int {
        precondition(room.count >= body.count)
        var gathering = Gathering(body: body, room: room)
        gathering.move(&id)
        gathering.move(&type)
        gathering.move(&webhookID)
        gathering.move(&project.id)
        gathering.move(&project.slug)
        gathering.move(&project.name)
        gathering.move(&workflow.id)
        gathering.move(&workflow.name)
        gathering.move(&workflow.status)
        gathering.move(&job.id)
        gathering.move(&job.name)
        gathering.move(&job.status)
        gathering.move(&pipeline.id)
        gathering.move(&pipeline.triggerType)
        gathering.move(&pipeline.triggerActor)
        gathering.move(&commit.branch)
        gathering.move(&commit.tag)
        gathering.move(&commit.authorName)
        gathering.move(&commit.authorEmail)
        gathering.move(&connection.state)
        gathering.move(&connection.reason)
        return gathering.count
    }
}

private struct Gathering {
    let body: UnsafeRawBufferPointer
    let room: UnsafeMutableRawBufferPointer
    var count = 0

    @inline(__always)
    mutating func move(_ text: inout JSONText?) {
        guard let found = text else { return }
        let raw = found.raw(in: body)
        // A name that occurs twice could otherwise take more room than there is.
        precondition(raw.count <= room.count - count)
        if let source = raw.baseAddress, let destination = room.baseAddress {
            (destination + count).copyMemory(from: source, byteCount: raw.count)
        }
        text = JSONText(start: count, count: raw.count, isEscaped: found.isEscaped)
        count += raw.count
    }
}
