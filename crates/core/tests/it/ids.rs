//! Identifiers: what is one, what is not, and that each kind keeps to itself.

use codeflow_core::{BatchId, BlobId, ExecutionId, Ids, MessageId, SessionId, TaskId, WorkflowId};
use proptest::prelude::any;
use proptest::{prop_assert, prop_assert_eq, proptest};
use uuid::Uuid;

struct Fixed(Uuid);

impl Ids for Fixed {
    fn next(&self) -> Uuid {
        self.0
    }
}

const DIGITS: &str = "0192f0c1a2b37c3d8e4f5a6b7c8d9e0f";

#[test]
fn each_kind_has_its_own_prefix() {
    let uuid = Uuid::parse_str(DIGITS).unwrap();
    let texts = [
        WorkflowId::from_uuid(uuid).to_string(),
        ExecutionId::from_uuid(uuid).to_string(),
        TaskId::from_uuid(uuid).to_string(),
        SessionId::from_uuid(uuid).to_string(),
        BatchId::from_uuid(uuid).to_string(),
        MessageId::from_uuid(uuid).to_string(),
        BlobId::from_uuid(uuid).to_string(),
    ];

    let prefixes = ["wf_", "exec_", "task_", "sess_", "batch_", "msg_", "blob_"];
    for (text, prefix) in texts.iter().zip(prefixes) {
        assert_eq!(*text, format!("{prefix}{DIGITS}"));
    }
    for text in &texts[2..] {
        assert!(text.parse::<ExecutionId>().is_err(), "{text} is no execution");
    }
}

#[test]
fn an_id_is_drawn_from_its_source_and_shown_as_text_even_when_debugged() {
    let uuid = Uuid::from_u128(42);

    let id = TaskId::generate(&Fixed(uuid));

    assert_eq!(id.uuid(), uuid);
    assert_eq!(format!("{id:?}"), id.to_string());
    assert_eq!(String::from(id), "task_0000000000000000000000000000002a");
}

#[test]
fn json_uses_the_same_door() {
    let id: ExecutionId = format!("exec_{DIGITS}").parse().unwrap();

    assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"exec_{DIGITS}\""));
    assert_eq!(serde_json::from_str::<ExecutionId>(&format!("\"exec_{DIGITS}\"")).unwrap(), id);
    let refused = serde_json::from_str::<ExecutionId>(&format!("\"task_{DIGITS}\"")).unwrap_err();
    assert!(refused.to_string().contains("expected `exec_` and 32 hexadecimal digits"));
}

#[test]
fn only_the_canonical_spelling_is_an_id() {
    let upper = DIGITS.to_uppercase();
    let dashed = "exec_0192f0c1-a2b3-7c3d-8e4f-5a6b7c8d9e0f";
    for text in [
        "",
        "exec_",
        DIGITS,
        &format!("exec_{upper}"),
        dashed,
        &format!("exec_{DIGITS}0"),
        &format!("exec_{}", &DIGITS[1..]),
        &format!(" exec_{DIGITS}"),
        &format!("EXEC_{DIGITS}"),
        &format!("exec_{}", "é".repeat(16)),
        "exec_'; DROP TABLE workflow_executions",
    ] {
        let error = text.parse::<ExecutionId>().unwrap_err();
        assert_eq!(error.expected, "exec_");
    }
}

#[test]
fn a_long_text_is_quoted_in_part() {
    let error = "ß".repeat(100_000).parse::<TaskId>().unwrap_err().to_string();

    assert_eq!(error.chars().filter(|c| *c == 'ß').count(), 64);
}

proptest! {
    #[test]
    fn every_id_reads_back(number in any::<u128>()) {
        let id = MessageId::from_uuid(Uuid::from_u128(number));
        prop_assert_eq!(id.to_string().parse::<MessageId>().unwrap(), id);
    }

    #[test]
    fn ids_sort_as_their_text_does(a in any::<u128>(), b in any::<u128>()) {
        let (a, b) = (TaskId::from_uuid(Uuid::from_u128(a)), TaskId::from_uuid(Uuid::from_u128(b)));
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
    }

    #[test]
    fn what_is_read_is_what_was_written(text in "exec_[0-9a-zA-Z]{30,34}|\\PC{0,50}") {
        if let Ok(id) = text.parse::<ExecutionId>() {
            prop_assert!(id.to_string() == text);
        }
    }
}
