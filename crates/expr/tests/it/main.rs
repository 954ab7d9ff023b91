//! What expressions and templates do, through the public interface.
