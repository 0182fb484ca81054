import Foundation
import Testing

/// Requests through the `curl` program: an independent client of the same protocols.
enum HTTP {
    struct Answer {
        /// 0 where no answer came.
        let status: Int
        let body: String
        /// curl's own exit code: 0 where an answer came.
        let exit: Int32
        let error: String

        var json: [String: Any]? {
            (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any]
        }
        /// The stable code of a problem.
        var code: String? { json?["code"] as? String }
    }

    static let curl = "/usr/bin/curl"
    static let openssl = "/usr/bin/openssl"

    /// A request; `identity` is a directory with `tls.crt` and `tls.key`, `root` the file of the root certificate.
    static func get(
        _ url: String, root: String? = nil, identity: String? = nil, options: [String] = []
    ) throws -> Answer {
        var arguments = ["-sS", "--max-time", "10", "-w", "\n%{http_code}"]
        if let root { arguments += ["--cacert", root] }
        if let identity { arguments += ["--cert", identity + "/tls.crt", "--key", identity + "/tls.key"] }
        let output = try Command.run(curl, arguments + options + [url], deadline: 20)
        let lines = output.standardOutput.split(separator: "\n", omittingEmptySubsequences: false)
        return Answer(
            status: lines.last.flatMap { Int($0) } ?? 0, body: lines.dropLast().joined(separator: "\n"),
            exit: output.status, error: output.standardError)
    }

    /// Arguments of `openssl s_client` to a bolt.
    static func client(
        _ address: String, root: String, identity: String?, protocol name: String = "http/1.1", options: [String] = []
    ) -> [String] {
        var arguments = ["s_client", "-connect", address, "-CAfile", root, "-verify_return_error", "-alpn", name]
        if let identity {
            let chain = identity + "/tls.crt"
            arguments += ["-cert", chain, "-cert_chain", chain, "-key", identity + "/tls.key"]
        }
        return arguments + options
    }
}
