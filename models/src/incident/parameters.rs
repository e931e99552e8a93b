//! What the likelihoods are made of.

/// The constants of the likelihoods. The defaults were chosen on generated failures of other seeds than those
/// reported (docs/decisions/0028-incidents.md).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// Expected number of further series behind each series of an incident,
    pub offspring: f64,
    /// of which no more than so many count.
    pub sure: f64,
    /// Half of the further alerts come within so long, milliseconds; the tail falls with the square of time.
    pub delay_ms: f64,
    /// Share of incidents' alerts on series that have nothing in common with the others, before the incident
    /// has shown how it is,
    pub stranger: f64,
    /// which counts as much as so many alerts.
    pub stranger_weight: f64,
    /// How far a token that the incident's series share is believed to be what they broke by, 0 to 1.
    pub theme: f64,
    /// A token of a greater share of the series is no theme.
    pub common: f64,
    /// An incident has one theme: a token that a share x of its series have is believed to be that by x to the
    /// power of this.
    pub focus: f64,
    /// Share of further alerts with something in common that come soon after the newest, not after the first.
    pub handed_on: f64,
    /// How far series that broke together before are believed to do so again, 0 to 1.
    pub companion: f64,
    /// Expected number of further alerts on a series that is in the incident, after its last one closed,
    pub again: f64,
    /// which come within so long, milliseconds: the mean of an exponential distribution.
    pub again_ms: f64,
    /// Incidents a week that are expected before any were seen.
    pub weekly: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            offspring: 0.9,
            sure: 8.0,
            delay_ms: 180_000.0,
            stranger: 0.1,
            stranger_weight: 1.0,
            theme: 0.1,
            common: 0.08,
            focus: 6.0,
            handed_on: 1.0,
            companion: 0.1,
            again: 0.25,
            again_ms: 3_600_000.0,
            weekly: 80.0,
        }
    }
}
