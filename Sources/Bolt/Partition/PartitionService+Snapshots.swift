internal import CRDT
internal import Dispatch
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport
internal import SpannerWire

/// A snapshot on its way to a standby.
struct SnapshotShipment {
    var builder: SnapshotBuilder?
    var snapshot: PartitionSnapshot?
    var offset: UInt64 = 0
    /// Whether the standby was told that it comes.
    var isAnnounced = false
}

/// A snapshot that comes in.
struct SnapshotArrival {
    let link: LinkID
    let receiver: SnapshotReceiver
    var lastPiece: ContinuousClock.Instant
    var isVerifying = false
}

extension PartitionService {
    // MARK: Out

    /// Begins a copy of the database for the standby on a link: a few pages between two flushes.
    func takeSnapshot(for link: LinkID) -> PartitionMachine.Event? {
        drop(link)
        do {
            shipments[link] = SnapshotShipment(builder: try store.beginSnapshot())
            post(.copySnapshot(link))
            return nil
        } catch {
            fail(error, "beginning a snapshot")
            return .snapshotFailed(link)
        }
    }

    func copySnapshot(_ link: LinkID) {
        guard let builder = shipments[link]?.builder else { return }
        do {
            guard let draft = try builder.step() else { return post(.copySnapshot(link)) }
            shipments[link]?.builder = nil
            DispatchQueue.global(qos: .utility).async { [self] in
                let result = Result { () throws(StoreError) in try draft.seal() }
                post(.snapshotSealed(link, result))
            }
        } catch {
            drop(link)
            fail(error, "copying the database")
            step(.snapshotFailed(link))
        }
    }

    /// The copy is verified: the machine says whether it is still wanted.
    func sealed(_ link: LinkID, _ result: Result<PartitionSnapshot, StoreError>) {
        switch result {
        case .success(let snapshot):
            guard shipments[link] != nil, links[link] != nil else { return remove(snapshot) }
            shipments[link]?.snapshot = snapshot
            step(.snapshotTaken(link, snapshot.point, bytes: snapshot.bytes, digest: snapshot.digest))
            guard shipments[link]?.isAnnounced == true else { return drop(link) }
            logger.notice(
                "a snapshot is on its way to a standby",
                metadata: [LogKeys.count: "\(snapshot.bytes)", LogKeys.through: "\(snapshot.point.position)"])
            ship(link)
        case .failure(let error):
            drop(link)
            fail(error, "verifying a snapshot")
            step(.snapshotFailed(link))
        }
    }

    func beginShipping(_ link: LinkID) { shipments[link]?.isAnnounced = true }

    /// Sends pieces as far as the link takes them without delay to others.
    func ship(_ id: LinkID) {
        guard var shipment = shipments[id], let snapshot = shipment.snapshot, shipment.isAnnounced else { return }
        guard let link = links[id]?.link else { return drop(id) }
        do {
            while shipment.offset < snapshot.bytes, link.queuedBytes < PartitionServiceLimits.shipAheadBytes {
                let piece = try snapshot.read(at: shipment.offset, count: PartitionLimits.snapshotChunkBytes)
                guard !piece.isEmpty, link.send(.snapshotPiece(offset: shipment.offset, piece)) else { return drop(id) }
                shipment.offset += UInt64(piece.count)
            }
        } catch {
            drop(id)
            return fail(error, "reading a snapshot")
        }
        shipments[id] = shipment
        if shipment.offset < snapshot.bytes {
            post(.shipSnapshot(id), after: PartitionServiceLimits.shipPause)
        } else {
            drop(id)
        }
    }

    /// Forgets a shipment with its file.
    func drop(_ link: LinkID) {
        guard let shipment = shipments.removeValue(forKey: link), let snapshot = shipment.snapshot else { return }
        remove(snapshot)
    }

    private func remove(_ snapshot: PartitionSnapshot) {
        do { try snapshot.remove() } catch {
            logger.warning("a snapshot's file stays until the next start", metadata: [LogKeys.why: "\(error)"])
        }
    }

    // MARK: In

    /// Begins to take in what the primary on a link announced.
    func receiveSnapshot(
        _ point: LogPoint, bytes: UInt64, digest: Bytes32, on link: LinkID
    ) -> PartitionMachine.Event? {
        do {
            let receiver = try store.receiveSnapshot(point, bytes: bytes, digest: digest)
            arrival = SnapshotArrival(link: link, receiver: receiver, lastPiece: .now)
            logger.notice(
                "a snapshot comes in", metadata: [LogKeys.count: "\(bytes)", LogKeys.through: "\(point.position)"])
            return nil
        } catch {
            fail(error, "taking in a snapshot")
            return .snapshotFailed(link)
        }
    }

    /// The next piece. Where the announcement waits for a flush, that goes first.
    func take(piece: [UInt8], at offset: UInt64, on link: LinkID) {
        if arrival == nil { settleDisk() }
        guard let coming = arrival, coming.link == link, !coming.isVerifying else { return }
        guard offset == coming.receiver.bytes else {
            // Of another one, that was given up.
            return
        }
        do throws(StoreError) {
            try coming.receiver.append(piece)
            arrival?.lastPiece = .now
            guard coming.receiver.isWhole else { return }
            let incoming = try coming.receiver.finish()
            arrival?.isVerifying = true
            DispatchQueue.global(qos: .utility).async { [self] in
                let result = Result { () throws(StoreError) in try incoming.verify() }
                post(.snapshotVerified(link, result))
            }
        } catch {
            fail(error, "taking in a snapshot")
            giveUpSnapshot()
        }
    }

    /// What came in was read through: it takes the place of this disk's database, or nothing changes.
    func verified(_ link: LinkID, _ result: Result<IncomingSnapshot, StoreError>) {
        guard arrival?.link == link, arrival?.isVerifying == true else { return }
        arrival = nil
        do throws(StoreError) {
            let incoming = try result.get()
            for (other, _) in shipments { drop(other) }
            scrubPlace = nil
            let durable = try store.install(incoming)
            logger.notice("a snapshot is installed", metadata: [LogKeys.through: "\(durable.tip.position)"])
            replays.isDue = true
            followKeyring()
            step(.snapshotInstalled(durable))
        } catch {
            fail(error, "installing a snapshot")
            step(.snapshotFailed(link))
        }
    }

    func giveUpSilentSnapshot() {
        guard let coming = arrival, !coming.isVerifying,
            ContinuousClock.now - coming.lastPiece >= PartitionServiceLimits.snapshotSilence
        else { return }
        logger.warning("a snapshot stopped coming in: it is asked for again")
        giveUpSnapshot()
    }

    private func giveUpSnapshot() {
        guard let coming = arrival else { return }
        arrival = nil
        step(.snapshotFailed(coming.link))
    }

    /// A link is gone, and what was on its way on it.
    func lost(_ link: LinkID) {
        drop(link)
        if arrival?.link == link, arrival?.isVerifying == false { giveUpSnapshot() }
    }
}
