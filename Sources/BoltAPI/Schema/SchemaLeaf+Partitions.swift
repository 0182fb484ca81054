internal import CRDT
public import Spanner

extension OperationID: SchemaHex32 {}

extension PartitionEpoch: SchemaText {
    /// Number, renewal, minter.
    public static var pattern: String { "^[0-9]{1,20}\\.[0-9]{1,20}@[0-9a-f]{64}:[0-9a-f]{16}$" }
    /// The third epoch, taken up again once.
    public static var exampleText: String { "3.1@\(ReplicaID.exampleText)" }
}

extension LogPoint: SchemaText {
    /// Epoch, position, hash.
    public static var pattern: String {
        "^[0-9]{1,20}\\.[0-9]{1,20}@[0-9a-f]{64}:[0-9a-f]{16}:[0-9]{1,20}:[0-9a-f]{64}$"
    }
    /// A place in that epoch.
    public static var exampleText: String { "\(PartitionEpoch.exampleText):1284:\(Bytes32.exampleText)" }
}

extension PartitionRoleWord: SchemaWord {}
extension AuditNoteRequest.Action: SchemaWord {}
extension AuditNoteRequest.Outcome: SchemaWord {}
extension PartitionCauseWord: SchemaWord {}
extension SalvageView.Fate: SchemaWord {}
extension OperationResponse.Outcome: SchemaWord {}
extension OperationFateResponse.State: SchemaWord {}
