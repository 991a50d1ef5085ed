#[derive(View)]
#[view(
    of(desk::Incident, Page),
    table = "work",
    epoch = 3,
    create_on(Assigned, Page::Edited),
    remove_on(Incident::Removed),
    crate = ::events
)]
pub(crate) struct Workload {
    #[key(Assigned = to, Reported = reporter, Closed | Removed = UserNumber::of(id, recorded), Page::Edited = by)]
    user: UserNumber,
    #[on(Assigned += 1)]
    count: i64,
    #[key(Assigned | Reported | Closed | Removed = Kind::Incident, Edited = Kind::Page)]
    r#kind: Kind,
    // Reads `words`, so its statement comes before the one below.
    #[on(Closed => self.longest = self.words.len().max(solution.len()), Edited = self.longest + text.len())]
    longest: usize,
    #[on(Edited => self.words.push(text), Closed => self.words.push(solution))]
    words: Vec<String>,
    #[column(name = "moment")]
    #[index]
    #[on(Assigned = Some(recorded.at), Edited = self.last.max(Some(recorded.at)), Reported = None)]
    last: Option<DateTime<Utc>>,
}
