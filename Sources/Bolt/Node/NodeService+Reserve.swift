internal import CRDT
internal import Logging
internal import Spanner
internal import SpannerStore

/// A full disk is a mode, not a crash (D7): results and admissions are refused until there is room, what takes rights
/// away is written from the reserve.
extension NodeService {
    /// Pause between looks for room on a disk that was full.
    static let reserveLookInterval: Duration = .seconds(1)

    /// Whether a batch may be written from the reserve: what operators decided, and what other bolts wrote, for a ban
    /// may be behind it in the same history. This bolt's own admissions and tokens wait.
    func mayUseReserve(_ runs: [SignedRun]) -> Bool {
        runs.contains { $0.replica != machine.own.replica || decides($0) }
    }

    /// Writes a batch; on a full disk with the reserve's help where it may.
    func write(_ runs: [SignedRun]) throws(StoreError) {
        guard !reserveSpent || mayUseReserve(runs) else { throw NodeService.onlyReserveIsLeft }
        do throws(StoreError) {
            try append(runs)
        } catch {
            guard error.code == .full, !reserveSpent, mayUseReserve(runs) else { throw error }
            try store.directory.reserve.release()
            (reserveSpent, storeFull) = (true, true)
            logger.warning("the disk is full: the reserve is given up for the roster; results are refused")
            try append(runs)
        }
        // That this fitted ends nothing: `lookForRoom` does, once there is room for more than a moment.
    }

    /// What is refused while only the reserve is left.
    static let onlyReserveIsLeft = StoreError(
        .full, what: "writing", why: "the disk is full, and its reserve is kept for bans and the roster",
        next: "make room on the disk; the same call then works")

    /// How the disk is may have changed: the other plane goes by it too.
    func noteRoom() {
        noteChange()
        let room = DiskRoom(isFull: storeFull, isReserveSpent: reserveSpent)
        guard room != toldRoom else { return }
        toldRoom = room
        partition.post(.room(isFull: room.isFull, isReserveSpent: room.isReserveSpent))
    }

    /// The mode in words, with what ends it.
    var fullDisk: String {
        let needed = reserveBytes + StoreLimits.roomBesideReserve
        return "the disk is full: writes are refused until \(needed / 1024 / 1024) MiB are free for the reserve"
    }

    /// After a full disk, now and then: takes the reserve back once there is room, and ends the mode.
    func lookForRoom() {
        guard reserveBytes > 0 || storeFull, !closed else { return }
        let reserve = store.directory.reserve
        guard storeFull || reserve.bytes < reserveBytes else { return }
        let now = ContinuousClock.now
        guard now - lastReserveLook >= NodeService.reserveLookInterval else { return }
        lastReserveLook = now
        do throws(StoreError) {
            guard try reserve.regain(bytes: reserveBytes), storeFull || reserveSpent else { return }
            (reserveSpent, storeFull) = (false, false)
            logger.notice("the disk has room again: the reserve is held, everything is taken")
        } catch {
            logger.debug("no room for the reserve yet", metadata: [LogKeys.why: "\(error)"])
        }
    }
}

/// How much room there is, as the other plane was told.
struct DiskRoom: Equatable {
    var isFull = false
    var isReserveSpent = false
}
