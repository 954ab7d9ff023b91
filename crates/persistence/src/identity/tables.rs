//! The tables of identity, as both databases have them. The migrations make them; this only tells Diesel.

use diesel::table;

table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
    use crate::sql_types::{DbTime, DbUuid};

    app_user (id) {
        id -> DbUuid,
        tenant -> Text,
        name -> Text,
        display_name -> Text,
        email -> Nullable<Text>,
        password -> Nullable<Text>,
        roles -> Text,
        disabled -> Bool,
        factor_secret -> Nullable<Binary>,
        factor_confirmed -> Bool,
        factor_step -> BigInt,
        factor_recovery -> Text,
        issuer -> Nullable<Text>,
        subject -> Nullable<Text>,
        created_at -> DbTime,
        version -> BigInt,
    }
}

table! {
    use diesel::sql_types::Text;
    use crate::sql_types::DbTime;

    role (tenant, name) {
        tenant -> Text,
        name -> Text,
        description -> Text,
        permissions -> Text,
        changed_at -> DbTime,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use crate::sql_types::{DbTime, DbUuid};

    api_key (id) {
        id -> DbUuid,
        tenant -> Text,
        owner_id -> Nullable<DbUuid>,
        name -> Text,
        digest -> Binary,
        scopes -> Text,
        models -> Nullable<Text>,
        tier -> Nullable<Text>,
        requests_per_minute -> Nullable<BigInt>,
        tokens_per_minute -> Nullable<BigInt>,
        created_at -> DbTime,
        expires_at -> Nullable<DbTime>,
        revoked_at -> Nullable<DbTime>,
        last_used_at -> Nullable<DbTime>,
        replaced_by -> Nullable<DbUuid>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use crate::sql_types::{DbTime, DbUuid};

    login (id) {
        id -> DbUuid,
        user_id -> DbUuid,
        tenant -> Text,
        generation -> BigInt,
        digest -> Binary,
        created_at -> DbTime,
        used_at -> DbTime,
        expires_at -> DbTime,
        ended_at -> Nullable<DbTime>,
        address -> Nullable<Text>,
        agent -> Nullable<Text>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary};
    use crate::sql_types::DbTime;

    lockout (name) {
        name -> Binary,
        failures -> BigInt,
        changed_at -> DbTime,
        clears -> BigInt,
    }
}

table! {
    use diesel::sql_types::Binary;
    use crate::sql_types::DbTime;

    login_attempt (state) {
        state -> Binary,
        secret -> Binary,
        expires_at -> DbTime,
    }
}

table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::sql_types::{DbTime, DbUuid};

    revocation (position) {
        position -> BigInt,
        kind -> Text,
        target -> Nullable<DbUuid>,
        revoked_at -> DbTime,
        until -> DbTime,
    }
}

table! {
    use diesel::sql_types::{Binary, Text};
    use crate::sql_types::DbTime;

    signing_key (id) {
        id -> Text,
        algorithm -> Text,
        public -> Text,
        secret -> Binary,
        signs_from -> DbTime,
        signs_until -> DbTime,
        accepted_until -> DbTime,
    }
}

table! {
    installation_secret (name) {
        name -> Text,
        value -> Binary,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use crate::sql_types::DbTime;

    connection (tenant, service, name) {
        tenant -> Text,
        service -> Text,
        name -> Text,
        secret -> Binary,
        scopes -> Text,
        expires_at -> Nullable<DbTime>,
        version -> BigInt,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use crate::sql_types::DbTime;

    audit_log (position) {
        position -> BigInt,
        happened_at -> DbTime,
        tenant -> Nullable<Text>,
        actor -> Text,
        action -> Text,
        target -> Text,
        address -> Nullable<Text>,
        request_id -> Nullable<Text>,
        outcome -> Text,
        details -> Text,
        previous -> Binary,
        hash -> Binary,
    }
}
