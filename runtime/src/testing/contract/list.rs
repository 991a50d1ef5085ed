//! The list of cases, once, and what is made of it: a table and a macro for tests.

use super::{
    Body, Case, all, append, claims, commit_rows, conflict, facts, fidelity, filter, handles, keys, large,
    names, original, position, race, refusal, retry, several, snapshots, stream, tail, time, wait,
};

/// Makes a module with a `#[test]` for each case of the contract: `contract_tests!(name, harness)`, or
/// `contract_tests!(name, harness, reopens)`. See [`testing::contract`](crate::testing::contract).
///
/// `harness` is an expression that gives a new [`Harness`](crate::testing::contract::Harness) each time.
#[macro_export]
#[doc(hidden)]
macro_rules! contract_tests {
    ($module:ident, $harness:expr $(,)?) => {
        $crate::__contract_cases! { __contract_tests [$module, $harness, once, Store, cases] }
    };
    ($module:ident, $harness:expr, reopens $(,)?) => {
        $crate::__contract_cases! { __contract_tests [$module, $harness, reopens, Store, cases] }
    };
}

/// Hands the list to another macro.
#[macro_export]
#[doc(hidden)]
macro_rules! __contract_cases {
    ($then:ident [$($argument:tt)*]) => {
        $crate::$then! {
            [$($argument)*]
            once {
                append {
                    a_stream_that_nobody_wrote_to_is_empty
                    versions_are_1_2_3_without_gaps
                    what_was_acknowledged_can_be_read
                    both_reads_give_the_same_events
                    the_answer_says_what_is_read
                    no_stream_begins_a_stream
                    exact_0_is_no_stream
                    exact_goes_on
                    any_begins_and_goes_on
                    nothing_happens_before_it_is_awaited
                }
                conflict {
                    no_stream_on_a_stream_that_is_there
                    exact_behind
                    exact_ahead
                    exact_on_no_stream
                    nothing_is_recorded
                    the_next_append_leaves_no_gap
                    a_commit_that_conflicted_can_be_given_again
                }
                several {
                    each_stream_gets_its_events
                    the_answers_are_in_the_order_of_the_appends
                    the_positions_are_in_the_order_of_the_appends
                    each_append_has_its_own_expectation
                    one_conflict_leaves_nothing_anywhere
                    the_conflict_names_its_stream
                    readers_see_whole_commits
                }
                race {
                    one_creator_wins
                    writers_with_exact_lose_no_update
                    writers_with_any_lose_nothing
                    writers_on_many_streams_lose_nothing
                    crossing_commits_over_two_streams_do_not_block_each_other
                    conflicts_fail_no_other_writer
                    what_was_acknowledged_is_seen_at_once
                    a_dropped_append_is_whole_or_nothing
                }
                retry {
                    no_stream_takes_effect_once
                    exact_takes_effect_once
                    any_takes_effect_once
                    several_streams_take_effect_once
                    other_commits_may_come_in_between
                    both_of_two_at_once_get_the_same_answer
                    the_same_events_under_another_id_are_recorded
                    a_failed_commit_is_not_remembered
                }
                stream {
                    no_limit_is_exceeded
                    the_last_page_has_no_next
                    reading_begins_at_any_version
                    behind_the_end_is_nothing
                    pages_of_any_size_are_the_whole
                    what_is_appended_meanwhile_comes_at_the_end
                    streams_do_not_mix
                }
                facts {
                    they_are_those_of_the_events
                    pages_of_any_size_are_the_whole
                    nobody_has_none
                    an_append_takes_their_tail
                }
                all {
                    an_empty_store_has_an_end
                    no_limit_is_exceeded
                    reading_goes_on_after_any_event
                    pages_of_any_size_are_the_whole
                    after_the_end_is_nothing
                    what_is_appended_later_is_read_later
                }
                filter {
                    one_category
                    several_categories
                    a_category_that_is_not_there
                    no_category_at_all
                    pages_of_any_size_are_the_whole
                    similar_categories_are_others
                    what_does_not_match_is_passed
                }
                position {
                    the_head_of_an_empty_store_is_the_start
                    the_head_is_the_last_event
                    a_later_commit_has_later_positions
                    positions_ascend_within_a_stream
                    a_conflict_moves_no_head
                    a_position_survives_being_text
                    a_tailing_reader_misses_nothing
                    the_head_never_goes_back
                }
                wait {
                    returns_at_once_if_there_is_something
                    wakes_when_something_comes
                    wakes_everybody
                    misses_nothing_between_read_and_wait
                    can_be_given_up
                }
                tail {
                    an_append_takes_the_tail_of_a_read
                    an_append_takes_the_tail_of_an_append
                    an_append_needs_no_tail
                    a_stale_tail_does_no_harm
                    a_stale_tail_hides_no_conflict
                }
                time {
                    it_is_now
                    it_is_in_microseconds
                    a_commit_has_one_time_in_a_stream
                    it_never_goes_back_in_a_stream
                }
                fidelity {
                    json_comes_back_byte_for_byte
                    a_megabyte_comes_back
                    other_formats_come_back
                    formats_mix
                    metadata_comes_back
                    each_event_has_its_own_metadata
                    names_and_schemas_come_back
                }
                commit_rows {
                    rows_and_events_are_visible_at_once
                    no_reader_sees_one_without_the_other
                    what_is_put_is_the_row
                    what_is_ensured_is_the_row_if_there_was_none
                    what_is_set_changes_these_columns
                    what_is_added_changes_these_numbers
                    what_is_swapped_was_as_it_had_to_be
                    what_is_removed_is_gone
                    changes_of_one_row_see_those_before_them
                    an_absent_row_refuses_the_whole_commit
                    a_stale_row_refuses_the_whole_commit
                    what_does_not_fit_refuses_the_whole_commit
                    a_sum_that_does_not_fit_is_refused
                    a_commit_that_is_refused_changes_no_row
                    a_failing_row_fails_no_other_commit
                    they_take_effect_once
                    times_and_positions_are_those_of_the_events
                    views_are_kept_apart
                    only_a_view_that_is_written_with_commits_takes_them
                    they_go_to_the_build_that_is_live
                    thousands_of_rows_in_a_commit
                    additions_at_once_lose_nothing
                    swaps_at_once_lose_nothing
                }
                names {
                    any_text_names_a_stream
                    any_text_names_a_category
                    category_and_id_are_kept_apart
                    event_ids_follow_from_the_commit
                }
                original {
                    ids_and_times_are_kept
                    their_times_never_go_back
                    what_happens_now_goes_on
                    each_commit_has_its_own_times
                    they_take_effect_once
                }
                claims {
                    a_value_is_held_by_one
                    the_one_who_holds_it_may_take_it_again
                    what_is_released_is_free
                    only_its_holder_releases_it
                    one_commit_moves_on_to_another_value
                    who_cannot_move_on_keeps_what_it_has
                    two_streams_change_places_in_one_commit
                    a_conflict_takes_and_releases_nothing
                    constraints_are_kept_apart
                    they_take_effect_once
                    of_many_who_want_it_one_gets_it
                    values_that_go_round_are_never_held_twice
                    a_writer_that_does_not_know_a_constraint_is_refused
                    what_is_not_in_force_takes_nothing
                    what_is_on_record_is_told
                    what_is_held_already_is_collected
                    what_is_taken_from_the_record_holds_nothing
                    any_text_is_a_value_and_a_name
                    the_same_value_twice_makes_no_sense
                }
                keys {
                    what_was_recorded_under_a_key_is_found
                    another_commit_under_it_is_refused
                    a_commit_may_be_given_again
                    a_commit_that_failed_is_not_remembered
                    categories_have_their_own
                    of_many_under_one_key_one_takes_effect
                    any_text_is_a_key
                    no_key_is_empty_or_endless
                }
                snapshots {
                    where_none_was_kept_is_none
                    what_was_kept_comes_back
                    the_last_one_takes_the_place_of_any_other
                    each_stream_has_its_own
                    any_text_names_their_stream
                    their_state_comes_back_byte_for_byte
                    a_stream_may_be_behind_its_snapshot
                    no_event_comes_of_them
                    of_many_at_once_one_is_kept_whole
                }
                large {
                    a_stream_of_5_000_events
                    a_commit_of_10_000_events
                    a_thousand_streams_in_a_commit
                }
                refusal {
                    a_commit_without_appends
                    an_append_without_events
                    two_appends_to_one_stream
                    more_events_than_a_commit_has_ids_for
                    originals_for_some_events
                    claims_unless_supported
                    keys_unless_supported
                    rows_unless_supported
                    snapshots_unless_supported
                    originals_unless_supported
                }
            }
            reopens {
                handles {
                    what_was_acknowledged_is_there_after_reopening
                    positions_go_on_after_reopening
                    a_commit_is_remembered_after_reopening
                    each_sees_what_the_others_wrote
                    a_conflict_with_another_handle_is_noticed
                    a_tail_from_before_another_handle_wrote_does_no_harm
                    a_commit_may_be_given_again_through_another
                    both_of_two_at_once_get_the_same_answer
                    one_creator_wins
                    writers_on_two_lose_nothing
                    a_tailing_reader_misses_nothing
                    what_was_acknowledged_is_seen_at_once
                    waiting_notices_another_handle
                    a_claim_is_held_after_reopening
                    a_key_is_remembered_after_reopening
                    a_snapshot_is_there_after_reopening
                    a_constraint_holds_for_every_handle
                    of_many_who_want_it_one_gets_it
                    of_many_under_one_key_one_takes_effect
                    rows_of_commits_are_seen_by_all
                }
            }
        }
    };
}

/// The tests.
#[macro_export]
#[doc(hidden)]
macro_rules! __contract_tests {
    ([$($what:tt)*] once { $($themes:tt)* } $(meddling { $($others:tt)* })? reopens { $($more:tt)* }) => {
        $crate::__contract_tests! { [$($what)*] { $($themes)* $($($others)*)? } { $($more)* } }
    };
    ([$module:ident, $harness:expr, once, $($of:ident),*] { $($themes:tt)* } { $($more:tt)* }) => {
        $crate::__contract_tests! { [$module, $harness, $($of),*] $($themes)* }
    };
    ([$module:ident, $harness:expr, reopens, $($of:ident),*] { $($themes:tt)* } { $($more:tt)* }) => {
        $crate::__contract_tests! { [$module, $harness, $($of),*] $($themes)* $($more)* }
    };
    ([$module:ident, $harness:expr, $store:ident, $cases:ident] $($theme:ident { $($case:ident)* })*) => {
        mod $module {
            #[allow(unused_imports, reason = "the harness may or may not name what is around the invocation")]
            use super::*;

            #[cfg(test)]
            fn __harness() -> impl $crate::testing::contract::Harness<dyn $crate::testing::contract::$store> {
                $harness
            }

            $(mod $theme {
                $(#[test]
                fn $case() {
                    $crate::testing::contract::run(
                        $crate::testing::contract::$cases(),
                        concat!(stringify!($theme), "::", stringify!($case)),
                        super::__harness,
                    );
                })*
            })*
        }
    };
}

/// The table.
#[macro_export]
#[doc(hidden)]
macro_rules! __contract_table {
    (
        []
        once { $($theme:ident { $($case:ident)* })* }
        reopens { $($opening:ident { $($reopens:ident)* })* }
    ) => {
        const CASES: &[Case] = &[
            $($(Case {
                name: concat!(stringify!($theme), "::", stringify!($case)),
                body: Body::Store(|store| Box::pin($theme::$case(store))),
            },)*)*
            $($(Case {
                name: concat!(stringify!($opening), "::", stringify!($reopens)),
                body: Body::Harness(|harness| Box::pin($opening::$reopens(harness))),
            },)*)*
        ];
    };
}

crate::__contract_cases! { __contract_table [] }

/// All cases, by theme, those that open the store more than once at the end.
#[must_use]
pub fn cases() -> &'static [Case] {
    CASES
}
