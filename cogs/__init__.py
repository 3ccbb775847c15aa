"""What people can ask: one file per subject. Handlers parse, ask the engine, answer."""
