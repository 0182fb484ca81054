import ArgumentParser
import BoltAPI
import Envoy
import Foundation

/// `bolt-envoy traits`
struct Traits: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Shows the facts of this machine, as they are reported.")

    func run() throws {
        print(String(decoding: try APIJSON.encode(MachineTraits.gather(), pretty: true), as: UTF8.self))
    }
}
