import BoltAPI
import Testing

@testable import Bolt

/// Lines of the audit log that another bolt is asked to write.
@Suite struct AuditNoteTests {
    /// A line whose fate nobody knew was sent again, and could stand twice; one that a sealed sibling refused was lost.
    @Test("S9: a line is sent again only where it certainly does not stand, and a moment may change that")
    func aLineIsSentAgainWhereItCertainlyDoesNotStand() {
        #expect(BoltEndpoints.mayTryAgain(Problem(.noPrimary, "none")))
        #expect(BoltEndpoints.mayTryAgain(Problem(.sealed, "its siblings are")))
        #expect(BoltEndpoints.mayTryAgain(Problem(.ownerUnreachable, "refused the connection")))
        #expect(!BoltEndpoints.mayTryAgain(Problem(.noPrimary, "the reign changed hands", changed: true)))
        #expect(!BoltEndpoints.mayTryAgain(Problem(.ownerUnreachable, "no answer", changed: true)))
        #expect(!BoltEndpoints.mayTryAgain(Problem(.notFound, "no such path")))
        #expect(!BoltEndpoints.mayTryAgain(nil))
    }
}
