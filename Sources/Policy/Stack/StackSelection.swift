/// Which layers of one stack a machine can get. Equal selections of one stack have the same body.
public struct StackSelection: Hashable, Sendable {
    /// Places of the layers in the stack's order, ascending.
    let indices: [Int]
    /// Names of the layers, in order.
    public let layers: [String]
}
