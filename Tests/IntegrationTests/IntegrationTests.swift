import Testing

/// Everything that needs real processes, one after the other: they share this machine's processors and ports.
@Suite(.serialized) struct IntegrationTests {}
