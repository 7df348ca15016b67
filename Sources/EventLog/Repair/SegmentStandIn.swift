/// Where a segment is read that is not, or not yet, what its name stands for.
enum SegmentStandIn: Sendable {
    case pieces(SegmentPieces)
    /// A plain file of any name.
    case file(String)
}
