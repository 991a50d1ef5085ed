//! Reading the whole store.

use super::support::{PAGE, Subject, read_after, read_all, stream, write};
use crate::store::{Expected, Filter, Position};

/// 24 events in 12 commits to 4 streams.
async fn filled(store: &Subject) {
    for number in 0..12 {
        write(store, &stream(format!("{}", number % 4)), Expected::Any, number % 3 + 1).await;
    }
}

pub(super) async fn an_empty_store_has_an_end(store: Subject) {
    let page = store.read_all(&Filter::All, Position::START, 10).await.unwrap();
    assert!(page.events.is_empty() && page.end);
    assert_eq!(page.last, Position::START);
}

pub(super) async fn no_limit_is_exceeded(store: Subject) {
    filled(&store).await;
    for limit in 0..30 {
        let page = store.read_all(&Filter::All, Position::START, limit).await.unwrap();
        assert!(page.events.len() <= limit.max(1), "limit {limit}: {}", page.events.len());
    }
    // A limit that no vector could be made for.
    assert_eq!(read_after(&store, &Filter::All, Position::START, usize::MAX).await.0.len(), 24);
}

pub(super) async fn reading_goes_on_after_any_event(store: Subject) {
    filled(&store).await;
    let whole = read_all(&store).await;
    assert_eq!(whole.len(), 24);
    for (index, event) in whole.iter().enumerate() {
        let (rest, last) = read_after(&store, &Filter::All, event.position, 5).await;
        assert_eq!(rest, whole[index + 1..]);
        assert_eq!(last, whole[23].position);
    }
}

pub(super) async fn pages_of_any_size_are_the_whole(store: Subject) {
    filled(&store).await;
    let whole = read_all(&store).await;
    for limit in [0, 1, 2, 3, 7, 23, 24, 25] {
        let (events, last) = read_after(&store, &Filter::All, Position::START, limit).await;
        assert_eq!(events, whole, "pages of {limit}");
        assert_eq!(last, store.head().await.unwrap());
    }
}

pub(super) async fn after_the_end_is_nothing(store: Subject) {
    filled(&store).await;
    let head = store.head().await.unwrap();
    let page = store.read_all(&Filter::All, head, 10).await.unwrap();
    assert!(page.events.is_empty() && page.end);
    assert_eq!(page.last, head);
}

pub(super) async fn what_is_appended_later_is_read_later(store: Subject) {
    filled(&store).await;
    let (mut events, last) = read_after(&store, &Filter::All, Position::START, 5).await;
    filled(&store).await;
    let (later, _) = read_after(&store, &Filter::All, last, 5).await;
    assert_eq!(later.len(), 24);
    events.extend(later);
    assert_eq!(events, read_after(&store, &Filter::All, Position::START, PAGE).await.0);
}
