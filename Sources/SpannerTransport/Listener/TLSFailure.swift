import NIOCore
import NIOSSL

/// What the TLS library says of a handshake that failed, as one of our stable reasons.
///
/// Its own texts name source files of its build and numbers of its releases: neither is anything to search for. What
/// tells the reason is the upper-case word of its error, which is stable.
enum TLSFailure {
    /// The reason for a handshake's end.
    static func refusal(_ error: any Error) -> ConnectionRefusal {
        if let io = error as? IOError { return .handshakeAborted.because("error \(io.errnoCode) of the connection") }
        if case NIOSSLError.uncleanShutdown = error { return .handshakeAborted }
        return refusal(text: String(describing: error))
    }

    /// The reason that an error of the library tells in words.
    static func refusal(text: String) -> ConnectionRefusal {
        if text.contains("EOF during handshake") { return .handshakeAborted }
        let words = words(in: text)
        for word in words { if let known = known[word] { return known } }
        guard let word = words.first else { return .handshakeFailed }
        if let alert = alert(word) { return .refusedByPeer.because("alert \(alert)") }
        return .handshakeFailed.because(word.lowercased())
    }

    /// The upper-case words that follow the mark before each reason.
    static func words(in text: String) -> [String] {
        var found: [String] = []
        var rest = text[...]
        while let mark = rest.firstRange(of: "OPENSSL_internal:"), found.count < 8 {
            rest = rest[mark.upperBound...]
            let word = rest.prefix { $0.isASCII && ($0.isUppercase || $0.isNumber || $0 == "_") }
            if !word.isEmpty, word.utf8.count <= 80 { found.append(String(word)) }
        }
        return found
    }

    /// The name of an alert that the other side sent, as the standard has it; nil where the word is none.
    private static func alert(_ word: String) -> String? {
        for prefix in ["SSLV3_ALERT_", "TLSV1_ALERT_"] where word.hasPrefix(prefix) {
            return word.dropFirst(prefix.count).lowercased()
        }
        return word.hasPrefix("TLSV1_") ? word.dropFirst("TLSV1_".count).lowercased() : nil
    }

    private static let known: [String: ConnectionRefusal] = [
        "UNSUPPORTED_PROTOCOL": .tlsVersion,
        "WRONG_VERSION_NUMBER": .notTLS,
        "HTTP_REQUEST": .notTLS,
        "HTTPS_PROXY_REQUEST": .notTLS,
        "TLSV1_ALERT_PROTOCOL_VERSION": .tlsVersion.because("alert protocol_version"),
        "WRONG_VERSION_ON_EARLY_DATA": .tlsVersion,
        "BAD_SIGNATURE": .badSignature,
        "WRONG_SIGNATURE_TYPE": .badSignature,
        "PEER_DID_NOT_RETURN_A_CERTIFICATE": .noCertificate,
        "NO_SHARED_CIPHER": .noSharedParameters,
        "NO_SHARED_GROUP": .noSharedParameters,
        "NO_COMMON_SIGNATURE_ALGORITHMS": .noSharedParameters,
        "NO_CIPHERS_IN_COMMON": .noSharedParameters,
        "NO_APPLICATION_PROTOCOL": .unknownProtocol,
        "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": .unknownProtocol.because("alert no_application_protocol"),
    ]
}
