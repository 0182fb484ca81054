import COpenSSL
import COpenSSLShim

/// Path validation (RFC 5280) of a presented chain up to one of our roots, by libcrypto, with nothing partial accepted.
///
/// Says who signed whom and when; what the names mean is `PeerVerifier`'s part. Safe to share: the store is not
/// changed after it was made.
final class ChainVerifier: @unchecked Sendable {
    /// What validation asks of time and use.
    struct Question {
        /// Nil: dates are not looked at.
        var time: UnixTime?
        /// Nil: any use.
        var purpose: PeerPurpose?
    }

    let roots: [Certificate]
    private let store: OpaquePointer

    /// A verifier that trusts these roots and nothing else. Each is a self-signed CA that the caller has checked.
    init(roots: [Certificate]) throws(IdentityError) {
        guard let store = X509_STORE_new() else { throw OpenSSL.failure("make a certificate store") }
        self.store = store
        self.roots = roots
        for root in roots where X509_STORE_add_cert(store, root.handle.pointer) != 1 {
            throw OpenSSL.failure("trust \(root)")
        }
    }

    deinit { X509_STORE_free(store) }

    /// The path from the leaf to the root, both included, each signature checked.
    func path(
        of presented: [Certificate], asking question: Question
    ) throws(PeerRejection) -> [Certificate] {
        defer { ERR_clear_error() }
        guard let leaf = presented.first else { throw PeerRejection(.noCertificate, "no certificate was presented") }
        guard let stack = boltssl_certificates_new(), let context = X509_STORE_CTX_new() else { throw Self.exhausted }
        defer {
            boltssl_certificates_free(stack)
            X509_STORE_CTX_free(context)
        }
        for certificate in presented.dropFirst() {
            guard boltssl_certificates_push(stack, certificate.handle.pointer) == 1 else { throw Self.exhausted }
        }
        guard X509_STORE_CTX_init(context, store, leaf.handle.pointer, stack) == 1,
            let parameters = X509_STORE_CTX_get0_param(context)
        else { throw Self.exhausted }
        try configure(parameters, for: question)
        guard X509_verify_cert(context) == 1 else {
            let depth = Int(X509_STORE_CTX_get_error_depth(context))
            throw Self.rejection(X509_STORE_CTX_get_error(context), at: depth, of: presented)
        }
        return try found(X509_STORE_CTX_get0_chain(context), among: presented)
    }

    private func configure(_ parameters: OpaquePointer, for question: Question) throws(PeerRejection) {
        // Strict: CA certificates without the marks that RFC 5280 asks for are refused.
        var flags = UInt(X509_V_FLAG_X509_STRICT)
        if let time = question.time {
            X509_VERIFY_PARAM_set_time(parameters, time_t(time.seconds))
        } else {
            flags |= UInt(X509_V_FLAG_NO_CHECK_TIME)
        }
        var isSet = X509_VERIFY_PARAM_set_flags(parameters, flags) == 1
        switch question.purpose {
        case .client: isSet = X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_CLIENT) == 1 && isSet
        case .server: isSet = X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER) == 1 && isSet
        case nil: break
        }
        guard isSet else { throw Self.exhausted }
        // Level 2: at least 112 bits everywhere, and no SHA-1.
        X509_VERIFY_PARAM_set_auth_level(parameters, 2)
        X509_VERIFY_PARAM_set_depth(parameters, Int32(IdentityLimits.chainCountMax - 1))
    }

    private func found(
        _ chain: OpaquePointer?, among presented: [Certificate]
    ) throws(PeerRejection) -> [Certificate] {
        let known = presented + roots
        var path: [Certificate] = []
        for index in 0..<boltssl_certificates_count(chain) {
            guard let pointer = boltssl_certificates_at(chain, index),
                let certificate = known.first(where: { $0.handle.pointer == pointer })
                    ?? known.first(where: { X509_cmp($0.handle.pointer, pointer) == 0 })
            else { throw PeerRejection(.malformed, "the verified path holds an unknown certificate") }
            path.append(certificate)
        }
        guard path.count <= IdentityLimits.chainCountMax, let last = path.last, roots.contains(last) else {
            throw PeerRejection(.foreignCA, "the path does not end at this mesh's root")
        }
        return path
    }

    private static var exhausted: PeerRejection {
        PeerRejection(.malformed, "libcrypto refused to start: \(OpenSSL.takeReason() ?? "no reason given")")
    }

    private static func rejection(
        _ error: Int32, at depth: Int, of presented: [Certificate]
    ) -> PeerRejection {
        let text = X509_verify_cert_error_string(Int(error)).map { String(cString: $0) } ?? "error \(error)"
        let which = depth == 0 ? "the certificate" : "the CA \(depth) above the certificate"
        let certificate = depth < presented.count ? presented[depth] : nil
        switch error {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            let end = certificate.map { " at \($0.validity.notAfter)" } ?? ""
            return PeerRejection(.expired, "\(which) expired\(end)")
        case X509_V_ERR_CERT_NOT_YET_VALID:
            let start = certificate.map { " before \($0.validity.notBefore)" } ?? ""
            return PeerRejection(.notYetValid, "\(which) is not valid\(start); compare the clocks")
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
            X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_CERT_UNTRUSTED:
            return PeerRejection(.foreignCA, "\(which) does not lead to this mesh's root: \(text)")
        case X509_V_ERR_CERT_SIGNATURE_FAILURE, X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
            return PeerRejection(.badSignature, "the signature of \(which) does not verify")
        case X509_V_ERR_INVALID_PURPOSE:
            return PeerRejection(.wrongEKU, "\(which) may not be used at this end of a connection")
        case X509_V_ERR_CERT_CHAIN_TOO_LONG, X509_V_ERR_PATH_LENGTH_EXCEEDED:
            return PeerRejection(.chainTooLong, "\(which) stands below too many CAs")
        case X509_V_ERR_EE_KEY_TOO_SMALL, X509_V_ERR_CA_KEY_TOO_SMALL, X509_V_ERR_CA_MD_TOO_WEAK,
            X509_V_ERR_EC_KEY_EXPLICIT_PARAMS:
            return PeerRejection(.weakKey, "\(which): \(text)")
        default:
            return PeerRejection(.malformed, "\(which): \(text)")
        }
    }
}
