//! Dead letters: kept, listed, wished for, settled.

use std::collections::HashSet;

use chrono::DateTime;

use super::{super::support::stream, support::Subject};
use crate::{
    Position, Version,
    read::{Letter, Wish, Work},
    store::{CommitId, StreamId},
};

/// A letter, the same each time.
pub(super) fn letter(reader: &str, position: u128, id: &str) -> Letter {
    Letter {
        reader: reader.to_owned(),
        position: Position::new(position),
        stream: stream(id),
        version: Version::new(position as u64 % 1_000 + 1),
        event: CommitId::from_uuid(uuid::Uuid::from_u128(position << 16)).event(3),
        name: "Counted".into(),
        error: "the server says: \"no\"\nand so on 🦀".to_owned(),
        attempts: 5,
        at: DateTime::from_timestamp_micros(1_764_369_000_123_456).unwrap(),
        wish: Wish::Wait,
    }
}

/// Writes letters of a reader that moves on by one position.
pub(super) async fn write(store: &Subject, reader: &str, letters: Vec<Letter>, settled: &[u128]) {
    let after = store.position(reader).await.unwrap();
    let mut work = Work::new(reader, after, Position::new(after.get() + 1));
    work.letters = letters;
    work.settled = settled.iter().copied().map(Position::new).collect();
    store.write(work).await.unwrap();
}

async fn positions(store: &Subject, stream: Option<&StreamId>, after: u128, limit: usize) -> Vec<u128> {
    let letters = store.letters("mail", stream, Position::new(after), limit).await.unwrap();
    letters.iter().map(|letter| letter.position.get()).collect()
}

/// Letters at positions 1 to 9, of the streams `a`, `b` and `c` in turn.
async fn nine(store: &Subject) {
    let letters = (1..=9).rev().map(|position| letter("mail", position, stream_of(position)));
    write(store, "mail", letters.collect(), &[]).await;
}

fn stream_of(position: u128) -> &'static str {
    ["a", "b", "c"][(position as usize - 1) % 3]
}

pub(super) async fn they_come_back(store: Subject) {
    let mut last = Letter { attempts: u32::MAX, wish: Wish::Retry, ..letter("mail", 2, "Ä b/c\n") };
    last.version = Version::new(i64::MAX as u64);
    last.stream = StreamId::new("an other", "a\0b");
    let given = [letter("mail", 1, "a"), last];
    write(&store, "mail", given.to_vec(), &[]).await;
    assert_eq!(store.letters("mail", None, Position::START, 10).await.unwrap(), given);
    assert_eq!(store.count_letters("mail").await.unwrap(), 2);
}

pub(super) async fn they_are_in_the_order_of_their_positions(store: Subject) {
    nine(&store).await;
    assert_eq!(positions(&store, None, 0, 100).await, (1..=9).collect::<Vec<_>>());
    assert_eq!(positions(&store, None, 0, 4).await, [1, 2, 3, 4]);
    assert_eq!(positions(&store, None, 4, 4).await, [5, 6, 7, 8]);
    assert_eq!(positions(&store, None, 8, 4).await, [9]);
    assert_eq!(positions(&store, None, 9, 4).await, [0; 0]);
    assert_eq!(positions(&store, None, u128::MAX, 4).await, [0; 0]);
}

pub(super) async fn of_one_stream(store: Subject) {
    nine(&store).await;
    assert_eq!(positions(&store, Some(&stream("b")), 0, 100).await, [2, 5, 8]);
    assert_eq!(positions(&store, Some(&stream("b")), 2, 1).await, [5]);
    assert_eq!(positions(&store, Some(&stream("B")), 0, 100).await, [0; 0]);
    assert_eq!(positions(&store, Some(&StreamId::new("other", "b")), 0, 100).await, [0; 0]);
}

/// It was tried once more.
pub(super) async fn the_next_one_takes_its_place(store: Subject) {
    nine(&store).await;
    let again = Letter { attempts: 6, error: "another error".to_owned(), ..letter("mail", 4, "a") };
    store.wish("mail", Position::new(4), Wish::Retry).await.unwrap();
    write(&store, "mail", vec![again.clone()], &[]).await;
    assert_eq!(store.letters("mail", None, Position::new(3), 1).await.unwrap(), [again]);
    assert_eq!(store.count_letters("mail").await.unwrap(), 9);
    assert_eq!(store.wished("mail", 10).await.unwrap(), []);
}

pub(super) async fn what_is_settled_goes(store: Subject) {
    nine(&store).await;
    write(&store, "mail", Vec::new(), &[1, 4, 9, 20]).await;
    assert_eq!(positions(&store, None, 0, 100).await, [2, 3, 5, 6, 7, 8]);
    assert_eq!(store.count_letters("mail").await.unwrap(), 6);
    // Where it stands, too.
    let after = store.position("mail").await.unwrap();
    let mut work = Work::new("mail", after, after);
    work.settled = [2, 3, 5, 6, 7, 8].map(Position::new).to_vec();
    store.write(work).await.unwrap();
    assert_eq!(store.position("mail").await.unwrap(), after);
    assert_eq!(store.count_letters("mail").await.unwrap(), 0);
    assert_eq!(store.blocked("mail", &[stream("a")]).await.unwrap(), []);
}

pub(super) async fn wishes_are_kept(store: Subject) {
    nine(&store).await;
    for wish in [Wish::Retry, Wish::Skip, Wish::Wait] {
        assert!(store.wish("mail", Position::new(5), wish).await.unwrap());
        let letters = store.letters("mail", None, Position::START, 100).await.unwrap();
        for letter in letters {
            assert_eq!(letter.wish, if letter.position == Position::new(5) { wish } else { Wish::Wait });
        }
    }
    assert!(!store.wish("mail", Position::new(10), Wish::Retry).await.unwrap());
    assert!(!store.wish("other", Position::new(5), Wish::Retry).await.unwrap());
    assert_eq!(store.count_letters("other").await.unwrap(), 0);
}

pub(super) async fn wished_streams_are_told(store: Subject) {
    nine(&store).await;
    assert_eq!(store.wished("mail", 10).await.unwrap(), []);
    for (position, wish) in [(5, Wish::Skip), (8, Wish::Retry), (1, Wish::Retry), (3, Wish::Wait)] {
        store.wish("mail", Position::new(position), wish).await.unwrap();
    }
    let wished = store.wished("mail", 10).await.unwrap();
    let distinct: HashSet<_> = wished.iter().cloned().collect();
    assert_eq!((wished.len(), distinct), (2, HashSet::from([stream("a"), stream("b")])));
    let one = store.wished("mail", 1).await.unwrap();
    assert!(one.len() == 1 && wished.contains(&one[0]));
    store.wish("mail", Position::new(1), Wish::Wait).await.unwrap();
    assert_eq!(store.wished("mail", 10).await.unwrap(), [stream("b")]);
    assert_eq!(store.wished("other", 10).await.unwrap(), []);
}

pub(super) async fn streams_with_letters_are_blocked(store: Subject) {
    let others = vec![letter("mail", 1, "a"), letter("mail", 3, "a"), letter("mail", 2, "b")];
    write(&store, "mail", others, &[]).await;
    let asked = ["c", "b", "a", "A", "d"].map(stream);
    let blocked = store.blocked("mail", &asked).await.unwrap();
    assert_eq!(blocked.len(), 2);
    assert_eq!(blocked.into_iter().collect::<HashSet<_>>(), HashSet::from([stream("a"), stream("b")]));
    assert_eq!(store.blocked("mail", &[StreamId::new("other", "a")]).await.unwrap(), []);
    assert_eq!(store.blocked("other", &asked).await.unwrap(), []);
    assert_eq!(store.blocked("mail", &[]).await.unwrap(), []);
    write(&store, "mail", Vec::new(), &[1]).await;
    assert_eq!(store.blocked("mail", &asked[2..]).await.unwrap(), [stream("a")], "there is one more");
    let many: Vec<_> = (0..1_500).map(|number| stream(number.to_string())).chain([stream("b")]).collect();
    assert_eq!(store.blocked("mail", &many).await.unwrap(), [stream("b")]);
}

pub(super) async fn readers_have_their_own(store: Subject) {
    for (reader, id) in [("mail", "a"), ("post", "b")] {
        write(&store, reader, vec![letter(reader, 1, id), letter(reader, 2, id)], &[]).await;
    }
    store.wish("mail", Position::new(1), Wish::Retry).await.unwrap();
    write(&store, "mail", Vec::new(), &[2]).await;
    assert_eq!(store.letters("mail", None, Position::START, 10).await.unwrap().len(), 1);
    let post = store.letters("post", None, Position::START, 10).await.unwrap();
    assert_eq!(post, [letter("post", 1, "b"), letter("post", 2, "b")]);
    assert_eq!(store.wished("post", 10).await.unwrap(), []);
    assert_eq!(store.blocked("post", &[stream("a"), stream("b")]).await.unwrap(), [stream("b")]);
}

/// A reader that failed must not fail once more because of what the failure says.
pub(super) async fn any_text_is_an_error(store: Subject) {
    let errors = ["", "a\0b", "%s '; --", &"long ".repeat(20_000)];
    for (index, error) in errors.iter().enumerate() {
        let mut letter = letter("mail", 1 + index as u128, "a");
        letter.error = (*error).to_owned();
        write(&store, "mail", vec![letter], &[]).await;
    }
    let letters = store.letters("mail", None, Position::START, 10).await.unwrap();
    for (letter, error) in letters.iter().zip(errors) {
        let same = letter.error == error;
        let nearly = letter.error.starts_with('a') && letter.error.ends_with('b');
        assert!(same || (error.contains('\0') && nearly), "{:?}", letter.error);
    }
    assert_eq!(letters.len(), errors.len());
}

pub(super) async fn thousands_of_them(store: Subject) {
    const MANY: u128 = 3_000;
    let letters = (1..=MANY).map(|position| letter("mail", position, &(position % 100).to_string()));
    write(&store, "mail", letters.collect(), &[]).await;
    assert_eq!(store.count_letters("mail").await.unwrap(), MANY as u64);
    let (mut after, mut count) = (Position::START, 0);
    loop {
        let page = store.letters("mail", None, after, 700).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 700);
        (after, count) = (last.position, count + page.len());
    }
    assert_eq!(count, MANY as usize);
    let settled: Vec<_> = (1..=MANY).filter(|position| position % 100 != 7).collect();
    write(&store, "mail", Vec::new(), &settled).await;
    assert_eq!(store.count_letters("mail").await.unwrap(), 30);
    assert_eq!(positions(&store, Some(&stream("7")), 0, 2).await, [7, 107]);
}
