/// What stands in the place of a person's name or address after it was erased: `@`, then characters from `@` to `O`, as
/// many as the text had. No e-mail address and no login has that form.
public enum ErasedText {
    public static func isErased(_ text: String) -> Bool {
        text.utf8.count > 1 && text.utf8.first == UInt8(ascii: "@")
            && text.utf8.allSatisfy { (UInt8(ascii: "@")...UInt8(ascii: "O")).contains($0) }
    }
}
