//! The list of cases, once, and what is made of it: a table and a macro for tests.

use super::{
    super::{Body, Case},
    builds, by_hand, find, handles, leases, letters, processes, reached, rows, types, work,
};
use crate::read::ReadStore;

/// Makes a module with a `#[test]` for each case of the contract of read stores: `read_contract_tests!(name, harness)`, or
/// `read_contract_tests!(name, harness, reopens)`. See [`testing::contract`](crate::testing::contract).
///
/// `harness` is an expression that gives a new [`Harness<dyn ReadStore>`](crate::testing::contract::Harness) each time.
#[macro_export]
#[doc(hidden)]
macro_rules! read_contract_tests {
    ($module:ident, $harness:expr $(,)?) => {
        $crate::__read_contract_cases! { __contract_tests [$module, $harness, once, ReadStore, read_cases] }
    };
    ($module:ident, $harness:expr, reopens $(,)?) => {
        $crate::__read_contract_cases! {
            __contract_tests [$module, $harness, reopens, ReadStore, read_cases]
        }
    };
}

/// Hands the list to another macro.
#[macro_export]
#[doc(hidden)]
macro_rules! __read_contract_cases {
    ($then:ident [$($argument:tt)*]) => {
        $crate::$then! {
            [$($argument)*]
            once {
                builds {
                    a_view_that_nobody_prepared_has_none
                    preparing_makes_an_empty_one_beside
                    the_same_fingerprint_is_the_same_build
                    another_fingerprint_stands_beside
                    anew_is_another_one_than_the_live_one
                    what_is_promoted_is_found
                    the_next_one_takes_its_place
                    promoting_again_says_whether_it_is_transactional
                    what_is_gone_cannot_be_promoted
                    what_is_discarded_is_gone
                    generations_are_never_given_twice
                    how_far_one_has_come_is_told
                    views_are_kept_apart
                    impossible_tables_are_refused
                    another_table_of_the_same_build_is_refused
                    of_many_who_prepare_one_makes_it
                    readers_see_one_or_the_other
                }
                rows {
                    they_are_read_by_key
                    what_is_put_takes_the_place
                    what_is_removed_is_gone
                    keys_of_several_columns
                    each_build_has_its_own
                    what_does_not_fit_is_refused
                    what_some_databases_cannot_keep_is_refused
                    keys_that_are_none_are_refused
                    thousands_in_one_write
                    columns_may_have_any_name
                }
                types {
                    truth_comes_back
                    whole_numbers_come_back
                    numbers_come_back
                    text_comes_back
                    bytes_come_back
                    times_come_back
                    days_come_back
                    uuids_come_back
                    json_comes_back
                    each_makes_a_key
                    each_has_its_order
                }
                find {
                    everything_is_in_the_order_of_the_key
                    what_equals
                    what_lies_between
                    what_is_among_several
                    nothing_is_like_nothing_only
                    all_conditions_hold
                    the_order_goes_by_a_column_and_then_by_the_key
                    nothing_comes_first
                    text_is_ordered_by_its_bytes
                    a_limit_is_kept
                    pages_of_any_size_are_the_whole
                    pages_of_a_key_of_several_columns
                    pages_stay_where_they_are_while_others_change
                    what_makes_no_sense_is_refused
                }
                work {
                    who_never_wrote_is_at_the_start
                    the_position_is_where_it_was_put
                    any_position_can_be_kept
                    who_was_overtaken_writes_nothing
                    of_many_at_once_one_goes_on
                    a_transactional_build_is_written_with_commits_only
                    a_row_that_does_not_fit_leaves_nothing
                    everything_is_written_together
                    readers_are_kept_apart
                    any_text_names_a_reader
                    nothing_happens_before_it_is_awaited
                    what_is_given_up_is_whole_or_nothing
                }
                letters {
                    they_come_back
                    they_are_in_the_order_of_their_positions
                    of_one_stream
                    the_next_one_takes_its_place
                    what_is_settled_goes
                    wishes_are_kept
                    wished_streams_are_told
                    streams_with_letters_are_blocked
                    readers_have_their_own
                    any_text_is_an_error
                    thousands_of_them
                }
                leases {
                    what_is_free_is_taken
                    who_holds_one_renews_it
                    one_that_ran_out_is_free
                    one_that_is_renewed_runs_on
                    one_that_is_released_is_free
                    only_its_holder_releases_it
                    pieces_of_work_are_kept_apart
                    of_many_who_want_it_one_gets_it
                }
                processes {
                    what_was_written_comes_back
                    all_of_it_is_replaced
                    one_that_is_over_is_gone
                    managers_have_their_own
                    any_text_is_a_key
                    those_that_wait_longest_are_due_first
                    each_is_due_once
                    the_next_deadline_is_told
                }
                reached {
                    at_once_if_it_is_so
                    wakes_when_it_is_so
                    wakes_everybody
                    can_be_given_up
                }
            }
            meddling {
                by_hand {
                    tables_of_others_are_left_alone
                    a_table_that_is_gone_is_an_error
                    a_column_that_is_gone_is_an_error
                    a_row_that_somebody_changed_is_read
                }
            }
            reopens {
                handles {
                    what_was_written_is_there_after_reopening
                    each_sees_what_the_others_wrote
                    who_was_overtaken_by_another_handle_writes_nothing
                    what_another_handle_promoted_is_found
                    of_many_who_prepare_one_makes_it
                    readers_see_one_or_the_other
                    a_lease_is_held_against_another_handle
                    reaching_notices_another_handle
                    a_generation_is_not_given_again_after_reopening
                }
            }
        }
    };
}

/// The table.
#[macro_export]
#[doc(hidden)]
macro_rules! __read_contract_table {
    (
        []
        once { $($theme:ident { $($case:ident)* })* }
        meddling { $($by:ident { $($meddles:ident)* })* }
        reopens { $($opening:ident { $($reopens:ident)* })* }
    ) => {
        const CASES: &[Case<dyn ReadStore>] = &[
            $($(Case {
                name: concat!(stringify!($theme), "::", stringify!($case)),
                body: Body::Store(|store| Box::pin($theme::$case(store))),
            },)*)*
            $($(Case {
                name: concat!(stringify!($by), "::", stringify!($meddles)),
                body: Body::Once(|harness| Box::pin($by::$meddles(harness))),
            },)*)*
            $($(Case {
                name: concat!(stringify!($opening), "::", stringify!($reopens)),
                body: Body::Harness(|harness| Box::pin($opening::$reopens(harness))),
            },)*)*
        ];
    };
}

crate::__read_contract_cases! { __read_contract_table [] }

/// All cases for read stores, by theme, those that open the store more than once at the end.
#[must_use]
pub fn cases() -> &'static [Case<dyn ReadStore>] {
    CASES
}
