import CRDT
import Spanner
import Testing

@testable import Bolt

/// Who campaigns for a lease.
struct LeaseRoleTests {
    private func role(
        _ role: PartitionStanding.Role, inSync: Bool = true, forgetful: Bool = false, sealed: Bool = false,
        full: Bool = false
    ) -> LeaseRole {
        let standing = PartitionStanding(
            role: role, isInSync: inSync, isForgetful: forgetful, epoch: .none, promised: .none,
            tip: LogPoint(epoch: .none, position: 0, hash: .zero), safe: 0,
            disk: ReplicaID(key: .zero, incarnation: 1), primary: nil, members: [], reason: "", isFull: full)
        return LeaseRunner.role(of: standing, isSealed: sealed)
    }

    @Test("S2, D7: a standby that is sealed or full does not campaign, nor one that lacks anything")
    func standbys() {
        for standby in [PartitionStanding.Role.standby, .candidate] {
            #expect(role(standby) == .standby)
            #expect(role(standby, sealed: true) == .ineligible)
            #expect(role(standby, inSync: false) == .ineligible)
            #expect(role(standby, full: true) == .ineligible)
            #expect(role(standby, forgetful: true) == .ineligible)
        }
    }

    @Test("Who reigns campaigns, so that nobody else tries; who serves nothing never does")
    func others() {
        #expect(role(.primary) == .primary && role(.handingOver) == .primary)
        #expect(role(.waiting) == .ineligible && role(.fenced) == .ineligible)
    }
}
