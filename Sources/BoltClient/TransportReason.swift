import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Turns what NIO throws into words and kinds.
package enum TransportReason {
    /// Why a connection did not come up, in a few words.
    package static func describe(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let single = error.connectionErrors.first { return describe(single.error) }
            return "the name \(error.host) has no address"
        case let error as IOError: return words(error)
        case ChannelError.connectTimeout: return "no answer in time"
        case ExchangeFailure.closed: return "the connection ended before an answer came"
        case ExchangeFailure.deadline: return "no answer in time"
        default: return "\(error)"
        }
    }

    /// An exchange's failure, with the kind that it is.
    static func error(_ error: any Error, at address: HostPort, answerBytesMax: Int) -> ClientError {
        switch error {
        case NIOSSLError.uncleanShutdown:
            // Without TLS's own goodbye nobody can tell whether the answer was whole.
            return ClientError(.unreachable, "the connection was cut off", mayHaveChanged: true)
        case is BoringSSLError, is NIOSSLError:
            let text = "\(error)"
            // After our side's handshake the server still judges our certificate and answers with an alert.
            if text.contains("ALERT") {
                return ClientError(.identityRefused, "\(address) refused this identity during the TLS handshake")
            }
            return ClientError(.unreachable, "TLS: \(text)", mayHaveChanged: true)
        case let error as NIOHTTPObjectAggregatorError where error == .frameTooLong:
            return ClientError(
                .badAnswer, "\(address) gave an answer over the limit of \(answerBytesMax) bytes", mayHaveChanged: true)
        case HTTPParserError.invalidEOFState:
            return ClientError(.unreachable, "the connection ended within the answer", mayHaveChanged: true)
        case let error as HTTPParserError:
            return ClientError(.badAnswer, "\(address) does not speak HTTP/1.1: \(error)", mayHaveChanged: true)
        default:
            return ClientError(.unreachable, describe(error), mayHaveChanged: true)
        }
    }

    private static func words(_ error: IOError) -> String {
        switch error.errnoCode {
        case 111: "connection refused"
        case 113, 101: "no route to it"
        case 104: "connection reset"
        default: "\(error)"
        }
    }
}
