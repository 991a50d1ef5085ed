//! The names of streams and the ids of events.

use super::support::{
    Subject, append, commit, conflict, distinct_ids, exact, read, read_after, read_all, stream, write,
};
use crate::store::{Commit, Expected, Filter, Position, StreamId};

/// Texts that are easily taken for one another, or for something else than text.
fn awkward() -> Vec<String> {
    let texts = [
        "",
        " ",
        "  ",
        "a",
        "A",
        "a ",
        " a",
        "a\t",
        "a\n",
        "a/b",
        "a-b",
        "a_b",
        "a%b",
        "a.b",
        "a:b",
        "a*",
        "a>",
        "..",
        "a\\b",
        "'",
        "\"",
        "`",
        "''",
        "a'b",
        "'; DROP TABLE events; --",
        "$1",
        "?1",
        ":a",
        "NULL",
        "null",
        "0",
        "00",
        "0.0",
        "1e1",
        "10",
        "-1",
        "true",
        "\u{0}",
        "a\u{0}",
        "a\u{0}b",
        "ä",
        "a\u{308}",
        "Ä",
        "ß",
        "ss",
        "İ",
        "i",
        "ﬁ",
        "fi",
        "語",
        "עברית",
        "😀",
        "\u{200b}",
        "\u{feff}",
        "\u{10ffff}",
    ];
    let mut texts: Vec<_> = texts.map(str::to_owned).to_vec();
    // Long ones that differ only at the end.
    texts.extend(["a", "b"].map(|end| "x".repeat(999) + end));
    texts
}

/// Each is a stream of its own: it can be begun, has its own version and gives back its own events.
async fn are_distinct(store: &Subject, streams: &[StreamId]) {
    for stream in streams {
        write(store, stream, Expected::NoStream, 1).await;
    }
    for stream in streams {
        assert_eq!(conflict(store, commit(stream, Expected::NoStream, 1)).await.0, *stream);
        write(store, stream, exact(1), 1).await;
        assert_eq!(read(store, stream).await.len(), 2, "{stream:?}");
    }
    let all = read_all(store).await;
    let expected = streams.iter().chain(streams);
    assert!(all.iter().map(|event| &event.stream).eq(expected), "streams come back as they were named");
}

pub(super) async fn any_text_names_a_stream(store: Subject) {
    let streams: Vec<_> = awkward().iter().map(stream).collect();
    are_distinct(&store, &streams).await;
}

pub(super) async fn any_text_names_a_category(store: Subject) {
    let streams: Vec<_> = awkward().into_iter().map(|category| StreamId::new(category, "1")).collect();
    are_distinct(&store, &streams).await;
    for stream in streams {
        let filter = Filter::category(stream.category().clone());
        let (events, _) = read_after(&store, &filter, Position::START, 10).await;
        assert!(events.len() == 2 && events.iter().all(|event| event.stream == stream), "{stream:?}");
    }
}

/// Also where the two printed one after the other are the same text.
pub(super) async fn category_and_id_are_kept_apart(store: Subject) {
    let pairs = [
        ("a", "1"),
        ("b", "1"),
        ("a/b", "c"),
        ("a", "b/c"),
        ("a-b", "c"),
        ("a", "b-c"),
        ("ab", "c"),
        ("a", "bc"),
    ];
    are_distinct(&store, &pairs.map(|(category, id)| StreamId::new(category, id))).await;
}

/// Counted over all appends, so that an event tells its commit.
pub(super) async fn event_ids_follow_from_the_commit(store: Subject) {
    let (a, b) = (stream("a"), stream("b"));
    for _ in 0..3 {
        let commit = Commit::new(vec![append(&b, Expected::Any, 2), append(&a, Expected::Any, 3)]);
        let answer = store.append(commit.clone()).await.unwrap();
        let mut index = 0;
        for (stream, appended) in [&b, &a].into_iter().zip(&answer.appends) {
            let events = read(&store, stream).await;
            for event in events.iter().filter(|event| event.version >= appended.first) {
                assert_eq!(event.id, commit.id.event(index));
                index += 1;
            }
        }
        assert_eq!(index, 5);
    }
    assert_eq!(distinct_ids(&read_all(&store).await).len(), 15);
}
