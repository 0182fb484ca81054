internal import CRDT
internal import Foundation
internal import Spanner
internal import SpannerStore

/// Which mesh a state folder is of, written into it by the first start that read its roster.
struct StateOwner: Equatable {
    /// The mesh's name.
    let name: String
    let mesh: MeshID

    private static let key = "mesh"

    init(name: String, mesh: MeshID) { (self.name, self.mesh) = (name, mesh) }

    /// Refuses a folder that another mesh's bolt wrote, before anything of it is read: its history would not verify
    /// here, and look like damage. One that nobody signed yet passes.
    func requireOwn(_ store: BoltStore, folder: String) throws {
        guard let bytes = try store.meta.value(StateOwner.key), let held = StateOwner(bytes), held.mesh != mesh else {
            return
        }
        throw DaemonError(
            .foreignState, what: "starting over the state in \(folder)",
            why: "it is of mesh \(held.text), the identity is of mesh \(text)",
            next: "set state.directory to this bolt's own folder; or, if the machine changed meshes, move that folder "
                + "away and start again: the bolt fetches what its mesh holds")
    }

    /// Signs a folder whose roster was read. A full disk is no reason not to start.
    func sign(_ store: BoltStore) throws(StoreError) {
        guard try store.meta.value(StateOwner.key) != bytes else { return }
        do throws(StoreError) { try store.meta.set(StateOwner.key, to: bytes) } catch {
            guard error.code == .full else { throw error }
        }
    }

    private var text: String { "\(name) (\(mesh.description.prefix(12)))" }
    private var bytes: [UInt8] { mesh.bytes.bytes + Array(name.utf8) }

    private init?(_ bytes: [UInt8]) {
        guard let id = Bytes32(bytes: Array(bytes.prefix(Bytes32.count))) else { return nil }
        self.init(name: String(decoding: bytes.dropFirst(Bytes32.count), as: UTF8.self), mesh: MeshID(id))
    }
}
