internal import BoltAPI
internal import Foundation
internal import HummingbirdCore
internal import NIOCore

/// The peer went away in the midst of a request.
struct HTTPConnectionEnded: Error {}

/// One request's body, read once and in bounds. What is left of it can be thrown away.
///
/// The framework gives out one iterator for a body and traps at a second: this holds it.
final class BodyReader {
    private let body: RequestBody
    private var iterator: RequestBody.AsyncIterator?
    private(set) var isFinished: Bool

    /// A reader of a body that may be empty; `declared` is what the head says of its length.
    init(_ body: RequestBody, declared: Int?) {
        self.body = body
        isFinished = declared == 0
    }

    /// All of it. Throws `tooLarge` as soon as it passes the limit; the rest is then still unread.
    func read(atMost limit: Int, tooLarge: Problem) async throws -> Data {
        var data = Data()
        while let part = try await next() {
            guard data.count + part.readableBytes <= limit else { throw tooLarge }
            data.append(contentsOf: part.readableBytesView)
        }
        return data
    }

    /// Reads on to the end, at most that many bytes, and keeps nothing. `heard` is called with every part.
    func discard(atMost limit: Int, heard: () -> Void) async throws {
        var count = 0
        while count <= limit, let part = try await next() {
            count += part.readableBytes
            heard()
        }
    }

    private func next() async throws -> ByteBuffer? {
        guard !isFinished else { return nil }
        var iterator = iterator ?? body.makeAsyncIterator()
        defer { self.iterator = iterator }
        let part: ByteBuffer?
        do { part = try await iterator.next() } catch {
            isFinished = true
            throw HTTPConnectionEnded()
        }
        if part == nil { isFinished = true }
        return part
    }
}
