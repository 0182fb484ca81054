extension PassRecord.Outcome: SchemaWord {}
extension PassResource.Outcome: SchemaWord {}
extension EnvoyResultView.Kind: SchemaWord {}
extension EnvoyResultsResponse.Source: SchemaWord {}
extension CheckInPolicy.State: SchemaWord {}
extension StackSourceView.Kind: SchemaWord {}
extension PolicyExpiryWord: SchemaWord {}
extension StackFileDiffView.Kind: SchemaWord {}
extension RolloutView.State: SchemaWord {}
extension PushView.State: SchemaWord {}

extension ResultCursor: SchemaText {
    /// Queue and place.
    public static var pattern: String { "^[0-9a-f]{32}:[0-9]{1,20}$" }
    /// A place.
    public static var exampleText: String { "\(QueueIncarnation.exampleText):17" }
}
