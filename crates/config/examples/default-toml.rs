//! Prints `config/default.toml`: `cargo run -p codeflow-config --example default-toml > config/default.toml`.

fn main() -> std::io::Result<()> {
    use std::io::Write;

    std::io::stdout().write_all(codeflow_config::default_toml().as_bytes())
}
