//! What the domain promises, tested through its public interface.

mod workflow_parse;
