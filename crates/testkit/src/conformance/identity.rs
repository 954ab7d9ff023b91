//! What every storage of identity must do.

mod audit;
mod keys;
mod lockouts;
mod logins;
mod revocations;
mod roles;
mod sample;
mod secrets;
mod users;

use std::any::Any;
use std::sync::Arc;

use codeflow_auth::{ApiKey, Error, ErrorKind, Login, Page, Permission, Store, User};
use codeflow_core::{KeyId, LoginId, Tenant, Timestamp, UserId};
use tokio::task::JoinSet;

use crate::SequentialIds;

pub use audit::{
    an_append_that_fails_leaves_no_gap, an_entry_is_read_back_whole, entries_of_many_writers_make_one_chain,
    no_list_is_longer_than_a_thousand, the_log_is_filtered_and_read_in_pages,
    the_log_takes_whatever_was_sent,
};
pub use keys::{
    a_key_is_added_once, a_key_is_read_back_whole, a_key_is_revoked_once,
    a_key_that_is_not_in_use_is_not_replaced, a_replaced_key_names_its_successor_and_ends_in_time,
    all_keys_of_an_owner_are_revoked_once, keys_are_counted_while_they_last,
    keys_are_listed_in_pages_of_a_tenant_and_an_owner, of_eight_replacements_of_one_key_one_is_made,
    the_last_use_of_a_key_never_goes_back, uses_of_the_same_keys_cross_without_a_deadlock,
};
pub use lockouts::{
    a_cleared_name_has_no_failures, failures_add_up_over_processes, failures_of_many_writers_are_all_counted,
    old_failures_are_removed_in_pieces_the_oldest_first, what_is_forgotten_counts_no_more,
};
pub use logins::{
    a_sign_in_ends_once, a_sign_in_is_read_back_whole, a_sign_in_that_has_begun_is_finished_once,
    a_token_is_exchanged_by_whoever_has_the_last_one, all_sign_ins_of_a_user_but_one_end,
    ends_of_the_same_sign_ins_tell_of_each_once, no_renewed_sign_in_survives_the_end_of_all,
    of_eight_exchanges_of_one_token_one_is_made, old_sign_ins_are_removed_in_pieces_the_oldest_first,
    sign_ins_are_listed_in_pages_while_they_last,
};
pub use revocations::{
    old_revocations_are_removed_in_pieces, revocations_come_in_their_order,
    revocations_of_many_writers_are_all_read,
};
pub use roles::{
    a_role_is_kept_and_replaced, a_role_is_not_removed_while_a_user_has_it, roles_come_by_name_byte_by_byte,
};
pub use sample::fill;
pub use secrets::{
    a_moment_has_one_signing_key, a_secret_is_taken_once, a_secret_is_the_same_for_all,
    a_token_is_replaced_only_in_the_version_that_was_seen, a_withdrawn_signing_key_is_over_at_once,
    of_eight_replacements_of_one_token_one_is_made, of_eight_signing_keys_for_one_moment_one_is_added,
    signing_keys_come_by_the_time_from_which_they_sign, tokens_are_listed_by_service_and_name_and_removed,
};
pub use users::{
    a_change_of_what_changed_meanwhile_is_refused, a_removed_user_takes_its_keys_and_sign_ins_along,
    a_user_is_read_back_whole, a_zero_character_is_refused_and_never_found,
    names_and_identities_belong_to_one_user, names_and_identities_stay_unique_when_users_change,
    no_sign_in_outlives_a_user_that_is_removed_meanwhile, nothing_is_added_for_a_user_that_is_gone,
    of_eight_changes_of_one_version_one_is_made, of_eight_users_with_one_name_one_is_added,
    users_are_counted_no_further_than_asked, users_are_listed_in_pages_of_a_tenant,
};

/// A storage of identity under test, as two processes see it.
pub struct IdentitySubject {
    /// The storage, as one process has it open.
    pub store: Arc<dyn Store>,
    /// The same, as another has it.
    pub other: Arc<dyn Store>,
    ids: Arc<SequentialIds>,
    _kept: Box<dyn Any + Send + Sync>,
}

impl IdentitySubject {
    /// A storage that is open twice, and what must live as long.
    pub fn new<S: Store + 'static>(store: Arc<S>, other: Arc<S>, kept: impl Any + Send + Sync) -> Self {
        Self { store, other, ids: Arc::new(SequentialIds::new()), _kept: Box::new(kept) }
    }

    fn new_user(&self, name: &str) -> User {
        User {
            id: UserId::generate(&*self.ids),
            tenant: tenant("default"),
            name: name.to_owned(),
            display_name: "Ünï Cöde".to_owned(),
            email: None,
            password: None,
            roles: vec![],
            disabled: false,
            second_factor: None,
            identity: None,
            created_at: at(0),
            version: 1,
        }
    }

    async fn user(&self, name: &str) -> User {
        let user = self.new_user(name);
        self.store.add_user(&user).await.unwrap();
        user
    }

    fn new_key(&self, owner: Option<UserId>) -> ApiKey {
        ApiKey {
            id: KeyId::generate(&*self.ids),
            tenant: tenant("default"),
            owner,
            name: "of the build".to_owned(),
            digest: vec![0, 128, 255],
            scopes: vec![Permission::ModelsCall],
            models: None,
            tier: None,
            requests_per_minute: None,
            tokens_per_minute: None,
            created_at: at(0),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
            replaced_by: None,
        }
    }

    fn new_login(&self, user: &User) -> Login {
        Login {
            id: LoginId::generate(&*self.ids),
            user: user.id,
            tenant: user.tenant.clone(),
            generation: 0,
            digest: vec![0, 128, 255],
            created_at: at(0),
            used_at: at(0),
            expires_at: at(1_000),
            ended_at: None,
            address: None,
            agent: None,
        }
    }

    async fn login(&self, user: &User) -> Login {
        let login = self.new_login(user);
        self.store.add_login(&login).await.unwrap();
        login
    }

    /// What eight callers get who call at once, half of them from another process.
    async fn eight<T, F>(&self, call: impl Fn(Arc<dyn Store>, u32) -> F) -> Vec<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let start = Arc::new(tokio::sync::Barrier::new(8));
        let mut calls = JoinSet::new();
        for number in 0..8 {
            let store = if number % 2 == 0 { &self.store } else { &self.other };
            let (call, start) = (call(Arc::clone(store), number), Arc::clone(&start));
            calls.spawn(async move {
                start.wait().await;
                (number, call.await)
            });
        }
        let mut results = calls.join_all().await;
        results.sort_unstable_by_key(|(number, _)| *number);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

/// A moment of 2026, in seconds and a little.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_767_225_600_000_001 + seconds * 1_000_000)
}

fn tenant(name: &str) -> Tenant {
    name.parse().unwrap()
}

fn first<K>(limit: u32) -> Page<K> {
    Page { after: None, limit }
}

/// Why a call was refused; its text is one that anybody may read.
fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    let Err(error) = result else { panic!("it was not refused") };
    let text = error.to_string();
    let inner =
        ["INSERT", "UPDATE", "SELECT", "constraint", "app_user", "api_key", "duplicate", "UNIQUE", "\0"];
    assert!(!inner.iter().any(|word| text.contains(word)), "{text}");
    error.kind()
}
