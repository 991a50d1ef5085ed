//! What has happened, read again.

use std::{ops::ControlFlow, sync::Arc};

use factum::{Position, Repository, Span, replay, store::Filter};

use crate::{
    domain::{Account, fill},
    on_each,
};

#[tokio::test]
async fn any_part_of_what_has_happened_can_be_replayed() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        fill(&Repository::<Account>::new(Arc::clone(&store)), 300, 2).await;
        let mut all = Vec::new();
        let mut go = async |filter: Filter, span: Span, most: usize| {
            all.clear();
            let done = replay(&*store, &filter, span, |event| {
                all.push(event);
                if all.len() == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .await
            .unwrap();
            assert_eq!(done.events as usize, all.len());
            (done, all.clone())
        };
        let (done, whole) = go(Filter::All, Span::all(), usize::MAX).await;
        assert_eq!((whole.len(), done.position), (900, store.head().await.unwrap()));
        assert!(whole.is_sorted_by_key(|event| event.position));
        let (from, to) = (whole[599].position, whole[799].position);
        let (done, part) = go(Filter::All, Span::all().after(from).upto(to), usize::MAX).await;
        assert_eq!((part.as_slice(), done.position), (&whole[600..800], to));
        let (since, before) = (whole[300].at, whole[700].at);
        let (_, part) = go(Filter::All, Span::all().since(since).before(before), usize::MAX).await;
        let between = whole.iter().filter(|event| event.at >= since && event.at < before);
        assert!(part.iter().eq(between) && part.len() < 900);
        // One that has had enough is told where to go on.
        let (done, part) = go(Filter::All, Span::all(), 700).await;
        assert_eq!((part.as_slice(), done.position), (&whole[..700], whole[699].position));
        let (_, rest) = go(Filter::All, Span::all().after(done.position), usize::MAX).await;
        assert_eq!(rest, whole[700..]);
        let (done, nothing) = go(Filter::category("else"), Span::all(), usize::MAX).await;
        assert_eq!((nothing.len(), done.position), (0, store.head().await.unwrap()));
        let (done, nothing) = go(Filter::All, Span::all().upto(Position::START), usize::MAX).await;
        assert_eq!((nothing.len(), done.position), (0, Position::START));
    })
    .await;
}
