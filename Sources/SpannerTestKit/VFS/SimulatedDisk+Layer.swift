internal import CSQLite

/// The C side: each of SQLite's calls finds the disk behind the layer, or the handle behind the file, and asks it.
///
/// An open file is three words: SQLite's method table, the disk, the handle's number.
extension SimulatedDisk {
    private static let fileBytes: Int32 = 24
    private static let pathBytesMax: Int32 = 1024

    /// The methods of every open file; never freed.
    nonisolated(unsafe) private static let methods: UnsafeMutablePointer<sqlite3_io_methods> = {
        let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        var table = sqlite3_io_methods()
        table.iVersion = 1
        setTransfers(of: &table)
        table.xLock = { _, _ in SQLITE_OK }
        table.xUnlock = { _, _ in SQLITE_OK }
        table.xCheckReservedLock = { _, result in
            result?.pointee = 0
            return SQLITE_OK
        }
        table.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
        table.xSectorSize = { _ in 4096 }
        // A torn write damages nothing but what it was to write, as SQLite takes for granted on Linux.
        table.xDeviceCharacteristics = { _ in SQLITE_IOCAP_POWERSAFE_OVERWRITE }
        methods.initialize(to: table)
        return methods
    }()

    private static func setTransfers(of table: inout sqlite3_io_methods) {
        table.xClose = { file in
            guard let (disk, handle) = SimulatedDisk.of(file) else { return SQLITE_OK }
            disk.close(handle)
            Unmanaged.passUnretained(disk).release()
            return SQLITE_OK
        }
        table.xRead = { file, target, count, offset in
            guard let (disk, handle) = SimulatedDisk.of(file) else { return DiskError.read }
            let target = UnsafeMutableRawBufferPointer(start: target, count: Int(count))
            return disk.read(handle, into: target, at: Int(offset))
        }
        table.xWrite = { file, bytes, count, offset in
            guard let (disk, handle) = SimulatedDisk.of(file) else { return DiskError.write }
            return disk.write(handle, UnsafeRawBufferPointer(start: bytes, count: Int(count)), at: Int(offset))
        }
        table.xTruncate = { file, size in
            SimulatedDisk.of(file).map { $0.disk.truncate($0.handle, to: Int(size)) } ?? DiskError.truncate
        }
        table.xSync = { file, _ in
            SimulatedDisk.of(file).map { $0.disk.flush($0.handle) } ?? DiskError.flush
        }
        table.xFileSize = { file, result in
            guard let (disk, handle) = SimulatedDisk.of(file) else { return DiskError.status }
            result?.pointee = sqlite3_int64(disk.size(handle))
            return SQLITE_OK
        }
    }

    /// The layer itself, still without its disk.
    static func layer(name: UnsafeMutablePointer<CChar>) -> sqlite3_vfs {
        var layer = sqlite3_vfs()
        layer.iVersion = 1
        layer.szOsFile = fileBytes
        layer.mxPathname = pathBytesMax
        layer.zName = UnsafePointer(name)
        setNames(of: &layer)
        layer.xRandomness = { layer, count, target in
            SimulatedDisk.of(layer)?.random(into: UnsafeMutableRawBufferPointer(start: target, count: Int(count)))
            return count
        }
        layer.xSleep = { _, microseconds in microseconds }
        // 2020-01-01: nothing asks for it.
        layer.xCurrentTime = { _, result in
            result?.pointee = 2_458_849.5
            return SQLITE_OK
        }
        layer.xGetLastError = { _, _, _ in 0 }
        return layer
    }

    private static func setNames(of layer: inout sqlite3_vfs) {
        layer.xOpen = { layer, name, file, flags, result in
            guard let file, let disk = SimulatedDisk.of(layer) else { return SQLITE_CANTOPEN }
            let raw = UnsafeMutableRawPointer(file)
            // Without a method table SQLite does not close what was not opened.
            raw.storeBytes(of: nil, as: UnsafeMutableRawPointer?.self)
            guard let handle = disk.open(name.map { String(cString: $0) }, flags: flags) else {
                return SQLITE_CANTOPEN
            }
            raw.storeBytes(of: UnsafeMutableRawPointer(SimulatedDisk.methods), as: UnsafeMutableRawPointer?.self)
            // The disk lives at least as long as a file is open on it.
            let retained = Unmanaged.passRetained(disk).toOpaque()
            raw.storeBytes(of: retained, toByteOffset: 8, as: UnsafeMutableRawPointer.self)
            raw.storeBytes(of: handle, toByteOffset: 16, as: Int.self)
            result?.pointee = flags
            return SQLITE_OK
        }
        layer.xDelete = { layer, name, isDirectoryFlushed in
            guard let name, let disk = SimulatedDisk.of(layer) else { return DiskError.remove }
            return disk.remove(String(cString: name), isDirectoryFlushed: isDirectoryFlushed != 0)
        }
        layer.xAccess = { layer, name, _, result in
            guard let name, let disk = SimulatedDisk.of(layer) else { return DiskError.access }
            result?.pointee = disk.exists(String(cString: name)) ? 1 : 0
            return SQLITE_OK
        }
        layer.xFullPathname = { _, name, count, target in
            guard let name, let target else { return SQLITE_CANTOPEN }
            let bytes = Array(String(cString: name).utf8CString)
            guard bytes.count <= Int(count) else { return SQLITE_CANTOPEN }
            target.update(from: bytes, count: bytes.count)
            return SQLITE_OK
        }
    }

    private static func of(_ layer: UnsafeMutablePointer<sqlite3_vfs>?) -> SimulatedDisk? {
        layer?.pointee.pAppData.map { Unmanaged<SimulatedDisk>.fromOpaque($0).takeUnretainedValue() }
    }

    private static func of(_ file: UnsafeMutablePointer<sqlite3_file>?) -> (disk: SimulatedDisk, handle: Int)? {
        guard let file else { return nil }
        let raw = UnsafeRawPointer(file)
        guard let disk = raw.load(fromByteOffset: 8, as: UnsafeMutableRawPointer?.self) else { return nil }
        let handle = raw.load(fromByteOffset: 16, as: Int.self)
        return (Unmanaged<SimulatedDisk>.fromOpaque(disk).takeUnretainedValue(), handle)
    }
}
