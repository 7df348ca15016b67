import EventLog
import Wire

extension JSONWriter {
    /// A place of the log that cannot be read.
    mutating func damage(_ damage: LogDamage) {
        object { writer in
            writer.member("kind", damage.kind.rawValue)
            writer.member("segment", damage.segment)
            writer.member("line", damage.line)
            writer.member("offset", damage.offset)
            writer.member("bytes", damage.byteCount)
            writer.member("first_sequence", damage.sequences?.lowerBound)
            writer.member("last_sequence", damage.sequences?.upperBound)
        }
    }
}
