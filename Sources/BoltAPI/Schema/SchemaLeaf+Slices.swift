public import Spanner

extension GroupID: SchemaHex64 {}
extension HandoffSliceState: SchemaWord {}
extension Topology.Lease: SchemaWord {}
extension TopologyDiff.Kind: SchemaWord {}
extension TopologyApplyView.Standing: SchemaWord {}
extension SliceTransitionView.Cause: SchemaWord {}
extension SliceDecisionView.Kind: SchemaWord {}
extension TaskView.Kind: SchemaWord {}
extension TaskView.Phase: SchemaWord {}
extension TaskMoveView.State: SchemaWord {}
extension ChangeTaskRequest.Action: SchemaWord {}
