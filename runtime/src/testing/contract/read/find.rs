//! Questions to the live build.

use super::support::{
    NUMBER, RANK, Subject, TITLE, all, behind, column, find, kind, live, number, numbers, pages, put, query,
    remove, table, text, ticket, tickets, whose,
};
use crate::{
    read::{ColumnType, Condition, Query, TableColumn, Test, Value, Values},
    store::StoreErrorKind,
};

/// Ranks that many tickets share, or do not have.
async fn ranked(store: &Subject) {
    let rank = |number: i64| (number % 4 != 0).then_some(number % 4);
    let title = |number: i64| if number % 3 == 0 { "b" } else { "a" };
    live(store, &tickets(), (1..=12).rev().map(|n| ticket(n, title(n), rank(n))).collect()).await;
}

fn integers(numbers: &[i64]) -> Values {
    numbers.iter().copied().map(Value::Integer).collect()
}

pub(super) async fn everything_is_in_the_order_of_the_key(store: Subject) {
    ranked(&store).await;
    assert_eq!(numbers(&store, &query(&tickets())).await, (1..=12).collect::<Vec<_>>());
    let down = Query { descending: true, ..query(&tickets()) };
    assert_eq!(numbers(&store, &down).await, (1..=12).rev().collect::<Vec<_>>());
}

pub(super) async fn what_equals(store: Subject) {
    ranked(&store).await;
    let whose = async |column, value| numbers(&store, &whose(&tickets(), column, Test::Equals(value))).await;
    assert_eq!(whose(TITLE, text("b")).await, [3, 6, 9, 12]);
    assert_eq!(whose(RANK, Value::Integer(1)).await, [1, 5, 9]);
    assert_eq!(whose(NUMBER, Value::Integer(7)).await, [7]);
    assert_eq!(whose(TITLE, text("B")).await, [0; 0]);
}

pub(super) async fn what_lies_between(store: Subject) {
    ranked(&store).await;
    let whose = async |column, test| numbers(&store, &whose(&tickets(), column, test)).await;
    assert_eq!(whose(NUMBER, Test::AtLeast(Value::Integer(10))).await, [10, 11, 12]);
    assert_eq!(whose(NUMBER, Test::Below(Value::Integer(3))).await, [1, 2]);
    assert_eq!(whose(RANK, Test::AtLeast(Value::Integer(3))).await, [3, 7, 11]);
    assert_eq!(whose(RANK, Test::Below(Value::Integer(2))).await, [1, 5, 9]);
}

pub(super) async fn what_is_among_several(store: Subject) {
    ranked(&store).await;
    let among = async |column, values| numbers(&store, &whose(&tickets(), column, Test::Among(values))).await;
    assert_eq!(among(NUMBER, integers(&[11, 2, 99, 2])).await, [2, 11]);
    assert_eq!(among(RANK, integers(&[1, 3])).await, [1, 3, 5, 7, 9, 11]);
    assert_eq!(among(RANK, Vec::new()).await, [0; 0]);
    assert_eq!(among(NUMBER, (1..=2_000).map(Value::Integer).collect()).await.len(), 12);
}

/// It equals itself, and is neither less nor more than anything.
pub(super) async fn nothing_is_like_nothing_only(store: Subject) {
    ranked(&store).await;
    let whose = async |test| numbers(&store, &whose(&tickets(), RANK, test)).await;
    assert_eq!(whose(Test::Equals(Value::Null)).await, [4, 8, 12]);
    assert_eq!(whose(Test::Among(vec![Value::Null, Value::Integer(3)])).await, [3, 4, 7, 8, 11, 12]);
    assert_eq!(whose(Test::Among(vec![Value::Null])).await, [4, 8, 12]);
    assert_eq!(whose(Test::AtLeast(Value::Integer(i64::MIN))).await.len(), 9);
    assert_eq!(whose(Test::Below(Value::Integer(i64::MAX))).await.len(), 9);
    assert_eq!(whose(Test::AtLeast(Value::Null)).await, [0; 0]);
    assert_eq!(whose(Test::Below(Value::Null)).await, [0; 0]);
}

pub(super) async fn all_conditions_hold(store: Subject) {
    ranked(&store).await;
    let condition = |column, test| Condition { column, test };
    let conditions = vec![
        condition(NUMBER, Test::AtLeast(Value::Integer(3))),
        condition(NUMBER, Test::Below(Value::Integer(12))),
        condition(TITLE, Test::Equals(text("a"))),
        condition(RANK, Test::Among(integers(&[1, 2]))),
    ];
    let query = Query { conditions, ..query(&tickets()) };
    assert_eq!(numbers(&store, &query).await, [5, 10]);
    let down = Query { order: Some(RANK), descending: true, ..query };
    assert_eq!(numbers(&store, &down).await, [10, 5]);
}

pub(super) async fn the_order_goes_by_a_column_and_then_by_the_key(store: Subject) {
    ranked(&store).await;
    let up = Query { order: Some(TITLE), ..query(&tickets()) };
    assert_eq!(numbers(&store, &up).await, [1, 2, 4, 5, 7, 8, 10, 11, 3, 6, 9, 12]);
    let down = Query { descending: true, ..up };
    assert_eq!(numbers(&store, &down).await, [12, 9, 6, 3, 11, 10, 8, 7, 5, 4, 2, 1]);
    let by_key = Query { order: Some(NUMBER), ..query(&tickets()) };
    assert_eq!(numbers(&store, &by_key).await, (1..=12).collect::<Vec<_>>());
}

pub(super) async fn nothing_comes_first(store: Subject) {
    ranked(&store).await;
    let up = Query { order: Some(RANK), ..query(&tickets()) };
    let expected = [4, 8, 12, 1, 5, 9, 2, 6, 10, 3, 7, 11];
    assert_eq!(numbers(&store, &up).await, expected);
    let down = Query { descending: true, ..up };
    assert_eq!(numbers(&store, &down).await, expected.into_iter().rev().collect::<Vec<_>>());
}

/// Whatever language the database is set to.
pub(super) async fn text_is_ordered_by_its_bytes(store: Subject) {
    let titles = ["", "A", "B", "Z", "_", "a", "a b", "ab", "b", "z", "ä", "é"];
    let rows = titles.iter().rev().zip(1..).map(|(title, number)| ticket(number, title, None));
    live(&store, &tickets(), rows.collect()).await;
    let found = find(&store, &Query { order: Some(TITLE), ..query(&tickets()) }).await;
    assert_eq!(found.iter().map(|row| row[TITLE].to_string()).collect::<Vec<_>>(), titles);
    let from_a = Query { order: Some(TITLE), ..whose(&tickets(), TITLE, Test::AtLeast(text("a"))) };
    assert_eq!(find(&store, &from_a).await.len(), 7);
    let below_a = Query { order: Some(TITLE), ..whose(&tickets(), TITLE, Test::Below(text("a"))) };
    assert_eq!(find(&store, &below_a).await.len(), 5);
}

pub(super) async fn a_limit_is_kept(store: Subject) {
    ranked(&store).await;
    for (limit, count) in [(0, 1), (1, 1), (5, 5), (12, 12), (13, 12), (usize::MAX, 12)] {
        let found = numbers(&store, &Query { limit, ..query(&tickets()) }).await;
        assert_eq!(found, (1..=count).collect::<Vec<_>>());
    }
}

pub(super) async fn pages_of_any_size_are_the_whole(store: Subject) {
    ranked(&store).await;
    for order in [None, Some(NUMBER), Some(TITLE), Some(RANK)] {
        for descending in [false, true] {
            let whole = Query { order, descending, ..query(&tickets()) };
            let rows = find(&store, &whole).await;
            assert_eq!(rows.len(), 12);
            for limit in [1, 2, 3, 5, 12, 50] {
                assert_eq!(pages(&store, &whole, limit).await, rows, "{order:?} {descending} {limit}");
            }
            let test = Test::Equals(text("a"));
            let some = Query { order, descending, ..whose(&tickets(), TITLE, test) };
            assert_eq!(pages(&store, &some, 3).await, find(&store, &some).await);
        }
    }
}

pub(super) async fn pages_of_a_key_of_several_columns(store: Subject) {
    let rank = TableColumn { nullable: true, ..column("rank", ColumnType::Integer) };
    let columns = vec![column("day", ColumnType::Integer), column("room", ColumnType::Text), rank];
    let bookings = table("bookings", columns, vec![1, 0]);
    let rows = (0..24).map(|n| {
        let rank = if n % 5 == 0 { Value::Null } else { Value::Integer(n % 3) };
        vec![Value::Integer(n % 6), text(["a", "b", "c", "d"][n as usize / 6]), rank]
    });
    live(&store, &bookings, rows.collect()).await;
    for order in [None, Some(0), Some(1), Some(2)] {
        for descending in [false, true] {
            let whole = Query { order, descending, ..query(&bookings) };
            let rows = find(&store, &whole).await;
            assert_eq!(rows.len(), 24);
            let places = rows.iter().map(|row| {
                let place = behind(&whole, row);
                (place.order, place.key)
            });
            let places: Vec<_> = places.collect();
            let mut sorted = places.clone();
            sorted.sort();
            if descending {
                sorted.reverse();
            }
            assert_eq!(places, sorted, "{order:?} {descending}");
            for limit in [1, 5, 7] {
                assert_eq!(pages(&store, &whole, limit).await, rows, "{order:?} {descending} {limit}");
            }
        }
    }
}

/// Rows come and go, and the row is gone behind which the next page begins; those that stay are seen once.
pub(super) async fn pages_stay_where_they_are_while_others_change(store: Subject) {
    for descending in [false, true] {
        for order in [None, Some(RANK)] {
            let stays = |number: i64| number % 2 == 1;
            let rows = (1..=20).map(|number| ticket(number, "", number / 4));
            let build = live(&store, &tickets(), rows.collect()).await;
            let mut query = Query { order, descending, limit: 3, ..query(&tickets()) };
            let mut seen = Vec::new();
            let mut more = 100;
            loop {
                let page = find(&store, &query).await;
                let Some(last) = page.last().cloned() else { break };
                query.after = Some(behind(&query, &last));
                let numbers = page.iter().map(|row| super::support::integer(&row[NUMBER]));
                let even: Vec<_> =
                    numbers.clone().filter(|number| *number < 100 && !stays(*number)).collect();
                seen.extend(numbers);
                // Those that were seen and go, and new ones at both ends.
                remove(&store, &tickets(), &build, even.into_iter().map(number).collect()).await;
                if more < 106 {
                    put(&store, &tickets(), &build, vec![ticket(-more, "", 0), ticket(more, "", 9)]).await;
                }
                more += 1;
            }
            let odd = seen.iter().copied().filter(|number| (1..=20).contains(number) && stays(*number));
            let mut odd: Vec<_> = odd.collect();
            odd.sort_unstable();
            assert_eq!(odd, (1..=20).filter(|number| stays(*number)).collect::<Vec<_>>(), "each once");
            let rest = all(&store, &tickets()).await;
            let keys = rest.iter().map(|row| tickets().key_of(row)).collect();
            remove(&store, &tickets(), &build, keys).await;
        }
    }
}

pub(super) async fn what_makes_no_sense_is_refused(store: Subject) {
    ranked(&store).await;
    let place = behind(&query(&tickets()), &ticket(1, "", None));
    let queries = [
        whose(&tickets(), 3, Test::Equals(Value::Null)),
        whose(&tickets(), TITLE, Test::Equals(Value::Integer(1))),
        whose(&tickets(), TITLE, Test::Equals(text("\0"))),
        whose(&tickets(), RANK, Test::Among(vec![text("1")])),
        Query { order: Some(3), ..query(&tickets()) },
        Query { order: Some(RANK), after: Some(place), ..query(&tickets()) },
    ];
    for query in queries {
        assert_eq!(kind(store.find(&query).await), StoreErrorKind::Invalid, "{query:?}");
    }
}
