//! The suite of read stores on trial.

mod answers;
mod bugs;
mod meddling;
mod store;
mod work;

use std::collections::BTreeSet;

use factum::{
    read::ReadStore,
    testing::contract::{Case, read_cases},
};

use self::{
    bugs::ViewBug::{self, *},
    store::BrokenViews,
};
use crate::finds;

/// Each mistake, and the cases that find it. Others may find it as well.
const FOUND_BY: &[(ViewBug, &[&str])] = &[
    (TakesNoBuildForAnEmptyOne, &["builds::a_view_that_nobody_prepared_has_none"]),
    (PromotesWhatItPrepares, &["builds::preparing_makes_an_empty_one_beside"]),
    (EmptiesWhatItPrepares, &["builds::the_same_fingerprint_is_the_same_build"]),
    (HasOneBuildOnly, &["builds::another_fingerprint_stands_beside"]),
    (IgnoresAnew, &["builds::anew_is_another_one_than_the_live_one"]),
    (
        ForgetsWhatIsTransactional,
        &["builds::what_is_promoted_is_found", "builds::promoting_again_says_whether_it_is_transactional"],
    ),
    (KeepsTheBooksOfTheOld, &["builds::the_next_one_takes_its_place"]),
    (PromotesWhatIsGone, &["builds::what_is_gone_cannot_be_promoted"]),
    (DiscardsNothing, &["builds::what_is_discarded_is_gone"]),
    (
        CountsWhatIsThere,
        &[
            "builds::generations_are_never_given_twice",
            "handles::a_generation_is_not_given_again_after_reopening",
        ],
    ),
    (TellsNoPositions, &["builds::how_far_one_has_come_is_told"]),
    (MixesViews, &["builds::views_are_kept_apart"]),
    (TakesAnyTable, &["builds::impossible_tables_are_refused"]),
    (TrustsFingerprints, &["builds::another_table_of_the_same_build_is_refused"]),
    (
        ChecksThenPrepares,
        &["builds::of_many_who_prepare_one_makes_it", "handles::of_many_who_prepare_one_makes_it"],
    ),
    (PromotesInTwoSteps, &["builds::readers_see_one_or_the_other", "handles::readers_see_one_or_the_other"]),
    (LeavesOutAbsentRows, &["rows::they_are_read_by_key"]),
    (KeepsTheFirstRow, &["rows::what_is_put_takes_the_place"]),
    (RemovesNothing, &["rows::what_is_removed_is_gone"]),
    (MixesUpKeys, &["rows::keys_of_several_columns"]),
    (ReadsTheLatestBuild, &["rows::each_build_has_its_own"]),
    (
        WritesWhatFits,
        &["rows::what_does_not_fit_is_refused", "rows::what_some_databases_cannot_keep_is_refused"],
    ),
    (TakesNoKeyForAnAbsentOne, &["rows::keys_that_are_none_are_refused"]),
    (WritesAThousandRows, &["rows::thousands_in_one_write"]),
    (RefusesWordsOfSql, &["rows::columns_may_have_any_name"]),
    (TakesTruthForNumbers, &["types::truth_comes_back"]),
    (KeepsNumbersAsReals, &["types::whole_numbers_come_back"]),
    (KeepsFewDigits, &["types::numbers_come_back"]),
    (TrimsText, &["types::text_comes_back", "types::each_makes_a_key"]),
    (EndsBytesAtNul, &["types::bytes_come_back"]),
    (CountsMilliseconds, &["types::times_come_back"]),
    (CountsDaysFrom1970, &["types::days_come_back"]),
    (KeepsHalfAUuid, &["types::uuids_come_back"]),
    (CutsJson, &["types::json_comes_back"]),
    (OrdersTextWithoutCase, &["types::each_has_its_order", "find::text_is_ordered_by_its_bytes"]),
    (FindsInAnyOrder, &["find::everything_is_in_the_order_of_the_key"]),
    (IgnoresConditions, &["find::what_equals", "find::what_lies_between", "find::what_is_among_several"]),
    (IncludesTheUpperBound, &["find::what_lies_between"]),
    (TakesAnEmptyListForAll, &["find::what_is_among_several"]),
    (FindsNothingNowhere, &["find::nothing_is_like_nothing_only"]),
    (LooksAtOneCondition, &["find::all_conditions_hold"]),
    (IgnoresTheOrder, &["find::the_order_goes_by_a_column_and_then_by_the_key"]),
    (PutsNothingLast, &["find::nothing_comes_first"]),
    (IgnoresLimits, &["find::a_limit_is_kept"]),
    (
        PagesByTheFirstColumn,
        &["find::pages_of_any_size_are_the_whole", "find::pages_of_a_key_of_several_columns"],
    ),
    (CountsPagesByRows, &["find::pages_stay_where_they_are_while_others_change"]),
    (AnswersAnything, &["find::what_makes_no_sense_is_refused"]),
    (RefusesStrangers, &["work::who_never_wrote_is_at_the_start"]),
    (CountsWork, &["work::the_position_is_where_it_was_put"]),
    (KeepsPositionsIn64Bits, &["work::any_position_can_be_kept"]),
    (IgnoresWhereTheReaderWas, &["work::who_was_overtaken_writes_nothing"]),
    (ChecksThenWrites, &["work::of_many_at_once_one_goes_on"]),
    (FillsWhatIsTransactional, &["work::a_transactional_build_is_written_with_commits_only"]),
    (WritesTheRestWithoutRows, &["work::a_row_that_does_not_fit_leaves_nothing"]),
    (ForgetsProcessesOfViews, &["work::everything_is_written_together"]),
    (IgnoresCase, &["work::readers_are_kept_apart", "leases::pieces_of_work_are_kept_apart"]),
    (RefusesLongNames, &["work::any_text_names_a_reader"]),
    (BeginsBeforeItIsAwaited, &["work::nothing_happens_before_it_is_awaited"]),
    (WritesInTwoSteps, &["work::what_is_given_up_is_whole_or_nothing"]),
    (ForgetsAttempts, &["letters::they_come_back"]),
    (ListsLettersByStream, &["letters::they_are_in_the_order_of_their_positions"]),
    (IgnoresStreams, &["letters::of_one_stream"]),
    (KeepsTheFirstLetter, &["letters::the_next_one_takes_its_place"]),
    (SettlesNothing, &["letters::what_is_settled_goes"]),
    (WishesNothing, &["letters::wishes_are_kept", "letters::wished_streams_are_told"]),
    (BlocksEverything, &["letters::streams_with_letters_are_blocked"]),
    (MixesReaders, &["letters::readers_have_their_own", "processes::managers_have_their_own"]),
    (RefusesNul, &["letters::any_text_is_an_error"]),
    (KeepsAThousandLetters, &["letters::thousands_of_them"]),
    (GivesLeasesToAll, &["leases::what_is_free_is_taken", "leases::of_many_who_want_it_one_gets_it"]),
    (RefusesRenewals, &["leases::who_holds_one_renews_it"]),
    (LeasesForEver, &["leases::one_that_ran_out_is_free"]),
    (IgnoresRenewals, &["leases::one_that_is_renewed_runs_on"]),
    (ReleasesNothing, &["leases::one_that_is_released_is_free"]),
    (ReleasesForAnybody, &["leases::only_its_holder_releases_it"]),
    (NormalisesJson, &["processes::what_was_written_comes_back"]),
    (AddsDeadlines, &["processes::all_of_it_is_replaced"]),
    (EndsNoProcess, &["processes::one_that_is_over_is_gone"]),
    (EndsKeysAtNul, &["processes::any_text_is_a_key"]),
    (OrdersTheDueByKey, &["processes::those_that_wait_longest_are_due_first"]),
    (TellsEachDeadline, &["processes::each_is_due_once"]),
    (TellsNoNextDeadline, &["processes::the_next_deadline_is_told"]),
    (WaitsForTheNextStep, &["reached::at_once_if_it_is_so"]),
    (NeverWakes, &["reached::wakes_when_it_is_so", "reached::can_be_given_up"]),
    (WakesOne, &["reached::wakes_everybody"]),
    (TakesTablesOfOthers, &["by_hand::tables_of_others_are_left_alone"]),
    (
        TrustsItsTables,
        &["by_hand::a_table_that_is_gone_is_an_error", "by_hand::a_column_that_is_gone_is_an_error"],
    ),
    (
        ExaminesNothing,
        &[
            "builds::another_table_of_the_same_build_is_refused",
            "by_hand::a_table_that_is_gone_is_an_error",
            "by_hand::a_column_that_is_gone_is_an_error",
        ],
    ),
    (KeepsRowsElsewhere, &["by_hand::a_row_that_somebody_changed_is_read"]),
    (LosesEverything, &["handles::what_was_written_is_there_after_reopening"]),
    (
        KeepsWhatItRead,
        &["handles::each_sees_what_the_others_wrote", "handles::what_another_handle_promoted_is_found"],
    ),
    (TrustsItsOwnPosition, &["handles::who_was_overtaken_by_another_handle_writes_nothing"]),
    (LeasesPerHandle, &["handles::a_lease_is_held_against_another_handle"]),
    (WaitsForItsOwnSteps, &["handles::reaching_notices_another_handle"]),
];

fn case(name: &str) -> &'static Case<dyn ReadStore> {
    read_cases()
        .iter()
        .find(|case| case.name() == name)
        .unwrap_or_else(|| panic!("there is no case `{name}`"))
}

#[test]
fn every_mistake_is_found() {
    let pairs = FOUND_BY.iter().flat_map(|(bug, names)| names.iter().map(move |name| (*bug, *name)));
    let missed: Vec<_> = pairs.filter(|(bug, name)| !finds(case(name), BrokenViews::new(*bug))).collect();
    assert!(missed.is_empty(), "these mistakes are not found by these cases: {missed:#?}");
}

#[test]
fn every_case_finds_a_mistake() {
    let finding: BTreeSet<_> = FOUND_BY.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let idle: Vec<_> = read_cases().iter().map(Case::name).filter(|name| !finding.contains(name)).collect();
    assert!(idle.is_empty(), "no mistake shows that these cases can fail: {idle:#?}");
}

/// Else it might be something else than the mistake that is found.
#[test]
fn a_store_without_a_mistake_passes() {
    let failing: Vec<_> = read_cases().iter().filter(|case| finds(case, BrokenViews::new(Nothing))).collect();
    assert!(failing.is_empty(), "{failing:?}");
}
