internal import Foundation

/// The terminal that texts are written for.
public enum Screen {
    /// What every terminal has: texts are wrapped for it, wherever they go.
    public static let columns = 80

    /// How wide a table may be before its last column is cut: as the terminal that standard output is; nil where it is
    /// none, for whoever reads a pipe or a file is to have all of it.
    public static var tableColumns: Int? { tableColumns(of: STDOUT_FILENO) }

    /// The same of any file. A terminal that does not tell its width has `columns`.
    static func tableColumns(of file: Int32) -> Int? {
        guard isatty(file) == 1 else { return nil }
        var size = winsize()
        guard ioctl(file, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return columns }
        return Int(size.ws_col)
    }
}
