//! Steps that run a command: to the engine they are attempts of one action.

use codeflow_core::execution::ExecutionStatus;
use serde_json::json;

use crate::world::{World, workflow};

#[tokio::test(start_paused = true)]
async fn a_command_is_an_attempt_with_its_values_rendered_one_by_one() {
    let world = World::new();

    let view = world
        .run(&workflow(
            "  a: { uses: test/x, with: { text: 'a; rm -rf $HOME', list: [1] } }
  b: { needs: a, run: { command: [tool, '${{ steps.a.outputs.text }}', 'n=${{ 1 + 1 }}'], stdin: '${{ steps.a.outputs.list }}', files: { f.txt: '${{ steps.a.outputs.text }}' }, env: { K: v }, accept: [0, 3], memory: 1 MiB, cpu: 2s, processes: 4 } }",
        ))
        .await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    let expected = json!({
        "command": ["tool", "a; rm -rf $HOME", "n=2"],
        "stdin": [1],
        "files": { "f.txt": "a; rm -rf $HOME" },
        "env": { "K": "v" },
        "network": false,
        "accept": [0, 3],
        "limits": { "memory": 1_048_576, "cpu_ms": 2_000, "processes": 4 },
    });
    assert_eq!(view.outputs("b"), expected);
}

#[tokio::test(start_paused = true)]
async fn a_command_is_repeated_for_each_item() {
    let world = World::new();

    let view =
        world.run(&workflow("  a: { run: [echo, '${{ item }}', '${{ index }}'], for_each: [x, y] }")).await;

    let commands: Vec<_> = view.outputs("a")["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|item| item["command"].clone())
        .collect();
    assert_eq!(commands, [json!(["echo", "x", 0]), json!(["echo", "y", 1])]);
}
