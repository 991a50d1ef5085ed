//! The contract suite is on trial here: it must find every mistake that a store is given on purpose, and every case of
//! it must find one.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "it is how a test fails")]

mod bugs;
mod reads;
mod rows;
mod snapshots;
mod store;
mod views;
mod writes;

use std::collections::BTreeSet;

use factum::testing::contract::{Case, Harness, cases};
use tokio::runtime::Builder;

use crate::{
    bugs::Bug::{self, *},
    store::Broken,
};

/// Each mistake, and the cases that find it. Others may find it as well.
const FOUND_BY: &[(Bug, &[&str])] = &[
    (
        IgnoresExpectations,
        &[
            "conflict::no_stream_on_a_stream_that_is_there",
            "conflict::exact_behind",
            "conflict::exact_ahead",
            "conflict::exact_on_no_stream",
            "conflict::nothing_is_recorded",
            "conflict::the_next_append_leaves_no_gap",
            "race::one_creator_wins",
        ],
    ),
    (AcceptsWhatIsBehind, &["conflict::exact_behind"]),
    (AcceptsWhatIsAhead, &["conflict::exact_ahead", "conflict::exact_on_no_stream"]),
    (TakesExact0ForAVersion, &["append::exact_0_is_no_stream"]),
    (CountsFromTheNextVersion, &["append::exact_goes_on"]),
    (NeedsAStreamForAny, &["append::any_begins_and_goes_on"]),
    (
        ReportsWhatWasExpected,
        &["conflict::exact_behind", "conflict::exact_ahead", "conflict::exact_on_no_stream"],
    ),
    (BlamesTheFirstStream, &["several::the_conflict_names_its_stream"]),
    (ExpectsTheSameOfAll, &["several::each_append_has_its_own_expectation"]),
    (
        RecordsConflicts,
        &[
            "conflict::nothing_is_recorded",
            "conflict::the_next_append_leaves_no_gap",
            "race::conflicts_fail_no_other_writer",
        ],
    ),
    (
        WritesStreamByStream,
        &[
            "several::one_conflict_leaves_nothing_anywhere",
            "several::readers_see_whole_commits",
            "race::a_dropped_append_is_whole_or_nothing",
        ],
    ),
    (
        ChecksThenWrites,
        &["race::one_creator_wins", "race::writers_with_exact_lose_no_update", "handles::one_creator_wins"],
    ),
    (
        ReadsForAnyThenExpects,
        &["race::writers_with_any_lose_nothing", "handles::writers_on_two_lose_nothing"],
    ),
    (LocksStreamByStream, &["race::crossing_commits_over_two_streams_do_not_block_each_other"]),
    (FailsWhoeverComesAfterAConflict, &["race::conflicts_fail_no_other_writer"]),
    (
        AnswersWithoutWriting,
        &["append::what_was_acknowledged_can_be_read", "race::writers_on_many_streams_lose_nothing"],
    ),
    (BeginsBeforeItIsAwaited, &["append::nothing_happens_before_it_is_awaited"]),
    (WritesStreamsBackwards, &["several::the_positions_are_in_the_order_of_the_appends"]),
    (SortsItsAnswers, &["several::the_answers_are_in_the_order_of_the_appends"]),
    (
        AnswersWithEarlierPositions,
        &["append::the_answer_says_what_is_read", "position::the_head_is_the_last_event"],
    ),
    (AnswersAgainWithAnotherTime, &["retry::any_takes_effect_once"]),
    (
        ForgetsCommits,
        &[
            "retry::no_stream_takes_effect_once",
            "retry::exact_takes_effect_once",
            "retry::any_takes_effect_once",
            "retry::several_streams_take_effect_once",
            "retry::other_commits_may_come_in_between",
        ],
    ),
    (
        ForgetsCommitsOfOthers,
        &[
            "handles::a_commit_may_be_given_again_through_another",
            "handles::a_commit_is_remembered_after_reopening",
        ],
    ),
    (
        ChecksThenRemembers,
        &[
            "retry::both_of_two_at_once_get_the_same_answer",
            "handles::both_of_two_at_once_get_the_same_answer",
        ],
    ),
    (
        RemembersConflicts,
        &[
            "conflict::a_commit_that_conflicted_can_be_given_again",
            "retry::a_failed_commit_is_not_remembered",
        ],
    ),
    (KnowsCommitsByTheirEvents, &["retry::the_same_events_under_another_id_are_recorded"]),
    (AcceptsEmptyCommits, &["refusal::a_commit_without_appends", "refusal::an_append_without_events"]),
    (MergesAppends, &["refusal::two_appends_to_one_stream"]),
    (CutsLongCommits, &["refusal::more_events_than_a_commit_has_ids_for"]),
    (
        IgnoresWhatItCannotDo,
        &[
            "refusal::claims_unless_supported",
            "refusal::keys_unless_supported",
            "refusal::rows_unless_supported",
            "refusal::originals_unless_supported",
        ],
    ),
    (PretendsToKeep, &["refusal::snapshots_unless_supported"]),
    (RefusesLargeCommits, &["large::a_commit_of_10_000_events", "large::a_thousand_streams_in_a_commit"]),
    (
        RefusesTails,
        &[
            "tail::an_append_takes_the_tail_of_a_read",
            "facts::an_append_takes_their_tail",
            "facts::an_append_takes_their_tail",
            "tail::an_append_takes_the_tail_of_an_append",
        ],
    ),
    (NeedsTails, &["tail::an_append_needs_no_tail"]),
    (
        TrustsTails,
        &[
            "tail::a_stale_tail_does_no_harm",
            "tail::a_stale_tail_hides_no_conflict",
            "handles::a_tail_from_before_another_handle_wrote_does_no_harm",
        ],
    ),
    (TrustsItsOwnWrites, &["handles::a_conflict_with_another_handle_is_noticed"]),
    (NormalisesJson, &["fidelity::json_comes_back_byte_for_byte"]),
    (CutsLongText, &["fidelity::a_megabyte_comes_back"]),
    (TakesEverythingForJson, &["fidelity::other_formats_come_back", "fidelity::formats_mix"]),
    (KeepsOnlyActors, &["fidelity::metadata_comes_back"]),
    (HasOneMetadataForACommit, &["fidelity::each_event_has_its_own_metadata"]),
    (KeepsSchemasIn16Bits, &["fidelity::names_and_schemas_come_back"]),
    (
        MixesStreams,
        &[
            "append::a_stream_that_nobody_wrote_to_is_empty",
            "append::no_stream_begins_a_stream",
            "several::each_stream_gets_its_events",
            "stream::streams_do_not_mix",
        ],
    ),
    (IgnoresCase, &["names::any_text_names_a_stream", "names::any_text_names_a_category"]),
    (TrimsNames, &["names::any_text_names_a_stream", "names::any_text_names_a_category"]),
    (EndsNamesAtNul, &["names::any_text_names_a_stream", "names::any_text_names_a_category"]),
    (JoinsCategoryAndId, &["names::category_and_id_are_kept_apart"]),
    (MakesEventIdsAnew, &["names::event_ids_follow_from_the_commit", "append::the_answer_says_what_is_read"]),
    (CountsVersionsByTwo, &["append::versions_are_1_2_3_without_gaps"]),
    (
        CountsPositionsDown,
        &["position::a_later_commit_has_later_positions", "position::positions_ascend_within_a_stream"],
    ),
    (
        KeepsFirstPages,
        &[
            "stream::what_is_appended_meanwhile_comes_at_the_end",
            "append::what_was_acknowledged_can_be_read",
            "handles::each_sees_what_the_others_wrote",
            "handles::what_was_acknowledged_is_seen_at_once",
        ],
    ),
    (
        LosesAnEventOfAPage,
        &["append::versions_are_1_2_3_without_gaps", "all::pages_of_any_size_are_the_whole"],
    ),
    (SwapsEventsOfAPage, &["all::pages_of_any_size_are_the_whole"]),
    (ForgetsMetadataInOneRead, &["append::both_reads_give_the_same_events", "fidelity::metadata_comes_back"]),
    (IgnoresLimits, &["stream::no_limit_is_exceeded", "all::no_limit_is_exceeded"]),
    (IgnoresWhereToBegin, &["stream::reading_begins_at_any_version"]),
    (
        RefusesLargeNumbers,
        &["stream::behind_the_end_is_nothing", "stream::no_limit_is_exceeded", "all::no_limit_is_exceeded"],
    ),
    (HasANextAtTheEnd, &["stream::the_last_page_has_no_next"]),
    (HasNoNext, &["stream::pages_of_any_size_are_the_whole", "large::a_stream_of_5_000_events"]),
    (NeverEnds, &["all::an_empty_store_has_an_end", "all::after_the_end_is_nothing"]),
    (AlwaysEnds, &["all::pages_of_any_size_are_the_whole"]),
    (
        ReadsThePositionAgain,
        &[
            "all::reading_goes_on_after_any_event",
            "all::after_the_end_is_nothing",
            "position::a_position_survives_being_text",
        ],
    ),
    (LooksTooFar, &["all::what_is_appended_later_is_read_later", "all::an_empty_store_has_an_end"]),
    (ShowsLate, &["position::a_tailing_reader_misses_nothing", "handles::a_tailing_reader_misses_nothing"]),
    (LosesAFact, &["facts::they_are_those_of_the_events", "facts::pages_of_any_size_are_the_whole"]),
    (KnowsNothingOfNobody, &["facts::nobody_has_none"]),
    (
        IgnoresFilters,
        &["filter::one_category", "filter::several_categories", "filter::a_category_that_is_not_there"],
    ),
    (FiltersByBeginning, &["filter::similar_categories_are_others"]),
    (TakesNoCategoryForAll, &["filter::no_category_at_all"]),
    (EndsWhereNothingMatches, &["filter::pages_of_any_size_are_the_whole"]),
    (LooksNoFurtherThanWhatMatches, &["filter::what_does_not_match_is_passed"]),
    (
        HeadIsAhead,
        &["position::the_head_of_an_empty_store_is_the_start", "position::the_head_is_the_last_event"],
    ),
    (HeadLags, &["position::the_head_is_the_last_event", "race::what_was_acknowledged_is_seen_at_once"]),
    (HeadGoesBack, &["position::the_head_never_goes_back"]),
    (ConflictsMoveTheHead, &["position::a_conflict_moves_no_head"]),
    (NeverWakes, &["wait::wakes_when_something_comes", "wait::can_be_given_up"]),
    (WakesOne, &["wait::wakes_everybody"]),
    (
        WaitsForTheNextEvent,
        &["wait::returns_at_once_if_there_is_something", "wait::misses_nothing_between_read_and_wait"],
    ),
    (WaitsForItsOwnEvents, &["handles::waiting_notices_another_handle"]),
    (KnowsNoTime, &["time::it_is_now"]),
    (CountsNanoseconds, &["time::it_is_in_microseconds"]),
    (CountsMilliseconds, &["time::it_is_in_microseconds"]),
    (
        CountsTimeWithinACommit,
        &["time::a_commit_has_one_time_in_a_stream", "append::the_answer_says_what_is_read"],
    ),
    (GoesBackInTime, &["time::it_never_goes_back_in_a_stream"]),
    (
        IgnoresOriginals,
        &[
            "original::ids_and_times_are_kept",
            "original::their_times_never_go_back",
            "original::each_commit_has_its_own_times",
        ],
    ),
    (CountsOriginalsFromTheEnd, &["original::ids_and_times_are_kept"]),
    (KeepsTimesThatGoBack, &["original::their_times_never_go_back"]),
    (ForgetsTimesOfOriginals, &["original::what_happens_now_goes_on"]),
    (KeepsTheTimesOfOthers, &["original::each_commit_has_its_own_times"]),
    (KnowsOriginalsByTheirCommit, &["original::they_take_effect_once"]),
    (AcceptsAnyNumberOfOriginals, &["refusal::originals_for_some_events"]),
    (
        TakesNothing,
        &[
            "claims::a_value_is_held_by_one",
            "claims::what_is_released_is_free",
            "claims::only_its_holder_releases_it",
            "claims::one_commit_moves_on_to_another_value",
            "claims::who_cannot_move_on_keeps_what_it_has",
            "claims::two_streams_change_places_in_one_commit",
            "claims::a_conflict_takes_and_releases_nothing",
            "claims::constraints_are_kept_apart",
            "claims::they_take_effect_once",
            "claims::of_many_who_want_it_one_gets_it",
            "claims::values_that_go_round_are_never_held_twice",
            "claims::what_is_not_in_force_takes_nothing",
            "claims::what_is_held_already_is_collected",
            "claims::what_is_taken_from_the_record_holds_nothing",
            "claims::any_text_is_a_value_and_a_name",
            "claims::the_same_value_twice_makes_no_sense",
            "handles::a_claim_is_held_after_reopening",
            "handles::of_many_who_want_it_one_gets_it",
        ],
    ),
    (RefusesItsOwn, &["claims::the_one_who_holds_it_may_take_it_again"]),
    (IgnoresConstraints, &["claims::a_writer_that_does_not_know_a_constraint_is_refused"]),
    (TellsNoConstraints, &["claims::what_is_on_record_is_told"]),
    (
        ForgetsKeys,
        &[
            "keys::what_was_recorded_under_a_key_is_found",
            "keys::another_commit_under_it_is_refused",
            "keys::categories_have_their_own",
            "keys::of_many_under_one_key_one_takes_effect",
            "keys::any_text_is_a_key",
            "keys::no_key_is_empty_or_endless",
            "handles::a_key_is_remembered_after_reopening",
            "handles::of_many_under_one_key_one_takes_effect",
        ],
    ),
    (RemembersKeysOfConflicts, &["keys::a_commit_that_failed_is_not_remembered"]),
    (ForgetsCommits, &["keys::a_commit_may_be_given_again"]),
    (
        ForgetsSnapshots,
        &[
            "snapshots::what_was_kept_comes_back",
            "snapshots::the_last_one_takes_the_place_of_any_other",
            "snapshots::any_text_names_their_stream",
            "handles::a_snapshot_is_there_after_reopening",
        ],
    ),
    (MakesUpSnapshots, &["snapshots::where_none_was_kept_is_none"]),
    (KeepsTheLatestSnapshot, &["snapshots::the_last_one_takes_the_place_of_any_other"]),
    (HasOneSnapshotForACategory, &["snapshots::each_stream_has_its_own"]),
    (IgnoresCase, &["snapshots::each_stream_has_its_own", "snapshots::any_text_names_their_stream"]),
    (TrimsNames, &["snapshots::any_text_names_their_stream"]),
    (EndsNamesAtNul, &["snapshots::any_text_names_their_stream"]),
    (NormalisesJson, &["snapshots::their_state_comes_back_byte_for_byte"]),
    (TakesEverythingForJson, &["snapshots::their_state_comes_back_byte_for_byte"]),
    (RefusesSnapshotsAhead, &["snapshots::a_stream_may_be_behind_its_snapshot"]),
    (RecordsSnapshots, &["snapshots::no_event_comes_of_them"]),
    (KeepsSnapshotsInTwoSteps, &["snapshots::of_many_at_once_one_is_kept_whole"]),
    (
        WritesNoRows,
        &[
            "commit_rows::rows_and_events_are_visible_at_once",
            "commit_rows::what_is_put_is_the_row",
            "commit_rows::what_is_swapped_was_as_it_had_to_be",
            "commit_rows::they_go_to_the_build_that_is_live",
        ],
    ),
    (WritesRowsLate, &["commit_rows::no_reader_sees_one_without_the_other"]),
    (WritesRowsAgain, &["commit_rows::they_take_effect_once"]),
    (WritesRowsOfRefusedCommits, &["commit_rows::a_commit_that_is_refused_changes_no_row"]),
    (WritesAThousandRows, &["commit_rows::thousands_of_rows_in_a_commit"]),
    (WritesTheLastRowsFirst, &["commit_rows::changes_of_one_row_see_those_before_them"]),
    (WritesTheLastChangeOfARow, &["commit_rows::changes_of_one_row_see_those_before_them"]),
    (
        WritesToAnyView,
        &[
            "commit_rows::only_a_view_that_is_written_with_commits_takes_them",
            "handles::rows_of_commits_are_seen_by_all",
        ],
    ),
    (FailsWhoeverComesAfterARow, &["commit_rows::a_failing_row_fails_no_other_commit"]),
    (IgnoresAbsentRows, &["commit_rows::an_absent_row_refuses_the_whole_commit"]),
    (
        IgnoresStaleRows,
        &["commit_rows::a_stale_row_refuses_the_whole_commit", "commit_rows::swaps_at_once_lose_nothing"],
    ),
    (
        RecordsWhatDoesNotFit,
        &[
            "commit_rows::what_does_not_fit_refuses_the_whole_commit",
            "commit_rows::a_sum_that_does_not_fit_is_refused",
        ],
    ),
    (EnsuresAlways, &["commit_rows::what_is_ensured_is_the_row_if_there_was_none"]),
    (SetsOneColumn, &["commit_rows::what_is_set_changes_these_columns"]),
    (AddsWithoutSign, &["commit_rows::what_is_added_changes_these_numbers"]),
    (ReadsThenAdds, &["commit_rows::additions_at_once_lose_nothing"]),
    (RemovesNothing, &["commit_rows::what_is_removed_is_gone"]),
    (KnowsNoTimeOfEvents, &["commit_rows::times_and_positions_are_those_of_the_events"]),
    (CountsPositionsOfOneEvent, &["commit_rows::times_and_positions_are_those_of_the_events"]),
    (MixesViews, &["commit_rows::views_are_kept_apart"]),
    (TakesNothing, &["handles::a_constraint_holds_for_every_handle"]),
    (
        LosesEverything,
        &[
            "handles::a_snapshot_is_there_after_reopening",
            "handles::what_was_acknowledged_is_there_after_reopening",
            "handles::positions_go_on_after_reopening",
        ],
    ),
];

fn case(name: &str) -> &'static Case {
    cases().iter().find(|case| case.name() == name).unwrap_or_else(|| panic!("there is no case `{name}`"))
}

/// Whether the case finds the mistake. The clock stands still but for those who wait, so that nobody has to.
fn finds<S: ?Sized>(case: &'static Case<S>, broken: impl Harness<S>) -> bool {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let panicked = runtime.block_on(async { tokio::spawn(async move { case.run(&broken).await }).await });
    panicked.is_err()
}

#[test]
fn every_mistake_is_found() {
    let pairs = FOUND_BY.iter().flat_map(|(bug, names)| names.iter().map(move |name| (*bug, *name)));
    let missed: Vec<_> = pairs.filter(|(bug, name)| !finds(case(name), Broken::new(*bug))).collect();
    assert!(missed.is_empty(), "these mistakes are not found by these cases: {missed:#?}");
}

#[test]
fn every_case_finds_a_mistake() {
    let finding: BTreeSet<_> = FOUND_BY.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let idle: Vec<_> = cases().iter().map(Case::name).filter(|name| !finding.contains(name)).collect();
    assert!(idle.is_empty(), "no mistake shows that these cases can fail: {idle:#?}");
}

/// Else it might be something else than the mistake that is found.
#[test]
fn a_store_without_a_mistake_passes() {
    let failing: Vec<_> = cases().iter().filter(|case| finds(case, Broken::new(Nothing))).collect();
    assert!(failing.is_empty(), "{failing:?}");
}
