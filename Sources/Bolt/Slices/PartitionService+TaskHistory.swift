internal import CRDT
internal import Spanner
internal import SpannerStore

/// Of tasks that are over the newest are kept, for people to look at and to put back.
extension PartitionService {
    /// Removes the oldest task that is over where more are kept than should be: one at a time, by a record that every
    /// member takes.
    func forgetTasks() {
        guard desk.forgetting == nil, desk.epoch != nil else { return }
        let over = desk.tasks.filter { $0.value.machine.state.phase == .ended && isSettled(task: $0.key) }
        guard over.count > HandoffLimits.finishedTasksMax else { return }
        let aged = over.map { (id: $0.key, at: taskNote($0.key)?.at ?? $0.value.began) }
        guard let oldest = aged.min(by: { ($0.at, $0.id) < ($1.at, $1.id) })?.id else { return }
        desk.forgetting = oldest
        let parts = PartitionService.parts(of: .forgotten, oldest, over[oldest]?.records ?? 0)
        let notes = [TaskNote.name(of: oldest), TaskNote.holdName(of: oldest)]
        begin(parts + notes.map { .setting(name: $0, value: nil) }, level: .local) { answer in
            // Another reign reads again what there is.
            guard self.desk.forgetting == oldest else { return }
            switch answer {
            case .done:
                self.desk.tasks[oldest] = nil
                self.desk.forgetting = nil
            case .refused: self.desk.forgetting = nil
            case .undecided: self.post(.desk(.reign), after: .seconds(1))
            }
        }
    }
}
