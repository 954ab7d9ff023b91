//! The packages that vendors give their customers, unchanged, against the real server in front of a local provider. What
//! is checked is in the scripts in `tests/sdk`; here they are run, and it is seen to that none of them shrinks.

mod packages;
mod servers;

use std::process::{Command, Output};

use packages::{Missing, Packages};
use servers::Servers;

/// Runs a script, and asserts that it ran all of its checks and none failed.
async fn runs(script: &str, packages: fn() -> Result<Packages, Missing>, checks: usize) {
    let packages = match packages() {
        Ok(packages) => packages,
        Err(missing) => return missing.tell(script),
    };
    let servers = Servers::start().await;
    let mut command = packages.run(script);
    servers.announce(&mut command);
    let Output { status, stdout, stderr } = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .output()
        .await
        .expect("an interpreter that was found can be started");
    let (said, complaints) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    let server = servers.stop().await;
    assert!(status.success(), "{status}\n{said}\n{complaints}\nthe server said:\n{server}");
    assert_eq!(said.lines().last(), Some(format!("{checks} checks, 0 failed").as_str()), "{complaints}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openai_package_for_python_works_unchanged() {
    runs("openai_python.py", packages::python, 168).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_anthropic_package_for_python_works_unchanged() {
    runs("anthropic_python.py", packages::python, 168).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openai_package_for_node_works_unchanged() {
    runs("openai_node.mjs", packages::node, 73).await;
}

/// A command that only says whether it worked.
fn works(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{shown}: {}", String::from_utf8_lossy(&output.stderr))),
        Err(error) => Err(format!("{shown}: {error}")),
    }
}
