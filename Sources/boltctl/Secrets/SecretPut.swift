import ArgumentParser
import BoltAPI
import BoltClient
import Foundation
import Identity
import Spanner
import Vault

/// `boltctl secret put`
struct SecretPut: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "put", abstract: "Keep a value under a name, sealed; a later value replaces it.",
        discussion: """
            The value is a file's content or standard input, byte for byte: it is never an argument, never printed and \
            never logged. It goes to the partition's primary alone, and is acknowledged when a standby has it too.

            EXAMPLES
              boltctl secret put db/password --partition north --from-file password.txt
              printf %s "$PASSWORD" | boltctl secret put db/password --partition north
            """)

    @Argument(help: "Words of lower-case letters, digits, hyphens, underscores and dots, joined by /.")
    var name: String
    @Option(name: .customLong("from-file"), help: "The file with the value. Default: standard input.")
    var file: String?
    @Option(name: .long, help: "The partition. Default: the only one.")
    var partition: String?
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let name = try SecretArgument.name(name)
        let value = try SecretArgument.value(from: file)
        let session = try connection.session()
        let partition = try await PartitionSeals.partition(partition, session)
        let primary = try await PartitionSeals.primary(of: partition, session)
        let client = try session.client(of: primary.address)
        defer { client.close() }
        let body = PutSecretRequest(
            partition: partition, name: name.text, value: SecretText(value.withBytes { Array($0) }),
            reason: mutation.reason)
        let answer: SecretChangeResponse = try await client.call(.putSecret, query: mutation.query, body: body)
        try connection.output.emit(answer, table: SecretArgument.text(answer))
    }
}

/// Names and values of secrets as they are given to commands.
enum SecretArgument {
    /// The name; the text is not repeated where it is none, since people paste secrets by mistake.
    static func name(_ text: String) throws -> SecretName {
        do { return try SecretName(text) } catch {
            throw CommandFailure(
                "bad_name", "the name given is no secret's", reason: error.why, next: error.next, status: .usage)
        }
    }

    /// The value of a file, or of standard input where none is named.
    static func value(from file: String?) throws -> SecretBytes {
        if file == nil, isatty(STDIN_FILENO) == 1 {
            throw CommandFailure(
                "no_value", "there is no value: standard input is a terminal",
                next: "pipe the value in, or name its file with --from-file", status: .usage)
        }
        let handle: FileHandle
        if let file {
            guard let opened = FileHandle(forReadingAtPath: file) else {
                throw CommandFailure(
                    "unreadable_file", "\(file) cannot be read", reason: String(cString: strerror(errno)),
                    next: "check the path", status: .usage)
            }
            handle = opened
        } else {
            handle = .standardInput
        }
        defer { if file != nil { try? handle.close() } }
        return try value(of: handle)
    }

    private static func value(of handle: FileHandle) throws -> SecretBytes {
        // Room for all of it from the start: growing would leave copies behind.
        var bytes = [UInt8](repeating: 0, count: VaultLimits.secretBytesMax + 1)
        defer { SecretBytes.wipe(&bytes) }
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                read(handle.fileDescriptor, buffer.baseAddress.map { $0 + count }, buffer.count - count)
            }
            if got == 0 { break }
            if got < 0 {
                guard errno == EINTR else {
                    throw CommandFailure(
                        "unreadable_file", "the value cannot be read", reason: String(cString: strerror(errno)),
                        status: .usage)
                }
            } else {
                count += got
            }
        }
        guard count > 0 else {
            throw CommandFailure(
                "no_value", "the value is empty", next: "to keep a secret no longer: boltctl secret remove NAME",
                status: .usage)
        }
        guard count <= VaultLimits.secretBytesMax else {
            throw CommandFailure(
                "value_too_large", "a secret has at most \(VaultLimits.secretBytesMax) bytes",
                next: "keep large data elsewhere, encrypted under a key that is kept here", status: .usage)
        }
        return SecretBytes(count: count) { target in
            for place in 0..<count { target[place] = bytes[place] }
        }
    }

    /// What came of a change, for people.
    static func text(_ answer: SecretChangeResponse) -> String {
        let tail = answer.dryRun ? "dry run: nothing was changed" : "acknowledged at \(answer.level)"
        return (answer.effects + [tail]).joined(separator: "\n")
    }
}
