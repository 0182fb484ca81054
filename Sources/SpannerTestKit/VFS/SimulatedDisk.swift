internal import CSQLite
internal import Spanner

/// A disk under SQLite, in memory: it remembers what was flushed, and fails as told.
///
/// Registered with SQLite under `name` while it lives, so the real library runs over it. Not to be used by two threads
/// at once. After `crash` every call fails, as for a process that is gone; `image` then is what the machine finds.
public final class SimulatedDisk {
    /// What a call did, in the order of the calls.
    public enum Operation: Equatable, Sendable {
        /// Bytes were written.
        case write(String, at: Int, count: Int)
        /// A file was cut.
        case truncate(String, to: Int)
        /// A file was flushed, or should have been.
        case flush(String)
        /// A file was removed.
        case remove(String)
    }

    /// What goes wrong. Numbers count the calls of one kind from when they are set: 1 is the next.
    public struct Faults: Sendable {
        /// This flush fails, and loses what it should have kept.
        public var failingFlush: Int?
        /// This write fails; a part of it may have been done.
        public var failingWrite: Int?
        /// This read fails.
        public var failingRead: Int?
        /// Flushes say that they came through, and do nothing.
        public var isLying = false
        /// Bytes that all files together may have.
        public var capacity: Int?
        /// Nothing goes wrong.
        public init() {}
    }

    /// The name under which SQLite knows it.
    public let name: String
    /// Its files.
    public private(set) var image: DiskImage
    /// What goes wrong from now on.
    public var faults = Faults()
    /// Called after each operation that changes a file, before SQLite hears of it.
    public var onOperation: ((Operation) -> Void)?
    /// Operations so far.
    public private(set) var operations = 0
    /// Flushes so far that came through.
    public private(set) var flushes = 0
    private var isCrashed = false
    private var generator: SeededGenerator
    private let registration: UnsafeMutablePointer<sqlite3_vfs>
    private let nameBytes: UnsafeMutablePointer<CChar>
    /// Open handles: which file each stands for, and whether it goes when it is closed.
    private var handles: [Int: (path: String, isTemporary: Bool)] = [:]
    private var lastHandle = 0

    /// A disk with these files on it; SQLite's own draws come from `seed`.
    public init(image: DiskImage = DiskImage(), seed: UInt64) {
        registration = .allocate(capacity: 1)
        name = "bolt-simulated-\(UInt(bitPattern: registration))"
        let bytes = Array(name.utf8CString)
        nameBytes = .allocate(capacity: bytes.count)
        nameBytes.initialize(from: bytes, count: bytes.count)
        (self.image, generator) = (image, SeededGenerator(seed: seed))
        registration.initialize(to: SimulatedDisk.layer(name: nameBytes))
        registration.pointee.pAppData = Unmanaged.passUnretained(self).toOpaque()
        sqlite3_vfs_register(registration, 0)
    }

    deinit {
        sqlite3_vfs_unregister(registration)
        registration.deallocate()
        nameBytes.deallocate()
    }

    /// From now on every call fails and changes nothing.
    public func crash() { isCrashed = true }

    /// What a flush of the directory does: names of new files stay, removed files stay away.
    public func flushDirectory() { image.flushDirectory() }

    /// Flips one bit of a file: rot.
    public func flip(_ path: String, at place: Int, bit: UInt8) { image.flip(path, at: place, bit: bit) }

    // MARK: Calls, as SQLite makes them

    private func path(of handle: Int) -> String { handles[handle]?.path ?? "" }

    private func done(_ operation: Operation) {
        operations += 1
        onOperation?(operation)
    }

    /// Counts down to a fault; true when it strikes.
    private func strikes(_ fault: WritableKeyPath<Faults, Int?>) -> Bool {
        guard let left = faults[keyPath: fault] else { return false }
        faults[keyPath: fault] = left > 1 ? left - 1 : nil
        return left <= 1
    }

    func open(_ path: String?, flags: Int32) -> Int? {
        guard !isCrashed else { return nil }
        lastHandle += 1
        let isTemporary = path == nil || flags & SQLITE_OPEN_DELETEONCLOSE != 0
        let path = path ?? "temporary-\(lastHandle)"
        if image.files[path] == nil {
            // The database itself was made, and its name flushed, before SQLite was asked to open it.
            let isDatabase = flags & SQLITE_OPEN_MAIN_DB != 0
            guard isDatabase || flags & SQLITE_OPEN_CREATE != 0 else { return nil }
            image.files[path] = SimulatedFile(isNameDurable: isDatabase)
        }
        handles[lastHandle] = (path, isTemporary)
        return lastHandle
    }

    func close(_ handle: Int) {
        guard let closed = handles.removeValue(forKey: handle), closed.isTemporary else { return }
        image.files[closed.path] = nil
    }

    func read(_ handle: Int, into target: UnsafeMutableRawBufferPointer, at offset: Int) -> Int32 {
        if isCrashed || strikes(\.failingRead) { return DiskError.read }
        let content = image.files[path(of: handle)]?.current ?? []
        let count = max(0, min(target.count, content.count - offset))
        if count > 0 {
            content.withUnsafeBytes { bytes in
                target.copyBytes(from: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count]))
            }
        }
        guard count < target.count else { return SQLITE_OK }
        for index in count..<target.count { target[index] = 0 }
        return DiskError.shortRead
    }

    func write(_ handle: Int, _ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int32 {
        let path = path(of: handle)
        guard !isCrashed, image.files[path] != nil else { return DiskError.write }
        if strikes(\.failingWrite) {
            let part = Int(generator.below(UInt64(bytes.count)))
            image.files[path]?.write(UnsafeRawBufferPointer(rebasing: bytes[..<part]), at: offset)
            return DiskError.write
        }
        if let capacity = faults.capacity {
            let growth = max(0, offset + bytes.count - image.count(of: path))
            let used = image.files.values.reduce(0) { $0 + $1.current.count }
            if growth > 0, used + growth > capacity { return SQLITE_FULL }
        }
        image.files[path]?.write(bytes, at: offset)
        done(.write(path, at: offset, count: bytes.count))
        return isCrashed ? DiskError.write : SQLITE_OK
    }

    func truncate(_ handle: Int, to size: Int) -> Int32 {
        let path = path(of: handle)
        guard !isCrashed else { return DiskError.truncate }
        image.files[path]?.truncate(to: size)
        done(.truncate(path, to: size))
        return isCrashed ? DiskError.truncate : SQLITE_OK
    }

    func flush(_ handle: Int) -> Int32 {
        let path = path(of: handle)
        guard !isCrashed else { return DiskError.flush }
        if strikes(\.failingFlush) {
            image.files[path]?.loseFlush()
            return DiskError.flush
        }
        if !faults.isLying { image.files[path]?.flush() }
        flushes += 1
        done(.flush(path))
        return isCrashed ? DiskError.flush : SQLITE_OK
    }

    func size(_ handle: Int) -> Int { image.count(of: path(of: handle)) }

    func remove(_ path: String, isDirectoryFlushed: Bool) -> Int32 {
        guard !isCrashed else { return DiskError.remove }
        guard let file = image.files.removeValue(forKey: path) else { return DiskError.noSuchFile }
        if isDirectoryFlushed { image.removed = [:] } else { image.removed[path] = file }
        done(.remove(path))
        return isCrashed ? DiskError.remove : SQLITE_OK
    }

    /// An empty file is none to SQLite, as on a real disk.
    func exists(_ path: String) -> Bool { image.count(of: path) > 0 }

    func random(into target: UnsafeMutableRawBufferPointer) {
        for index in target.indices { target[index] = UInt8(truncatingIfNeeded: generator.next()) }
    }
}
