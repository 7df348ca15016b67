public import NIOCore

/// What a listener takes from one client. Memory is bounded by
/// `2 * maximumConnections * (maximumBodyBytes + maximumRequestLineBytes + maximumHeaderBytes)` and buffers of 64 KiB each.
public struct ReceiverLimits: Sendable {
    /// 413 beyond. A setting.
    public var maximumBodyBytes = 1 << 20
    /// Method, target and version; 414 beyond.
    public var maximumRequestLineBytes = 4096
    /// Header fields; 431 beyond.
    public var maximumHeaderCount = 64
    /// Names and values of all header fields, and four bytes for each; 431 beyond.
    public var maximumHeaderBytes = 16 << 10
    /// Connections open at once. One more pushes out whoever has been waited for longest; where all are being served, as
    /// many again are accepted, and further ones wait.
    public var maximumConnections = 512
    /// Time that a new connection has to say its request before others may push it out: of many that come at once, each is read.
    /// Its place is another's meanwhile, so that connections which do not mean to say anything come no faster than
    /// ``maximumConnections`` in this time.
    public var firstTime = TimeAmount.milliseconds(100)
    /// Time from a request's first byte to its last, however it drips in; 408 beyond. CircleCI itself gives up after 10
    /// s.
    public var receiveTime = TimeAmount.seconds(15)
    /// Time without a byte: 408 within a request; between requests the connection is closed.
    public var idleTime = TimeAmount.seconds(30)
    /// Time for which what a refused client still sends is read and dropped, so that it can read the answer.
    public var lingerTime = TimeAmount.seconds(2)

    public init() {}
}
