//! What expressions and templates do, through the public interface.

mod expressions;
mod functions;
mod hostile;
mod random;
mod scopes;
mod templates;
