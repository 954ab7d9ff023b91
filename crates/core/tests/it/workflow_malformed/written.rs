//! Broken documents that somebody could have written.

use super::Case;

/// Whole documents: code, line, text.
pub(super) fn documents() -> Vec<Case> {
    [
        ("workflow.syntax", 1, ""),
        ("workflow.syntax", 1, "\n\n# nothing but a comment\n"),
        ("workflow.wrong_type", 1, "just a text"),
        ("workflow.wrong_type", 1, "- a\n- b\n"),
        ("workflow.wrong_type", 1, "42"),
        ("workflow.missing_key", 1, "version: 1\nname: w\n"),
        ("workflow.missing_key", 2, "\nversion: 1\nsteps: { a: { uses: x/y } }\n"),
        ("workflow.missing_key", 1, "name: w\nsteps: { a: { uses: x/y } }\n"),
        ("workflow.syntax", 3, "version: 1\nsteps:\n\ta: { uses: x/y }\n"),
        ("workflow.syntax", 2, "version: 1\nname: \"w\nsteps: {}"),
        ("workflow.syntax", 4, "version: 1\nname: w\nsteps: { a: { uses: x/y }\n"),
        ("workflow.syntax", 2, "version: 1\nname: w: x\n"),
        ("workflow.syntax", 3, "version: 1\nname: w\n]\n"),
        ("workflow.syntax", 1, "version: @1\n"),
        ("workflow.syntax", 1, "version: `1`\n"),
        ("workflow.syntax", 3, "version: 1\nname: w\n steps: {}\n"),
        ("workflow.syntax", 2, "version: 1\nname: 'w\n"),
        ("workflow.syntax", 2, "version: 1\nname: \"\\q\"\n"),
        ("workflow.syntax", 2, "version: 1\nname: \"a\\0b\"\nsteps: {}\n"),
        ("workflow.syntax", 2, "version: 1\n---\nversion: 1\n"),
        ("workflow.syntax", 1, "\u{FEFF}version: 1\n"),
        ("workflow.syntax", 2, "version: 1\nname: a\u{FEFF}b\n"),
        ("workflow.syntax", 2, "version: 1\nname: a\u{0}b\n"),
        ("workflow.syntax", 2, "version: 1\r\nname: a\u{1b}[31m\r\n"),
        ("workflow.syntax", 2, "version: 1\nname: a # \u{202E} backwards\n"),
        ("workflow.syntax", 2, "%TAG ! tag:example.com,2026:\nversion: 1\n"),
        ("workflow.syntax", 2, "version: 1\nname: *unknown\n"),
        ("workflow.syntax", 2, "version: 1\nname: &anchor w\nsteps: { a: { uses: x/y } }\n"),
        ("workflow.syntax", 2, "version: 1\nname: !!str w\nsteps: { a: { uses: x/y } }\n"),
        ("workflow.syntax", 2, "version: 1\nname: !custom w\nsteps: { a: { uses: x/y } }\n"),
        ("workflow.syntax", 4, "version: 1\nname: w\nsteps:\n  <<: { a: { uses: x/y } }\n"),
        ("workflow.syntax", 2, "version: 1\n? [a, b]\n: c\n"),
        ("workflow.syntax", 2, "version: 1\n{ a: b }: c\n"),
        ("workflow.duplicate_key", 2, "version: 1\nversion: 1\nname: w\nsteps: { a: { uses: x/y } }\n"),
        ("workflow.duplicate_key", 3, "steps:\n  a: { uses: x/y }\n  a: { uses: x/y }\n"),
        ("workflow.duplicate_key", 2, "version: 1\n\"version\": 1\n"),
    ]
    .into_iter()
    .map(|(code, line, text)| Case { code, line, text: text.to_owned() })
    .collect()
}

/// A key of the document, on line 4 of an otherwise good one.
pub(super) fn top_levels() -> Vec<Case> {
    [
        ("workflow.unknown_key", "step: {}"),
        ("workflow.unknown_key", "env: { A: b }"),
        ("workflow.unknown_key", "true: {}"),
        ("workflow.unknown_key", "on: { pull_requests: {} }"),
        ("workflow.unknown_key", "on: [push, telepathy]"),
        ("workflow.unknown_key", "on: cron"),
        ("workflow.wrong_type", "on: { push: yes }"),
        ("workflow.wrong_type", "on: 7"),
        ("workflow.wrong_type", "on:"),
        ("workflow.wrong_type", "inputs: [range]"),
        ("workflow.wrong_type", "inputs: { range: string }"),
        ("workflow.missing_key", "inputs: { range: {} }"),
        ("workflow.bad_value", "inputs: { range: { type: text } }"),
        ("workflow.bad_value", "inputs: { 1st: { type: string } }"),
        ("workflow.type_mismatch", "inputs: { n: { type: integer, default: 1.5 } }"),
        ("workflow.type_mismatch", "inputs: { n: { type: string, default: 7 } }"),
        ("workflow.type_mismatch", "inputs: { n: { type: boolean, default: \"true\" } }"),
        ("workflow.unknown_key", "inputs: { n: { type: string, defualt: x } }"),
        ("workflow.bad_value", "inputs: { n: { type: number, default: 99999999999999999999 } }"),
        ("workflow.bad_value", "inputs: { n: { type: number, default: .inf } }"),
        ("workflow.wrong_type", "permissions: write"),
        ("workflow.bad_value", "permissions: { checks: admin }"),
        ("workflow.wrong_type", "permissions: { checks: true }"),
        ("workflow.wrong_type", "budget: 3"),
        ("workflow.wrong_type", "budget: { usd: lots }"),
        ("workflow.bad_value", "budget: { usd: -1 }"),
        ("workflow.bad_value", "budget: { usd: 0.1234567 }"),
        ("workflow.wrong_type", "budget: { wall: 10 }"),
        ("workflow.bad_value", "budget: { wall: 10x }"),
        ("workflow.limit", "budget: { wall: 0s }"),
        ("workflow.limit", "budget: { wall: 366d }"),
        ("workflow.missing_key", "concurrency: { on_new: queue }"),
        ("workflow.bad_value", "concurrency: { key: inputs, on_new: cancel }"),
        ("workflow.bad_expression", "concurrency: { key: \"[repo.id\" }"),
        ("workflow.bad_reference", "concurrency: { key: steps.only.outputs.x }"),
        ("workflow.bad_expression", "outputs: { x: \"${{ 1 + }}\" }"),
        ("workflow.bad_reference", "outputs: { x: \"${{ steps.other.outputs.x }}\" }"),
        ("workflow.bad_reference", "outputs: { x: \"${{ inputs.other }}\" }"),
        ("workflow.wrong_type", "outputs: [x]"),
    ]
    .into_iter()
    .map(|(code, line)| {
        let text = format!("version: 1\nname: w\nsteps: {{ only: {{ uses: core/secrets }} }}\n{line}\n");
        Case { code, line: 4, text }
    })
    .collect()
}

/// A second step that calls a workflow, or that can be undone, on line 5 of an otherwise good document.
pub(super) fn calls_and_compensation() -> Vec<Case> {
    [
        ("workflow.conflict", "{ uses: workflow/other, retry: { attempts: 2 } }"),
        ("workflow.conflict", "{ uses: workflow/other, timeout: 1m }"),
        ("workflow.missing_key", "{ uses: core/secrets, compensate: {} }"),
        ("workflow.unknown_key", "{ uses: core/secrets, compensate: { uses: a/b, needs: first } }"),
        ("workflow.bad_value", "{ uses: core/secrets, compensate: { uses: workflow/undo } }"),
        ("workflow.bad_value", "{ uses: core/secrets, compensate: { uses: undo } }"),
        ("workflow.limit", "{ uses: core/secrets, compensate: { uses: a/b, timeout: 25h } }"),
        (
            "workflow.bad_reference",
            "{ uses: core/secrets, compensate: { uses: a/b, with: { a: \"${{ item }}\" } } }",
        ),
        (
            "workflow.bad_reference",
            "{ uses: core/secrets, compensate: { uses: a/b, with: { a: \"${{ steps.other.outputs }}\" } } }",
        ),
        ("workflow.conflict", "{ uses: core/secrets, for_each: [1], compensate: { uses: a/b } }"),
    ]
    .into_iter()
    .map(|(code, body)| {
        let text =
            format!("version: 1\nname: w\nsteps:\n  first: {{ uses: core/secrets }}\n  second: {body}\n");
        Case { code, line: 5, text }
    })
    .collect()
}

/// A second step, on line 5 of an otherwise good document.
pub(super) fn steps() -> Vec<Case> {
    [
        ("workflow.wrong_type", "uses core/secrets"),
        ("workflow.missing_key", "{}"),
        ("workflow.missing_key", "{ needs: [first] }"),
        ("workflow.unknown_key", "{ use: core/secrets }"),
        ("workflow.unknown_key", "{ uses: core/secrets, need: first }"),
        ("workflow.bad_value", "{ uses: secrets }"),
        ("workflow.bad_value", "{ uses: Core/Secrets }"),
        ("workflow.bad_value", "{ uses: workflow/9 }"),
        ("workflow.wrong_type", "{ uses: [core/secrets] }"),
        ("workflow.wrong_type", "{ uses: core/secrets, needs: { first: 1 } }"),
        ("workflow.wrong_type", "{ uses: core/secrets, needs: 7 }"),
        ("workflow.bad_value", "{ uses: core/secrets, needs: [\"a b\"] }"),
        ("workflow.unknown_step", "{ uses: core/secrets, needs: [frist] }"),
        ("workflow.cycle", "{ uses: core/secrets, needs: [second] }"),
        ("workflow.wrong_type", "{ uses: core/secrets, with: [a] }"),
        ("workflow.wrong_type", "{ uses: core/secrets, always: yes }"),
        ("workflow.wrong_type", "{ uses: core/secrets, if: [a] }"),
        ("workflow.bad_expression", "{ uses: core/secrets, if: \"1 +\" }"),
        ("workflow.unreachable", "{ uses: core/secrets, if: false }"),
        ("workflow.bad_expression", "{ uses: core/secrets, with: { a: \"x ${{ inputs. }}\" } }"),
        ("workflow.bad_expression", "{ uses: core/secrets, with: { a: { b: [\"${{ open\"] } } }"),
        ("workflow.bad_reference", "{ uses: core/secrets, with: { a: \"${{ steps.first.outputs.x }}\" } }"),
        ("workflow.bad_reference", "{ uses: core/secrets, if: \"item == 1\" }"),
        ("workflow.bad_reference", "{ uses: core/secrets, with: { a: \"${{ secrets.key }}\" } }"),
        ("workflow.conflict", "{ uses: core/secrets, run: [ls] }"),
        ("workflow.conflict", "{ sleep: 1s, with: { a: 1 } }"),
        ("workflow.conflict", "{ sleep: 1s, for_each: [1] }"),
        ("workflow.wrong_type", "{ run: ls -l }"),
        ("workflow.bad_value", "{ run: [] }"),
        ("workflow.bad_value", "{ sleep: soon }"),
        ("workflow.limit", "{ sleep: 366d }"),
        ("workflow.limit", "{ sleep: 99999999999999999d, retry: { attempts: 0 } }"),
        ("workflow.limit", "{ uses: core/secrets, timeout: 25h }"),
        ("workflow.limit", "{ uses: core/secrets, retry: { attempts: 11 } }"),
        ("workflow.limit", "{ uses: core/secrets, retry: { attempts: -1 } }"),
        ("workflow.wrong_type", "{ uses: core/secrets, retry: { attempts: three } }"),
        ("workflow.wrong_type", "{ uses: core/secrets, retry: 3 }"),
        ("workflow.bad_value", "{ uses: core/secrets, retry: { on: [timeuot] } }"),
        ("workflow.bad_value", "{ uses: core/secrets, retry: { backoff: linear } }"),
        ("workflow.bad_value", "{ uses: core/secrets, on_error: ignore }"),
        ("workflow.wrong_type", "{ uses: core/secrets, for_each: 3 }"),
        ("workflow.wrong_type", "{ uses: core/secrets, for_each: files }"),
        ("workflow.missing_key", "{ uses: core/secrets, for_each: { parallel: 2 } }"),
        ("workflow.limit", "{ uses: core/secrets, for_each: { items: [1], parallel: 65 } }"),
        ("workflow.wrong_type", "{ approval: [admin] }"),
        ("workflow.limit", "{ approval: { expires: 31d } }"),
        ("workflow.missing_key", "{ wait: {} }"),
        ("workflow.limit", "{ wait: { event: go, timeout: 31d } }"),
        ("workflow.wrong_type", "{ uses: core/secrets, compensate: undo }"),
    ]
    .into_iter()
    .map(|(code, body)| {
        let text =
            format!("version: 1\nname: w\nsteps:\n  first: {{ uses: core/secrets }}\n  second: {body}\n");
        Case { code, line: 5, text }
    })
    .collect()
}
