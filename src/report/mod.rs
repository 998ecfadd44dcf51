//! Events -> view (a pure fold) -> terminal, lines, JSON lines, files.
