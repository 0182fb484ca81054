extension Problem.Code {
    /// What a partition refuses to keep its promises; nothing was changed. A program ends with 4 on them.
    public static let safetyRefusals: Set<Self> = [
        .primaryLives, .promisesMissing, .tailMissing, .unexpectedLog, .outbid, .notInSync, .notPrimary, .notPaired,
        .notMember, .diskIsNew, .sealed, .operationRuns, .absurdEpoch, .alreadyFounded, .badMembers,
        .handoverCancelled, .lastStandby, .vaultInitialised,
    ]

    static let partitionEntries: [Self: Problem.Entry] = [
        .noPrimary: .init(
            status: 503, title: "No primary",
            next: "try again after Retry-After; an operator sees who may be promoted: boltctl partition list"),
        .askElsewhere: .init(
            status: 421, title: "Ask another bolt", next: "send the same request to the address in Location"),
        .primaryLives: .init(
            status: 409, title: "A primary lives",
            next: "for a planned change: boltctl partition switchover PARTITION"),
        .promisesMissing: .init(
            status: 409, title: "Promises are missing",
            next: "start the bolts that are missing and try again; see what is at stake: "
                + "boltctl partition promote PARTITION --check"),
        .tailMissing: .init(
            status: 409, title: "The longest log cannot be had",
            next: "promote the bolt that holds it, or mend the link to it and try again"),
        .unexpectedLog: .init(
            status: 409, title: "The log ends elsewhere",
            next: "look at what is held now and decide again: boltctl partition promote PARTITION --check"),
        .outbid: .init(
            status: 409, title: "A higher epoch was promised",
            next: "see who reigns before trying again: boltctl partition list"),
        .notInSync: .init(
            status: 409, title: "No standby in sync",
            next: "wait until a standby is in sync, or name one that is: boltctl partition show PARTITION"),
        .notPrimary: .init(
            status: 409, title: "Not the primary", next: "ask the primary: boltctl partition list"),
        .notPaired: .init(
            status: 409, title: "No standby in sync",
            next: "bring a standby back, or declare it gone: boltctl bolt remove NAME --dead"),
        .notMember: .init(
            status: 409, title: "No member",
            next: "promote a member: boltctl partition show PARTITION; or look at its log: it may be fenced"),
        .diskIsNew: .init(
            status: 409, title: "The disk is new",
            next: "start the other bolts of the partition, so that it learns what they promised"),
        .sealed: .init(status: 409, title: "Sealed", next: "unseal the bolt, or choose another one"),
        .operationRuns: .init(
            status: 409, title: "Another operation runs", next: "wait a moment and look: boltctl partition list"),
        .absurdEpoch: .init(
            status: 409, title: "An absurd epoch",
            next: "find the bolt that tells it and remove it: boltctl partition show PARTITION"),
        .alreadyFounded: .init(
            status: 409, title: "Founded before", next: "nothing is to be done: boltctl partition list"),
        .badMembers: .init(status: 409, title: "No list of members", next: "name this bolt's own disk, and at most 8"),
        .handoverCancelled: .init(
            status: 409, title: "The hand-over was taken back",
            next: "look at the standby's log, then try again: boltctl partition show PARTITION"),
        .lastStandby: .init(
            status: 409, title: "The last standby lives",
            next: "wait until another is in sync; or stop the bolt for good, then declare it gone: "
                + "boltctl bolt remove NAME --dead"),
    ]
}
