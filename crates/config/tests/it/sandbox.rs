//! Commands of workflows: off by default, and bounded when they are on.

use std::path::PathBuf;
use std::time::Duration;

use codeflow_config::SandboxBounds;

use crate::given::{refused, settings};

#[test]
fn commands_are_off_unless_somebody_says_so() {
    let sandbox = settings("").sandbox;

    assert!(!sandbox.enabled && !sandbox.reduced && !sandbox.network);
    assert_eq!((sandbox.read_only.len(), sandbox.cgroup), (0, None));
}

#[test]
fn what_commands_may_use_is_read_in_the_units_that_people_write() {
    let sandbox = settings(
        "[sandbox]\nenabled = true\nread_only = [\"/opt/tools\"]\ncgroup = \"/sys/fs/cgroup/codeflow\"\n\
         [sandbox.defaults]\nmemory = \"64 MiB\"\ncpu = \"5s\"\nprocesses = 8\nopen_files = 32\nfile_size = \"1 MiB\"\n\
         output = 1000\n[sandbox.maxima]\nprocesses = 9\n",
    )
    .sandbox;

    let defaults = SandboxBounds {
        memory: 64 << 20,
        cpu: Duration::from_secs(5),
        processes: 8,
        open_files: 32,
        file_size: 1 << 20,
        output: 1_000,
    };
    assert_eq!((sandbox.enabled, sandbox.defaults, sandbox.maxima.processes), (true, defaults, 9));
    assert_eq!(sandbox.read_only, [PathBuf::from("/opt/tools")]);
    assert_eq!(sandbox.cgroup, Some(PathBuf::from("/sys/fs/cgroup/codeflow")));
}

#[test]
fn bounds_of_nothing_and_paths_that_wander_are_refused() {
    refused([
        ("[sandbox.defaults]\nmemory = 0", "`sandbox.defaults.memory` must be at least one byte"),
        ("[sandbox.maxima]\nprocesses = 0", "`sandbox.maxima.processes` must be at least 1"),
        ("[sandbox.maxima]\ncpu = \"0s\"", "`sandbox.maxima.cpu` must be longer than nothing"),
        ("[sandbox]\nread_only = [\"tools\"]", "`sandbox.read_only` must be a path that begins with `/`"),
        ("[sandbox]\ncgroup = \"/sys/../etc\"", "`sandbox.cgroup` must be a path that begins with `/`"),
        ("[sandbox]\nshell = true", "shell"),
    ]);
}
