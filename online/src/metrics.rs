//! Metrics in the Prometheus text format: counters, gauges and histograms by name and labels.
//!
//! The registry hands out cheap handles that share their value; asking twice for the same name and labels
//! gives the same metric. Labels are streams, shards, applications: their number is bounded by what is
//! configured, never by what is in the records.

use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

/// Upper bounds of the latency buckets, in microseconds.
const BUCKETS_US: [u64; 15] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 10_000_000,
];

/// Counts up.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Adds `count`.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// What it stands at.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Goes up and down.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// What it stands at.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts durations by size.
#[derive(Clone, Debug, Default)]
pub struct Histogram(Arc<Buckets>);

#[derive(Debug, Default)]
struct Buckets {
    counts: [AtomicU64; BUCKETS_US.len()],
    total: AtomicU64,
    sum_us: AtomicU64,
}

impl Histogram {
    /// Counts one duration.
    pub fn observe(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_US.partition_point(|bound| *bound < us);
        if let Some(count) = self.0.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.0.total.fetch_add(1, Ordering::Relaxed);
        self.0.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.0.total.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
enum Metric {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

#[derive(Debug)]
struct Family {
    help: &'static str,
    kind: &'static str,
    metrics: BTreeMap<String, Metric>,
}

/// All metrics of the process.
#[derive(Debug, Default)]
pub struct Registry {
    families: Mutex<BTreeMap<&'static str, Family>>,
}

impl Registry {
    /// The counter of this name and these labels.
    pub fn counter(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Counter {
        self.metric(name, help, "counter", labels, |metric| match metric {
            Metric::Counter(counter) => Some(counter.clone()),
            _ => None,
        })
    }

    /// The gauge of this name and these labels.
    pub fn gauge(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Gauge {
        self.metric(name, help, "gauge", labels, |metric| match metric {
            Metric::Gauge(gauge) => Some(gauge.clone()),
            _ => None,
        })
    }

    /// The histogram of this name and these labels. The name ends in `_seconds`.
    pub fn histogram(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Histogram {
        self.metric(name, help, "histogram", labels, |metric| match metric {
            Metric::Histogram(histogram) => Some(histogram.clone()),
            _ => None,
        })
    }

    fn metric<T>(
        &self,
        name: &'static str,
        help: &'static str,
        kind: &'static str,
        labels: &[(&str, &str)],
        pick: impl FnOnce(&Metric) -> Option<T>,
    ) -> T {
        let mut families = self.families.lock();
        let family = families.entry(name).or_insert_with(|| Family { help, kind, metrics: BTreeMap::new() });
        assert_eq!(family.kind, kind, "metric {name} is of one kind");
        let metric = family.metrics.entry(labels_text(labels)).or_insert_with(|| match kind {
            "counter" => Metric::Counter(Counter::default()),
            "gauge" => Metric::Gauge(Gauge::default()),
            _ => Metric::Histogram(Histogram::default()),
        });
        pick(metric).expect("the kind was compared")
    }

    /// Everything in the Prometheus text format, version 0.0.4.
    pub fn render(&self) -> String {
        let mut out = String::new();
        for (name, family) in self.families.lock().iter() {
            let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} {}", family.help, family.kind);
            for (labels, metric) in &family.metrics {
                render_metric(&mut out, name, labels, metric);
            }
        }
        out
    }
}

// Writing to a String can't fail, so its results are dropped.
fn render_metric(out: &mut String, name: &str, labels: &str, metric: &Metric) {
    let braced = |extra: &str| match (labels.is_empty(), extra.is_empty()) {
        (true, true) => String::new(),
        (true, false) | (false, true) => format!("{{{labels}{extra}}}"),
        (false, false) => format!("{{{labels},{extra}}}"),
    };
    match metric {
        Metric::Counter(counter) => {
            let _ = writeln!(out, "{name}{} {}", braced(""), counter.get());
        }
        Metric::Gauge(gauge) => {
            let _ = writeln!(out, "{name}{} {}", braced(""), gauge.get());
        }
        Metric::Histogram(histogram) => {
            let mut below = 0;
            for (bound, count) in BUCKETS_US.iter().zip(&histogram.0.counts) {
                below += count.load(Ordering::Relaxed);
                let bound = format!("le=\"{}\"", *bound as f64 / 1e6);
                let _ = writeln!(out, "{name}_bucket{} {below}", braced(&bound));
            }
            // Counted after the buckets, so that the last bucket is never below the one before.
            let total = histogram.count().max(below);
            let _ = writeln!(out, "{name}_bucket{} {total}", braced("le=\"+Inf\""));
            let sum = histogram.0.sum_us.load(Ordering::Relaxed) as f64 / 1e6;
            let _ = writeln!(out, "{name}_sum{} {sum}", braced(""));
            let _ = writeln!(out, "{name}_count{} {total}", braced(""));
        }
    }
}

fn labels_text(labels: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in labels {
        let separator = if text.is_empty() { "" } else { "," };
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(text, "{separator}{name}=\"{value}\"");
    }
    text
}

/// What a worker counts of one shard.
#[derive(Clone, Debug)]
pub struct ShardMetrics {
    /// Observations dealt with.
    pub records: Counter,
    /// Observations and lines that became dead letters.
    pub dead_letters: Counter,
    /// Alerts opened.
    pub alerts: Counter,
    /// Durable commits.
    pub commits: Counter,
    /// How far the newest record is ahead of what is committed, milliseconds of arrival.
    pub lag_ms: Gauge,
    /// From handing a commit to the log to its sync.
    pub commit_latency: Histogram,
    /// From the arrival of a record on its stream to the durable commit that covers it.
    pub record_latency: Histogram,
    /// Times the worker was started again after an error.
    pub restarts: Counter,
    /// Alert events of a replay that the commit log does not hold.
    pub replay_mismatches: Counter,
    /// Bytes of pieces written.
    pub piece_bytes: Counter,
    /// Series in memory.
    pub series_live: Gauge,
    /// Series whose state is in the store alone.
    pub series_cold: Gauge,
    /// Cold series whose state was read back.
    pub series_read: Counter,
}

impl ShardMetrics {
    /// The metrics of one shard of one stream, read by one application.
    pub fn new(registry: &Registry, application: &str, stream: &str, shard: &str) -> Self {
        let labels = [("application", application), ("stream", stream), ("shard", shard)];
        let counter = |name, help| registry.counter(name, help, &labels);
        Self {
            records: counter("kizashi_records_total", "Observations dealt with."),
            dead_letters: counter("kizashi_dead_letters_total", "Lines that could not be taken."),
            alerts: counter("kizashi_alerts_total", "Alerts opened."),
            commits: counter("kizashi_commits_total", "Durable commits."),
            lag_ms: registry.gauge(
                "kizashi_lag_milliseconds",
                "How far the newest record is ahead of what is committed.",
                &labels,
            ),
            commit_latency: registry.histogram(
                "kizashi_commit_seconds",
                "From handing a commit to the log to its sync.",
                &labels,
            ),
            record_latency: registry.histogram(
                "kizashi_record_seconds",
                "From the arrival of the oldest record of a batch to the durable commit that covers it.",
                &labels,
            ),
            restarts: counter("kizashi_restarts_total", "Times the worker started again after an error."),
            replay_mismatches: counter(
                "kizashi_replay_mismatches_total",
                "Alert events of a replay that the commit log does not hold.",
            ),
            piece_bytes: counter("kizashi_piece_bytes_total", "Bytes of pieces of state written."),
            series_live: registry.gauge("kizashi_series_live", "Series in memory.", &labels),
            series_cold: registry.gauge(
                "kizashi_series_cold",
                "Series whose state is in the store alone.",
                &labels,
            ),
            series_read: counter("kizashi_series_read_total", "Cold series whose state was read back."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let registry = Registry::default();
        registry.counter("a_total", "Counts.", &[("shard", "s\"1\\\n")]).add(3);
        registry.gauge("b", "Goes.", &[]).set(-2);
        let text = registry.render();
        let expected = "# HELP a_total Counts.\n# TYPE a_total counter\na_total{shard=\"s\\\"1\\\\\\n\"} 3\n\
                        # HELP b Goes.\n# TYPE b gauge\nb -2\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_histogram_counts_below_each_bound() {
        let registry = Registry::default();
        let histogram = registry.histogram("h_seconds", "Takes.", &[("x", "y")]);
        histogram.observe(Duration::from_micros(100));
        histogram.observe(Duration::from_micros(101));
        histogram.observe(Duration::from_secs(100));
        let text = registry.render();
        assert!(text.contains("h_seconds_bucket{x=\"y\",le=\"0.0001\"} 1\n"), "{text}");
        assert!(text.contains("h_seconds_bucket{x=\"y\",le=\"0.00025\"} 2\n"), "{text}");
        assert!(text.contains("h_seconds_bucket{x=\"y\",le=\"10\"} 2\n"), "{text}");
        assert!(text.contains("h_seconds_bucket{x=\"y\",le=\"+Inf\"} 3\n"), "{text}");
        assert!(text.contains("h_seconds_count{x=\"y\"} 3\n"), "{text}");
        assert!(text.contains("h_seconds_sum{x=\"y\"} 100.000201\n"), "{text}");
    }

    #[test]
    fn the_same_name_and_labels_are_the_same_metric() {
        let registry = Registry::default();
        registry.counter("c_total", "Counts.", &[("a", "1")]).add(1);
        registry.counter("c_total", "Counts.", &[("a", "1")]).add(1);
        assert_eq!(registry.counter("c_total", "Counts.", &[("a", "1")]).get(), 2);
        assert_eq!(registry.counter("c_total", "Counts.", &[("a", "2")]).get(), 0);
    }
}
