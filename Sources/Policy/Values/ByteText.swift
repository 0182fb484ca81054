/// A text that is itself by its bytes alone.
///
/// Texts of Swift are equal where Unicode means the same by them: “é” in one character and in two. To Linux those
/// are two names, so that what is a path or a name on a machine is looked up by this.
struct ByteText: Hashable, Sendable {
    /// The bytes, in UTF-8.
    let bytes: [UInt8]

    /// A text.
    init(_ text: some StringProtocol) { bytes = Array(text.utf8) }
}

extension StringProtocol {
    /// Whether both have the same bytes.
    func isSame(as other: some StringProtocol) -> Bool { utf8.elementsEqual(other.utf8) }
}
