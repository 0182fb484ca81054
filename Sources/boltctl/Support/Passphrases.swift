import BoltAPI
import Foundation
import Identity

/// Where a passphrase comes from: the file that `BOLT_PASSPHRASE_FILE` names, else the terminal. Never an argument.
enum Passphrases {
    static let variable = "BOLT_PASSPHRASE_FILE"

    /// Opens keys that may be encrypted: first without a passphrase, then with the one that can be had.
    static func opening<Keys>(
        _ what: String, _ open: (Passphrase?) throws(IdentityError) -> Keys
    ) throws -> Keys {
        do throws(IdentityError) {
            return try open(nil)
        } catch {
            guard error.code == .passphraseRequired else { throw error }
        }
        return try open(existing(for: what))
    }

    /// The passphrase of existing keys.
    private static func existing(for what: String) throws -> Passphrase {
        if let file = try fromFile() { return file }
        guard Console.isInteractive else { throw required("the keys in \(what) are encrypted") }
        return try Passphrase(ask("Passphrase for \(what): "))
    }

    private static func required(_ why: String, or other: String = "") -> CommandFailure {
        CommandFailure(
            "identity_passphrase_required", "\(why) and there is no terminal to ask for the passphrase",
            next: "name a file with it, readable by its owner alone, in \(variable)\(other)", status: .usage)
    }

    /// A passphrase for new keys, asked for twice.
    static func new(for what: String) throws -> Passphrase {
        if let file = try fromFile() { return file }
        guard Console.isInteractive else {
            throw required(
                "the keys of \(what) are to be encrypted",
                or: ", or use --dev for keys in clear on a machine for trials")
        }
        let first = ask("New passphrase for \(what): ")
        guard first == ask("The same once more: ") else {
            throw CommandFailure(
                "passphrases_differ", "the two passphrases differ; nothing was changed", status: .usage)
        }
        return try Passphrase(first)
    }

    private static func fromFile() throws -> Passphrase? {
        guard let path = ProcessInfo.processInfo.environment[variable], !path.isEmpty else { return nil }
        let bytes = try SecureFile.read(path, access: .ownerOnly)
        let text = String(decoding: bytes, as: UTF8.self)
        return try Passphrase(text.trimmingCharacters(in: .newlines))
    }

    /// Reads a line without echo.
    private static func ask(_ prompt: String) -> String {
        StandardStream.error.write(TerminalText.block(prompt))
        var saved = termios()
        tcgetattr(STDIN_FILENO, &saved)
        var silent = saved
        silent.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved)
            StandardStream.error.write("\n")
        }
        return readLine() ?? ""
    }
}
