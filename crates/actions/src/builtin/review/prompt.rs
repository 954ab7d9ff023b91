//! The question that a review asks, and the form of the answer. What is shown is chosen in `shown`.

use codeflow_analysis::{SecretScanner, Severity};
use codeflow_model::{ChatRequest, Message, ResponseFormat, Role};
use serde_json::{Value, json};

use super::shown::Shown;
use crate::llm::Fenced;

const TASK: &str = "\
You review a change to source code, for the people who decide whether it is merged. Name what is wrong with what the \
change adds or removes: bugs, security holes, races, lost data, broken error handling, broken promises to callers. \
Leave out style, praise, summaries, and what you only suspect. No finding is a good answer.

The change is shown file by file, each under a line `FILE path`. Lines of the new file carry their number; `+` marks \
those that were added, `-` those that were removed. Text in `[masked …]` stood for a secret and was taken out before \
you saw it; somebody else reports it.

For each finding give
- `rule`: a short name for this kind of mistake in lower case with hyphens, such as `sql-injection`;
- `severity`: `critical`, `high`, `medium`, `low` or `info`, by what happens if it is merged;
- `path`: the path exactly as the line `FILE` shows it;
- `line`, `end_line`: the numbers of the first and last line concerned, out of those shown, or null for the whole file;
- `message`: what is wrong and what follows from it, in one or two sentences;
- `help`: what to do about it, in a sentence, or null.

Answer with one JSON object, `{\"findings\": [...]}`, and nothing else.";

/// The question.
pub(super) fn request(shown: &Shown, instructions: Option<&str>, most: usize) -> ChatRequest {
    let data = Fenced::new(shown.text.clone());
    let system = [
        Some(format!("{TASK} Give at most {most} findings, the worst first.")),
        instructions.map(|text| {
            format!("The owners of the code also ask for this:\n{}", SecretScanner::mask_text(text).text)
        }),
        Some(data.rule()),
    ];
    let system: Vec<String> = system.into_iter().flatten().collect();
    let messages =
        vec![Message::text(Role::System, system.join("\n\n")), Message::text(Role::User, data.block())];
    let mut request = ChatRequest::new("", messages);
    request.response_format = Some(ResponseFormat::JsonSchema {
        name: "findings".to_owned(),
        schema: schema(),
        strict: Some(true),
    });
    request
}

/// The form of the answer, within what every vendor that can be strict understands.
pub(super) fn schema() -> Value {
    let severities: Vec<&str> = Severity::ALL.into_iter().map(Severity::as_str).collect();
    let finding = json!({
        "type": "object",
        "properties": {
            "rule": { "type": "string" },
            "severity": { "type": "string", "enum": severities },
            "path": { "type": "string" },
            "line": { "type": ["integer", "null"] },
            "end_line": { "type": ["integer", "null"] },
            "message": { "type": "string" },
            "help": { "type": ["string", "null"] },
        },
        "required": ["rule", "severity", "path", "line", "end_line", "message", "help"],
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "properties": { "findings": { "type": "array", "items": finding } },
        "required": ["findings"],
        "additionalProperties": false,
    })
}
