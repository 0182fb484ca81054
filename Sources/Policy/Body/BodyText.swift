/// What a text of a body means: a secret, a template, or itself.
enum BodyText: Hashable, Sendable {
    /// It is what it says.
    case literal(String)
    /// It is nothing but the name of a secret, which may be bad.
    case secret(String)
    /// It is a template.
    case template(Template)

    /// Reads a text. `isFile`: it is a file of the stack, which is a template whatever is in it.
    init(_ text: String, isFile: Bool = false) throws(TemplateFault) {
        if !isFile, let name = SecretReference.name(inWhole: text) {
            self = .secret(name)
        } else if isFile || Template.isTemplate(text) {
            self = .template(try TemplateReader.read(text))
        } else {
            self = .literal(text)
        }
    }

    /// Names of the secrets in a text, each once; none in a template that cannot be read.
    static func secrets(in text: String, isFile: Bool) -> [String] {
        guard text.contains(SecretReference.prefix) else { return [] }
        return switch try? BodyText(text, isFile: isFile) {
        case .secret(let name): [name]
        case .template(let template): template.secrets
        case .literal, nil: []
        }
    }
}
