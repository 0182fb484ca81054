import BoltClient
import Testing

/// Addresses as people write them.
@Suite struct HostPortTests {
    @Test(arguments: [
        ("bolt-1", "bolt-1", 7440), ("10.0.0.1:80", "10.0.0.1", 80), ("[::1]:443", "::1", 443), ("[::1]", "::1", 7440),
    ])
    func isTakenApart(text: String, host: String, port: Int) throws {
        let address = try #require(HostPort(text))
        #expect(address.host == host && address.port == port)
        #expect(HostPort(address.description) == address)
    }

    @Test(arguments: ["", ":80", "a:", "a:0", "a:65536", "a:x", "[::1", "[]:1", "a b:1", "a/b:1", "::1:80", "a:1:2"])
    func isRefused(text: String) { #expect(HostPort(text) == nil) }
}
