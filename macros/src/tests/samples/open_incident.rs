/// What is to be done.
#[derive(View, Clone, Debug, Serialize, Deserialize)]
#[view(of(Incident), remove_on(Removed))]
pub struct OpenIncident {
    /// Which one.
    #[key]
    pub number: IncidentNumber,
    #[on(Reported, TextChanged)]
    pub text: String,
    #[index]
    #[on(Reported | Reopened = true, Closed = false)]
    pub open: bool,
    #[on(Reported = recorded.at)]
    pub since: DateTime<Utc>,
}
