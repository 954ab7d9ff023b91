//! Renderers: what things look like on a terminal.
