//! The tables of accounts, as both databases have them. The migrations make them; this only tells Diesel.

use diesel::{allow_tables_to_appear_in_same_query, table};

table! {
    use diesel::sql_types::{BigInt, Nullable};
    use crate::sql_types::{DbTime, DbUuid};

    account_session (id) {
        id -> DbUuid,
        seq -> BigInt,
        expires_at -> DbTime,
        ended_at -> Nullable<DbTime>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::sql_types::DbTime;

    budget (rule, tenant, subject, since) {
        rule -> Text,
        tenant -> Text,
        subject -> Text,
        since -> DbTime,
        spent -> BigInt,
        unknown -> BigInt,
        leased -> BigInt,
        recall -> BigInt,
        tight_until -> Nullable<DbTime>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Text};
    use crate::sql_types::{DbTime, DbUuid};

    budget_slice (rule, tenant, subject, since, session_id) {
        rule -> Text,
        tenant -> Text,
        subject -> Text,
        since -> DbTime,
        session_id -> DbUuid,
        amount -> BigInt,
        held -> BigInt,
        answered -> BigInt,
    }
}

table! {
    use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
    use crate::sql_types::{DbTime, DbUuid};

    model_call (id) {
        id -> DbUuid,
        began_at -> DbTime,
        request -> Text,
        tenant -> Text,
        user_name -> Nullable<Text>,
        key_name -> Text,
        execution_id -> Nullable<DbUuid>,
        step -> Nullable<Text>,
        route -> Text,
        provider -> Nullable<Text>,
        model -> Nullable<Text>,
        format -> Nullable<Text>,
        stream -> Bool,
        status -> Text,
        error -> Nullable<Text>,
        attempts -> Integer,
        input_tokens -> Nullable<BigInt>,
        cache_read_tokens -> Nullable<BigInt>,
        cache_write_tokens -> Nullable<BigInt>,
        cache_write_1h_tokens -> Nullable<BigInt>,
        output_tokens -> Nullable<BigInt>,
        reasoning_tokens -> Nullable<BigInt>,
        cost -> Nullable<BigInt>,
        estimated -> Bool,
        total_us -> BigInt,
        upstream_us -> Nullable<BigInt>,
        first_token_us -> Nullable<BigInt>,
    }
}

allow_tables_to_appear_in_same_query!(budget, budget_slice);
