/// What stands in the place of a person's name or address after it was erased: `@`, then characters from `@` to `O`, as
/// many as the text had. No e-mail address and no login has that form.
public enum ErasedText {
    /// The first character of every erased text, and the least that another can be.
    public static let filler = UInt8(ascii: "@")
    /// Every other character is ``filler`` and any of these bits.
    public static let freeBits: UInt8 = 0xf

    public static func isErased(_ text: String) -> Bool { isErased(text.utf8) }

    public static func isErased(_ text: some Collection<UInt8>) -> Bool {
        text.first == filler && text.allSatisfy(isFilled)
    }

    /// Whether a byte can stand in an erased text.
    public static func isFilled(_ byte: UInt8) -> Bool { byte & ~freeBits == filler }
}
