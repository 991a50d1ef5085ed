//! Unique values: no two streams hold one at the same time, and none is lost.
//!
//! A store that knows no claims refuses them, which the theme `refusal` tries; here it passes.

use super::support::{
    Subject, append, commit, conflict, exact, only, read, read_all, refused, stream, together, write,
};
use crate::store::{
    Append, AppendError, Capability, Claim, ClaimChange, ClaimValue, Commit, Committed, Constraint, Expected,
    Name, Standing, StoreErrorKind, StreamId,
};

pub(super) const NAME: Name = Name::from_static("contract.name");
const NUMBER: Name = Name::from_static("contract.number");

pub(super) fn constraint(name: &Name) -> Constraint {
    Constraint { category: Name::from_static("contract"), name: name.clone() }
}

pub(super) fn supports(store: &Subject) -> bool {
    store.capabilities().supports(Capability::Claims)
}

/// Puts the constraints on record and in force. Whether the store knows claims at all.
pub(super) async fn constrained(store: &Subject, names: &[Name]) -> bool {
    if !supports(store) {
        return false;
    }
    for name in names {
        for standing in [Standing::Building, Standing::InForce] {
            store.constrain(&constraint(name), Some(standing)).await.unwrap();
        }
    }
    true
}

pub(super) fn claim(constraint: &Name, value: impl AsRef<str>, owner: &StreamId) -> Claim {
    let value = ClaimValue::new(constraint, [value]);
    Claim { constraint: constraint.clone(), value, owner: owner.clone() }
}

pub(super) fn take(value: impl AsRef<str>, owner: &StreamId) -> ClaimChange {
    ClaimChange::Take(claim(&NAME, value, owner))
}

fn release(value: impl AsRef<str>, owner: &StreamId) -> ClaimChange {
    ClaimChange::Release(claim(&NAME, value, owner))
}

/// A commit of a writer that knows both constraints.
pub(super) fn with(appends: Vec<Append>, claims: Vec<ClaimChange>) -> Commit {
    let mut commit = Commit::new(appends);
    commit.claims = claims;
    commit.constraints = vec![NAME, NUMBER];
    commit
}

/// One event more, and these claims.
pub(super) fn one(stream: &StreamId, expected: Expected, claims: Vec<ClaimChange>) -> Commit {
    with(vec![append(stream, expected, 1)], claims)
}

/// Gives a commit that wants what another stream holds. What it wants, and who holds it.
pub(super) async fn taken(store: &Subject, commit: Commit) -> (Claim, StreamId) {
    match store.append(commit).await {
        Err(AppendError::Taken { claim, by }) => (claim, by),
        other => panic!("expected the value to be taken, got {other:?}"),
    }
}

async fn recorded(store: &Subject, commit: Commit) -> Committed {
    store.append(commit).await.unwrap()
}

pub(super) async fn a_value_is_held_by_one(store: Subject) {
    if !constrained(&store, &[NAME]).await {
        return;
    }
    let (a, b) = (stream("a"), stream("b"));
    recorded(&store, one(&a, Expected::NoStream, vec![take("x", &a)])).await;
    let before = read_all(&store).await;
    let (wanted, by) = taken(&store, one(&b, Expected::NoStream, vec![take("x", &b)])).await;
    assert_eq!((wanted, by), (claim(&NAME, "x", &b), a));
    assert_eq!(read_all(&store).await, before, "nothing was recorded");
    recorded(&store, one(&b, Expected::NoStream, vec![take("y", &b)])).await;
}

pub(super) async fn the_one_who_holds_it_may_take_it_again(store: Subject) {
    if !constrained(&store, &[NAME]).await {
        return;
    }
    let a = stream("a");
    recorded(&store, one(&a, Expected::NoStream, vec![take("x", &a)])).await;
    recorded(&store, one(&a, exact(1), vec![take("x", &a)])).await;
    assert_eq!(read(&store, &a).await.len(), 2);
}

pub(super) async fn what_is_released_is_free(store: Subject) {
    if !constrained(&store, &[NAME]).await {
        return;
    }
    let (a, b) = (stream("a"), stream("b"));
    recorded(&store, one(&a, Expected::NoStream, vec![take("x", &a)])).await;
    recorded(&store, one(&a, exact(1), vec![release("x", &a)])).await;
    recorded(&store, one(&b, Expected::NoStream, vec![take("x", &b)])).await;
    assert_eq!(taken(&store, one(&a, exact(2), vec![take("x", &a)])).await.1, b);
    // And again, as often as one likes.
    for round in 0..3 {
        let ([from, to], version) = if round % 2 == 0 { ([&b, &a], round) } else { ([&a, &b], round) };
        recorded(&store, one(from, Expected::Any, vec![release("x", from)])).await;
        recorded(&store, one(to, Expected::Any, vec![take("x", to)])).await;
        assert_eq!(&taken(&store, one(from, Expected::Any, vec![take("x", from)])).await.1, to, "{version}");
    }
}

pub(super) async fn only_its_holder_releases_it(store: Subject) {
    if !constrained(&store, &[NAME]).await {
        return;
    }
    let (a, b) = (stream("a"), stream("b"));
    recorded(&store, one(&a, Expected::NoStream, vec![take("x", &a)])).await;
    recorded(&store, one(&b, Expected::NoStream, vec![release("x", &b), release("nobody's", &b)])).await;
    assert_eq!(taken(&store, one(&b, exact(1), vec![take("x", &b)])).await.1, a);
}

pub(super) async fn one_commit_moves_on_to_another_value(store: Subject) {
    if !constrained(&store, &[NAME]).await {
        return;
    }
    let (a, b, c) = (stream("a"), stream("b"), stream("c"));
    recorded(&store, one(&a, Expected::NoStream, vec![take("x", &a)])).await;
    recorded(&store, one(&a, exact(1), vec![release("x", &a), take("y", &a)])).await;
    assert_eq!(taken(&store, one(&b, Expected::NoStream, vec![take("y", &b)])).await.1, a);
    recorded(&store, one(&c, Expected::NoStream, vec![take("x", &c)])).await;
}

/// What cannot take the new value keeps the old one.
pub(super) async fn who_cannot_move_on_keeps_what_it_has(store: Subject) {
    if !constrained(&store, &[NAME]).await {
        return;
    }
    let (a, b) = (stream("a"), stream("b"));
    recorded(&store, one(&a, Expected::NoStream, vec![take("x", &a)])).await;
    recorded(&store, one(&b, Expected::NoStream, vec![take("y", &b)])).await;
    let before = read_all(&store).await;
    assert_eq!(taken(&store, one(&a, exact(1), vec![release("x", &a), take("y", &a)])).await.1, b);
    assert_eq!(read_all(&store).await, before);
    assert_eq!(taken(&store, one(&b, exact(1), vec![take("x", &b)])).await.1, a);
}

pub(super) async fn two_streams_change_places_in_one_commit(store: Subject) {
    if !constrained(&store, &[NAME]).await {
        return;
    }
    let (a, b) = (stream("a"), stream("b"));
    recorded(&store, one(&a, Expected::NoStream, vec![take("x", &a)])).await;
    recorded(&store, one(&b, Expected::NoStream, vec![take("y", &b)])).await;
    // In whichever order they are named.
    let claims = vec![take("y", &a), release("x", &a), take("x", &b), release("y", &b)];
    recorded(&store, with(vec![append(&a, exact(1), 1), append(&b, exact(1), 1)], claims)).await;
    assert_eq!(taken(&store, one(&a, exact(2), vec![take("x", &a)])).await.1, b);
    assert_eq!(taken(&store, one(&b, exact(2), vec![take("y", &b)])).await.1, a);
}

pub(super) async fn a_conflict_takes_and_releases_nothing(store: Subject) {
    if !constrained(&store, &[NAME]).await {
        return;
    }
    let (a, b) = (stream("a"), stream("b"));
    recorded(&store, one(&a, Expected::NoStream, vec![take("x", &a)])).await;
    conflict(&store, one(&a, exact(7), vec![release("x", &a), take("y", &a)])).await;
    assert_eq!(taken(&store, one(&b, Expected::NoStream, vec![take("x", &b)])).await.1, a);
    recorded(&store, one(&b, Expected::NoStream, vec![take("y", &b)])).await;
}

pub(super) async fn constraints_are_kept_apart(store: Subject) {
    if !constrained(&store, &[NAME, NUMBER]).await {
        return;
    }
    let (a, b) = (stream("a"), stream("b"));
    recorded(&store, one(&a, Expected::NoStream, vec![take("1", &a)])).await;
    let number = |owner| ClaimChange::Take(claim(&NUMBER, "1", owner));
    recorded(&store, one(&b, Expected::NoStream, vec![number(&b), take("2", &b)])).await;
    assert_eq!(taken(&store, one(&a, exact(1), vec![number(&a)])).await.1, b);
}

/// A retry is recognised before its claims are looked at, which it holds itself by then.
pub(super) async fn they_take_effect_once(store: Subject) {
    if !constrained(&store, &[NAME]).await {
        return;
    }
    let (a, b) = (stream("a"), stream("b"));
    for expected in [Expected::NoStream, Expected::Any] {
        let first = one(&a, expected, vec![take("x", &a)]);
        let told = only(recorded(&store, first.clone()).await);
        recorded(&store, one(&a, Expected::Any, vec![release("x", &a)])).await;
        recorded(&store, one(&b, Expected::Any, vec![take("x", &b)])).await;
        let again = only(recorded(&store, first).await);
        assert_eq!((again.first, again.positions), (told.first, told.positions));
        assert_eq!(taken(&store, one(&a, Expected::Any, vec![take("x", &a)])).await.1, b);
        recorded(&store, one(&b, Expected::Any, vec![release("x", &b)])).await;
    }
}

/// Many want the same values at the same time, in commits that may share a transaction: each value goes to one of them,
/// and whoever wants what nobody else wants gets it.
pub(super) async fn of_many_who_want_it_one_gets_it(store: Subject) {
    race(&[store]).await;
}

/// The writers go by turns to these handles on one store.
pub(super) async fn race(stores: &[Subject]) {
    let store = &stores[0];
    const WRITERS: usize = 32;
    const VALUES: usize = 6;
    if !constrained(store, &[NAME]).await {
        return;
    }
    let outcomes = together(WRITERS, |writer| {
        let store = stores[writer % stores.len()].clone();
        async move {
            let mut won = Vec::new();
            for value in 0..VALUES {
                let me = stream(format!("{writer}/{value}"));
                match store.append(one(&me, Expected::NoStream, vec![take(format!("{value}"), &me)])).await {
                    Ok(_) => won.push(value),
                    Err(AppendError::Taken { by, .. }) => {
                        assert!(by != me && by.id().ends_with(&format!("/{value}")), "{by}");
                    }
                    Err(error) => panic!("{error}"),
                }
                let own = stream(format!("{writer}/{value}/own"));
                recorded(&store, one(&own, Expected::NoStream, vec![take(own.id(), &own)])).await;
            }
            won
        }
    })
    .await;
    let mut won: Vec<_> = outcomes.into_iter().flatten().collect();
    won.sort_unstable();
    assert_eq!(won, (0..VALUES).collect::<Vec<_>>());
    assert_eq!(read_all(store).await.len(), VALUES + WRITERS * VALUES);
}

/// Values go round between streams without a pause: each is always held by one of them.
pub(super) async fn values_that_go_round_are_never_held_twice(store: Subject) {
    const STREAMS: usize = 8;
    const ROUNDS: usize = 12;
    if !constrained(&store, &[NAME]).await {
        return;
    }
    let held = together(STREAMS, |number| {
        let store = store.clone();
        async move {
            let me = stream(format!("{number}"));
            let mut held: Option<usize> = None;
            for round in 0..ROUNDS {
                let wanted = (number * 3 + round) % (STREAMS / 2);
                let mut claims = vec![take(format!("{wanted}"), &me)];
                claims
                    .extend(held.filter(|held| *held != wanted).map(|held| release(format!("{held}"), &me)));
                match store.append(one(&me, Expected::Any, claims)).await {
                    Ok(_) => held = Some(wanted),
                    Err(AppendError::Taken { by, .. }) => assert_ne!(by, me),
                    Err(error) => panic!("{error}"),
                }
            }
            held
        }
    })
    .await;
    let mut all: Vec<_> = held.iter().flatten().collect();
    all.sort_unstable();
    let count = all.len();
    all.dedup();
    assert_eq!(all.len(), count, "a value is held twice: {held:?}");
    // What nobody holds is free.
    for value in 0..STREAMS / 2 {
        let other = stream(format!("other {value}"));
        let outcome =
            store.append(one(&other, Expected::NoStream, vec![take(format!("{value}"), &other)])).await;
        assert_eq!(outcome.is_err(), held.contains(&Some(value)));
    }
}

pub(super) async fn a_writer_that_does_not_know_a_constraint_is_refused(store: Subject) {
    if !constrained(&store, &[NAME]).await {
        return;
    }
    let (a, other) = (stream("a"), StreamId::new("other", "a"));
    write(&store, &other, Expected::NoStream, 1).await;
    let error = refused(&store, commit(&a, Expected::NoStream, 1)).await;
    assert_eq!(error.kind(), StoreErrorKind::Constrained);
    assert!(error.to_string().contains(NAME.as_str()), "{error}");
    // Wherever in the commit the stream is.
    let several = vec![append(&other, exact(1), 1), append(&a, Expected::NoStream, 1)];
    assert_eq!(refused(&store, Commit::new(several)).await.kind(), StoreErrorKind::Constrained);
    assert_eq!(read_all(&store).await.len(), 1);
    // Who knows it need not use it.
    recorded(&store, one(&a, Expected::NoStream, Vec::new())).await;
    write(&store, &other, exact(1), 1).await;
}

pub(super) async fn what_is_not_in_force_takes_nothing(store: Subject) {
    if !constrained(&store, &[]).await {
        return;
    }
    let a = stream("a");
    let wants = || one(&a, Expected::NoStream, vec![take("x", &a)]);
    assert_eq!(refused(&store, wants()).await.kind(), StoreErrorKind::Constrained);
    assert!(store.constrain(&constraint(&NAME), Some(Standing::InForce)).await.is_err());
    store.constrain(&constraint(&NAME), Some(Standing::Building)).await.unwrap();
    assert_eq!(refused(&store, wants()).await.kind(), StoreErrorKind::Constrained);
    assert_eq!(
        refused(&store, one(&a, Expected::NoStream, vec![release("x", &a)])).await.kind(),
        StoreErrorKind::Constrained
    );
    recorded(&store, one(&a, Expected::NoStream, Vec::new())).await;
    store.constrain(&constraint(&NAME), Some(Standing::InForce)).await.unwrap();
    recorded(&store, one(&a, exact(1), vec![take("x", &a)])).await;
}

pub(super) async fn what_is_on_record_is_told(store: Subject) {
    if !constrained(&store, &[NAME]).await {
        return;
    }
    let category = Name::from("contract");
    assert_eq!(store.constraints(&category).await.unwrap(), [(NAME, Standing::InForce)]);
    assert!(store.constraints(&Name::from("other")).await.unwrap().is_empty());
    store.constrain(&constraint(&NUMBER), Some(Standing::Building)).await.unwrap();
    // What is in force stays so.
    store.constrain(&constraint(&NAME), Some(Standing::Building)).await.unwrap();
    let mut told = store.constraints(&category).await.unwrap();
    told.sort_by(|one, other| one.0.as_str().cmp(other.0.as_str()));
    assert_eq!(told, [(NAME, Standing::InForce), (NUMBER, Standing::Building)]);
}

pub(super) async fn what_is_held_already_is_collected(store: Subject) {
    if !constrained(&store, &[]).await {
        return;
    }
    let (a, b, c) = (stream("a"), stream("b"), stream("c"));
    for stream in [&a, &b, &c] {
        write(&store, stream, Expected::NoStream, 1).await;
    }
    let claims = [claim(&NAME, "x", &a), claim(&NAME, "y", &b), claim(&NAME, "x", &c)];
    assert_eq!(store.claim(&claims).await.unwrap_err().kind(), StoreErrorKind::Constrained);
    store.constrain(&constraint(&NAME), Some(Standing::Building)).await.unwrap();
    for _ in 0..2 {
        // Who begins again finds what was collected before.
        assert_eq!(store.claim(&claims).await.unwrap(), [a.clone(), b.clone(), a.clone()]);
    }
    assert!(store.claim(&[]).await.unwrap().is_empty());
    store.constrain(&constraint(&NAME), Some(Standing::InForce)).await.unwrap();
    assert_eq!(store.claim(&claims).await.unwrap_err().kind(), StoreErrorKind::Constrained);
    assert_eq!(taken(&store, one(&c, exact(1), vec![take("y", &c)])).await.1, b);
    recorded(&store, one(&a, exact(1), vec![release("x", &a)])).await;
    recorded(&store, one(&c, exact(1), vec![take("x", &c)])).await;
}

pub(super) async fn what_is_taken_from_the_record_holds_nothing(store: Subject) {
    if !constrained(&store, &[NAME, NUMBER]).await {
        return;
    }
    let (a, b) = (stream("a"), stream("b"));
    let number = |owner| ClaimChange::Take(claim(&NUMBER, "1", owner));
    recorded(&store, one(&a, Expected::NoStream, vec![take("x", &a), number(&a)])).await;
    store.constrain(&constraint(&NAME), None).await.unwrap();
    store.constrain(&constraint(&NAME), None).await.unwrap();
    let mut unaware = commit(&b, Expected::NoStream, 1);
    unaware.constraints = vec![NUMBER];
    recorded(&store, unaware).await;
    assert!(constrained(&store, &[NAME]).await);
    recorded(&store, one(&b, exact(1), vec![take("x", &b)])).await;
    assert_eq!(taken(&store, one(&b, exact(2), vec![number(&b)])).await.1, a);
}

pub(super) async fn any_text_is_a_value_and_a_name(store: Subject) {
    let name = Name::from("größe \u{0} .*> \\ %\n");
    if !constrained(&store, &[NAME, name.clone()]).await {
        return;
    }
    let texts = ["", " ", "a", "A", "\u{0}", "ä", ".", "*", ">", "\u{1F980}", &"x".repeat(10_000)];
    for text in texts {
        let (me, other) = (stream(format!("holds {text}")), stream(format!("wants {text}")));
        let wants = |owner: &StreamId| {
            let mut commit =
                one(owner, Expected::NoStream, vec![ClaimChange::Take(claim(&name, text, owner))]);
            commit.constraints.push(name.clone());
            commit
        };
        recorded(&store, wants(&me)).await;
        assert_eq!(taken(&store, wants(&other)).await.1, me);
    }
}

pub(super) async fn the_same_value_twice_makes_no_sense(store: Subject) {
    if !constrained(&store, &[NAME]).await {
        return;
    }
    let (a, b) = (stream("a"), stream("b"));
    let appends = vec![append(&a, Expected::NoStream, 1), append(&b, Expected::NoStream, 1)];
    let both = with(appends, vec![take("x", &a), take("x", &b)]);
    assert_eq!(refused(&store, both).await.kind(), StoreErrorKind::Invalid);
    assert!(read_all(&store).await.is_empty());
}
