//! Every key of a workflow document: its name, what it is for and what it takes. The parser refuses keys that
//! are not here and the JSON Schema is made of these tables, so the two cannot drift apart.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::header::Access;
use super::schema;
use super::{Limits, OnError, Overlap};
use crate::schedule::CatchUp;
use crate::{ActionErrorKind, Backoff, ValueType};

/// One key of a mapping.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) required: bool,
    pub(super) schema: fn() -> Value,
}

/// A mapping with known keys.
pub(super) struct Shape {
    /// What it is, for messages.
    pub(super) what: &'static str,
    pub(super) keys: &'static [Key],
}

const fn key(name: &'static str, about: &'static str, schema: fn() -> Value) -> Key {
    Key { name, about, required: false, schema }
}

const fn required(name: &'static str, about: &'static str, schema: fn() -> Value) -> Key {
    Key { name, about, required: true, schema }
}

pub(super) static WORKFLOW: Shape = Shape {
    what: "a workflow",
    keys: &[
        required("version", "The version of this format: 1.", || json!({ "const": 1 })),
        required("name", "The name of the workflow.", schema::name),
        required("steps", "The steps, by name.", || {
            json!({
                "type": "object", "propertyNames": schema::name(), "additionalProperties": schema::step(),
                "minProperties": 1, "maxProperties": Limits::STEPS,
            })
        }),
        key("on", "What starts it.", schema::triggers),
        key("inputs", "What it takes, by name.", || schema::map_of(schema::object(&INPUT))),
        key("outputs", "What it gives, by name; strings may hold `${{ … }}`.", || {
            schema::map_of(json!(true))
        }),
        key("concurrency", "How executions for the same thing get along.", || schema::object(&CONCURRENCY)),
        key("permissions", "What its actions may do, by scope.", || {
            schema::map_of(schema::choice::<Access>())
        }),
        key("budget", "What one execution may use up.", || schema::object(&BUDGET)),
    ],
};

/// What may start a workflow. Who serves a trigger reads its settings; here they are only kept.
pub(super) const TRIGGERS: [(&str, &str); 6] = [
    ("manual", "Somebody starts it by hand."),
    ("api", "A program starts it over HTTP."),
    ("pull_request", "A pull request is opened or changes."),
    ("push", "Commits arrive on a branch."),
    ("schedule", "A time comes."),
    ("webhook", "A signed request arrives."),
];

pub(super) static SCHEDULE: Shape = Shape {
    what: "`schedule`",
    keys: &[
        required(
            "cron",
            "Minute, hour, day of month, month and day of week; seconds may stand in front.",
            schema::text,
        ),
        key(
            "timezone",
            "Whose clock shows the times, such as `Europe/Berlin`; UTC if it is not given.",
            schema::text,
        ),
        key(
            "catch_up",
            "What becomes of times at which nothing could start it; `none` if it is not given.",
            || {
                let all = json!({ "all": schema::whole(1, CatchUp::MOST) });
                json!({ "oneOf": [
                    { "enum": ["none", "latest", "all"] },
                    { "type": "object", "properties": all, "required": ["all"], "additionalProperties": false },
                ]})
            },
        ),
        key(
            "overlap",
            "What happens when its time comes and the execution before is not over; `skip` if it is not given.",
            schema::choice::<crate::schedule::Overlap>,
        ),
    ],
};

pub(super) static CATCH_UP: Shape = Shape {
    what: "`catch_up`",
    keys: &[required("all", "How many times are made up for.", || schema::whole(1, CatchUp::MOST))],
};

pub(super) static INPUT: Shape = Shape {
    what: "an input",
    keys: &[
        required("type", "Its type.", schema::choice::<ValueType>),
        key("default", "What stands in when it is not given; without it the input is required.", || {
            json!(true)
        }),
        key("description", "What it is.", schema::text),
    ],
};

pub(super) static CONCURRENCY: Shape = Shape {
    what: "`concurrency`",
    keys: &[
        required("key", "An expression; executions for which it gives the same are the same.", schema::text),
        key(
            "max",
            "How many executions with the same key run at once; 1 if it is not given.",
            || json!({ "type": "integer", "minimum": 1, "maximum": Limits::CONCURRENT }),
        ),
        key("on_new", "What happens when a new execution meets an old one.", schema::choice::<Overlap>),
    ],
};

pub(super) static BUDGET: Shape = Shape {
    what: "`budget`",
    keys: &[
        key(
            "usd",
            "Dollars for model calls, with at most six decimals.",
            || json!({ "type": "number", "minimum": 0 }),
        ),
        key("wall", "The longest time from start to end.", schema::duration),
    ],
};

pub(super) static STEP: Shape = Shape {
    what: "a step",
    keys: &[
        key(
            "needs",
            "The steps that must be settled before.",
            || json!({ "oneOf": [schema::name(), { "type": "array", "items": schema::name() }] }),
        ),
        key(
            "if",
            "An expression; the step is skipped when it is false.",
            || json!({ "type": ["string", "boolean"] }),
        ),
        key("always", "Whether it runs even when a need failed.", || json!({ "type": "boolean" })),
        key(
            "uses",
            "The action it runs, such as `core/secrets`, or `workflow/NAME` for another workflow.",
            || json!({ "type": "string", "pattern": "^[^/]+/[^/]+$" }),
        ),
        key(
            "with",
            "The inputs of the action, by name; strings may hold `${{ … }}`.",
            || json!({ "type": "object" }),
        ),
        key("for_each", "Repeats the step for each item of a list.", || {
            let list = json!({ "type": ["string", "array"], "maxItems": Limits::FOR_EACH_ITEMS });
            json!({ "oneOf": [list, schema::object(&FOR_EACH)] })
        }),
        key(
            "run",
            "A program and its arguments, for a sandbox; or a mapping with them as `command`.",
            || json!({ "oneOf": [schema::command(), schema::object(&RUN)] }),
        ),
        key("approval", "Waits until a person says yes or no.", || schema::optional_object(&APPROVAL)),
        key("wait", "Waits for a signal.", || schema::object(&WAIT)),
        key("sleep", "Waits for a time to pass.", schema::duration),
        key("retry", "When a failed attempt is tried again.", || schema::object(&RETRY)),
        key(
            "timeout",
            "The longest time for one attempt; 10m if it is not given, 24h at most.",
            schema::duration,
        ),
        key("on_error", "What its failure means for the others.", schema::choice::<OnError>),
        key("compensate", "The action that undoes it when the execution does not succeed.", || {
            schema::object(&COMPENSATE)
        }),
    ],
};

pub(super) static RUN: Shape = Shape {
    what: "`run`",
    keys: &[
        required("command", "The program and its arguments; no shell reads them.", schema::command),
        key("stdin", "What it reads from standard input; may hold `${{ … }}`.", || json!(true)),
        key(
            "files",
            "Files in its working folder, by name; they may hold `${{ … }}`.",
            || json!({ "type": "object" }),
        ),
        key("env", "Its variables, by name; they may hold `${{ … }}`.", || json!({ "type": "object" })),
        key(
            "network",
            "Whether it may reach the network; settings must allow it.",
            || json!({ "type": "boolean" }),
        ),
        key(
            "accept",
            "The exit codes that are no failure; 0 if it is not given.",
            || json!({ "type": "array", "items": schema::whole(0, 255) }),
        ),
        key("memory", "Memory for all of its processes together, such as `256 MiB`.", schema::size),
        key("cpu", "Time on a processor for all of its processes together.", schema::duration),
        key("processes", "Processes at the same time.", || schema::whole(1, Limits::RUN_COUNT)),
        key("open_files", "Open files of one process.", || schema::whole(1, Limits::RUN_COUNT)),
        key("file_size", "The size of one file, such as `16 MiB`.", schema::size),
        key("output", "How much is kept of each output, such as `64 KiB`.", schema::size),
    ],
};

pub(super) static FOR_EACH: Shape = Shape {
    what: "`for_each`",
    keys: &[
        required(
            "items",
            "The list, or a `${{ … }}` that gives one.",
            || json!({ "type": ["string", "array"], "maxItems": Limits::FOR_EACH_ITEMS }),
        ),
        key("parallel", "How many items may run at once; 4 if it is not given.", || {
            schema::whole(1, Limits::FOR_EACH_PARALLEL)
        }),
    ],
};

pub(super) static RETRY: Shape = Shape {
    what: "`retry`",
    keys: &[
        key("attempts", "Attempts in all, the first one included.", || schema::whole(1, Limits::ATTEMPTS)),
        key("backoff", "How the wait grows.", schema::choice::<Backoff>),
        key(
            "on",
            "The failures that are worth another attempt.",
            || json!({ "type": "array", "items": schema::choice::<ActionErrorKind>(), "minItems": 1 }),
        ),
        key("initial", "The wait before the second attempt; 2s if it is not given.", schema::duration),
        key("cap", "The longest wait; 10s if it is not given.", schema::duration),
    ],
};

pub(super) static COMPENSATE: Shape = Shape {
    what: "`compensate`",
    keys: &[
        required("uses", "The action.", || json!({ "type": "string", "pattern": "^[^/]+/[^/]+$" })),
        key(
            "with",
            "Its inputs, by name; they may read the outputs of the step that is undone.",
            || json!({ "type": "object" }),
        ),
        key("retry", "When a failed attempt is tried again.", || schema::object(&RETRY)),
        key(
            "timeout",
            "The longest time for one attempt; 10m if it is not given, 24h at most.",
            schema::duration,
        ),
    ],
};

pub(super) static APPROVAL: Shape = Shape {
    what: "`approval`",
    keys: &[
        key(
            "roles",
            "Who may decide; everybody who may see the execution, if it is not given.",
            || json!({ "type": "array", "items": schema::name() }),
        ),
        key("expires", "How long it waits; 24h if it is not given, 30d at most.", schema::duration),
    ],
};

pub(super) static WAIT: Shape = Shape {
    what: "`wait`",
    keys: &[
        required("event", "The name of the signal.", schema::name),
        key("timeout", "How long it waits; 24h if it is not given, 30d at most.", schema::duration),
    ],
};

/// The texts that `T` is written as.
pub(super) fn choices<T: JsonSchema>() -> Vec<String> {
    let mut found = Vec::new();
    collect(&schemars::schema_for!(T).to_value(), &mut found);
    found
}

fn collect(schema: &Value, found: &mut Vec<String>) {
    let constant = schema.get("const").and_then(Value::as_str);
    found.extend(constant.map(str::to_owned));
    let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    found.extend(listed.filter_map(Value::as_str).map(str::to_owned));
    for part in schema.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        collect(part, found);
    }
}
