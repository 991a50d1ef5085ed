//! Reading some categories.

use super::support::{PAGE, Subject, append, read_after, read_all};
use crate::store::{Commit, Expected, Filter, Name, Position, RecordedEvent, StreamId};

fn categories(names: &[&str]) -> Filter {
    Filter::Categories(names.iter().map(|name| Name::from(*name)).collect())
}

/// 60 events, in turn of three categories, and now and then a commit over two of them.
async fn filled(store: &Subject) -> Vec<RecordedEvent> {
    for number in 0..20 {
        let category = ["user", "ticket", "invoice"][number % 3];
        let mut appends = vec![append(&StreamId::new(category, format!("{}", number % 2)), Expected::Any, 2)];
        let other = if number % 4 == 0 { "ticket" } else { "invoice" };
        appends.push(append(&StreamId::new(other, "shared"), Expected::Any, 1));
        store.append(Commit::new(appends)).await.unwrap();
    }
    read_all(store).await
}

/// What is read with the filter is what of the whole matches it.
async fn reads_what_matches(store: &Subject, filter: &Filter, count: usize) {
    let matching: Vec<_> =
        filled(store).await.into_iter().filter(|event| filter.matches(event.stream.category())).collect();
    assert_eq!(matching.len(), count);
    let (events, last) = read_after(store, filter, Position::START, 4).await;
    assert_eq!(events, matching);
    assert_eq!(last, store.head().await.unwrap());
}

pub(super) async fn one_category(store: Subject) {
    reads_what_matches(&store, &Filter::category("user"), 14).await;
}

pub(super) async fn several_categories(store: Subject) {
    // Naming one twice changes nothing.
    reads_what_matches(&store, &categories(&["ticket", "user", "ticket"]), 33).await;
}

pub(super) async fn a_category_that_is_not_there(store: Subject) {
    reads_what_matches(&store, &Filter::category("order"), 0).await;
}

pub(super) async fn no_category_at_all(store: Subject) {
    reads_what_matches(&store, &categories(&[]), 0).await;
}

pub(super) async fn pages_of_any_size_are_the_whole(store: Subject) {
    filled(&store).await;
    for filter in [Filter::category("invoice"), categories(&["user", "invoice"]), Filter::category("order")] {
        let (whole, _) = read_after(&store, &filter, Position::START, PAGE).await;
        for limit in [0, 1, 2, 5, 13, 59, 60, 61] {
            let (events, _) = read_after(&store, &filter, Position::START, limit).await;
            assert_eq!(events, whole, "{filter:?} in pages of {limit}");
        }
        for event in &whole {
            let (rest, _) = read_after(&store, &filter, event.position, 3).await;
            assert!(rest.iter().eq(whole.iter().filter(|other| other.position > event.position)));
        }
    }
}

pub(super) async fn similar_categories_are_others(store: Subject) {
    let similar = ["order", "Order", "orders", "order_line", "order ", " order", "o%", "o_der", "ör", ""];
    for category in similar {
        let commit = Commit::new(vec![append(&StreamId::new(category, "1"), Expected::NoStream, 1)]);
        store.append(commit).await.unwrap();
    }
    for category in similar {
        let (events, _) = read_after(&store, &Filter::category(category), Position::START, 3).await;
        assert_eq!(events.len(), 1, "{category:?}");
    }
}

/// A reader of what never comes does not look through the same events again and again.
pub(super) async fn what_does_not_match_is_passed(store: Subject) {
    filled(&store).await;
    let filter = Filter::category("order");
    let (_, last) = read_after(&store, &filter, Position::START, 7).await;
    assert_eq!(last, store.head().await.unwrap());
    let page = store.read_all(&filter, last, 7).await.unwrap();
    assert!(page.events.is_empty() && page.end);
    assert_eq!(page.last, last);
}
