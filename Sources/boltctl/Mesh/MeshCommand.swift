import ArgumentParser

/// `boltctl mesh …`
struct MeshCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mesh", abstract: "Make a mesh; run one on this machine.",
        subcommands: [MeshInit.self, MeshUp.self, MeshDown.self, StatusCommand.self])
}
