internal import Glibc

/// A file that keeps some of the disk for what must still be written when the disk is full (D7).
///
/// A value without state: what it holds is what the file on disk holds.
public struct ReserveFile: Sendable {
    private let path: String

    init(path: String) { self.path = path }

    /// Bytes that it holds now.
    public var bytes: Int { FileSystem.length(of: path) }

    /// Keeps `bytes` of the disk; what it holds already counts. Throws `store_full` where there is no room: nothing is
    /// kept then.
    public func hold(bytes: Int = StoreLimits.reserveBytesDefault) throws(StoreError) {
        guard self.bytes < bytes else { return }
        let descriptor = try FileSystem.openFile(at: path)
        do throws(StoreError) {
            try FileSystem.allocate(bytes, for: descriptor, path: path)
        } catch {
            try FileSystem.empty(path)
            throw error
        }
    }

    /// Gives all of it back to the disk, so that a ban can be recorded on a full one.
    public func release() throws(StoreError) { try FileSystem.empty(path) }

    /// Holds `bytes` again where the disk has room for them and `StoreLimits.roomBesideReserve` more, so that taking it
    /// back does not fill the disk again. True where it is held after it.
    public func regain(bytes: Int) throws(StoreError) -> Bool {
        guard try FileSystem.freeBytes(at: path) >= max(0, bytes - self.bytes) + StoreLimits.roomBesideReserve else {
            return false
        }
        try hold(bytes: bytes)
        return true
    }

    /// Bytes of the disk that are left for everything else, but for `StoreLimits.roomBesideReserve`.
    public func roomBeside() throws(StoreError) -> Int {
        max(0, try FileSystem.freeBytes(at: path) - StoreLimits.roomBesideReserve)
    }
}
