internal import BoltAPI
internal import SpannerStore

extension NodeService {
    /// A failure of the store as the API tells it.
    static func problem(_ error: StoreError) -> Problem {
        switch error.code {
        case .full:
            Problem(
                .storeFull, "the bolt's disk is full; nothing was stored",
                next: "make room on the bolt's disk; other bolts still answer")
        case .gap, .conflict, .queueOfAnother, .queueBehind:
            Problem(.conflict, "\(error.what): \(error.why)", next: error.next)
        case .tooManyQueues: Problem(.tooManyQueues, "\(error.what): \(error.why)")
        case .tooLarge: Problem(.tooLarge, "\(error.what): \(error.why)")
        case _: Problem(.storeFailure, "the bolt's disk did not take it; nothing was acknowledged")
        }
    }
}
