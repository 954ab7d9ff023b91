//! What every storage must do, as one list of cases. A crate with a storage runs them all with
//! [`conformance!`](crate::conformance!).

pub mod accounts;
pub mod commits;
pub mod doctor;
pub mod executions;
pub mod identity;
pub mod jobs;
pub mod leases;
pub mod limit_rules;
pub mod looking;
pub mod messages;
pub mod queue;
pub mod races;
pub mod recovery;
pub mod schedules;
mod subject;
pub mod turns;
pub mod upkeep;
pub mod values;
pub mod versions;

pub use accounts::AccountsSubject;
pub use identity::IdentitySubject;
pub use limit_rules::LimitRulesSubject;
pub use subject::Subject;

/// Makes a test of every case. `$subject` is an async function that returns a fresh
/// [`Subject`](crate::conformance::Subject).
#[macro_export]
macro_rules! conformance {
    ($subject:path) => {
        $crate::conformance_cases! { $subject;
            versions: a_version_is_found_as_it_was_kept,
            versions: the_version_kept_last_is_the_latest,
            versions: an_equal_version_changes_nothing_but_the_latest,
            versions: tenants_have_names_of_their_own,
            versions: an_execution_belongs_to_a_tenant,
            executions: a_start_is_read_back_whole,
            executions: a_start_with_a_known_key_finds_the_first,
            executions: a_key_belongs_to_one_workflow,
            executions: a_key_with_a_zero_character_is_refused,
            executions: eight_starts_with_one_key_make_one_execution,
            executions: a_start_of_an_unknown_version_leaves_nothing,
            executions: an_execution_starts_only_once,
            executions: many_start_in_one_commit_or_none_does,
            executions: a_start_may_be_taken_by_a_live_session_only,
            executions: many_are_read_at_once,
            commits: each_fact_has_the_number_of_its_commit,
            executions: an_execution_that_ends_at_once_is_stored_ended,
            executions: an_unknown_execution_is_not_found,
            executions: executions_are_listed_newest_first_in_pages,
            executions: a_list_is_filtered_by_workflow_and_status,
            looking: a_list_is_filtered_by_time,
            looking: a_journal_is_read_page_by_page,
            looking: large_payloads_may_be_left_out_of_a_page,
            looking: versions_are_listed_youngest_first_in_pages,
            commits: a_move_is_written_whole,
            commits: facts_come_back_in_the_order_of_their_commits,
            commits: a_reader_gets_only_what_is_newer,
            commits: a_move_that_lost_a_race_leaves_no_trace_and_disturbs_nobody,
            commits: the_first_fact_under_a_key_wins,
            commits: a_second_move_of_one_execution_in_one_flush_conflicts,
            commits: a_move_of_an_unknown_execution_conflicts,
            commits: a_restart_opens_a_generation_and_clears_the_ending,
            commits: an_ending_that_is_stated_again_keeps_its_time,
            commits: the_log_is_read_in_pages,
            values: large_payloads_come_back_whole,
            values: any_text_comes_back_as_it_was,
            values: facts_of_every_kind_come_back,
            values: numbers_keep_their_digits,
            values: a_result_of_null_is_not_the_lack_of_one,
            values: times_are_kept_to_the_microsecond,
            messages: messages_are_read_in_order_and_only_once,
            messages: a_message_brings_its_task,
            messages: a_message_to_nobody_is_refused,
            messages: a_message_that_is_sent_twice_is_one,
            queue: higher_priority_goes_first_and_then_the_older,
            queue: only_the_lanes_asked_for_are_served,
            queue: a_claimed_execution_runs_from_the_next_renewal_on,
            queue: a_task_that_is_taken_with_a_commit_is_held_by_its_session,
            queue: what_was_taken_and_is_given_up_is_found_by_others,
            queue: a_claim_of_nothing_takes_nothing,
            queue: what_is_given_back_is_claimed_by_others_and_held_no_more,
            queue: a_batch_that_is_over_is_forgotten,
            queue: work_of_every_kind_comes_back,
            queue: a_repeated_claim_gives_what_its_batch_still_holds,
            queue: a_task_that_is_done_before_it_is_claimed_is_gone,
            queue: what_is_dropped_takes_no_place_in_a_claim,
            queue: what_a_lost_move_drops_is_still_there,
            queue: a_delayed_task_waits_for_its_time,
            queue: promotion_moves_no_more_than_asked,
            jobs: a_job_that_is_done_is_gone,
            jobs: a_job_with_a_known_key_finds_the_first,
            jobs: a_job_that_failed_is_tried_again_or_given_up,
            jobs: a_dead_job_is_released_or_discarded,
            jobs: a_dead_job_does_not_come_back_with_its_session,
            jobs: a_stale_session_ends_no_job,
            turns: keys_take_turns_within_a_priority,
            turns: who_waits_for_a_place_gets_it_in_order,
            turns: places_are_counted_within_one_call,
            turns: a_move_that_lost_a_race_changes_nothing_about_places,
            turns: who_would_have_to_wait_may_be_skipped,
            turns: who_replaces_names_everybody_older,
            turns: no_place_leaks_when_everything_happens_at_once,
            turns: a_retried_execution_has_its_place_at_once,
            leases: a_stale_session_writes_nothing_after_its_lease,
            leases: a_stale_session_writes_nothing_after_its_recovery,
            leases: a_stale_session_forgets_no_batch,
            leases: a_session_of_another_epoch_closes_nothing,
            leases: a_session_opens_only_once,
            leases: a_renewal_tells_what_is_to_be_stopped,
            leases: a_renewal_keeps_what_is_held,
            leases: a_closed_session_gives_its_work_back_uncounted,
            leases: closing_twice_is_no_error,
            recovery: work_of_an_expired_session_goes_back_as_suspect,
            recovery: a_live_session_is_left_alone,
            recovery: the_holder_of_the_folder_takes_over_from_everybody,
            recovery: what_was_finished_before_a_death_stays_finished,
            recovery: a_task_that_kills_three_workers_alone_is_quarantined,
            recovery: a_neighbour_is_never_blamed,
            recovery: a_released_task_is_claimed_again,
            recovery: only_a_quarantined_task_can_be_released,
            schedules: a_schedule_is_read_back_whole,
            schedules: a_new_version_replaces_the_schedules,
            schedules: an_equal_version_leaves_its_schedules_alone,
            schedules: schedules_are_listed_in_pages,
            schedules: only_what_has_come_is_due,
            schedules: a_slot_is_decided_about_once,
            schedules: a_missed_slot_is_not_started,
            schedules: a_pending_slot_waits_until_it_is_settled,
            schedules: a_slot_that_failed_is_over,
            schedules: a_slot_is_skipped_until_the_one_before_is_over,
            schedules: what_can_be_replaced_is_earlier_and_not_over,
            schedules: a_paused_schedule_rests,
            schedules: a_removed_schedule_leaves_only_what_is_pending,
            schedules: an_unknown_schedule_is_not_found,
            doctor: what_is_in_order_looks_so,
            doctor: an_execution_that_nothing_moves_is_stuck,
            doctor: a_caller_is_not_stuck_until_its_answer_is_lost,
            doctor: only_a_lost_task_is_put_back,
            doctor: what_waits_for_something_is_not_lost,
            doctor: what_was_lost_is_repaired_once,
            doctor: a_chore_has_one_holder,
            upkeep: what_ended_long_ago_is_removed_whole,
            upkeep: nothing_that_lives_is_removed,
            upkeep: a_key_outlives_what_it_found,
            upkeep: the_key_of_a_job_lasts_until_it_is_done,
            upkeep: sessions_that_ended_are_removed,
            upkeep: slots_that_are_over_are_removed,
            upkeep: what_is_not_there_is_not_removed,
            races: two_workers_never_claim_one_task,
            races: two_parents_that_end_at_once_both_count,
            races: a_reader_sees_no_task_without_the_facts_that_made_it_due,
            races: cancels_cross_claims_and_recoveries_without_a_deadlock,
            races: everything_at_once_ends_with_nothing_lost,
        }
    };
}

/// Makes a test of every case of accounts. `$subject` is an async function that returns a fresh
/// [`AccountsSubject`](crate::conformance::AccountsSubject).
#[macro_export]
macro_rules! accounts_conformance {
    ($subject:path) => {
        $crate::conformance_cases! { $subject;
            accounts: a_slice_is_granted_spent_and_given_back,
            accounts: spending_beyond_a_slice_leaves_less_for_others,
            accounts: an_idle_slice_is_recalled_and_a_used_one_is_not,
            accounts: a_batch_that_comes_twice_is_written_once,
            accounts: a_session_whose_lease_ended_writes_nothing,
            accounts: a_batch_out_of_turn_is_refused,
            accounts: a_closed_session_gives_everything_back,
            accounts: a_call_is_read_back_whole,
            accounts: a_zero_character_in_a_call_is_replaced,
            accounts: calls_are_listed_newest_first_in_pages_of_a_tenant,
            accounts: long_scripts_have_the_answers_of_the_model,
            accounts: fifty_calls_against_a_budget_for_twenty_admit_twenty,
            accounts: two_processes_share_a_budget_for_twenty_exactly,
            accounts: a_slice_that_sits_idle_elsewhere_comes_back,
            accounts: the_last_dollar_can_be_spent_from_either_side,
            accounts: a_killed_process_leaves_no_reservation_behind,
            accounts: a_storm_of_calls_never_exceeds_a_budget,
            accounts: a_budget_that_comes_with_a_call_holds_too,
        }
    };
}

/// Makes a test of every case of identity. `$subject` is an async function that returns a fresh
/// [`IdentitySubject`](crate::conformance::IdentitySubject).
#[macro_export]
macro_rules! identity_conformance {
    ($subject:path) => {
        $crate::conformance_cases! { $subject;
            identity: a_change_of_what_changed_meanwhile_is_refused,
            identity: a_removed_user_takes_its_keys_and_sign_ins_along,
            identity: a_user_is_read_back_whole,
            identity: a_zero_character_is_refused_and_never_found,
            identity: names_and_identities_belong_to_one_user,
            identity: names_and_identities_stay_unique_when_users_change,
            identity: no_sign_in_outlives_a_user_that_is_removed_meanwhile,
            identity: nothing_is_added_for_a_user_that_is_gone,
            identity: of_eight_changes_of_one_version_one_is_made,
            identity: of_eight_users_with_one_name_one_is_added,
            identity: users_are_counted_no_further_than_asked,
            identity: users_are_listed_in_pages_of_a_tenant,
            identity: a_role_is_kept_and_replaced,
            identity: a_role_is_not_removed_while_a_user_has_it,
            identity: roles_come_by_name_byte_by_byte,
            identity: a_key_is_added_once,
            identity: a_key_is_read_back_whole,
            identity: a_key_is_revoked_once,
            identity: a_key_that_is_not_in_use_is_not_replaced,
            identity: a_replaced_key_names_its_successor_and_ends_in_time,
            identity: all_keys_of_an_owner_are_revoked_once,
            identity: keys_are_counted_while_they_last,
            identity: keys_are_listed_in_pages_of_a_tenant_and_an_owner,
            identity: of_eight_replacements_of_one_key_one_is_made,
            identity: the_last_use_of_a_key_never_goes_back,
            identity: uses_of_the_same_keys_cross_without_a_deadlock,
            identity: a_cleared_name_has_no_failures,
            identity: failures_add_up_over_processes,
            identity: failures_of_many_writers_are_all_counted,
            identity: old_failures_are_removed_in_pieces_the_oldest_first,
            identity: what_is_forgotten_counts_no_more,
            identity: a_sign_in_ends_once,
            identity: a_sign_in_is_read_back_whole,
            identity: a_sign_in_that_has_begun_is_finished_once,
            identity: a_token_is_exchanged_by_whoever_has_the_last_one,
            identity: all_sign_ins_of_a_user_but_one_end,
            identity: ends_of_the_same_sign_ins_tell_of_each_once,
            identity: no_renewed_sign_in_survives_the_end_of_all,
            identity: of_eight_exchanges_of_one_token_one_is_made,
            identity: old_sign_ins_are_removed_in_pieces_the_oldest_first,
            identity: sign_ins_are_listed_in_pages_while_they_last,
            identity: old_revocations_are_removed_in_pieces,
            identity: revocations_come_in_their_order,
            identity: revocations_of_many_writers_are_all_read,
            identity: a_moment_has_one_signing_key,
            identity: a_secret_is_taken_once,
            identity: a_secret_is_the_same_for_all,
            identity: a_token_is_replaced_only_in_the_version_that_was_seen,
            identity: a_withdrawn_signing_key_is_over_at_once,
            identity: of_eight_replacements_of_one_token_one_is_made,
            identity: of_eight_signing_keys_for_one_moment_one_is_added,
            identity: signing_keys_come_by_the_time_from_which_they_sign,
            identity: tokens_are_listed_by_service_and_name_and_removed,
            identity: an_append_that_fails_leaves_no_gap,
            identity: an_entry_is_read_back_whole,
            identity: entries_of_many_writers_make_one_chain,
            identity: no_list_is_longer_than_a_thousand,
            identity: the_log_is_filtered_and_read_in_pages,
            identity: the_log_takes_whatever_was_sent,
        }
    };
}

/// Makes a test of every case of changed limits. `$subject` is an async function that returns a fresh
/// [`LimitRulesSubject`](crate::conformance::LimitRulesSubject), with what must live as long.
#[macro_export]
macro_rules! limit_rules_conformance {
    ($subject:path) => {
        $crate::conformance_cases! { $subject;
            limit_rules: limits_are_loaded_as_they_were_saved,
            limit_rules: limits_are_only_changed_by_who_has_seen_the_latest,
            limit_rules: limits_can_go_back_to_those_of_the_settings,
            limit_rules: of_many_changes_at_once_one_is_made,
        }
    };
}

/// Turns the list of [`conformance!`](crate::conformance!) into tests.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    ($subject:path; $($area:ident: $case:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let subject = $subject().await;
                $crate::conformance::$area::$case(&subject).await;
            }
        )+
    };
}
