import NIOCore
import NIOSSL
import Testing

@testable import SpannerTransport

/// What the TLS library says becomes one of our reasons: stable, short, without anything of its build.
@Suite struct TLSFailureTests {
    private func text(_ word: String) -> String {
        "handshakeFailed(NIOSSL.BoringSSLError.sslError([Error: 268435696 error:100000f0:SSL routines:"
            + "OPENSSL_internal:\(word) at /some/build/place/CNIOBoringSSL/ssl/handshake.cc:1234]))"
    }

    @Test(arguments: [
        ("UNSUPPORTED_PROTOCOL", "tls_version"), ("TLSV1_ALERT_PROTOCOL_VERSION", "tls_version"),
        ("WRONG_VERSION_NUMBER", "tls_not_tls"), ("HTTP_REQUEST", "tls_not_tls"),
        ("BAD_SIGNATURE", "tls_bad_signature"), ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "tls_no_certificate"),
        ("NO_SHARED_CIPHER", "tls_no_shared_parameters"), ("NO_SHARED_GROUP", "tls_no_shared_parameters"),
        ("TLSV1_ALERT_UNKNOWN_CA", "tls_refused_by_peer"), ("SSLV3_ALERT_BAD_CERTIFICATE", "tls_refused_by_peer"),
        ("TLSV1_ALERT_NO_APPLICATION_PROTOCOL", "unknown_protocol"), ("SOMETHING_NEW", "handshake_failed"),
    ])
    func eachWordHasItsReason(_ word: String, _ code: String) {
        let refusal = TLSFailure.refusal(text: text(word))
        #expect(refusal.code == code)
        #expect(!refusal.why.contains("/") && !refusal.why.contains("routines"), "\(refusal)")
        #expect(refusal.why.utf8.count < 200)
    }

    @Test func alertsAndNewWordsAreNamed() {
        #expect(TLSFailure.refusal(text: text("TLSV1_ALERT_DECRYPT_ERROR")).why.hasSuffix("alert decrypt_error"))
        #expect(TLSFailure.refusal(text: text("SOMETHING_NEW")).why.hasSuffix("something_new"))
    }

    @Test func anEndInTheMidstIsAnAbort() {
        #expect(TLSFailure.refusal(NIOSSLError.uncleanShutdown).code == "handshake_aborted")
        #expect(TLSFailure.refusal(IOError(errnoCode: 104, reason: "read")).code == "handshake_aborted")
        #expect(TLSFailure.refusal(text: "Error:  EOF during handshake").code == "handshake_aborted")
        #expect(TLSFailure.refusal(text: "anything").code == "handshake_failed")
    }
}
