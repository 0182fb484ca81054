import NIOSSL

extension LoadFleet {
    /// Envoys of the mesh as writers of results, with all bolts to turn to: each to `first` first, or half of them to
    /// the next one.
    static func envoys(
        _ count: Int, of mesh: RealMesh, first: Int, allToFirst: Bool = true,
        size: CheckInExchange.Size = CheckInExchange.Size(), prefix: String = "w"
    ) throws -> [(exchange: any LoadExchange, target: LoadWriter.Target)] {
        let ports = mesh.members.filter { $0.pid > 1 }.map(\.port)
        return try mesh.enrol(count, prefix: prefix).enumerated().map { number, folder in
            let context = try LoadFleet.context(of: folder)
            let shift = (first + (allToFirst ? 0 : number)) % ports.count
            let exchange = CheckInExchange(name: "\(prefix)-\(number + 1)", size: size, seed: UInt64(number + 1))
            let target = LoadWriter.Target(ports: Array(ports[shift...] + ports[..<shift]), context: context)
            return (exchange: exchange, target: target)
        }
    }

    /// How an envoy is known, by the folder of its identity.
    static func context(of folder: String) throws -> NIOSSLContext {
        try Credential(
            chain: folder + "/tls.crt", key: folder + "/tls.key", root: folder + "/root.crt", protocols: ["http/1.1"]
        ).context()
    }
}
