//! Sign-ins with other services.

mod answers;
mod decisions;
mod evil;
mod flow;
mod issuer;
mod landing;
mod plain;
mod second_factor;
mod settings;
mod signer;
mod world;
