import Dispatch
import Synchronization

extension Committer {
    /// Tries to take over unless the last attempt is too recent; whether the log can be written.
    func takeOverIfDue() -> Bool {
        guard DispatchTime.now().uptimeNanoseconds >= nextAttempt else { return false }
        return takeOver()
    }

    /// Starts a new segment at the durable end, which makes all that stands behind it void; whether that succeeded.
    /// Where it did not, it is tried again at the next append and, without one, by itself.
    @discardableResult
    func takeOver() -> Bool {
        let header = nextHeader ?? headerBehindDurableEnd()
        // The same line at each attempt: positions that end in this header stay valid.
        nextHeader = header
        do throws(SystemError) {
            if let tail = tornTail {
                _ = try directory.copyAside(tail)
                tornTail = nil
            }
            let next = try directory.create(header, synchronizing: lock.descriptor)
            start(next, header)
            return true
        } catch {
            let path = directory.path(ofSegment: header.firstSequence)
            let failure = LogError.unavailable("A new segment cannot be created", path: path, cause: error)
            self.failure = failure
            let wait = options.takeoverRetryInterval
            nextAttempt = DispatchTime.now().uptimeNanoseconds + UInt64(max(0, wait / .nanoseconds(1)))
            queue.state.withLock { $0.activity.failing = failure }
            options.observe?(.failed(failure))
            scheduleRetry()
            return false
        }
    }

    private func start(_ next: OpenSegment, _ header: SegmentHeader) {
        segment = next
        nextHeader = nil
        failure = nil
        if header.firstSequence != durableEnd.sequence + 1 {
            // Behind a damaged end no record ends where the log goes on; the header does.
            durableEnd = LogPosition(
                sequence: header.firstSequence - 1,
                crc: next.crc,
                batch: lastBatch,
                segment: next.segment,
                offset: next.size
            )
        }
        let end = durableEnd
        let subscribers = queue.state.withLock { state in
            if state.segments.last?.segment == next.segment { state.segments.removeLast() }
            state.segments.append(SegmentStatistics(next))
            state.activity.failing = nil
            state.durableEnd = end
            return Array(state.subscribers.values)
        }
        for subscriber in subscribers { subscriber.yield(end) }
        options.observe?(.tookOver(segment: next.segment))
    }

    private func scheduleRetry() {
        guard !isRetryScheduled else { return }
        isRetryScheduled = true
        // Not more often than this, however short the interval: nobody waits for this attempt.
        let wait = max(options.takeoverRetryInterval, .milliseconds(10))
        thread.asyncAfter(deadline: .now() + .nanoseconds(Int(wait / .nanoseconds(1)))) { [weak self] in
            guard let self else { return }
            isRetryScheduled = false
            guard segment == nil, !isClosed else { return }
            takeOver()
        }
    }
}
