//! The tables, as both databases have them. The migrations make them; this only tells Diesel.

use diesel::{allow_tables_to_appear_in_same_query, table};

table! {
    use diesel::sql_types::{Text};
    use crate::sql_types::{DbTime, DbUuid};

    workflows (id) {
        id -> DbUuid,
        name -> Text,
        latest_version -> Text,
        created_at -> DbTime,
        tenant -> Text,
    }
}

table! {
    use diesel::sql_types::{Text};
    use crate::sql_types::{DbTime, DbUuid};

    workflow_versions (id) {
        id -> Text,
        workflow_id -> DbUuid,
        document -> Text,
        created_at -> DbTime,
    }
}

table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, Text};

    limit_rules (id) {
        id -> Integer,
        version -> BigInt,
        rules -> Nullable<Text>,
    }
}

table! {
    workflow_actions (version_id, order_index) {
        version_id -> Text,
        order_index -> Integer,
        name -> Text,
        uses -> Text,
    }
}

table! {
    use diesel::sql_types::{Integer, Text};
    use crate::sql_types::DbJson;

    workflow_triggers (version_id, order_index) {
        version_id -> Text,
        order_index -> Integer,
        kind -> Text,
        config -> DbJson,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::sql_types::{DbTime, DbUuid};

    workflow_executions (id) {
        id -> DbUuid,
        workflow_id -> DbUuid,
        version_id -> Text,
        status -> Text,
        generation -> Integer,
        seq -> BigInt,
        stopping -> Bool,
        inputs -> Nullable<Text>,
        inputs_hash -> Nullable<Binary>,
        outputs -> Nullable<Text>,
        outputs_hash -> Nullable<Binary>,
        error -> Nullable<Text>,
        idempotency_key -> Nullable<Text>,
        created_at -> DbTime,
        started_at -> Nullable<DbTime>,
        finished_at -> Nullable<DbTime>,
        tenant -> Text,
    }
}

table! {
    use diesel::sql_types::{BigInt, Text};
    use crate::sql_types::{DbTime, DbUuid};

    execution_logs (position) {
        position -> BigInt,
        execution_id -> DbUuid,
        logged_at -> DbTime,
        path -> Text,
        message -> Text,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Integer, Nullable, SmallInt, Text};
    use crate::sql_types::DbUuid;

    step_result (execution_id, generation, path, kind) {
        execution_id -> DbUuid,
        generation -> Integer,
        path -> Text,
        kind -> SmallInt,
        seq -> BigInt,
        ordinal -> Integer,
        fact -> Text,
        payload -> Nullable<Text>,
        payload_hash -> Nullable<Binary>,
    }
}

table! {
    blob (hash) {
        hash -> Binary,
        body -> Text,
    }
}

table! {
    use diesel::sql_types::{BigInt, Text};
    use crate::sql_types::DbUuid;

    inbox (position) {
        position -> BigInt,
        id -> DbUuid,
        execution_id -> DbUuid,
        body -> Text,
    }
}

table! {
    use diesel::sql_types::Text;
    use crate::sql_types::{DbTime, DbUuid};

    dedup (scope, key) {
        scope -> Text,
        key -> Text,
        execution_id -> DbUuid,
        created_at -> DbTime,
    }
}

table! {
    use diesel::sql_types::{Bool, Integer, Nullable, SmallInt, Text};
    use crate::sql_types::{DbTime, DbUuid};

    task (id) {
        id -> DbUuid,
        execution_id -> DbUuid,
        generation -> Integer,
        kind -> SmallInt,
        path -> Text,
        attempt -> Integer,
        lane -> Text,
        priority -> SmallInt,
        deaths -> Integer,
        suspect -> Bool,
        quarantined_at -> Nullable<DbTime>,
        reason -> Nullable<Text>,
        fair -> Integer,
    }
}

table! {
    use diesel::sql_types::{BigInt, Bool, Integer, SmallInt, Text};
    use crate::sql_types::DbUuid;

    ready (task_id) {
        task_id -> DbUuid,
        lane -> Text,
        priority -> SmallInt,
        suspect -> Bool,
        fair -> Integer,
        position -> BigInt,
    }
}

table! {
    use crate::sql_types::{DbTime, DbUuid};

    timer (task_id) {
        task_id -> DbUuid,
        due -> DbTime,
    }
}

table! {
    use diesel::sql_types::{BigInt, Nullable};
    use crate::sql_types::{DbTime, DbUuid};

    session (id) {
        id -> DbUuid,
        epoch -> BigInt,
        expires_at -> DbTime,
        ended_at -> Nullable<DbTime>,
    }
}

table! {
    use diesel::sql_types::{Bool, Nullable, Text};
    use crate::sql_types::{DbTime, DbUuid};

    schedule (id) {
        id -> DbUuid,
        workflow_id -> DbUuid,
        version_id -> Text,
        cron -> Text,
        timezone -> Text,
        catch_up -> Text,
        overlap -> Text,
        enabled -> Bool,
        next_at -> Nullable<DbTime>,
        last_slot -> Nullable<DbTime>,
        last_outcome -> Nullable<Text>,
    }
}

table! {
    use diesel::sql_types::{Bool, Nullable, Text};
    use crate::sql_types::{DbTime, DbUuid};

    schedule_slot (schedule_id, slot) {
        schedule_id -> DbUuid,
        slot -> DbTime,
        version_id -> Text,
        overlap -> Text,
        settled -> Bool,
        execution_id -> Nullable<DbUuid>,
    }
}

allow_tables_to_appear_in_same_query!(workflows, schedule);
allow_tables_to_appear_in_same_query!(workflow_executions, schedule_slot);
allow_tables_to_appear_in_same_query!(workflows, workflow_versions, workflow_executions);
allow_tables_to_appear_in_same_query!(task, timer, ready, workflow_executions, slot_waiter);

table! {
    use diesel::sql_types::BigInt;
    use crate::sql_types::DbUuid;

    claim (batch) {
        batch -> DbUuid,
        session_id -> DbUuid,
        epoch -> BigInt,
    }
}

table! {
    ready_group (lane, priority, fair) {
        lane -> Text,
        priority -> SmallInt,
        fair -> Integer,
    }
}

table! {
    use diesel::sql_types::Text;
    use crate::sql_types::DbUuid;

    slot_holder (execution_id) {
        execution_id -> DbUuid,
        key -> Text,
    }
}

table! {
    use diesel::sql_types::{BigInt, Bool, Integer, Text};
    use crate::sql_types::DbUuid;

    slot_waiter (execution_id) {
        execution_id -> DbUuid,
        key -> Text,
        most -> Integer,
        replaces -> Bool,
        position -> BigInt,
    }
}

allow_tables_to_appear_in_same_query!(slot_holder, workflow_executions);
