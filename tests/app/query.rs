//! Questions to views.

use factum::{Consistency, Position};

use crate::{
    app,
    domain::{Account, Balance, open, pay},
    on_each,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_found_by_columns_in_pages() {
    on_each(|house| async move {
        let store = house.open().await.unwrap();
        let app = app(&store).view::<Balance>(Consistency::Transactional).start().await.unwrap();
        let accounts = app.repository::<Account>();
        for number in 1..=30 {
            accounts.execute(&number, open(["ann", "ben", "eve"][number as usize % 3])).await.unwrap();
            accounts.execute(&number, pay(number as i64 % 7)).await.unwrap();
        }
        let view = app.view::<Balance>();
        let anns = view.find(Balance::OWNER.eq("ann".to_owned())).await.unwrap();
        assert_eq!(
            anns.rows.iter().map(|row| row.number).collect::<Vec<_>>(),
            (1..=10).map(|n| 3 * n).collect::<Vec<_>>()
        );
        assert_eq!(anns.next, None);
        let rich =
            view.find(Balance::OWNER.eq("ann".to_owned())).and(Balance::BALANCE.at_least(5)).await.unwrap();
        assert_eq!(rich.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [6, 12, 27]);

        for order in [Balance::BALANCE.ascending(), Balance::BALANCE.descending()] {
            let whole = view.all().order(order).await.unwrap().rows;
            assert!(whole.is_sorted_by_key(|row| (row.balance, row.number)) != order.is_descending());
            for limit in [1, 4, 30, 31] {
                let (mut paged, mut place, mut pages) = (Vec::new(), None, 0);
                loop {
                    let mut find = view.all().order(order).limit(limit);
                    if let Some(place) = place {
                        find = find.after(place);
                    }
                    let page = find.await.unwrap();
                    assert!(page.rows.len() <= limit);
                    paged.extend(page.rows);
                    pages += 1;
                    place = page.next;
                    if place.is_none() {
                        break;
                    }
                }
                assert_eq!(paged, whole);
                assert_eq!(pages, 30_usize.div_ceil(limit));
            }
        }
        assert_eq!(view.all().limit(0).await.unwrap().rows.len(), 1);
        let many: Vec<u64> = (1..=2_000).rev().collect();
        let found = view.get_many(&many).await.unwrap();
        assert_eq!(
            found.iter().flatten().map(|row| row.number).collect::<Vec<_>>(),
            (1..=30).rev().collect::<Vec<_>>()
        );
        assert_eq!((found.len(), found[1_970].as_ref().map(|row| row.number)), (2_000, Some(30)));
        // A transactional view has always come far enough.
        assert!(view.after_position(Position::new(u128::MAX)).get(&1).await.unwrap().is_some());
        app.shutdown().await;
    })
    .await;
}
