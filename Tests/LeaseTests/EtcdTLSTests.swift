import Foundation
import Spanner
import Testing

@testable import Lease

/// TLS with certificates of both ends, made by openssl for each run.
@Suite("Lease: etcd over TLS", .enabled(if: EtcdServer.program != nil, EtcdServer.absence))
struct EtcdTLSTests {
    @Test("both ends show certificates of the CA: taken; without ours, or of another CA, refused or not reached")
    func mutual() async throws {
        let (tls, other) = (try Certificates.make(), try Certificates.make())
        let server = try EtcdServer(tls: tls)
        try await server.start()
        func lease(_ change: @escaping (inout EtcdSettings) -> Void) throws -> EtcdLease {
            try Sample.lease([server.endpoint]) { settings in
                settings.caFile = tls.ca
                (settings.certificateFile, settings.keyFile) = (tls.client.certificate, tls.client.key)
                change(&settings)
            }
        }
        let token = try await lease { _ in }.win()
        #expect(try await lease { _ in }.view().holder?.token == token)
        for refused in [
            try lease { $0.caFile = other.ca },
            try lease { ($0.certificateFile, $0.keyFile) = (nil, nil) },
            try lease { ($0.certificateFile, $0.keyFile) = (other.client.certificate, other.client.key) },
        ] {
            await #expect(throws: LeaseFailure.self) { try await refused.ask(.observe, within: .seconds(2)) }
        }
    }

    @Test("a certificate for another name is not taken")
    func wrongName() async throws {
        let tls = try Certificates.make(name: "IP:127.0.0.9")
        let server = try EtcdServer(tls: tls)
        try await server.start()
        let engine = try Sample.lease([server.endpoint]) { settings in
            settings.caFile = tls.ca
            (settings.certificateFile, settings.keyFile) = (tls.client.certificate, tls.client.key)
        }
        await #expect(throws: LeaseFailure.self) { try await engine.ask(.observe, within: .seconds(2)) }
    }

    @Test("a client key that others can read is refused at the start")
    func readableKey() throws {
        let tls = try Certificates.make()
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: tls.client.key)
        #expect(throws: LeaseError.self) {
            try Sample.lease(["https://127.0.0.1:1"]) { settings in
                settings.caFile = tls.ca
                (settings.certificateFile, settings.keyFile) = (tls.client.certificate, tls.client.key)
            }
        }
    }
}

/// A CA with one certificate for each end.
enum Certificates {
    static func make(name: String = "IP:127.0.0.1") throws -> EtcdServer.TLS {
        let directory = try Scratch.directory()
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        let (ca, caKey) = ("\(directory)/ca.pem", "\(directory)/ca.key")
        try openssl(["req", "-x509", "-subj", "/CN=ca \(directory.suffix(8))", "-keyout", caKey, "-out", ca] + key)
        func issue(_ end: String, _ extra: [String]) throws -> (certificate: String, key: String) {
            let (certificate, privateKey) = ("\(directory)/\(end).pem", "\(directory)/\(end).key")
            try openssl(
                [
                    "req", "-x509", "-CA", ca, "-CAkey", caKey, "-subj", "/CN=\(end)", "-keyout", privateKey, "-out",
                    certificate,
                    "-addext", "basicConstraints=critical,CA:FALSE",
                ] + extra + key)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: privateKey)
            return (certificate, privateKey)
        }
        return EtcdServer.TLS(
            ca: ca, server: try issue("server", ["-addext", "subjectAltName=\(name)"]), client: try issue("client", []))
    }

    private static func openssl(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        let text = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "openssl: \(String(decoding: text, as: UTF8.self))")
    }
}
