//! Observations: decoded records of a series.

/// The values of one observation.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// A series of one unnamed value.
    One(f64),
    /// A named vector, sorted by name, each name once. A field that is absent or NaN is missing.
    Named(Vec<(Box<str>, f64)>),
}

/// One decoded observation of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Key of the series.
    pub series: Box<str>,
    /// The observation's own time in Unix milliseconds, where the record gave one.
    pub time_ms: Option<i64>,
    /// What was observed.
    pub values: Values,
}
