import Foundation
import Testing

/// An envoy that reports by hand, one result at a time.
struct Reporter {
    let mesh: RealMesh
    let bolt: RealMesh.Bolt
    let name: String
    var acknowledged = 0

    /// Sends the next result; counts it where it was acknowledged.
    mutating func report(bytes: Int) throws -> HTTP.Answer {
        let answer = try send(acknowledged + 1, bytes: bytes)
        if answer.status == 200 { acknowledged += 1 }
        return answer
    }

    func send(_ sequence: Int, bytes: Int) throws -> HTTP.Answer {
        let body = Data(repeating: UInt8(truncatingIfNeeded: sequence), count: bytes).base64EncodedString()
        let file = mesh.file("report-\(name).json")
        try """
        {"traits":{},"queue_incarnation":"000102030405060708090a0b0c0d0e0f","first_held":1,
        "results":[{"sequence":\(sequence),"body":"\(body)"}]}
        """.write(toFile: file, atomically: true, encoding: .utf8)
        return try HTTP.get(
            "https://\(bolt.address)/v1/checkin", root: bolt.identity + "/root.crt",
            identity: mesh.file(name) + "/identity", options: ["--data-binary", "@\(file)"])
    }

    /// Fills the disk until not even the smallest report fits: the log on disk has room of its own at first.
    mutating func fill(_ disk: SmallDisk) throws {
        for bytes in [100_000, 10_000, 10] {
            var last: HTTP.Answer?
            for _ in 0..<400 {
                try disk.fill()
                let answer = try report(bytes: bytes)
                last = answer
                guard answer.status == 200 else { break }
            }
            #expect(last?.status == 503 && last?.code == "store_full", "\(String(describing: last))")
            #expect(last?.json?["changed"] as? Bool == false)
        }
    }
}
