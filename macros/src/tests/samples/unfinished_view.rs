#[view(of(Incident, Page), remove_on(Removd), create_on(Reported), tabel = "Open Incidents", epoch = "two")]
#[key]
struct Unfinished {
    #[key(Reported = id, Closed = self.text, Reported = 3, Reopened += 1)]
    number: Option<IncidentNumber>,
    #[on(Reported, TextChanged, Edited)]
    txt: String,
    #[on(Page::Written = title, Pag::Opened = 4, IncidentEvent::Closed = 5)]
    title: String,
    #[index(fast)]
    #[on(Closed = return 3, Closed => self.txt.clear(), Removed == 2)]
    closed: u8,
    #[column(text)]
    #[on]
    nothing: u8,
    #[view]
    never: u8,
}
